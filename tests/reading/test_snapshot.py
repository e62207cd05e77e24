"""A snapshot is the state after exactly k merges, whatever the daemon is doing, and taking it leaves no trace."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from recursion_gate.core.errors import Parked
from recursion_gate.core.paths import RECORD_FILES, Place, Root
from recursion_gate.disk import atomic
from recursion_gate.reading import snapshot

from ..support.dying import Dying, Killed
from ..support.roots import make_root
from ..support.truth import Truth, seen
from ..support.world import World, tree
from ..torture import readers as torture

# -- every interleaving -----------------------------------------------------------------------------------------------


class Film(atomic.Calls):
    """Keeps, as a folder each, the state that a reader finds at each system call of the writer. Hard links keep the
    files as they were, since the daemon never writes into one; only the receipts are appended to, and copied. An
    append is made in pieces, so that a reader also finds it torn."""

    def __init__(self, place: Place, target: Path) -> None:
        self.place, self.target = place, target
        self.frames: list[Path] = []
        self._last: object = None
        self._ledger = -1

    def shoot(self) -> None:
        files = sorted(p for p in self.place.home.iterdir() if not p.name.startswith("."))
        stat = self.place.ledger.stat() if self.place.ledger.exists() else None
        size = stat.st_size if stat else -1  # one that is replaced, since something was forgotten, may be as long
        now = ([(p.name, p.stat().st_ino) for p in files], size, stat and stat.st_ino)
        if now == self._last:
            return
        self._last = now
        frame = self.target / str(len(self.frames))
        (frame / "users" / "alex").mkdir(parents=True)
        (frame / "receipts" / "alex").mkdir(parents=True)
        for path in files:
            os.link(path, frame / "users" / "alex" / path.name)
        if size >= 0:
            shutil.copy(self.place.ledger, frame / "receipts" / "alex")
        self.frames.append(frame)

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        fd = super().open(path, flags, mode)
        if path == str(self.place.ledger):
            self._ledger = fd
        return fd

    def write(self, fd: int, data: bytes | memoryview) -> int:
        piece = data[: len(data) // 2 + 1] if fd == self._ledger else data
        done = super().write(fd, piece)
        self.shoot()
        return done

    def rename(self, old: str, new: str) -> None:
        super().rename(old, new)
        self.shoot()

    def exchange(self, old: str, new: str) -> None:
        super().exchange(old, new)
        self.shoot()

    def close(self, fd: int) -> None:
        super().close(fd)
        self._ledger = -1 if fd == self._ledger else self._ledger


@contextmanager
def filming(place: Place, target: Path) -> Iterator[Film]:
    film, before = Film(place, target), atomic.calls
    atomic.calls = film
    try:
        film.shoot()
        yield film
    finally:
        atomic.calls = before


class Passing(Place):
    """A user's part of a root that goes on to the next frame as a schedule says, each time a reader looks."""

    __slots__ = ("frames", "looks", "schedule")

    def _now(self) -> Place:
        at = self.schedule[min(self.looks, len(self.schedule) - 1)]  # type: ignore[attr-defined]
        object.__setattr__(self, "looks", self.looks + 1)  # type: ignore[attr-defined]
        return Place(self.frames[at], "alex")  # type: ignore[attr-defined]

    @property
    def home(self) -> Path:
        return self._now().home

    @property
    def gate(self) -> Path:
        return self._now().gate

    @property
    def ledger(self) -> Path:
        return self._now().ledger


def passing(frames: list[Path], schedule: list[int]) -> Passing:
    place = Passing(frames[0], "alex")
    for name, value in {"frames": frames, "schedule": schedule, "looks": 0}.items():
        object.__setattr__(place, name, value)
    return place


def look(place: Place) -> snapshot.Snapshot:
    taken = snapshot._look(place)
    assert taken is not None, "no receipt was ever taken back, so one look is enough"
    return taken


#: How often a reader looks at a path in one look at a user, at least: see `Passing`.
LOOKS = 2 + 2 * len(RECORD_FILES) + 2


@pytest.fixture
def story(tmp_path: Path) -> tuple[list[Path], Truth]:
    """The frames of a day: candidates are staged while others are approved and rejected, alone and together."""
    world = World(make_root(tmp_path / "root", "alex"))
    with filming(world.place, tmp_path / "frames") as film:
        ids = [f"c{n}" for n in range(7)]
        world.stage("c0", "Learned of tides.")
        world.approve("c0")
        drops = [{"id": i, "raw_text": f"Text {i}.", "suggested_ix_section": "IX-C"} for i in ids[1:5]]
        world.drop("more.jsonl", "\n".join(map(json.dumps, drops)))
        world.reconcile()
        world.move(world.card("c2"), "approved")
        world.move(world.card("c4"), "rejected")
        world.move(world.card("c1"), "approved")
        world.drop("c5.json", {"id": "c5", "raw_text": "Fixed a bike.", "suggested_ix_section": None})
        world.reconcile()
        world.move(world.card("c5"), "approved")
        world.drop("c6.json", {"id": "c6", "raw_text": "Wrote a letter.", "skill_tag": "WRITE"})
        world.reconcile()
    return film.frames, Truth(world.place, ids)


