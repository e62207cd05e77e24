"""Workers that race for tasks, for the suite and, for long, for `tests.torture.claims`."""

from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.plans import claims
from recursion_gate.plans.folder import PlanFolder, TaskName
from recursion_gate.plans.records import read_record

from .daemon import Daemon
from .dying import Dying, Killed
from .plans import Plans, codebase, reading
from .roots import make_root

__all__ = ["Raced", "every_stop", "kills", "race", "stale"]

_FORK = mp.get_context("fork")


@dataclass(slots=True)
class Raced:
    """What a race has shown."""

    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


# -- many processes, as fast as they can ------------------------------------------------------------------------------


def race(root: Root, processes: int, tasks: int) -> Raced:
    """`processes` claim `tasks` as fast as they can: each must be claimed once."""
    plans = Plans(root)
    folder = plans.add("p", *(reading(f"t{n}") for n in range(tasks)))
    barrier = _FORK.Barrier(processes + 1)
    with _FORK.Manager() as manager:
        won: list[tuple[str, int]] = manager.list()  # type: ignore[assignment]
        runners = [_FORK.Process(target=_claim_all, args=(root, f"w{n}", barrier, won)) for n in range(processes)]
        for runner in runners:
            runner.start()
        barrier.wait()
        began = time.monotonic()
        for runner in runners:
            runner.join()
        raced = Raced(time.monotonic() - began)
        found = Counter(task for task, _ in won)
    raced.counts["claims"] = found.total()
    raced.broken += [f"{task} was claimed {n} times" for task, n in found.items() if n != 1]
    raced.broken += [f"{n} processes failed" for n in [sum(r.exitcode != 0 for r in runners)] if n]
    claimed = {s.name.task for s in folder.listing(("claimed",))}
    raced.broken += [f"{task} was lost" for task in {f"t{n}" for n in range(tasks)} - (claimed & found.keys())]
    return raced


def _claim_all(root: Root, worker: str, barrier: Barrier, won: list[tuple[str, int]]) -> None:
    mine = []
    barrier.wait()
    while isinstance(found := claims.next_task(root, worker), claims.Claim):
        mine.append((found.task.id, found.record.generation))
    won.extend(mine)


# -- kills ------------------------------------------------------------------------------------------------------------


