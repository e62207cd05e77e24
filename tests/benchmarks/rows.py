"""The rows of the table: each does the same work our way and beside it, on the same disk, in the same run."""

from __future__ import annotations

import fcntl
import json
import mailbox
import multiprocessing
import os
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import recursion_gate
from recursion_gate.clients import stage
from recursion_gate.core.model import Candidate
from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import Settings
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.formats.cards import render
from recursion_gate.formats.gate_json import dump
from recursion_gate.formats.record_edit import effect

from ..support.roots import add_user, make_root
from ..support.world import wait_for
from . import floor, usual

TEXT = "I learned why geese fly in a V, and wrote it down for the class. " * 3
HEADINGS = {
    "self-evidence.md": "Activity Log",
    "self-knowledge.md": "Topics / Understanding",
    "self-skill-think.md": "Activity",
}


@dataclass
class Row:
    """One measurement: seconds of each repetition, ours and beside it."""

    name: str
    ours: list[float]
    beside: list[float]
    #: What the times beside are of.
    what: str
    #: The ratio of the medians that is aimed at; None where there is no target.
    target: float | None
    synced: str
    #: Which quantile of the times is compared.
    quantile: float = 0.5
    #: In how many things the time is divided for the table.
    count: int = 1
    faster: bool = False
    notes: dict[str, float] = field(default_factory=dict)

    def value(self, times: list[float]) -> float:
        return sorted(times)[min(len(times) - 1, int(self.quantile * len(times)))]

    @property
    def ratio(self) -> float:
        ours, beside = self.value(self.ours), self.value(self.beside)
        return beside / ours if self.faster else ours / beside

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.ratio >= self.target if self.faster else self.ratio <= self.target


def drop(number: int) -> dict[str, str]:
    return {"id": f"c{number:07}", "raw_text": f"{TEXT} ({number})", "skill_tag": "THINK", "source": "benchmark"}


def candidate(number: int) -> Candidate:
    return Candidate.model_validate(
        drop(number)
        | {
            "mind_category": "knowledge",
            "suggested_ix_section": "IX-A",
            "created_at": "2026-11-24T10:00:00Z",
            "status": "pending",
        }
    )


def card(one: Candidate) -> bytes:
    return render(one, effect(one, lambda _: None, lambda _: None))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder to measure in.

    ext4 puts new files near their folder, and does not give out the place of a removed file for some minutes: it looks
    at each such place first, so that beside ten thousand of them a new file takes twenty times as long. What one
    measurement has removed must not slow down the next, so each is made in another part of the disk: a folder with the
    flag T has its subfolders spread (chattr(1)).
    """
    with tempfile.TemporaryDirectory(prefix="recursion-gate-") as spread:
        _spread_subfolders(spread)
        yield Path(tempfile.mkdtemp(dir=spread))  # which part of the disk depends on its name


def _spread_subfolders(folder: str) -> None:
    get, put, flag = 0x80086601, 0x40086602, 0x20000  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_TOPDIR_FL
    fd = os.open(folder, os.O_RDONLY)
    try:
        flags = bytearray(8)
        fcntl.ioctl(fd, get, flags)
        (now,) = struct.unpack("l", flags)
        fcntl.ioctl(fd, put, struct.pack("l", now | flag))
    except OSError:  # not ext4: nothing to be spread
        pass
    finally:
        os.close(fd)


def timed(work: Callable[[], object], *, settled: bool = False) -> float:
    """The seconds that `work` takes. With `settled` all that was written before is first put on disk, so that a sync
    in it writes no more than what it has to."""
    if settled:
        os.sync()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def catch_up(reconciler: Reconciler, user: str = "alex") -> None:
    while reconciler.reconcile(user).more:
        pass


def fill(root: Root, pending: int) -> Reconciler:
    """A root whose user has so many candidates with their cards at the gate."""
    place = root.place("alex")
    for folder in (place.pending, root.daemon):
        folder.mkdir(parents=True, exist_ok=True)
    place.gate.write_bytes(dump([candidate(n) for n in range(pending)]))
    reconciler = Reconciler(root, Settings())
    catch_up(reconciler)
    return reconciler


def put_drops(folder: Path, first: int, count: int) -> None:
    for number in range(first, first + count):
        temp = folder / f".{number}.tmp"
        temp.write_text(json.dumps(drop(number)))
        os.rename(temp, folder / f"{number}.json")


@cache
def installed() -> dict[str, str]:
    """The environment of a program that is installed: its modules are compiled once, and not at each start."""
    (folder,) = recursion_gate.__path__
    subprocess.run([sys.executable, "-m", "compileall", "-q", folder], check=True)
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def daemon(root: Root, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program, running; ready when the block begins."""
    log = root.daemon / "log"
    root.daemon.mkdir(exist_ok=True)
    with open(log, "wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "recursion_gate", "--root", str(root.path), "run", *args],
            stderr=file,
            env=installed(),
        )
        try:
            wait_for(lambda: b"event=ready" in log.read_bytes() or process.poll() is not None, 300)
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _writers(inbox: Path, count: int, processes: int) -> None:
    each = count // processes
    team = [multiprocessing.Process(target=put_drops, args=(inbox, n * each, each)) for n in range(processes)]
    for one in team:
        one.start()
    for one in team:
        one.join()


