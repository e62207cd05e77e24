"""How far long work has come, on the last line of a terminal; nothing in a pipe."""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

__all__ = ["Log", "Progress"]

#: So much is left when it is worth saying so, and so often, in seconds, it is said.
_MANY, _EVERY = 100, 0.1

_CLEAR = "\r\033[K"


class Progress:
    """The line ``3,200 done, 6,800 to go``, while a backlog is worked off. A context: it ends with the line gone."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_on = self._stream.isatty()
        self._line = ""
        self._base = 0
        self._next = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._put("")

    def __call__(self, done: int, left: int) -> None:
        """`done` things were done since the start, and `left` are known to be left."""
        if not self._is_on:
            return
        if not left:
            self._base = done
            self._put("")
        elif self._line or left >= _MANY:
            here = time.monotonic()
            if here >= self._next:
                self._next = here + _EVERY
                self._put(f"{done - self._base:,} done, {left:,} to go")

    def _put(self, line: str) -> None:
        if line or self._line:
            self._line = line
            try:
                self._stream.write(_CLEAR + line)
                self._stream.flush()
            except (OSError, ValueError):  # the terminal is gone; the work goes on
                self._is_on, self._line = False, ""

    def above(self, text: str) -> str:
        """What is to be written for `text`, whole lines, to stand above the line."""
        return f"{_CLEAR}{text}{self._line}" if self._line else text


class Log(logging.StreamHandler[TextIO]):
    """A log on the terminal where the progress is shown too."""

    def __init__(self, progress: Progress, stream: TextIO | None = None) -> None:
        super().__init__(stream or sys.stderr)
        self.terminator = ""
        self._progress = progress

    def format(self, record: logging.LogRecord) -> str:
        return self._progress.above(super().format(record) + "\n")
