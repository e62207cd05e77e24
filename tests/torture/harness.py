"""Run a story in this process, kill it, cut the power, and start again."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import load_settings
from recursion_gate.disk import atomic
from recursion_gate.disk.atomic import Calls
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.service.hinting import Hinting

from .disk import Boundary, Disk, Killed, Op, Tree
from .stories import NOW, Story, ground

__all__ = [
    "Chapter",
    "Count",
    "chapters",
    "differences",
    "every_chain_of_kills",
    "every_kill",
    "killed_at",
    "memory",
    "power_cuts",
    "settle",
    "start_again",
    "stopped_clock",
]


@contextmanager
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of trees are made in it."""
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="recursion-gate-", dir=shm) as folder:
        yield Path(folder)


@contextmanager
def stopped_clock() -> Iterator[None]:
    """The daemon's clock stands at `NOW`."""
    before = os.environ.get("RECURSION_GATE_NOW")
    os.environ["RECURSION_GATE_NOW"] = NOW
    try:
        yield
    finally:
        if before is None:
            del os.environ["RECURSION_GATE_NOW"]
        else:
            os.environ["RECURSION_GATE_NOW"] = before


@contextmanager
def _in_place(boundary: Boundary) -> Iterator[None]:
    before = atomic.calls
    atomic.calls = boundary
    try:
        yield
    finally:
        atomic.calls = before


def settle(place: Place, boundary: Boundary | None = None) -> None:
    """Start the daemon's work anew, and do all that is to be done, hints on cards too. Raises Killed when `boundary`
    says so; then nothing is left of it but what is on disk."""
    root = Root(place.root)
    with _in_place(boundary or Boundary()):
        reconciler = Reconciler(root, load_settings(root))
        try:
            for _ in range(20):
                outcome = reconciler.reconcile(place.user)
                assert not reconciler.problems, reconciler.problems
                if not outcome.more and outcome.due is None:
                    hinting = Hinting(reconciler)
                    hinting.note(place.user)
                    hinting.work()
                    return
            raise AssertionError(f"there is no end to the work: {outcome}")
        finally:
            reconciler.close()


@dataclass(frozen=True, slots=True)
class Chapter:
    """One act of a story: the tree after it, before the daemon has done anything, and the tree when all is done."""

    story: str
    act: int
    before: Tree
    after: dict[str, bytes | None]


def chapters(story: Story, folder: Path) -> list[Chapter]:
    """The acts of a story, as they go where nothing goes wrong."""
    place = ground(folder)
    settle(place)
    found = []
    for number, act in enumerate(story.acts):
        act(place)
        before = Tree.read(place.root)
        settle(place)
        found.append(Chapter(story.name, number, before, Tree.read(place.root).files))
    return found


