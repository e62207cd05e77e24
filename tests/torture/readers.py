"""Readers in a loop while merges run: what they see must be, each time, the state after exactly k merges.

    python -m tests.torture.readers --merges 10000
    python -m tests.torture.readers --after --merges 2000

One process writes as the daemon does (`Reconciler.reconcile`): it stages, approves and rejects, in passes of one to
many decisions. The others take snapshots as fast as they can and note what they saw. Afterwards each is held against
the files as they are then (`tests/support/truth.py`).

With --after the writer also takes decisions back, corrects, retracts and forgets, one at a time, and writes down the
state after each: what a reader sees must be one of those, so the state before or after each decision.

What reading costs the writer: its rate with readers is set beside its rate with as many processes that are as busy and
touch no file, since they take their share of the processors just the same. The three take turns, round by round,
so that what else the machine does falls on all of them alike.

To show that there is something to be seen, each reader also reads the files one after the other, as a reader that
knows nothing of receipts would, and it is counted how often that showed a line without its receipt or the reverse.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing as mp
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from recursion_gate.core.model import id_hash
from recursion_gate.core.paths import RECORD_FILES, Place, Root
from recursion_gate.formats import cards
from recursion_gate.reading import snapshot

from ..support.roots import make_root
from ..support.truth import Seen, Truth, digest, seen
from ..support.world import World


@dataclass
class Result:
    """What came of one run."""

    merges: int = 0
    #: Decisions a second, round by round.
    rates: list[float] = field(default_factory=list)
    #: Each state that was seen, and how often.
    states: Counter[Seen] = field(default_factory=Counter)
    naive: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    problems: list[str] = field(default_factory=list)


# -- the writer -------------------------------------------------------------------------------------------------------


class Writer:
    """Agents, a person and the daemon, in one process: stages and decides, in turns."""

    def __init__(self, world: World) -> None:
        self.world = world
        #: The ids in the order they were staged.
        self.staged: list[str] = []
        self.done = 0
        self._dice = random.Random(1)

    def work(self, merges: int) -> float:
        """Make `merges` more decisions; gives how many seconds it took."""
        began = time.perf_counter()
        until = self.done + merges
        while self.done < until:
            if len(self.staged) - self.done < 40:
                for _ in range(40):
                    self._drop()
                self.world.reconciler.reconcile(self.world.user)
            self._turn(until - self.done)
        return time.perf_counter() - began

    def _turn(self, most: int) -> None:
        world, dice = self.world, self._dice
        cards = sorted(world.place.pending.iterdir())
        for card in dice.sample(cards, min(len(cards), dice.choice((1, 1, 1, 2, 3, 8)), most)):
            world.move(card, "rejected" if dice.random() < 0.1 else "approved")
            self.done += 1
        if dice.random() < 0.3:  # more is staged in the same turn
            self._drop()
        world.reconciler.reconcile(world.user)

    def _drop(self) -> None:
        candidate_id = f"c{len(self.staged):06}"
        self.world.drop(f"{candidate_id}.json", _candidate(candidate_id, self._dice))
        self.staged.append(candidate_id)


def _candidate(candidate_id: str, dice: random.Random) -> dict[str, object]:
    return {
        "id": candidate_id,
        "raw_text": f"Did {candidate_id}, {' '.join(dice.choices(('slowly', 'twice', 'with care', 'at home'), k=4))}.",
        "skill_tag": dice.choice(("THINK", "WRITE", "WORK", "STEWARD")),
        "suggested_ix_section": dice.choice(("IX-A", "IX-B", "IX-C", None)),
        "created_at": "2026-11-24T10:00:00Z",
        "source": "torture",
    }


class Life(Writer):
    """What comes after approval, too: corrections, retractions, decisions taken back, entries forgotten. The states are
    written down as they stand on disk when the daemon has done its work."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: By the number of the last receipt: its hash, the Record, and the gate after it.
        self.states: dict[int, tuple[str, str, list[str]]] = {}
        #: The gate after it with all that was staged until the next one.
        self.gates: dict[int, list[str]] = {}
        self._acts: list[str] = []
        self._numbers = itertools.count()
        self._note()

    def _note(self) -> None:
        receipts, ids, record = self.world.receipts(), self.world.gate_ids(), self.world.record()
        self.done = len(receipts)
        head = receipts[-1]["hash"] if receipts else ""
        texts = digest([record.get(name, b"").decode() for name in RECORD_FILES])
        self.states.setdefault(self.done, (head, texts, ids))
        self.gates[self.done] = ids
        assert self.states[self.done][:2] == (head, texts), "a Record that changed without a receipt"

    def work(self, merges: int) -> float:
        began, until = time.perf_counter(), self.done + merges
        while self.done < until:
            self._one()
        return time.perf_counter() - began

    def _one(self) -> None:
        world, dice = self.world, self._dice
        kind = dice.choice(("approve", "approve", "approve", "reject", "undo", "undo", "forget"))
        filed = sorted(world.place.receipts.glob("*/*.md"))
        if kind in ("approve", "reject"):
            for _ in range(dice.randint(1, 3)):
                self._propose()
            world.reconcile()
            self._note()
            if waiting := world.names("pending"):
                card = world.place.pending / dice.choice(waiting)
                world.move(card, "approved" if kind == "approve" else "rejected")
        elif kind == "undo" and filed:
            shutil.copy(dice.choice(filed), world.place.undo)
        elif filed:
            given = cards.id_of(dice.choice(filed).read_bytes())
            (world.place.undo / "forget.md").write_text(f'---\nforget: "{given}"\n---\n')
        world.reconcile()
        self._note()
        for path in world.place.problems.iterdir():
            path.unlink()

    def _propose(self) -> None:
        dice, candidate_id = self._dice, f"c{next(self._numbers):06}"
        fields = _candidate(candidate_id, dice)
        if self._acts and (how := dice.choice((None, "supersedes", "supersedes", "retracts"))):
            fields[how] = dice.choice(self._acts[-20:])
        if fields.keys().isdisjoint(("retracts",)):
            self._acts.append(f"ACT-2026-11-24-{id_hash(candidate_id)}")
        self.world.drop(f"{candidate_id}.json", fields)

    def problem(self, this: Seen) -> str:
        """Why `this` was never the state of things; "" when it was."""
        if this.seq not in self.states:
            return f"receipt {this.seq} was never written alone"
        head, texts, ids = self.states[this.seq]
        if (this.head, this.record) != (head, texts):
            return f"hash or Record are not those after receipt {this.seq}"
        if this.waiting < len(ids) or this.gate != digest(self.gates[this.seq][: this.waiting]):
            return f"the gate, with {this.waiting} waiting, is not that after receipt {this.seq}"
        return ""


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
            taken = snapshot.snapshot(root, "alex")
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
        with open(place.ledger, "rb") as file:
            file.seek(max(0, place.ledger.stat().st_size - 100_000))
            ledger = file.read()
        skills = "".join((place.home / n).read_text() for n in RECORD_FILES if n.startswith("self-skill"))
    except FileNotFoundError:
        return "nothing there yet"
    lines = ledger.split(b"\n")[1:-1][-30:]
    approved = [r for r in map(json.loads, lines) if r["action"] == "approved" and r["evidence_id"]]
    if any(r["evidence_id"] not in evidence or r["evidence_id"] not in skills for r in approved):
        return "a receipt without its lines"
    last = evidence.partition("\n---")[0].rstrip().rpartition("\n")[2].split(" ")[1]
    if last.startswith("ACT-") and last.encode() not in ledger:
        return "a line without its receipt"
    return "whole"