def burst(repeat: int, count: int = 10_000) -> Row:
    """Drops by 8 processes, until all are on the gate, durable, each with its card."""
    ours, bare = [], []
    whole = len(dump([candidate(n) for n in range(count)]))
    for _ in range(repeat):
        with scratch() as path:
            root = make_root(path / "root", "alex")
            place = root.place("alex")
            with daemon(root):
                start = time.perf_counter()
                _writers(place.inbox, count, 8)
                _wait_until_created(place, whole, count)
                ours.append(time.perf_counter() - start)
        with scratch() as path:
            for name in ("inbox", "pending"):
                (path / name).mkdir()
            start = time.perf_counter()
            _writers(path / "inbox", count, 8)
            floor.stage(f"{path}/inbox", f"{path}/gate.json", f"{path}/pending", card(candidate(1)))
            bare.append(time.perf_counter() - start)
    return Row(f"burst of {count:,} drops by 8 processes", ours, bare, "floor", 2, "gate, inbox folder", count=count)


def _wait_until_created(place: Place, whole: int, count: int) -> None:
    """Wait until the gate is as large as `whole`, and there are `count` cards. They are counted seldom: who lists a
    folder keeps everybody else from making files in it."""
    wait_for(lambda: place.gate.exists() and place.gate.stat().st_size >= whole, 300)
    while (missing := count - len(os.listdir(place.pending))) > 0:
        time.sleep(max(0.002, missing * 50e-6))


def growth(repeat: int, count: int = 1_000) -> Row:
    """The cost of a candidate in a burst, with 10,000 pending and with 100."""
    times: dict[int, list[float]] = {100: [], 10_000: []}
    for _ in range(repeat):
        for pending, found in times.items():
            with scratch() as path:
                root = make_root(path / "root", "alex")
                reconciler = fill(root, pending)
                put_drops(root.place("alex").inbox, 100_000, count)
                found.append(timed(lambda reconciler=reconciler: catch_up(reconciler), settled=True))  # type: ignore[misc]
    return Row(
        f"burst of {count:,} at 10,000 pending", times[10_000], times[100], "at 100 pending", 1.5, "gate", count=count
    )


def single(repeat: int, pending: int = 10_000) -> Row:
    """A single drop with so many pending, beside one atomic gate write of the same bytes."""
    ours, bare = [], []
    with scratch() as path:
        root = make_root(path / "root", "alex")
        reconciler = fill(root, pending)
        place = root.place("alex")
        for number in range(repeat * 5):
            put_drops(place.inbox, 200_000 + number, 1)
            ours.append(timed(lambda: catch_up(reconciler), settled=True))
            data = place.gate.read_bytes()
            target = str(path / "gate.json")
            bare.append(timed(lambda data=data, target=target: floor.put(target, data, sync=True), settled=True))  # type: ignore[misc]
    return Row(f"a single drop at {pending:,} pending", ours, bare, "floor: the gate write", 3, "gate, folders")