def start_again(tree: Tree, folder: Path, user: str = "alex") -> Place:
    """A machine that comes up with this tree on its disk; what was at `folder` is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tree.write(folder)
    (folder / ".daemon").mkdir()
    return Place(folder, user)


def differences(wanted: dict[str, bytes | None], place: Place) -> list[str]:
    """How the tree differs from what was wanted, in words."""
    found = Tree.read(place.root).files
    told = []
    for path in sorted(wanted.keys() | found.keys()):
        if path not in found:
            told.append(f"{path} is missing")
        elif path not in wanted:
            told.append(f"{path} is too many: {found[path]!r}")
        elif wanted[path] != found[path]:
            told.append(f"{path} is {found[path]!r} instead of {wanted[path]!r}")
    return told


@dataclass(slots=True)
class Count:
    """What was tried."""

    points: int = 0
    states: int = 0
    #: Whether there were more states than were tried.
    sampled: bool = False
    broken: list[str] = field(default_factory=list)


# -- kills ------------------------------------------------------------------------------------------------------------


def killed_at(number: int, how: str) -> Callable[[int, Op], Callable[[], Any] | None]:
    """Kill `before` or `after` the call of this number, or, where it is a write, in the `middle` of it."""

    def at(count: int, op: Op) -> Callable[[], Any] | None:
        if count != number:
            return None
        if how == "before":
            raise Killed

        def die() -> None:
            if how == "middle":
                with open(op.path, "ab") as file:
                    file.write(op.data[: len(op.data) // 2])
            else:
                _do(op)
            raise Killed

        return die

    return at


def _do(op: Op) -> None:
    """Carry out a call by its path, as `Boundary` would have."""
    if op.name == "open":
        os.close(os.open(op.path, op.size, 0o666))
    elif op.name == "write":
        with open(op.path, "ab") as file:
            file.write(op.data)
    elif op.name == "ftruncate":
        os.truncate(op.path, op.size)
    elif op.name == "fchmod":
        os.chmod(op.path, op.size)
    elif op.name == "rename":
        os.rename(op.path, op.other)
    elif op.name == "exchange":
        Calls().exchange(op.path, op.other)
    elif op.name == "link":
        os.link(op.path, op.other)
    elif op.name == "unlink":
        os.unlink(op.path)
    elif op.name == "mkdir":
        os.mkdir(op.path)


def ways(op: Op) -> tuple[str, ...]:
    """How one can be killed at this call."""
    return ("before", "after", "middle") if op.name == "write" and len(op.data) > 1 else ("before", "after")


def every_kill(chapter: Chapter, folder: Path) -> Count:
    """Kill at each call, before it, after it and in the middle, start again, and compare with what was wanted."""
    count = Count()
    boundary = Boundary()
    settle(start_again(chapter.before, folder), boundary)
    for number, op in enumerate(boundary.ops, 1):
        for how in ways(op):
            place = start_again(chapter.before, folder)
            try:
                settle(place, Boundary(killed_at(number, how)))
            except Killed:
                pass
            else:
                count.broken.append(f"{chapter.story}/{chapter.act}: never came to call {number}")
            count.points += 1
            settle(place)
            for told in differences(chapter.after, place):
                count.broken.append(f"{chapter.story}/{chapter.act}, killed {how} call {number} ({op.name}): {told}")
    return count


def every_chain_of_kills(
    chapter: Chapter, folder: Path, look: Callable[[Place], str | None] = lambda place: None
) -> Count:
    """Kill, start again, kill again, as often as one likes: every tree that can be reached that way is found, each is
    looked at by `look`, and from each the work must lead to what was wanted. `points` are the calls at which there was
    a kill, `states` the different trees they led to."""
    count = Count()
    known = {chapter.before.digest}
    todo = [chapter.before]
    while todo and len(count.broken) < 20:  # a program that is broken may lead to new trees without end
        tree = todo.pop()
        place = start_again(tree, folder)
        told = look(place)
        boundary = Boundary()
        settle(place, boundary)
        count.states += 1
        count.broken += [f"{chapter.story}/{chapter.act}: {t}" for t in differences(chapter.after, place)]
        if told:
            count.broken.append(f"{chapter.story}/{chapter.act}: {told}")
        disk = Disk(folder, tree)
        for op in boundary.ops:
            count.points += len(ways(op))
            if op.name == "write":
                torn = _torn(disk, op)
                if torn.digest not in known:
                    known.add(torn.digest)
                    todo.append(torn)
            disk.apply(op)
            if op.name in ("fsync", "close", "fchmod", "fchown"):
                continue
            seen = disk.seen()
            if seen.digest not in known:
                known.add(seen.digest)
                todo.append(seen)
    return count


def _torn(disk: Disk, op: Op) -> Tree:
    """The tree with half of a write in it."""
    where = disk.shown(op.path)
    half = op.data[: len(op.data) // 2]
    items = [(p, (d or b"") + half if p == where else d, m) for p, d, m in disk.seen().items]
    return Tree(tuple(sorted(items, key=lambda item: item[0] == where)))  # written to last of all: so says its ctime


# -- power cuts -------------------------------------------------------------------------------------------------------


def power_cuts(
    chapter: Chapter, folder: Path, *, most: int, seed: int = 0, after_kill: Callable[[int], bool] = lambda n: False
) -> Count:
    """Cut the power at each call, and let the machine come up with each tree that may then be on the disk, or `most`
    of them: the work must lead to what was wanted. Where `after_kill` holds for a call, the daemon is also killed
    there and started again, and the power cut at each call of that: what the first had not synced is still in danger.
    """
    cuts = _Cuts(chapter, folder, most, seed)
    boundary = Boundary()
    settle(start_again(chapter.before, folder), boundary)
    shutil.copytree(folder / ".daemon", cuts.index)
    whole = boundary.ops
    cuts.at_each(whole, 0)
    for number in range(1, len(whole) + 1):
        if after_kill(number):
            place = start_again(chapter.before, folder)
            first = Boundary(killed_at(number, "before"))
            with suppress(Killed):
                settle(place, first)
            second = Boundary()
            settle(place, second)
            done = whole[: number - 1]
            ops = [*done, *(Op(o.name, o.path, _apart(o.file), o.data, o.size, o.other) for o in second.ops)]
            cuts.at_each(ops, len(done))
    return cuts.count


def _apart(file: int | None) -> int | None:
    """The open files of the second start are others than those of the first."""
    return None if file is None else file + 1_000_000


class _Cuts:
    """Power cuts in one chapter, each tree that they leave tried once."""

    def __init__(self, chapter: Chapter, folder: Path, most: int, seed: int) -> None:
        self._chapter, self._folder, self._most = chapter, folder, most
        self._known: set[bytes] = set()
        self._chance = random.Random(seed)
        self.count = Count()
        #: The daemon's index as it is when all is done. It learns of receipts that are on disk, so it is never ahead of
        #: them; but it is not synced, and may be missing.
        self.index = folder.with_name(f"{folder.name}-index-{chapter.story}-{chapter.act}")

    def at_each(self, ops: list[Op], start: int) -> None:
        """Cut the power before each of these calls, from number `start` on, and after the last."""
        disk = Disk(self._folder, self._chapter.before)
        for number in range(len(ops) + 1):
            if number:
                disk.apply(ops[number - 1])
            if number < start:
                continue
            self.count.points += 1
            for tree in disk.after_power_cut(self._most, self._chance):
                if tree.digest not in self._known:
                    self._known.add(tree.digest)
                    self._come_up(tree, f"power cut before call {number + 1} of {len(ops)}")
            self.count.sampled |= disk.sampled

    def _come_up(self, tree: Tree, when: str) -> None:
        place = start_again(tree, self._folder)
        ledger = place.display_path(place.ledger)
        if self.count.states % 2 and tree.files.get(ledger) == self._chapter.after.get(ledger):
            shutil.copytree(self.index, self._folder / ".daemon", dirs_exist_ok=True)
        self.count.states += 1
        at = f"{self._chapter.story}/{self._chapter.act}, {when}"
        try:
            settle(place)
        except AssertionError as err:
            self.count.broken.append(f"{at}: {err}")
            return
        self.count.broken += [f"{at}: {told}" for told in differences(self._chapter.after, place)]
