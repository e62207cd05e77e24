"""Versions renamed over each other at random instants, under a daemon that is killed: not one may be lost (promise 1).

    python -m tests.torture.renames --renames 100000

Writers put one version after another under the same few names, as a tool does that keeps a ``latest.json``; a third of
the versions cannot be staged. A person moves cards into approved/ and saves an edit over them. The daemon's work
(`Reconciler.reconcile`) goes on beside them, and is killed every moment.

A version may be replaced by its own writer before the daemon has read it. So that such a one is not taken for lost, a
writer lets two files change places instead of renaming one over the other: what it replaced is then in its hands. Every
other version must in the end be at the gate, once, or in problems/.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import Settings
from recursion_gate.disk.atomic import Calls
from recursion_gate.disk.untrusted import mark_at
from recursion_gate.engine.reconcile import Reconciler

from ..support.roots import make_root
from ..support.world import World
from .harness import memory

_CONTEXT = mp.get_context("fork")
_MARK = re.compile(rb"version-\d+-\d+-")
_NAMES = 2


@dataclass
class Result:
    """What came of it."""

    renames: int = 0
    replaced: int = 0
    staged: int = 0
    refused: int = 0
    edits: int = 0
    kills: int = 0
    problems: list[str] = field(default_factory=list)


def _put(calls: Calls, new: str, name: str) -> str | None:
    """Give the file `new` this name; gives the path of what had it, if anything did."""
    while True:
        try:
            calls.exchange(new, name)
            return new
        except FileNotFoundError:
            pass
        try:
            calls.rename_new(new, name)
            return None
        except FileExistsError:
            pass


def _write(place: Place, writer: int, count: int, seed: int, out: mp.SimpleQueue[dict[str, bool]]) -> None:
    """Put `count` versions; tells of each whether it was replaced by a later one of this writer."""
    dice, calls = random.Random(seed), Calls()
    own = place.root / f"writer-{writer}"
    own.mkdir()
    replaced: dict[str, bool] = {}
    for number in range(count):
        mark = f"version-{writer}-{number}-"
        drop = {"raw_text": f"Learned {mark} today."} | ({"nonsense": 1} if dice.random() < 1 / 3 else {})
        (own / f"{number}").write_text(json.dumps(drop))
        replaced[mark] = False
    instead = []
    names = [f"{place.inbox}/latest-{writer}-{number}.json" for number in range(_NAMES)]
    for number in range(count):
        instead.append(_put(calls, f"{own}/{number}", dice.choice(names)))
        _wait(place, dice)
    for there in filter(None, instead):
        found = _MARK.search(Path(there).read_bytes())
        assert found is not None
        replaced[found[0].decode()] = True
    out.put(replaced)


def _wait(place: Place, dice: random.Random) -> None:
    """Until a random instant: now, soon, or soon after a turn has put something on the gate, and so is about to remove
    the drops that it read."""
    kind = dice.random()
    if kind > 0.9:
        return
    limit = time.perf_counter() + 0.01
    if kind < 0.6:
        before = mark_at(place.gate)
        while mark_at(place.gate) == before and time.perf_counter() < limit:
            pass
    until = time.perf_counter() + dice.random() * 0.003
    while time.perf_counter() < until:
        pass


def _decide(place: Place, cards: int, seed: int, out: mp.SimpleQueue[list[str]]) -> None:
    """Move `cards` cards into approved/, each soon followed by an edit that is saved over it; gives the texts of those
    that were saved."""
    dice, calls = random.Random(seed), Calls()
    own = place.root / "person"
    own.mkdir()
    saved: list[str] = []
    until = time.monotonic() + 3
    while cards and time.monotonic() < until:
        names = [n for n in os.listdir(place.pending) if not n.startswith(".")]
        if not names:
            time.sleep(0.01)
            continue
        name = dice.choice(names)
        target = f"{place.approved}/{name}"
        try:
            text = (place.pending / name).read_bytes()
            os.rename(place.pending / name, target)
        except FileNotFoundError:
            continue
        cards -= 1
        mark = b"edit-%d-" % cards
        edit = own / name
        edit.write_bytes(text.replace(b"Learned", b"Learned " + mark))
        time.sleep(dice.random() * 0.02)
        try:
            calls.exchange(os.fspath(edit), target)
            saved.append(mark.decode())
        except FileNotFoundError:
            pass
    out.put(saved)


def _work(root: Path) -> None:
    reconciler = Reconciler(Root(root), _SETTINGS)
    while True:
        if not reconciler.reconcile("alex").more:
            time.sleep(0.0005)


_SETTINGS = Settings(settle_seconds=0.0, patience_seconds=0.0)


def _killed_and_started(root: Path, others: list[BaseProcess], dice: random.Random, *, kill: bool) -> int:
    """The daemon's work, as long as one of `others` lives. Gives how often it was killed."""
    kills = 0
    while any(p.is_alive() for p in others):
        daemon = _CONTEXT.Process(target=_work, args=(root,))
        daemon.start()
        until = time.monotonic() + (dice.random() * 0.3 if kill else 60)
        while time.monotonic() < until and any(p.is_alive() for p in others):
            time.sleep(0.001)
        daemon.kill()
        daemon.join()
        kills += 1
    return kills