def test_at_every_step_of_a_merge_a_snapshot_is_the_state_before_or_after_it(story: tuple[list[Path], Truth]) -> None:
    frames, truth = story
    completed = 0
    assert len(frames) > 20
    for frame in frames:
        this = seen(look(Place(frame, "alex")))
        assert truth.problem(this) == ""
        completed += this.completed
    assert completed, "no frame shows a merge under way"


def test_a_writer_that_gets_ahead_between_any_two_looks_of_a_reader_does_not_tear_the_snapshot(
    story: tuple[list[Path], Truth],
) -> None:
    frames, truth = story
    for first in range(len(frames)):
        for then in {first + 1, first + 3, len(frames) - 1}:
            for at in range(1, LOOKS):
                if then < len(frames):
                    this = seen(look(passing(frames, [first] * at + [then])))
                    assert truth.problem(this) == "", f"from frame {first} to {then} at look {at}"


def test_a_writer_that_gets_ahead_again_and_again_does_not_tear_the_snapshot(story: tuple[list[Path], Truth]) -> None:
    frames, truth = story
    dice = random.Random(6)
    for _ in range(1500):
        schedule = sorted(dice.choices(range(len(frames)), k=LOOKS + 4))
        assert truth.problem(seen(look(passing(frames, schedule)))) == "", schedule


def test_a_line_that_two_receipts_put_in_stands_there_once_for_each_at_every_step(tmp_path: Path) -> None:
    world = World(make_root(tmp_path / "root", "alex"))
    world.stage("c0", "Built a kite.")
    world.approve("c0")
    evidence = world.receipts()[0]["evidence_id"]
    with filming(world.place, tmp_path / "frames") as film:
        for n in (1, 2, 3):
            world.stage(f"c{n}", "It flew.", link_to_evidence_id=evidence, suggested_ix_section="IX-A")
        world.approve("c1")
        world.approve("c2", "c3")
    line = f"- • It flew. — {evidence}\n"
    for frame in film.frames:
        taken = look(Place(frame, "alex"))
        assert taken.texts["self-knowledge.md"].count(line) == max(0, taken.seq - 1)
        assert taken.texts["self-skill-think.md"].count(line) == max(0, taken.seq - 1)


@pytest.fixture
def life(tmp_path: Path) -> tuple[list[Path], torture.Life]:
    """The frames of decisions that are taken back, corrected, retracted and forgotten, one at a time."""
    world = World(make_root(tmp_path / "root", "alex"))
    with filming(world.place, tmp_path / "frames") as film:
        writer = torture.Life(world)
        writer.work(24)
    actions = {r["action"] for r in world.receipts()}
    assert actions == {"approved", "rejected", "undone", "forgotten"}, actions
    return film.frames, writer


def look_again(place: Place) -> snapshot.Snapshot:
    """A snapshot, of which a look or two may have come to nothing: something was forgotten meanwhile."""
    for _ in range(snapshot._LOOKS):
        if (taken := snapshot._look(place)) is not None:
            return taken
    raise AssertionError("no look was enough")


def test_at_every_step_of_a_decision_of_any_kind_a_snapshot_is_the_state_before_or_after_it(
    life: tuple[list[Path], torture.Life],
) -> None:
    frames, writer = life
    completed = 0
    for number, frame in enumerate(frames):
        this = seen(look(Place(frame, "alex")))
        assert writer.problem(this) == "", f"frame {number}"
        completed += this.completed
    assert completed > 5, "hardly a frame shows a decision under way"


def test_a_writer_that_gets_ahead_of_a_reader_by_any_decision_does_not_tear_the_snapshot(
    life: tuple[list[Path], torture.Life],
) -> None:
    frames, writer = life
    dice = random.Random(7)
    for _ in range(3000):
        first = dice.randrange(len(frames))
        near = range(first, min(len(frames), first + dice.choice((2, 5, 20, 100))))
        schedule = sorted(dice.choices(near, k=LOOKS + 4))
        assert writer.problem(seen(look_again(passing(frames, schedule)))) == "", schedule


