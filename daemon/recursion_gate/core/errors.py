"""What can go wrong, as types that read as a sentence and carry their data."""

from __future__ import annotations

import os

from .unseen import is_unseen, shows

__all__ = ["AlreadyRunning", "BadSettings", "GateError", "NoRoot", "NotYet", "Parked", "Refusal", "printable"]


def printable(text: str) -> str:
    """`text` on one line, without what would move a cursor or cannot be seen: ``?`` in its place."""
    if is_unseen(text):
        return "".join(c if c.isprintable() and not is_unseen(c) else "?" for c in text)
    return text if text.isprintable() else "".join(c if shows(c) else "?" for c in text)


class GateError(Exception):
    """The base of all errors that this program raises on purpose."""


class NoRoot(GateError):
    """No root was named and none was found upward of the working folder."""

    def __str__(self) -> str:
        return (
            "no root here: no folder upward of this one holds inbox/ and users/. "
            "Name one with --root DIR or $RECURSION_GATE_ROOT, or make one with 'recursion-gate init DIR'."
        )


class AlreadyRunning(GateError):
    """Another daemon works on this root (contract: promise 6). `pid` is None where it cannot be told."""

    def __init__(self, root: str, pid: int | None) -> None:
        super().__init__(root, pid)
        self.root, self.pid = root, pid

    def __str__(self) -> str:
        who = f"process {self.pid}" if self.pid else "another process"
        return f"{who} is already the daemon of {self.root}. There can be only one writer at a time."


class BadSettings(GateError):
    """recursion-gate.toml cannot be used."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path, self.problem = path, problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class Refusal(GateError):
    """What was dropped, or edited, cannot be used: `problem` says why and `remedy` what to do about it."""

    def __init__(self, problem: str, remedy: str = "", *, maybe_unfinished: bool = False) -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = printable(problem), remedy
        #: True when the same file could still become right by being written further (JSON that just ends).
        self.maybe_unfinished = maybe_unfinished
        #: Of a file that could not even be read: as it was when that was tried.
        self.stat: os.stat_result | None = None

    def __str__(self) -> str:
        return self.problem


class NotYet(GateError):
    """A file may still be being written: look again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Parked(GateError):
    """Work on one user has to stop until somebody has mended `path` (contract: "The gate"). Other users go on."""

    def __init__(self, path: str, problem: str, remedy: str = "") -> None:
        super().__init__(path, problem, remedy)
        self.path, self.problem, self.remedy = path, printable(problem), remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f". {self.remedy}" if self.remedy else "")
