"""Remove or move the very file that is meant, never another that came under its name meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from ..core.paths import aside_name, is_aside, original_name
from . import atomic

__all__ = ["put_back", "take_away"]


def take_away(path: Path | str, still: Callable[[str], bool], target: Path | str | None = None) -> bool:
    """Remove the file at `path`, or move it to `target`, which the caller has seen to be free, if it is `still` the one
    that is meant. Another one, which somebody renamed over it, stays, and False is returned.

    A look at a name and a removal by it are two calls, and the file may change in between. So the file gets a name that
    nobody else uses, in the same folder (see `atomic.move`), and the look is at that name. A stop may leave it there,
    and so does another file that has taken its own name; `put_back` sees to both at the next look.

    Raises FileNotFoundError when nothing is there any more, OSError; then it may be left aside.
    """
    aside = _take_aside(str(path))
    try:
        if still(aside):
            if target is None:
                atomic.calls.unlink(aside)
            else:
                atomic.calls.rename_new(aside, str(target))
            return True
    except OSError:  # a file stays aside for the next look: a rename more would give it another ctime
        if os.path.isdir(aside):  # a folder may be ours to rename and not to move
            put_back(aside)
        raise
    put_back(aside)
    return False


#: So many files that were taken aside may have the same name at once.
_ASIDE_AT_ONCE = 100


def _take_aside(path: str) -> str:
    folder, name = os.path.split(path)
    if is_aside(name):
        return path
    for number in range(_ASIDE_AT_ONCE):
        aside = os.path.join(folder, aside_name(name, number))
        try:
            atomic.calls.rename_new(path, aside)
            return aside
        except FileExistsError:
            continue
        except OSError as err:
            if err.errno == errno.ENAMETOOLONG:  # the name leaves no room for another one
                return path
            raise
    raise FileExistsError(errno.EBUSY, os.strerror(errno.EBUSY), path)


def put_back(path: Path | str) -> str:
    """Give a file that is taken aside its own name again, unless that is taken; gives the path it has now."""
    folder, name = os.path.split(str(path))
    target = os.path.join(folder, original_name(name))
    if target != str(path):
        with contextlib.suppress(OSError):
            atomic.calls.rename_new(str(path), target)
            return target
    return str(path)
