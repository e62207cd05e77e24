"""Findings, in words that a person can act on; shared by `verify` and `doctor`.

How grave a finding is:

* ``fault``: something that neither the program nor ordinary editing of the Record leads to, or that stops the work.
* ``edit`` (`verify` only): the Record differs from the receipts in a way that a person's editor makes. It is theirs.
* ``warning`` (`doctor` only): the work goes on, but somebody should see to it.
* ``note``: good to know; nothing to be done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..store import baseline

__all__ = ["SEVERITIES", "Finding", "Findings", "Proof", "Severity"]

Severity = Literal["fault", "warning", "edit", "note"]

#: The gravest first.
SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "edit", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found."""

    severity: Severity
    #: The kind of finding: a short, stable name for programs.
    code: str
    #: The file or folder, from the root on, with ``/``; empty where it is the root or the machine.
    path: str
    problem: str
    #: The remedy; empty for a note.
    remedy: str = ""
    #: Whose part of the root it is in; None: nobody's.
    user: str | None = None
    #: The number of the line in the file, from 1.
    line: int | None = None
    #: Mends it; only where that can do no harm.
    fix: Callable[[], None] | None = field(default=None, compare=False, repr=False)

    @property
    def where(self) -> str:
        """``path:line``, as editors and grep write it."""
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def as_json(self) -> dict[str, Any]:
        return {
            "severity": self.severity,
            "code": self.code,
            "user": self.user,
            "where": self.where,
            "problem": self.problem,
            "remedy": self.remedy,
        }


class Findings:
    """Findings, at most `most` of one sort about one file: a million faults read no better than a hundred."""

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self._found: list[Finding] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, finding: Finding) -> None:
        key = (finding.code, finding.path)
        self._counts[key] += 1
        if self._counts[key] <= self._limit:
            self._found.append(finding)

    def codes(self) -> set[str]:
        return {code for code, _ in self._counts}

    def drop(self, codes: Iterable[str]) -> None:
        """Forget what was found of these sorts."""
        gone = set(codes)
        self._found = [f for f in self._found if f.code not in gone]
        self._counts = Counter({key: n for key, n in self._counts.items() if key[0] not in gone})

    def listed(self) -> list[Finding]:
        """All of them, the gravest first, in the order they were found."""
        found = list(self._found)
        for key, n in self._counts.items():
            if n > self._limit:
                last = next(f for f in reversed(self._found) if (f.code, f.path) == key)
                found.append(
                    replace(last, line=None, problem=f"and {n - self._limit:,} more of this kind in this file")
                )
        return sorted(found, key=lambda f: SEVERITIES.index(f.severity))


@dataclass(slots=True)
class Proof:
    """Counts and findings for one user."""

    user: str
    receipts: int = 0
    approved: int = 0
    rejected: int = 0
    undone: int = 0
    forgotten: int = 0
    #: Lines that stand in the Record by the receipts.
    lines: int = 0
    #: Candidates at the gate; None when it does not parse.
    pending: int | None = 0
    #: The number and the hash of the last receipt.
    seq: int = 0
    head: str = baseline.NONE
    findings: list[Finding] = field(default_factory=list)
    #: The lines that are missing in the Record: the number of the receipt, and the file.
    missing: list[tuple[int, str]] = field(default_factory=list)
    #: The anchors that were found.
    anchored: set[str] = field(default_factory=set)

    @property
    def holds(self) -> bool:
        """Whether there is no fault."""
        return all(f.severity != "fault" for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        names = ("user", "receipts", "approved", "rejected", "undone", "forgotten", "lines", "pending", "seq", "head")
        return {"holds": self.holds, **{name: getattr(self, name) for name in names}}