def latency(repeat: int, pending: int = 1_000, users: int = 1) -> list[Row]:
    """From the rename of one drop to durable on the gate, idle daemon."""
    ours, bare = [], []
    with scratch() as path:
        root = make_root(path / "root", "alex")
        fill(root, pending).close()
        place = root.place("alex")
        with daemon(root):
            for number in range(repeat * 40):
                time.sleep(0.02)
                ours.append(_until_replaced(place.inbox, place.gate, 300_000 + number))
        data = place.gate.read_bytes()
        inbox, gate = path / "inbox", path / "gate.json"
        inbox.mkdir()
        gate.write_bytes(b"")
        child = multiprocessing.Process(target=_floor_daemon, args=(inbox, gate, data), daemon=True)
        child.start()
        wait_for(lambda: gate.stat().st_size)
        for number in range(repeat * 40):
            time.sleep(0.02)
            bare.append(_until_replaced(inbox, gate, 300_000 + number))
        child.kill()
    name = f"one drop, idle daemon, {pending:,} pending"
    return [
        Row(f"{name}: p50", ours, bare, "floor: event, one gate replace", 3, "gate"),
        Row(f"{name}: p99", ours, bare, "floor: event, one gate replace", 6, "gate", quantile=0.99),
    ]


def _until_replaced(inbox: Path, gate: Path, number: int) -> float:
    before = os.stat(gate).st_ino
    temp = inbox / f".{number}.tmp"
    temp.write_text(json.dumps(drop(number)))
    target, shown = f"{inbox}/{number}.json", str(gate)
    start = time.perf_counter()
    os.rename(temp, target)
    while os.stat(shown).st_ino == before:
        if time.perf_counter() - start > 20:
            raise TimeoutError("the drop did not reach the gate")
    return time.perf_counter() - start


def _floor_daemon(inbox: Path, gate: Path, data: bytes) -> None:
    events = floor.Inotify(str(inbox))
    floor.put(str(gate), data, sync=True)
    while True:
        name = events.next()
        json.loads(floor.read(f"{inbox}/{name}"))
        floor.put(str(gate), data, sync=True)
        os.unlink(f"{inbox}/{name}")


def approvals(repeat: int, count: int = 1_000, pending: int = 4_000) -> list[Row]:
    """So many approvals at once, one receipt each, beside the floor and the usual way."""
    ours, bare, app = [], [], []
    for _ in range(repeat):
        with scratch() as path:
            root = make_root(path / "root", "alex")
            reconciler = fill(root, pending)
            place = root.place("alex")
            names = sorted(os.listdir(place.pending))[:count]
            for name in names:
                os.rename(place.pending / name, place.approved / name)
            before = {n: path / f"before-{n}" for n in HEADINGS}
            for name, copy in before.items():
                copy.write_bytes((place.home / name).read_bytes())
            ours.append(timed(lambda reconciler=reconciler: catch_up(reconciler), settled=True))  # type: ignore[misc]
            receipts, gate = place.ledger.read_bytes(), place.gate.read_bytes()
            lines = (place.home / "self-knowledge.md").read_bytes()[before["self-knowledge.md"].stat().st_size :]
            work = path / "floor"
            for folder in ("approved", "month"):
                (work / folder).mkdir(parents=True)
            for number in range(count):
                (work / "approved" / f"{number}.md").write_bytes(card(candidate(number)))
            todo = partial(floor.approve, work, before, lines, receipts, gate)
            bare.append(timed(todo, settled=True))
            work = path / "usual"
            work.mkdir()
            (work / "gate.json").write_bytes(dump([candidate(n) for n in range(pending)]))
            some = count // 20  # the usual way costs the same each time: a twentieth of them tells
            app.append(
                20 * timed(lambda w=work, s=some: _usual(w, s))  # type: ignore[misc]
            )
    name = f"{count:,} approvals at {pending:,} pending"
    synced = "receipts, 3 Record files, gate, the cards"
    return [
        Row(name, ours, bare, "floor", 3, synced, count=count),
        Row(name, ours, app, "the usual way", 20, synced, count=count, faster=True),
    ]


