"""How well `voice ask` answers: a sample Record, questions with known answers, and questions that it cannot answer.

``python -m tests.voice`` prints the figures that docs/reading.md gives, ``--wrong`` also where they come from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from recursion_gate.admin import setup
from recursion_gate.core.model import Candidate, act_id
from recursion_gate.core.paths import Root
from recursion_gate.reading import snapshot as read
from recursion_gate.reading import voice

from ..support.world import World

HERE = Path(__file__).parent


@dataclass
class Figures:
    """What came out for one set of questions."""

    name: str
    known: int = 0
    unknown: int = 0
    right: int = 0  # the first line answers
    among: int = 0  # one of the three lines answers
    refused: int = 0  # non-answers that were refused
    wrong: list[str] = field(default_factory=list)
    said: int = 0  # questions, of both kinds, to which something was said

    @property
    def recall(self) -> float:
        return self.right / self.known

    @property
    def precision(self) -> float:
        return self.right / self.said

    @property
    def refusals(self) -> float:
        return self.refused / self.unknown

    def row(self) -> str:
        """The row of the table in the docs."""
        return (
            f"| {self.name} | {self.known} | {self.recall:.0%} | {self.among / self.known:.0%} | {self.precision:.0%} "
            f"| {self.unknown} | {self.refusals:.0%} |"
        )


def sample(root: Root) -> tuple[World, dict[str, str]]:
    """The sample Record at `root`, approved line by line through the daemon's own code; and the ACT id by candidate."""
    setup.make_root(root)
    setup.add_user(root, "mira")
    world = World(root, user="mira")
    drops = (HERE / "record.jsonl").read_text("utf-8")
    world.drop("record.jsonl", drops)
    world.reconcile()
    ids = {c["id"]: act_id(Candidate.model_validate(c)) for c in world.gate()}
    for card in sorted(world.place.pending.iterdir()):
        world.move(card, "approved")
    world.reconcile()
    return world, ids


def measure(snapshot: read.Snapshot, ids: dict[str, str]) -> list[Figures]:
    """The figures for each half of the questions, and for both."""
    told = json.loads((HERE / "questions.json").read_text("utf-8"))
    halves = [_half(snapshot, ids, name, told[name]) for name in ("chosen", "held_out")]
    both = Figures("both")
    for half in halves:
        for name in ("known", "unknown", "right", "among", "refused", "said"):
            setattr(both, name, getattr(both, name) + getattr(half, name))
        both.wrong += half.wrong
    return [*halves, both]


def _half(snapshot: read.Snapshot, ids: dict[str, str], name: str, told: dict[str, list]) -> Figures:  # type: ignore[type-arg]
    found = Figures(name.replace("_", " "), len(told["known"]), len(told["unknown"]))
    for question, answers in told["known"]:
        answer = voice.ask(snapshot, question)
        hits = [bool(set(line.evidence_ids) & {ids[a] for a in answers}) for line in answer.lines]
        found.said += answer.known
        found.right += hits[:1] == [True]
        found.among += any(hits)
        if hits[:1] != [True]:
            found.wrong.append(f"{question}\n    {answer.answer}")
    for question in told["unknown"]:
        answer = voice.ask(snapshot, question)
        found.said += answer.known
        found.refused += not answer.known
        if answer.known:
            found.wrong.append(f"{question} (not in the Record)\n    {answer.answer}")
    return found