def test_the_looks_are_as_many_as_the_tests_above_think(story: tuple[list[Path], Truth]) -> None:
    place = passing(story[0], [0])
    look(place)
    assert place.looks >= LOOKS - 1  # type: ignore[attr-defined]


# -- crashes ----------------------------------------------------------------------------------------------------------


class HalfWritten(Dying):
    """The last write before the kill is done by half."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return super().write(fd, data[: len(data) // 2] if self.left == 0 else data)


def test_a_merge_cut_short_by_a_kill_reads_as_before_or_after_it_and_stays_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ["c0", "c1", "c2"]
    states = set()
    for at in range(200):
        world = World(make_root(tmp_path / str(at), "alex"))
        for candidate_id in ids:
            world.stage(candidate_id, f"Learned {candidate_id}.")
        world.approve("c0")
        world.move(world.card("c1"), "approved")
        world.move(world.card("c2"), "approved")
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "calls", HalfWritten(at, ("write", "rename", "unlink")))
            try:
                world.reconcile()
                survived = True
            except Killed:
                survived = False
        there = seen(snapshot.snapshot(world.root, "alex"))
        world.restart()
        world.reconcile()
        truth = Truth(world.place, ids)
        assert truth.problem(there) == "", f"killed at call {at}"
        states.add((there.seq, there.completed))
        shutil.rmtree(tmp_path / str(at))
        if survived:
            break
    else:
        raise AssertionError("the pass never came to its end")
    assert {(1, 0), (3, 0)} < states  # before and after, and, at least once, put together by the reader:
    assert any(completed for _, completed in states)


# -- processes --------------------------------------------------------------------------------------------------------


def test_readers_in_a_loop_during_500_merges_see_only_states_that_there_were(tmp_path: Path) -> None:
    result = torture.run(tmp_path, merges=500, readers=2)
    assert result.problems == []
    assert result.merges >= 500
    assert len(result.states) > 50, "the readers hardly saw anything"


def test_readers_in_a_loop_while_decisions_are_taken_back_corrected_and_forgotten_see_only_states_that_there_were(
    tmp_path: Path,
) -> None:
    result = torture.run(tmp_path, merges=150, readers=2, after=True)
    assert result.problems == []
    assert len(result.states) > 30, "the readers hardly saw anything"


# -- without a trace --------------------------------------------------------------------------------------------------

_FORBIDDEN = ("disk.atomic", "engine", "service", "archive.restore", "admin", "store.ledger", "store.gate")

_WATCHED = """
import os, sys
wrote = []
def hook(event, args):
    if event == "open" and args[2] and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
        wrote.append((event, args[0]))
    elif event.startswith("os.") and event not in ("os.scandir", "os.listdir", "os.walk", "os.fwalk", "os.getxattr"):
        wrote.append((event, args))
    elif event in ("fcntl.flock", "fcntl.lockf", "fcntl.fcntl", "sqlite3.connect", "socket.connect"):
        wrote.append((event, args))
sys.dont_write_bytecode = True
sys.addaudithook(hook)
from recursion_gate.archive import pack, unpack
from recursion_gate.reading import brief, edge, export, record, snapshot, whole
taken = snapshot.snapshot(sys.argv[1], "alex")
for answer in (brief.brief(taken), edge.edge(taken), export.export(taken), record.record(taken), whole.whole(taken)):
    answer.as_json()