def _usual(work: Path, count: int) -> None:
    for number in range(count):
        usual.approve(work, candidate(number).id)


def one_approval(repeat: int, entries: int = 10_000) -> Row:
    """One approval with a Record of so many entries."""
    ours, bare = [], []
    with scratch() as path:
        root = make_root(path / "root", "alex")
        place = root.place("alex")
        for name, heading in HEADINGS.items():
            lines = "".join(f"- • {TEXT} — ACT-2026-01-01-{n:010}\n" for n in range(entries))
            (place.home / name).write_text(f"# Record\n\n## {heading}\n{lines}")
        reconciler = fill(root, repeat * 5)
        work = path / "floor"
        for folder in ("approved", "month"):
            (work / folder).mkdir(parents=True)
        for name in sorted(os.listdir(place.pending)):
            os.rename(place.pending / name, place.approved / name)
            size = place.ledger.stat().st_size if place.ledger.exists() else 0
            ours.append(timed(lambda: catch_up(reconciler), settled=True))
            record = {n: place.home / n for n in HEADINGS}
            receipt, gate = place.ledger.read_bytes()[size:], place.gate.read_bytes()
            (work / "approved" / "card.md").write_bytes(card(candidate(1)))
            bare.append(timed(partial(floor.approve, work, record, b"", receipt, gate), settled=True))
            (work / "month" / "card.md").unlink()
    return Row(
        f"one approval, Record of {entries:,} entries", ours, bare, "floor", 3, "receipts, 3 Record files, gate, card"
    )


def delivery(repeat: int, count: int = 500) -> Row:
    """Delivering a drop (`recursion_gate.stage`), beside `mailbox.Maildir.add`: both write, sync and link."""
    ours, bare = [], []
    for _ in range(repeat):
        with scratch() as path:
            root = make_root(path / "root", "alex")
            ours.append(timed(lambda r=root: [stage.stage(TEXT, user="alex", root=r.path) for _ in range(count)]))  # type: ignore[misc]
            box = mailbox.Maildir(str(path / "mail"))
            body = json.dumps(drop(1)).encode()
            bare.append(timed(lambda b=box, x=body: [b.add(x) for _ in range(count)]))  # type: ignore[misc]
    return Row("delivering a drop", ours, bare, "Maildir.add", None, "the file", count=count)


def many_users(repeat: int, many: int = 10_000) -> list[Row]:
    """Start to ready, one drop's latency and memory, with so many users and with 10."""
    ready: dict[int, list[float]] = {10: [], many: []}
    seen: dict[int, list[float]] = {10: [], many: []}
    resident: dict[int, float] = {}
    watches = []
    for users in (10, many):
        with scratch() as path:
            root = make_root(path / "root")
            for number in range(users):
                place = add_user(root, f"u{number:05}")
                for folder in (place.pending, place.approved, place.rejected, place.problems, place.receipts):
                    folder.mkdir(parents=True, exist_ok=True)
            os.sync()
            for _ in range(repeat):
                start = time.perf_counter()
                with daemon(root) as process:
                    ready[users].append(time.perf_counter() - start)
                    place = root.place("u00003")
                    for _ in range(10):
                        time.sleep(0.02)
                        if not place.gate.exists():
                            place.gate.write_text("[]\n")
                        seen[users].append(_until_replaced(place.inbox, place.gate, time.time_ns()))
                    resident[users] = _resident(process.pid)
            watches.append(timed(lambda r=root: _place_watches(r)))  # type: ignore[misc]
    extra = watches[1] - watches[0]
    each = (resident[many] - resident[10]) / (many - 10)
    return [
        Row(
            f"{many:,} users: start to ready, less the watches",
            [t - extra for t in ready[many]], ready[10], "10 users", 2, "-",
            notes={"seconds of placing the watches": extra, "bytes a user": each},
        ),
        Row(f"{many:,} users: one drop", seen[many], seen[10], "10 users", 2, "gate"),
        Row(f"{many:,} users: memory of each", [each], [20_000.0], "20 KB", 1, "-"),
    ]  # fmt: skip


