"""Fail each call in turn, once or for a while, with each error that a disk gives; the work must stop in good order, say
why, rest between tries, and go on by itself when the cause is gone.

    python -m tests.torture.errors [--story NAME ...] [--errno NAME ...]
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import Settings
from recursion_gate.disk import atomic
from recursion_gate.engine.reconcile import Outcome, Reconciler

from .disk import Boundary, Op
from .harness import Chapter, Count, chapters, differences, memory, settle, start_again, stopped_clock
from .stories import STORIES

__all__ = ["ERRNOS", "each_call", "each_look"]

#: The errors, and the calls that give them when the disk is in that state for a while.
ERRNOS: dict[str, frozenset[str]] = {
    "ENOSPC": frozenset({"open", "write", "fsync", "link", "rename", "exchange", "mkdir"}),
    "EDQUOT": frozenset({"open", "write", "fsync", "link", "rename", "exchange", "mkdir"}),
    "EIO": frozenset(
        {
            "open",
            "write",
            "fsync",
            "syncfs",
            "fchmod",
            "ftruncate",
            "close",
            "link",
            "rename",
            "exchange",
            "unlink",
            "mkdir",
        }
    ),
    "EROFS": frozenset({"open", "write", "fchmod", "ftruncate", "link", "rename", "exchange", "unlink", "mkdir"}),
    "EACCES": frozenset({"open", "link", "rename", "exchange", "unlink", "mkdir"}),
    "EMFILE": frozenset({"open"}),
}
_SETTINGS = Settings(settle_seconds=0, patience_seconds=0, unknown_ending_seconds=0, look_seconds=0.02)
_WORDS = ("why the moon", "Drew the moon", "Voice note", "Drew it", "One.", "holds the moon")  # what tells the drops
_TURNS = 4  # how many tries a failure that lasts is given


def _error(name: str, path: str) -> OSError:
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), path)


class _Work:
    """A daemon's work that goes on in the same process, whatever fails."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.reconciler = Reconciler(Root(place.root), _SETTINGS)
        self.faults: list[str] = []  # what was wrong with it

    def turn(self) -> Outcome:
        """One turn; what it gives is checked: after a failure it must say so, and rest."""
        outcome = self.reconciler.reconcile(self.place.user)
        problem = self.reconciler.problems.get(self.place.user)
        least = 0.5 if outcome.failed else _SETTINGS.look_seconds
        if problem and (outcome.more or outcome.due is None or outcome.due < least):
            self.faults.append(f"it does not rest after '{problem}': {outcome}")
        if problem and "internal error" in problem:
            self.faults.append(problem)
        return outcome

    def to_the_end(self) -> None:
        """Turns until nothing is left to be done; waits for what is due, but not for a rest after a failure."""
        for _ in range(30):
            outcome = self.turn()
            if self.place.user in self.reconciler.problems or outcome.more:
                continue
            if outcome.due is None:
                return
            time.sleep(min(outcome.due, 0.1))
        self.faults.append(f"there is no end to it: {self.reconciler.problems}")


def each_call(chapter: Chapter, folder: Path, name: str, *, lasting: bool) -> Count:
    """Fail each changing call of the chapter with the error `name`: it alone, or, where it is `lasting`, from it on all
    calls that fail in such a state, until the work has been tried a few times."""
    count = Count()
    boundary = Boundary()
    settle(start_again(chapter.before, folder), boundary)
    for number in range(1, len(boundary.ops) + 1):
        if lasting and boundary.ops[number - 1].name not in ERRNOS[name]:
            continue
        count.points += 1
        broken = _Broken(number, name, lasting)
        place = start_again(chapter.before, folder)
        found = _through(place, broken, Boundary(broken))
        found += _differences(chapter, place, name)
        at = f"{chapter.story}/{chapter.act}, {name} {'from' if lasting else 'at'} call {number}: "
        count.broken += [at + t for t in found]
    return count


class _Broken:
    """What fails, as `Boundary` asks for it."""

    def __init__(self, number: int, name: str, lasting: bool) -> None:
        self.number, self.name, self.lasting = number, name, lasting
        self.over = False

    def __call__(self, count: int, op: Op) -> Callable[[], Any] | None:
        fails = count >= self.number and op.name in ERRNOS[self.name] if self.lasting else count == self.number
        if fails and not self.over:
            raise _error(self.name, op.path)
        return None


def _through(place: Place, broken: _Broken, boundary: Boundary) -> list[str]:
    """Work while it fails, then when the cause is gone; gives what was wrong with that."""
    before = atomic.calls
    atomic.calls = boundary
    try:
        work = _Work(place)
        waits = []
        for _ in range(_TURNS if broken.lasting else 1):
            outcome = work.turn()
            if place.user in work.reconciler.problems:
                waits.append(outcome.due or 0)
                if os.strerror(getattr(errno, broken.name)).lower() not in work.reconciler.problems[place.user]:
                    work.faults.append(f"it says '{work.reconciler.problems[place.user]}'")
        if broken.lasting and not waits and not _bears(broken):
            work.faults.append("it does not say that anything is wrong")
        if waits != sorted(waits):
            work.faults.append(f"it rests shorter and shorter: {waits}")
        broken.over = True
        work.to_the_end()
        work.reconciler.close()
        return work.faults
    finally:
        atomic.calls = before