def kills(root: Root, workers: int, tasks: int, dice: random.Random, *, daemon_too: bool = True) -> Raced:
    """Workers and daemon, killed at random, until all is done: each task must be done once, under its last
    generation."""
    plans = Plans(root)
    names = [f"t{n}" for n in range(tasks)]
    scopes = [(f"/s{n % (tasks // 3 + 1)}/",) for n in range(tasks)]
    chain = [
        codebase(name, *scopes[n], needs=[names[n - tasks // 3 - 1]] if n > tasks // 3 else [], max_attempts=1_000_000)
        for n, name in enumerate(names)
    ]
    folder = plans.add("p", *chain)
    log = root.path / "finished"
    raced, began = Raced(), time.monotonic()
    running: list[BaseProcess] = []
    daemon = Daemon(root).start()
    try:
        next_kill = time.monotonic() + 1
        while len(os.listdir(folder.state("done"))) < tasks and time.monotonic() < began + 600:
            running = [each for each in running if each.is_alive()]
            while len(running) < workers:
                number = raced.counts["workers"]
                running.append(_FORK.Process(target=_work, args=(root, f"w{number % 5}", log, number), daemon=True))
                running[-1].start()
                raced.counts["workers"] += 1
            time.sleep(dice.random() * 0.05)
            victim = dice.choice(running)
            if victim.pid is not None and dice.random() < 0.5:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim.pid, signal.SIGKILL)
                    raced.counts["kills of workers"] += 1
                victim.join()
            if daemon_too and time.monotonic() > next_kill:
                daemon.kill()
                raced.counts["kills of the daemon"] += 1
                daemon = Daemon(root).start()
                next_kill = time.monotonic() + 0.5 + dice.random()
    finally:
        for each in running:
            each.kill()
            each.join()
        daemon.stop()
    raced.seconds = time.monotonic() - began
    _check_finished(folder, names, log, raced)
    return raced


def _work(root: Root, worker: str, log: Path, seed: int) -> None:
    """A worker that claims, rests, renews, finishes and writes down what it has finished."""
    dice = random.Random(seed)
    while True:
        found = claims.next_task(root, worker, seconds=0.5 + dice.random(), pid=os.getpid())
        if not isinstance(found, claims.Claim):
            time.sleep(0.01)
            continue
        _write_down(log, "claimed", found)
        with contextlib.suppress(claims.Ended):
            time.sleep(dice.random() * 0.02)
            found = claims.renew(found)
            time.sleep(dice.choice([0, 0, 0, 0.02, 2.5]) * dice.random())  # some sleep through their claim's end
            claims.finish(found, "failed" if dice.random() < 0.05 else "done", f"by {os.getpid()}")
            _write_down(log, "finished", found)


def _write_down(log: Path, what: str, claim: claims.Claim) -> None:
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(fd, f"{what} {claim.task.id} {claim.record.generation}\n".encode())
    os.close(fd)


def _check_finished(folder: PlanFolder, names: list[str], log: Path, raced: Raced) -> None:
    done = {s.name.task: s.name.generation for s in folder.listing(("done",))}
    others = folder.listing(("waiting", "ready", "claimed", "failed"))
    raced.broken += [f"{name} is not done" for name in names if name not in done]
    raced.broken += [f"{s.name.task} stands in {s.state}, too" for s in others if s.name.task in done]
    claimed: Counter[tuple[str, int]] = Counter()
    for line in log.read_text().splitlines():
        what, task, number = line.split()
        raced.counts[what] += 1
        if what == "claimed":
            claimed[task, int(number)] += 1
            if int(number) > done.get(task, 0):
                raced.broken.append(f"{task} was claimed under {number}, and done under {done.get(task)}")
    raced.broken += [f"{task} was claimed {n} times under {g}" for (task, g), n in claimed.items() if n > 1]


# -- stale workers ----------------------------------------------------------------------------------------------------


def stale(folder: Path, races: int, dice: random.Random) -> Raced:
    """A worker finishes while its claim is taken back and given to another of the same name: of the two one at most may
    succeed, and never the first once the second has it."""
    raced, began = Raced(), time.monotonic()
    plans = Plans(make_root(folder / "root-0"))
    for number in range(races):
        if number % 25 == 24:
            plans = Plans(make_root(folder / f"root-{number}"))
        its = plans.add(f"p{number}", reading("t"))
        first = plans.claim("ada", plan=its.name)
        second: list[claims.Claim | claims.Nothing] = []
        ended: list[str] = []
        go = threading.Barrier(2)

        def take_back(its: PlanFolder = its, first: claims.Claim = first, go: threading.Barrier = go) -> None:
            """What the daemon does with a claim that has ended, then another worker's claim."""
            go.wait()
            time.sleep(dice.random() * 0.004)
            with contextlib.suppress(FileNotFoundError):
                atomic.calls.rename_new(first.path, str(its.at("ready", TaskName("t", 1))))
                second.append(claims.next_task(plans.root, "ada", plan=its.name))  # noqa: B023

        other = threading.Thread(target=take_back)
        other.start()
        go.wait()
        time.sleep(dice.random() * 0.002)
        try:
            claims.finish(first, "done")
            ended.append("first")
        except claims.Ended:
            raced.counts["refused"] += 1
        other.join()
        if second and isinstance(second[0], claims.Claim):
            raced.counts["taken back"] += 1
            with contextlib.suppress(claims.Ended):
                claims.finish(first, "done")
                raced.broken.append(f"race {number}: a stale worker has finished")
            claims.finish(second[0], "done")
            ended.append("second")
        names = os.listdir(its.state("done"))
        wanted = ["t.1.md"] if ended == ["first"] else ["t.2.md"]
        if len(ended) != 1 or names != wanted:
            raced.broken.append(f"race {number}: {ended} have finished, and {names} are done")
    raced.seconds = time.monotonic() - began
    return raced


# -- every stop -------------------------------------------------------------------------------------------------------


_STOPPED = """\
tasks:
  - {id: a, title: A, scope: [/x/]}
  - {id: b, title: B, scope: [/x/], needs: [a]}
  - {id: r, title: R, lane: reading}
"""


def every_stop(folder: Path, step: int = 1) -> Raced:
    """A short story, stopped at each call (or every so many, `step`) of the daemon or a worker that changes anything;
    then a new daemon and a new worker go on until all is done."""
    raced = Raced()
    for number in range(1, 100_000, step):
        root = Root(folder / f"{number}")
        for path in (root.inbox, root.homes, root.receipts):
            path.mkdir(parents=True)
        plans = Plans(root)
        plans.drop("p.plan.yaml", _STOPPED)
        before = atomic.calls
        atomic.calls = dying = Dying(number)
        try:
            _story(plans)
        except Killed:
            pass
        finally:
            atomic.calls = before
        raced.counts["stops"] += 1
        problem = _goes_on(root)
        if problem:
            raced.broken.append(f"stopped at call {number}: {problem}")
        if dying.left > 0:
            raced.counts["calls"] = number - dying.left
            return raced
    return raced


def _story(plans: Plans) -> None:
    plans.look()
    first = plans.claim()
    first = claims.renew(first)
    claims.finish(plans.claim(lanes=["reading"]), "released", "later")
    plans.look()
    claims.finish(first, "done", "a is done")
    plans.look()
    claims.finish(plans.claim(), "failed", "no luck")
    plans.look()
    while isinstance(found := claims.next_task(plans.root, "bob"), claims.Claim):
        claims.finish(found, "done")
        plans.look()


def _goes_on(root: Root) -> str:
    """What is wrong after a stop once a daemon and a worker have gone on; "" where all is done, each task once."""
    plans = Plans(root)
    for _ in range(6):
        plans.look()
        for standing in PlanFolder(root.plans / "p").listing(("claimed",)):
            folder = PlanFolder(root.plans / "p")
            record = read_record(folder.claim(standing.name.task, standing.name.generation))
            if record is None:  # it ends by itself, half a minute later
                os.rename(standing.path, folder.at("ready", TaskName(standing.name.task, standing.name.generation)))
            else:
                deadline = record.model_copy(update={"ends": record.since})
                folder.claim(standing.name.task, standing.name.generation).write_bytes(deadline.data())
        plans.look()
        while isinstance(found := claims.next_task(root, "cid"), claims.Claim):
            claims.finish(found, "done")
            plans.look()
    stands = plans.standing("p")
    if list(stands) != ["done"] or {n.partition(".")[0] for n in stands["done"]} != {"a", "b", "r"}:
        return str(stands)
    return f"{plans.refused()} was refused" if plans.refused() else ""