pack.pack(taken, ".zip")
assert taken.seq == 1
print(wrote)
print([m.removeprefix("recursion_gate.") for m in sys.modules if m.startswith("recursion_gate.")])
"""


def test_reading_writes_nothing_locks_nothing_and_does_not_even_import_what_could(root: Root) -> None:
    world = World(root)
    world.stage("c0")
    world.stage("c1")
    world.approve("c0")
    before = tree(root.path)
    done = subprocess.run([sys.executable, "-c", _WATCHED, str(root.path)], capture_output=True, text=True, check=True)
    wrote, imported = done.stdout.splitlines()
    assert wrote == "[]"
    names = set(eval(imported))
    assert not (names | {name.partition(".")[0] for name in names}) & set(_FORBIDDEN)
    assert tree(root.path) == before


# -- what is odd ------------------------------------------------------------------------------------------------------


def test_a_user_without_gate_receipts_and_record_reads_as_empty(root: Root) -> None:
    place = root.place("new")
    place.home.mkdir()
    taken = snapshot.snapshot(root.path, "new")
    assert (taken.gate, taken.texts, taken.seq, taken.head, list(taken.receipts()), taken.latest(5)) == (
        (),
        {},
        0,
        "",
        [],
        [],
    )
    assert taken.record == snapshot.Record()


@pytest.mark.parametrize("user", ["nobody", "../alex", "", "_template", "."])
def test_who_is_no_user_is_said_to_be_none(root: Root, user: str) -> None:
    with pytest.raises(snapshot.NoUser, match="The users are: alex"):
        snapshot.snapshot(root, user)


@pytest.mark.parametrize("text", ["", "[{", '[{"id": "x"}]', "{}", "\xff"])
def test_a_gate_that_does_not_parse_is_said_and_not_taken_for_empty(root: Root, text: str) -> None:
    root.place("alex").gate.write_bytes(text.encode("latin-1"))
    with pytest.raises(Parked, match=r"users/alex/recursion-gate.json: this is not a gate"):
        snapshot.snapshot(root, "alex")


def test_a_receipt_without_its_line_end_counts_and_one_cut_short_does_not(root: Root) -> None:
    world = World(root)
    for n in range(2):
        world.stage(f"c{n}", f"Learned {n}.")
        world.approve(f"c{n}")
    whole = world.place.ledger.read_bytes()
    world.place.ledger.write_bytes(whole[:-1])
    assert snapshot.snapshot(root, "alex").seq == 2
    world.place.ledger.write_bytes(whole + whole[:100])
    assert snapshot.snapshot(root, "alex").seq == 2
    world.place.ledger.write_bytes(whole + b"\0" * 100)
    assert snapshot.snapshot(root, "alex").seq == 2


def test_receipts_longer_than_what_is_read_at_once_are_found_from_the_end(root: Root) -> None:
    world = World(root)
    for n in range(12):
        world.stage(f"c{n}", f"{n} " + "long " * 3900)
        world.approve(f"c{n}")
    taken = snapshot.snapshot(root, "alex")
    assert [r.seq for r in taken.latest(3)] == [12, 11, 10]
    assert [r.seq for r in taken.latest(99)] == list(range(12, 0, -1))
    assert [r.seq for r in taken.receipts()] == list(range(1, 13))
    assert world.place.ledger.stat().st_size > 12 * 65_536


def test_receipts_asked_for_later_are_still_those_of_the_moment(root: Root) -> None:
    world = World(root)
    world.stage("c0")
    world.approve("c0")
    taken = snapshot.snapshot(root, "alex")
    world.stage("c1")
    world.approve("c1")
    assert [r.candidate_id for r in taken.receipts()] == ["c0"]
    assert [r.candidate_id for r in taken.latest(9)] == ["c0"]


def test_a_line_that_a_person_took_out_of_the_record_stays_out(root: Root) -> None:
    world = World(root)
    for n in range(2):
        world.stage(f"c{n}", f"Learned {n}.")
        world.approve(f"c{n}")
    file = world.place.home / "self-knowledge.md"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "Learned 1" not in line))
    taken = snapshot.snapshot(root, "alex")
    assert [e.text for e in taken.record.knowledge] == ["a seed line", "Learned 0."]
    assert taken.completed == 0


def test_a_record_file_that_is_no_text_or_no_file_is_said_and_the_rest_is_read(root: Root) -> None:
    home = root.place("alex").home
    (home / "self-knowledge.md").write_bytes(b"## Topics / Understanding\n\n- caf\xe9\n- tea\n")
    (home / "self-curiosity.md").unlink()
    (home / "self-curiosity.md").symlink_to("self.md")
    taken = snapshot.snapshot(root, "alex")
    assert [e.text for e in taken.record.knowledge] == ["caf\ufffd", "tea"]
    assert taken.record.curiosity == ()
    assert [p.split(":")[0] for p in taken.problems] == ["users/alex/self-knowledge.md", "users/alex/self-curiosity.md"]


def test_receipts_that_are_cut_back_under_a_reader_are_looked_at_again_and_not_for_ever(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(root)
    for n in range(3):
        world.stage(f"c{n}", f"Learned {n}.")
        world.approve(f"c{n}")
    ledger = world.place.ledger
    lines = ledger.read_bytes().splitlines(True)
    record_files = snapshot._record_files

    def cut(place: Place) -> dict[str, bytes | None]:
        ledger.write_bytes(b"".join(lines[: next(left)]))
        return record_files(place)

    monkeypatch.setattr(snapshot, "_record_files", cut)
    left = iter([2, 2])
    assert snapshot.snapshot(root, "alex").seq == 2
    left = itertools.cycle([1, 0])
    ledger.write_bytes(b"".join(lines))

    def swap(place: Place) -> dict[str, bytes | None]:
        at = next(left)
        ledger.write_bytes(lines[at])
        return record_files(place)

    monkeypatch.setattr(snapshot, "_record_files", swap)
    with pytest.raises(Parked, match="Try again"):
        snapshot.snapshot(root, "alex")
