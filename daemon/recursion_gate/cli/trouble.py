"""Errors of a disk or a terminal in one line: the place, the problem, the remedy."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback

import click

__all__ = ["in_words", "to_click"]

_ROOM = "Make room there, then do it again."
_LIMIT = "Close some programs, or raise the limit (ulimit -n)."
_NOT_ALLOWED = "This account may not do that: docs/security.md says who may do what."
_WHAT_TO_DO = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: "Nothing can be written there: mount that disk for writing.",
    errno.EIO: "The disk may be failing: look into the system's log.",
    errno.EMFILE: _LIMIT,
    errno.ENFILE: _LIMIT,
    errno.ENOTDIR: "A file stands where a folder must be: move it away.",
    errno.EISDIR: "Something else stands where a plain file must be: move it away.",
}
_ELSE = "'recursion-gate doctor' looks for the cause."


def in_words(err: Exception, where: str = "") -> str:
    """The place (`where`, if the error has none), the problem and the remedy."""
    if not isinstance(err, OSError):
        return str(err)
    named = os.fsdecode(err.filename) if isinstance(err.filename, (str, bytes)) else where
    what = err.strerror or str(err) or type(err).__name__
    remedy = _WHAT_TO_DO.get(err.errno or 0, _ELSE)
    return f"{named + ': ' if named else ''}{what[:1].lower()}{what[1:]}. {remedy}"


def to_click(err: OSError) -> click.ClickException:
    """`err` as the one line that a command ends with."""
    if err.filename is not None or not _came_from_printing(err):
        return click.ClickException(in_words(err))
    with contextlib.suppress(OSError, ValueError):  # or Python would complain once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return click.ClickException(in_words(err, "standard output"))


def _came_from_printing(err: OSError) -> bool:
    steps = traceback.walk_tb(err.__traceback__)
    return any(frame.f_code is click.echo.__code__ for frame, _ in steps)
