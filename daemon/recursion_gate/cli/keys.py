"""Single keys and short lines on a terminal, lines from a pipe. What was typed before a question is no answer to it."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from .output import wrapped

try:
    import termios
    import tty
except ImportError:  # not on Windows
    termios = tty = None  # type: ignore[assignment]

__all__ = ["ESC", "key", "line"]

ESC = "\x1b"
#: A key repeated within this many seconds is held down or pasted: keyboards repeat 10 to 40 times a second.
_REPEATS = 0.12
#: How long nothing may be typed then before a key counts.
_QUIET = 0.15


def key(prompt: str, not_before: float = 0) -> str:
    """One key; from a pipe, the first letter of a line; "q" at the end of the input. A key that was typed before
    `not_before` (`time.monotonic`), or that is held down, does not count. Raises KeyboardInterrupt."""
    click.secho(wrapped(prompt) + " ", bold=True, nl=False)
    if not sys.stdin.isatty():
        said = sys.stdin.readline()
        click.echo()
        return said.strip()[:1].lower() if said else "q"
    got = _key_of_windows() if termios is None else _key(not_before)
    click.echo()
    return got


def _key_of_windows() -> str:
    try:
        return click.getchar(echo=False).lower()
    except EOFError:
        return "q"


def _key(not_before: float) -> str:
    fd = sys.stdin.fileno()
    with _mode(fd) as before:
        tty.setcbreak(fd, termios.TCSANOW)
        termios.tcflush(fd, termios.TCIFLUSH)
        while True:
            while select.select([fd], [], [], max(0.0, not_before - time.monotonic()))[0]:
                if os.read(fd, 64) in (b"", before[6][termios.VEOF]):
                    return "q"
                not_before = max(not_before, time.monotonic() + _QUIET)
            got = os.read(fd, 64)
            if got in (b"", before[6][termios.VEOF]):
                return "q"
            if got.startswith(b"\x1b") and len(got) > 1:  # an arrow, Home, F1: no key of ours
                return "\0"
            pressed = got.decode(errors="replace")
            if len(pressed) == 1 and not select.select([fd], [], [], _REPEATS)[0]:
                return pressed.lower()
            not_before = time.monotonic() + _QUIET


def line(prompt: str) -> str | None:
    """A line that is typed; None after Esc, Ctrl-C or Ctrl-D: it was not meant."""
    if not sys.stdin.isatty() or termios is None:
        try:
            return str(click.prompt(prompt, default="", show_default=False))
        except click.Abort:
            click.echo()
            return None
    fd = sys.stdin.fileno()
    with _mode(fd) as before:
        mode = [*before[:6], list(before[6])]
        mode[6][termios.VEOL] = b"\x1b"  # Esc ends a line, too; all other editing is the terminal's own
        termios.tcsetattr(fd, termios.TCSAFLUSH, mode)
        try:  # Ctrl-C may come as soon as the prompt stands there
            click.echo(f"{prompt}, Esc leaves: ", nl=False)
            got = os.read(fd, 4096)
        except KeyboardInterrupt:
            got = b""
        if not got.endswith(b"\n"):
            click.echo()
            return None
    return got.decode(errors="replace").strip()


@contextmanager
def _mode(fd: int) -> Iterator[list[Any]]:
    """Leaves the terminal as it was, whatever happens; what was typed meanwhile and not read is thrown away."""
    before = termios.tcgetattr(fd)
    try:
        yield before
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)
