"""Readers in a loop while merges run: what they see must be, each time, the state after exactly k merges.

    python tests/torture/readers.py --merges 10000 --readers 2

One process writes as the daemon does (`Keeper.keep`): it stages, approves and rejects, in passes of one to many
decisions. The others take snapshots as fast as they can and note what they saw. Afterwards each is held against the
files as they are then (`tests/truth.py`).

What reading costs the writer: its rate with readers is set beside its rate with as many processes that are as busy and
touch no file, since they take their share of the processors just the same.

To show that there is something to be seen, each reader also reads the files one after the other, as a reader that
knows nothing of receipts would, and it is counted how often that showed a line without its receipt or the reverse.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from recursion_gate import read
from recursion_gate.layout import RECORD_FILES, Place, Root

from tests.conftest import make_root
from tests.truth import Seen, Truth, seen
from tests.world import World


@dataclass
class Result:
    """What came of one run."""

    merges: int = 0
    seconds: float = 0.0
    #: Each state that was seen, and how often.
    states: Counter[Seen] = field(default_factory=Counter)
    naive: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Merges a second."""
        return self.merges / self.seconds


# -- the writer -------------------------------------------------------------------------------------------------------


def write(world: World, merges: int, seed: int = 1) -> list[str]:
    """Stage and decide until `merges` are done; gives the ids in the order they were staged."""
    dice = random.Random(seed)
    staged: list[str] = []
    done = 0
    while done < merges:
        if len(staged) - done < 40:
            ids = [f"c{n:06}" for n in range(len(staged), len(staged) + 40)]
            for candidate_id in ids:
                world.drop(f"{candidate_id}.json", _candidate(candidate_id, dice))
            staged += ids
            world.keeper.keep(world.user)
        cards = sorted(world.place.pending.iterdir())
        for card in dice.sample(cards, min(len(cards), dice.choice((1, 1, 1, 2, 3, 8)), merges - done)):
            world.move(card, "rejected" if dice.random() < 0.1 else "approved")
            done += 1
        if dice.random() < 0.3:  # more is staged in the same turn
            extra = f"c{len(staged):06}"
            world.drop(f"{extra}.json", _candidate(extra, dice))
            staged.append(extra)
        world.keeper.keep(world.user)
    return staged


def _candidate(candidate_id: str, dice: random.Random) -> dict[str, object]:
    return {
        "id": candidate_id,
        "raw_text": f"Did {candidate_id}, {' '.join(dice.choices(('slowly', 'twice', 'with care', 'at home'), k=4))}.",
        "skill_tag": dice.choice(("THINK", "WRITE", "WORK", "STEWARD")),
        "suggested_ix_section": dice.choice(("IX-A", "IX-B", "IX-C", None)),
        "created_at": "2026-11-24T10:00:00Z",
        "source": "torture",
    }


# -- the readers ------------------------------------------------------------------------------------------------------


def look_on(root: Path, stop: Event, ready: Event, out: mp.SimpleQueue[object]) -> None:
    """Take snapshots until `stop`."""
    states: Counter[Seen] = Counter()
    naive: Counter[str] = Counter()
    slowest = 0.0
    problem = ""
    place = Root(root).place("alex")
    while not stop.is_set() and not problem:
        began = time.perf_counter()
        try:
            taken = read.snapshot(root, "alex")
        except Exception as err:
            problem = f"a snapshot failed: {err!r}"
            break
        slowest = max(slowest, time.perf_counter() - began)
        states[seen(taken)] += 1
        ready.set()
        naive[_naive(place)] += 1
    ready.set()
    out.put((states, naive, slowest, problem))


def spin(stop: Event, ready: Event) -> None:
    """As busy as a reader, without a look at any file, until `stop`."""
    ready.set()
    while not stop.is_set():
        json.loads(json.dumps({str(n): n for n in range(500)}))


def _naive(place: Place) -> str:
    """What a reader sees who reads file after file, of the last receipt and the last evidence."""
    try:
        evidence = (place.home / "self-evidence.md").read_text()
        ledger = place.ledger.read_bytes()
        skills = "".join((place.home / n).read_text() for n in RECORD_FILES if n.startswith("self-skill"))
    except FileNotFoundError:
        return "nothing there yet"
    lines = [line for line in ledger.split(b"\n")[-40:-1] if line]
    approved = [r for r in map(json.loads, lines) if r["action"] == "approved"]
    if any(r["evidence_id"] not in evidence or r["evidence_id"] not in skills for r in approved):
        return "a receipt without its lines"
    last = evidence.partition("\n---")[0].rstrip().rpartition("\n")[2].split(" ")[1]
    if last.startswith("ACT-") and last.encode() not in ledger:
        return "a line without its receipt"
    return "whole"


# -- both -------------------------------------------------------------------------------------------------------------


def run(folder: Path, merges: int, readers: int, spinners: int = 0) -> Result:
    """`merges` merges in a new root in `folder`, while so many readers look on, or so many others are busy."""
    root = make_root(folder / f"root-{readers}-{spinners}", "alex")
    world = World(root)
    result = Result(merges=merges)
    context = mp.get_context("spawn")
    stop, out = context.Event(), context.SimpleQueue()
    ready = [context.Event() for _ in range(readers + spinners)]
    processes = [
        context.Process(target=look_on, args=(root.path, stop, each, out), daemon=True) for each in ready[:readers]
    ]
    processes += [context.Process(target=spin, args=(stop, each), daemon=True) for each in ready[readers:]]
    for process, is_ready in zip(processes, ready, strict=True):
        process.start()
        assert is_ready.wait(60)
    began = time.perf_counter()
    try:
        staged = write(world, merges)
    finally:
        result.seconds = time.perf_counter() - began
        stop.set()
        answers = [out.get() for _ in range(readers)]
        for process in processes:
            process.join()
    for states, naive, slowest, problem in answers:
        result.states += states
        result.naive += naive
        result.slowest = max(result.slowest, slowest)
        result.problems += [problem] if problem else []
    world.keeper.close()
    truth = Truth(world.place, staged)
    result.problems += filter(None, map(truth.problem, result.states))
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--merges", type=int, default=10_000)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to work; else a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        alone = run(folder, given.merges, 0)
        print(f"alone:                {alone.rate:6,.0f} decisions a second", flush=True)
        beside = run(folder, given.merges, 0, spinners=given.readers)
        print(f"beside {given.readers} busy others: {beside.rate:6,.0f} a second", flush=True)
        watched = run(folder, given.merges, given.readers)
        print(f"with {given.readers} readers:       {watched.rate:6,.0f} a second")
    seqs = {state.seq for state in watched.states}
    merging = sum(n for state, n in watched.states.items() if state.completed)
    print(f"decisions:            {watched.merges:,}")
    print(f"snapshots:            {watched.states.total():,}, the slowest {1000 * watched.slowest:,.0f} ms")
    print(f"  in mid-merge:       {merging:,}")
    print(f"  after different:    {len(seqs):,} receipts")
    print(f"  never the state:    {len(watched.problems):,}")
    torn = {what: n for what, n in watched.naive.items() if "without" in what}
    print(f"read one after the other, the same files would have shown: {torn or 'nothing torn'}")
    for problem in watched.problems[:10]:
        print(problem)
    return 1 if watched.problems else 0


if __name__ == "__main__":
    sys.exit(main())