# -- both -------------------------------------------------------------------------------------------------------------


class Show:
    """One root on which a writer works, with readers looking on, or others that are merely busy, or nobody."""

    def __init__(self, folder: Path, readers: int, spinners: int = 0, *, after: bool = False) -> None:
        self._world = World(make_root(folder / f"{readers}-{spinners}", "alex"))
        self._writer = Life(self._world) if after else Writer(self._world)
        self._readers, self._spinners = readers, spinners
        self.result = Result()

    def go_on(self, merges: int) -> None:
        """So many decisions more."""
        context = mp.get_context("spawn")
        stop, out = context.Event(), context.SimpleQueue()
        ready = [context.Event() for _ in range(self._readers + self._spinners)]
        looking: list[tuple[Callable[..., None], tuple[object, ...]]] = [
            (look_on, (self._world.root.path, stop, each, out)) for each in ready[: self._readers]
        ]
        spinning: list[tuple[Callable[..., None], tuple[object, ...]]] = [
            (spin, (stop, each)) for each in ready[self._readers :]
        ]
        processes = [context.Process(target=what, args=args, daemon=True) for what, args in looking + spinning]
        for process in processes:
            process.start()
        try:
            for each in ready:
                assert each.wait(60)
            seconds = self._writer.work(merges)
        finally:
            stop.set()
            answers = [out.get() for _ in looking]
            for process in processes:
                process.join()
        result = self.result
        result.rates.append(merges / seconds)
        result.merges += merges
        for states, naive, slowest, problem in answers:
            result.states += states
            result.naive += naive
            result.slowest = max(result.slowest, slowest)
            result.problems += [problem] if problem else []

    def end(self) -> Result:
        """Hold what was seen against the files."""
        self._world.reconciler.close()
        writer = self._writer
        truth = writer if isinstance(writer, Life) else Truth(self._world.place, writer.staged)
        self.result.problems += filter(None, map(truth.problem, self.result.states))
        return self.result