def _place_watches(root: Root) -> None:
    from recursion_gate.service.watcher import Watch

    watch = Watch(root, lambda user: None)
    watch.start()
    watch.stop()


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1]) * 1024
    raise AssertionError(pid)


def history(repeat: int, receipts: int = 1_000_000) -> list[Row]:
    """Start to ready with so many receipts and with none, and `verify` beside reading and hashing the same bytes."""
    import hashlib

    from recursion_gate.store import baseline

    from .history import write_history

    none, many, checked, hashed = [], [], [], []
    with scratch() as path:
        root = make_root(path / "root", "alex")
        for _ in range(repeat):
            start = time.perf_counter()
            with daemon(root):
                none.append(time.perf_counter() - start)
        place = root.place("alex")
        place.receipts.mkdir(exist_ok=True)
        place.baseline.write_bytes(baseline.bytes_of(place))
        write_history(place, receipts)
        for _ in range(repeat):
            start = time.perf_counter()
            with daemon(root):
                many.append(time.perf_counter() - start)
        command = [sys.executable, "-m", "recursion_gate", "--root", str(root.path), "verify"]
        for _ in range(min(repeat, 2)):
            checked.append(timed(lambda: subprocess.run(command, check=True, capture_output=True, env=installed())))
            hashed.append(timed(lambda: hashlib.sha256(place.ledger.read_bytes()).hexdigest()))
        size = place.ledger.stat().st_size
    return [
        Row(f"start to ready with {receipts:,} receipts", many, [statistics.median(none) + 2], "none, + 2 s", 1, "-"),
        Row(f"verify of {receipts:,} receipts", checked, hashed, "read and hash the file", None, "-",
            notes={"MB/s": size / 1e6 / statistics.median(checked)}),
    ]  # fmt: skip


def idle(seconds: float = 60) -> list[Row]:
    """An idle daemon: processor time, wake-ups, memory."""
    wakes = {}
    for pending in (0, 1_000):
        with scratch() as path:
            root = make_root(path / "root", "alex")
            fill(root, pending).close()
            with daemon(root) as process:
                time.sleep(3)
                before = _used(process.pid)
                time.sleep(seconds)
                after = _used(process.pid)
                resident = _resident(process.pid)
        wakes[pending] = (after[1] - before[1]) / seconds * 30
    return [
        Row("idle: share of a core", [(after[0] - before[0]) / seconds], [0.001], "0.1 %", 1, "-"),
        Row("idle: wake-ups in 30 s, all threads", [wakes[0]], [30.0], "one look", None, "-"),
        Row("idle, 1,000 pending: wake-ups in 30 s", [wakes[1_000]], [30.0], "one look", None, "-"),
        Row("idle: memory", [resident], [60e6], "60 MB", 1, "-"),
    ]


def _used(pid: int) -> tuple[float, int]:
    """Processor seconds, and how often any thread was woken."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    seconds = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    wakes = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                wakes += int(line.split()[1])
    return seconds, wakes


def _run(call: list[str]) -> None:
    subprocess.run(call, capture_output=True, check=True, env=installed())


def commands(repeat: int) -> list[Row]:
    """How long `--help` and `stage` take, beside an interpreter that does nothing."""
    with scratch() as path:
        root = make_root(path / "root", "alex")
        script = [str(Path(sys.executable).parent / "recursion-gate"), "--root", str(root.path)]
        calls = {"bare": [sys.executable, "-c", "pass"], "--help": [*script, "--help"]}
        calls["stage"] = [*script, "stage", "Fine.", "--user", "alex"]
        times: dict[str, list[float]] = {name: [] for name in calls}
        installed()
        for _ in range(repeat * 5):
            for name, call in calls.items():
                times[name].append(timed(lambda c=call: _run(c)))  # type: ignore[misc]
    return [Row(f"recursion-gate {n}", times[n], times["bare"], "python -c pass", 6, "-") for n in ("--help", "stage")]