def _bears(broken: _Broken) -> bool:
    """A file that may not be moved away is left, and tried again: no trouble of the disk's."""
    return broken.name == "EACCES"


def _differences(chapter: Chapter, place: Place, name: str) -> list[str]:
    """As `differences`. A file that may not be moved is passed by, so those behind it may get into problems/ before it,
    and have the names that it would have had."""
    found = differences(chapter.after, place)
    if name != "EACCES" or not all("/problems/" in line for line in found):
        return found
    folder = place.display_path(place.problems) + "/"
    wanted = Counter(data for path, data in chapter.after.items() if path.startswith(folder))
    return found if wanted != Counter(p.read_bytes() for p in place.problems.iterdir()) else []


# -- calls that only look ---------------------------------------------------------------------------------------------


def each_look(chapter: Chapter, folder: Path, name: str) -> Count:
    """Fail each call that opens, reads, lists or asks, on anything at the root, once, with the error `name`."""
    count = Count()
    number = 0
    while True:
        number += 1
        place = start_again(chapter.before, folder)
        with _looks(folder, number, name) as failed:
            work = _Work(place)
            work.turn()
        work.to_the_end()
        work.reconciler.close()
        if not failed:
            return count
        count.points += 1
        found = work.faults + (_unaccounted(chapter, place) if name == "EACCES" else differences(chapter.after, place))
        count.broken += [f"{chapter.story}/{chapter.act}, {name} at look {number} ({failed[0]}): {t}" for t in found]


@contextmanager
def _looks(folder: Path, number: int, name: str) -> Iterator[list[str]]:
    failed: list[str] = []
    seen = 0

    def wrap(call: Callable[..., Any], label: str) -> Callable[..., Any]:
        def instead(*args: Any, **more: Any) -> Any:
            nonlocal seen
            on = args[0] if args else ""
            if label == "read" or (isinstance(on, str | os.PathLike) and os.fspath(on).startswith(str(folder))):
                seen += 1
                if seen == number:
                    failed.append(f"{label} {on}")
                    raise _error(name, str(on))
            return call(*args, **more)

        return instead

    places: list[tuple[Any, str]] = [
        *((os, n) for n in ("open", "read", "stat", "lstat", "scandir", "listdir")),
        *((builtins, "open"), (io, "open")),
    ]
    before = [(module, n, getattr(module, n)) for module, n in places]
    try:
        for module, n, call in before:
            setattr(module, n, wrap(call, n))
        yield failed
    finally:
        for module, n, call in before:
            setattr(module, n, call)


def _unaccounted(chapter: Chapter, place: Place) -> list[str]:
    """What may not be read may be refused: then each text must still stand in one place, and what is refused have its
    reason."""
    found = []
    names = {p.name for p in place.problems.iterdir()}
    refused = {n for n in names if f"{n}.why.txt" in names}  # one may be called like a reason itself
    found += [f"{n} has no reason" for n in names - refused if not n.endswith(".why.txt")]
    found += [f"{n} has no file" for n in names - refused if n.removesuffix(".why.txt") not in refused]
    ended = Counter((place.problems / n).read_bytes() for n in refused)
    inbox = f"inbox/{place.user}/"
    wanted = [d for p, d in chapter.before.files.items() if d and p.startswith(inbox) and "/pending/" not in p]
    work = place.gate.read_text() if place.gate.exists() else ""
    work += place.ledger.read_text() if place.ledger.exists() else ""
    for data in wanted:
        words = [w for w in _WORDS if w.encode() in data]
        if data not in ended and words and not all(w in work for w in words):
            found.append(f"lost: {data!r}")
    return found


@click.command()
@click.option("--story", "stories", multiple=True, type=click.Choice(list(STORIES)), help="Only these stories.")
@click.option("--errno", "names", multiple=True, type=click.Choice(list(ERRNOS)), help="Only these errors.")
def main(stories: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Fail each call in turn, and count what is broken by it."""
    total: Counter[str] = Counter()
    with stopped_clock(), memory() as folder:
        for story in stories or STORIES:
            for number, chapter in enumerate(chapters(STORIES[story], folder / f"story-{story}")):
                for name in names or ERRNOS:
                    counts = {
                        "once": each_call(chapter, folder / "run", name, lasting=False),
                        "lasting": each_call(chapter, folder / "run", name, lasting=True),
                        "looks": each_look(chapter, folder / "run", name),
                    }
                    total.update({what: count.points for what, count in counts.items()})
                    broken = [fault for count in counts.values() for fault in count.broken]
                    total["broken"] += len(broken)
                    points = ", ".join(f"{count.points} {what}" for what, count in counts.items())
                    click.echo(f"{story}/{number} {name}: {points}, {len(broken)} broken")
                    for line in broken:
                        click.echo(f"  {line}")
    tried = total["once"] + total["lasting"] + total["looks"]
    click.echo(
        f"\n{tried:,} failures: {total['once']:,} of one changing call, {total['lasting']:,} from one on for a while, "
        f"{total['looks']:,} of one call that looks; broken: {total['broken']}"
    )
    if total["broken"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
