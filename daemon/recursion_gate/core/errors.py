"""Errors, as types that read as a sentence and carry their data."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import ClassVar

from .text import printable

__all__ = ["AlreadyRunning", "BadSettings", "GateError", "NoRoot", "NotYet", "Parked", "Refusal"]


class GateError(Exception):
    """The base of all errors that this program raises on purpose. A subclass is a dataclass: its fields are what was
    given, and its `sentence`, in which ``{e}`` is the error, is what it says."""

    sentence: ClassVar[str] = ""

    def __str__(self) -> str:
        return self.sentence.format(e=self) or super().__str__()


class NoRoot(GateError):
    """No root was named and none was found upward of the working folder."""

    sentence = (
        "no root here: no folder upward of this one holds inbox/ and users/. "
        "Name one with --root DIR or $RECURSION_GATE_ROOT, or make one with 'recursion-gate init DIR'."
    )


@dataclass(eq=False)
class AlreadyRunning(GateError):
    """Another daemon works on this root (contract: promise 6). `pid` is None where it is unknown."""

    root: str
    pid: int | None
    sentence = "{e.who} is already the daemon of {e.root}. There can be only one writer at a time."

    @property
    def who(self) -> str:
        return f"process {self.pid}" if self.pid else "another process"


@dataclass(eq=False)
class BadSettings(GateError):
    """recursion-gate.toml cannot be used."""

    path: str
    problem: str
    sentence = "{e.path}: {e.problem}"


@dataclass(eq=False)
class Refusal(GateError):
    """A drop or an edited card cannot be used: `problem` says why, `remedy` what to do about it. `problem` stands in
    logs; what it is all about stands in `in_full`, for whoever has the file or the call."""

    problem: str
    remedy: str = ""
    #: True when the same file could still become right by being written further (JSON that just ends).
    maybe_unfinished: bool = field(default=False, kw_only=True)
    #: The state of an unreadable file at the attempt to read it.
    stat: os.stat_result | None = field(default=None, init=False)
    #: The value that is wrong, as `quoted` gives it: an agent's words, so it stands in no log.
    found: str = field(default="", kw_only=True)
    sentence = "{e.problem}"

    def __post_init__(self) -> None:
        self.problem = printable(self.problem)

    @property
    def in_full(self) -> str:
        """`problem`, and what was found (contract: "A reason names what was found")."""
        return f"{self.problem}; found {self.found}" if self.found else self.problem


@dataclass(eq=False)
class NotYet(GateError):
    """A file may still be being written: look again in `seconds`."""

    seconds: float


@dataclass(eq=False)
class Parked(GateError):
    """Work on one user has to stop until somebody has mended `path` (contract: "The gate"). Other users go on."""

    path: str
    problem: str
    remedy: str = ""

    def __post_init__(self) -> None:
        self.problem = printable(self.problem)

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f". {self.remedy}" if self.remedy else "")