def run(folder: Path, merges: int, readers: int, *, after: bool = False) -> Result:
    """`merges` decisions while so many readers look on; with those `after` approval, too."""
    show = Show(folder, readers, after=after)
    show.go_on(merges)
    return show.end()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--merges", type=int, default=10_000, help="decisions with readers, and as many without")
    parser.add_argument("--rounds", type=int, default=20, help="in how many rounds, so that the three take turns")
    parser.add_argument("--readers", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; else a temporary folder")
    parser.add_argument("--after", action="store_true", help="also undo, correct, retract and forget; no rates")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        if given.after:
            return _print(run(folder, given.merges, given.readers, after=True))
        alone, beside = Show(folder, 0), Show(folder, 0, spinners=given.readers)
        watched = Show(folder, given.readers)
        for number in range(given.rounds):
            shows = [alone, beside, watched]
            for show in shows[number % 3 :] + shows[: number % 3]:
                show.go_on(given.merges // given.rounds)
        rates = [_median(show.result.rates) for show in (alone, beside, watched)]
        result = watched.end()
    print(f"decisions a second, median of {given.rounds} rounds")
    print(f"  alone                {rates[0]:8,.0f}")
    print(f"  beside {given.readers} busy process{'es' if given.readers > 1 else '  '}{rates[1]:8,.0f}")
    print(f"  with {given.readers} reader{'s' if given.readers > 1 else ' '}       {rates[2]:8,.0f}")
    return _print(result)


def _print(result: Result) -> int:
    merging = sum(n for state, n in result.states.items() if state.completed)
    print(f"decisions              {result.merges:8,}")
    print(f"snapshots              {result.states.total():8,}, the slowest {1000 * result.slowest:,.0f} ms")
    print(f"  in mid-merge         {merging:8,}")
    print(f"  different states     {len(result.states):8,}")
    print(f"  never the state      {len(result.problems):8,}")
    torn = {what: n for what, n in result.naive.items() if "without" in what}
    print(f"read file after file   {result.naive.total():8,} times: {torn or 'never torn'}")
    for problem in result.problems[:10]:
        print(problem)
    return 1 if result.problems else 0


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    sys.exit(main())
