"""How good the hints are: pairs of texts, each with the hint that it should have.

``python -m tests.hints`` prints the figures that docs/reading.md gives, ``--wrong`` also the pairs of the chosen half
that come out wrong. The rules in `reading.likeness` are made on the chosen half only; the other half is held out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recursion_gate.reading.likeness import SAME, Index, Said

__all__ = ["CLASSES", "Figures", "Pair", "found", "measure", "pairs"]

#: What the texts of a pair are to each other: the same words, nearly the same, contradicting, or nothing.
CLASSES = ("same", "near", "conflicting", "unrelated")


@dataclass(frozen=True)
class Pair:
    """Two texts, and the class that a person gave them."""

    label: str
    language: str
    one: str
    other: str


@dataclass
class Figures:
    """What came out for one half of the pairs."""

    name: str
    #: How many pairs of each class (first) were found to be of each class (second).
    counts: dict[tuple[str, str], int] = field(default_factory=lambda: {(a, b): 0 for a in CLASSES for b in CLASSES})
    wrong: list[tuple[Pair, str]] = field(default_factory=list)

    def precision(self, label: str) -> float:
        """Of the pairs that were found to be of a class, those that are."""
        said = sum(self.counts[a, label] for a in CLASSES)
        return self.counts[label, label] / said if said else 1.0

    def recall(self, label: str) -> float:
        """Of the pairs of a class, those that were found to be."""
        return self.counts[label, label] / sum(self.counts[label, b] for b in CLASSES)

    def row(self) -> str:
        """The row of the table in the docs."""
        cells = [f"{self.precision(label):.0%} / {self.recall(label):.0%}" for label in CLASSES]
        return f"| {self.name} | {sum(self.counts.values())} | {' | '.join(cells)} |"


def pairs() -> tuple[list[Pair], list[Pair]]:
    """The chosen half and the held-out half: of each class every other pair."""
    halves: tuple[list[Pair], list[Pair]] = [], []
    seen = dict.fromkeys(CLASSES, 0)
    for line in Path(__file__).with_name("pairs.tsv").read_text("utf-8").splitlines():
        pair = Pair(*line.split("\t"))
        halves[seen[pair.label] % 2].append(pair)
        seen[pair.label] += 1
    return halves


def found(one: str, other: str) -> str:
    """The class that the hints give a pair."""
    index = Index[str]()
    index.add(Said("other", other))
    hints = index.nearest(Said("one", one))
    if not hints:
        return "unrelated"
    if hints[0].kind == "possible conflict":
        return "conflicting"
    return "same" if hints[0].why == SAME else "near"


def measure() -> Iterator[Figures]:
    """The figures of each half, and of both."""
    both = Figures("both")
    for name, half in zip(("chosen", "held out"), pairs(), strict=True):
        figures = Figures(name)
        for pair in half:
            label = found(pair.one, pair.other)
            for each in (figures, both):
                each.counts[pair.label, label] += 1
                if label != pair.label:
                    each.wrong.append((pair, label))
        yield figures
    yield both