def _round(folder: Path, renames: int, seed: int, result: Result, *, kill: bool) -> None:
    root = make_root(folder, "alex")
    world = World(root, _SETTINGS)
    world.reconcile()
    world.reconciler.close()
    versions: mp.SimpleQueue[dict[str, bool]] = _CONTEXT.SimpleQueue()
    edits: mp.SimpleQueue[list[str]] = _CONTEXT.SimpleQueue()
    writers = 2
    each = renames // writers
    them: list[BaseProcess] = [
        _CONTEXT.Process(target=_write, args=(world.place, n, each, seed * 10 + n, versions)) for n in range(writers)
    ]
    them.append(_CONTEXT.Process(target=_decide, args=(world.place, renames // 50, seed * 10 + 9, edits)))
    for process in them:
        process.start()
    result.kills += _killed_and_started(folder, them, random.Random(seed), kill=kill)
    replaced: dict[str, bool] = {}
    for _ in range(writers):
        replaced |= versions.get()
    saved = edits.get()
    world.restart()
    world.reconcile()
    result.problems += [f"{user}: {why}" for user, why in world.reconciler.problems.items()]
    world.reconciler.close()
    _count(world, replaced, saved, result)


def _count(world: World, replaced: dict[str, bool], saved: list[str], result: Result) -> None:
    staged: Counter[str] = Counter(_marks(c["raw_text"].encode()) for c in world.gate())
    staged.update(_marks(r["candidate"]["raw_text"].encode()) for r in world.receipts())
    kept = [p.read_bytes() for p in world.place.problems.iterdir() if not p.name.endswith(".why.txt")]
    refused: Counter[str] = Counter(_marks(data) for data in kept if b"nonsense" in data)
    decided = [r["raw_text"] for r in world.receipts()]
    for mark, was_replaced in replaced.items():
        result.renames += 1
        result.replaced += was_replaced
        result.staged += staged[mark]
        result.refused += refused[mark]
        if staged[mark] > 1 or refused[mark] > 1:
            result.problems.append(f"{mark} was taken {staged[mark] + refused[mark]} times")
        if not (was_replaced or staged[mark] or refused[mark]):
            result.problems.append(f"{mark} is lost")
    for edit in saved:
        result.edits += 1
        if not any(edit in text for text in decided) and not any(edit.encode() in data for data in kept):
            result.problems.append(f"{edit} is lost")
    left = [n for s in ("", "pending", "approved", "rejected", "problems") for n in world.names(s) if n.startswith(".")]
    if left or world.names():
        result.problems.append(f"left over: {left + world.names()}")


def _marks(data: bytes) -> str:
    found = _MARK.search(data)
    return found[0].decode() if found else ""


def run(
    folder: Path, renames: int, *, kill: bool = True, each: int = 1_000, tell: Callable[[str], object] = lambda t: None
) -> Result:
    """Make `renames` of them in roots in `folder`, `each` in one root."""
    result = Result()
    number = 0
    while result.renames < renames and len(result.problems) < 20:
        number += 1
        _round(folder / f"{number}", min(each, renames), number, result, kill=kill)
        tell(f"{result.renames:,} renames, {result.kills:,} kills, {len(result.problems)} problems")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renames", type=int, default=100_000)
    parser.add_argument("--no-kills", action="store_true")
    args = parser.parse_args()
    began = time.monotonic()
    with memory() as folder:
        result = run(folder, args.renames, kill=not args.no_kills, tell=lambda text: print(text, flush=True))
    print(
        f"{result.renames:,} renames in {time.monotonic() - began:.0f} s, {result.kills:,} kills: "
        f"{result.staged:,} staged, {result.refused:,} refused, {result.replaced:,} replaced by their writer; "
        f"{result.edits:,} edits saved over a card in approved/; {len(result.problems)} lost, doubled or left over"
    )
    for problem in result.problems[:20]:
        print(problem)
    raise SystemExit(bool(result.problems))


if __name__ == "__main__":
    main()
