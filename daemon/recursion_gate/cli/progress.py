"""The progress of long work, on the last line of a terminal; nothing in a pipe."""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

__all__ = ["Log", "Progress"]

#: The least work left that is shown, and the seconds between two updates.
_MANY, _EVERY = 100, 0.1

_CLEAR = "\r\033[K"


class Progress:
    """The line ``3,200 done, 6,800 to go`` during a backlog; removed when the context ends."""

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
        """Show `done`, counted since the start, and `left`."""
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
        """`text`, whole lines, with the control characters that put it above the progress line."""
        return f"{_CLEAR}{text}{self._line}" if self._line else text


class Log(logging.StreamHandler[TextIO]):
    """A log on the terminal that also shows the progress."""

    def __init__(self, progress: Progress, stream: TextIO | None = None) -> None:
        super().__init__(stream or sys.stderr)
        self.terminator = ""
        self._progress = progress

    def format(self, record: logging.LogRecord) -> str:
        return self._progress.above(super().format(record) + "\n")
