"""Take files away: refused ones to problems/, each with its reason beside it; others that are done with, for good."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ..core.errors import Refusal
from ..core.paths import Place, original_name
from ..core.text import printable
from ..disk import aside, atomic, untrusted
from ..formats.without_text import without_text
from .actions import Refuse
from .user_state import UserState

__all__ = ["discard", "is_being_refused", "may_not_be_moved", "numbered", "refuse", "refuse_forgotten"]

#: In how many seconds to look again at a file that came under the name of another while that was being removed.
_AGAIN = 0.05

#: The system's answers to a move or removal of another's property: a file in a sticky folder, an immutable one, a place
#: where a disk is mounted.
_NOT_OURS = {errno.EPERM, errno.EACCES, errno.EBUSY}

_SAYS_WHO = os.access in os.supports_effective_ids

#: The ending of a reason's file name, the limit in bytes that this leaves for the refused file's name, and the end of
#: every reason.
_WHY = ".why.txt"
_NAME_LIMIT = 247
_NOTHING_ADDED = "Nothing of it was added to the Record. "
_LAST_WORDS = "This note and the file beside it can be deleted.\n"


def refuse(
    state: UserState,
    path: Path | str,
    mark: untrusted.Mark,
    refusal: Refusal,
    what: str = "could not be staged",
    *,
    record_too: bool = True,
) -> None:
    """Move the file that was seen with this `mark` to problems/, with the reason beside it; the reason first, and
    synced, so that there is no instant at which it lies there without one. A stop in between leaves a reason without a
    file; the file is then refused again, under the same name. `record_too`: the reason says that nothing of it is in
    the Record. Raises OSError."""
    place, name = state.place, original_name(os.path.basename(path))
    if state.settling.is_stuck(path, mark):
        return
    kept = _free_pair(place, name)
    why = place.problems / (kept + _WHY)
    atomic.replace(why, _why(name, place, refusal.in_full, refusal.remedy, what, record_too).encode())
    atomic.sync_folder(place.problems)
    try:
        moved = aside.take_away(path, untrusted.is_still(mark), place.problems / kept)
    except FileNotFoundError:  # taken away in the meantime
        atomic.remove(why)
        return
    except OSError as err:
        if err.errno not in _NOT_OURS:
            raise
        atomic.remove(why)
        _cannot_move(state, path, mark, refusal.problem)
        return
    if not moved:  # another file has come under this name, and this reason is not its reason
        atomic.remove(why)
        state.settling.note_due(_AGAIN)
        return
    state.settling.is_gone(path)
    state.events.say("refused", place.display_path(path), why=refusal.problem)


def refuse_forgotten(state: UserState, action: Refuse) -> None:
    """As `refuse`, for a file that names forgotten candidates: in problems/ it stands without their texts (contract,
    promise 11). What is kept is on disk before the file goes; a stop in between leaves both, and the same name is found
    again. Raises OSError."""
    place, path, mark, refusal = state.place, action.path, action.mark, action.refusal
    name = original_name(os.path.basename(path))
    if state.settling.is_stuck(path, mark):
        return
    limit = state.settings.max_card_bytes
    try:
        seen = untrusted.look(path, limit)
    except (Refusal, FileNotFoundError):
        seen = None
    if seen is None or seen.mark != mark:
        state.settling.note_due(_AGAIN)
        return
    why = _why(name, place, refusal.problem, refusal.remedy, action.what, action.record_too).encode()
    left = without_text(seen.data, action.forgotten)
    number = _free_number(place, name)
    before = place.problems / _nth(name, number - 1)
    if number and (_read(before, limit), _read(before.with_name(before.name + _WHY), limit)) == (left, why):
        number -= 1
    kept = _nth(name, number)
    atomic.replace(place.problems / (kept + _WHY), why)
    atomic.sync_folder(place.problems)  # so that at no instant a file lies there without its reason
    atomic.replace(place.problems / kept, left)
    atomic.sync_folder(place.problems)
    discard(state, path, mark, refusal.problem)
    state.events.say("refused", place.display_path(path), why=refusal.problem)


def discard(state: UserState, path: Path | str, mark: untrusted.Mark, why: str) -> None:
    """Remove a file that is done with, and was seen with this `mark`; another file under its name stays for the next
    look. One that is not ours to remove is left, and tried again later. Raises OSError."""
    try:
        # The look before saves another file a way there and back; the look after is what decides.
        if untrusted.mark_at(path) != mark or not aside.take_away(path, untrusted.is_still(mark)):
            state.settling.note_due(_AGAIN)
    except FileNotFoundError:  # taken away in the meantime
        pass
    except OSError as err:
        if err.errno not in _NOT_OURS:
            raise
        _cannot_move(state, path, mark, why)


def _cannot_move(state: UserState, path: Path | str, mark: untrusted.Mark, why: str) -> None:
    """Not ours to move, as it seems: try again at the next look, or when it changes."""
    if state.settling.note_stuck(path, mark):
        state.events.say_few("cannot-move", [(state.place.display_path(path), why)])


def may_not_be_moved(state: UserState, path: str, st: os.stat_result) -> bool:
    """Whether this is a folder that cannot be moved into another one, since we may not write in it. It is then noted as
    one that could not be moved, without the cost of trying."""
    if not stat.S_ISDIR(st.st_mode) or not _SAYS_WHO or os.access(path, os.W_OK, effective_ids=True):
        return False
    _cannot_move(state, path, untrusted.mark(st), "a folder that the daemon may not move")
    return True


def is_being_refused(place: Place, path: Path | str) -> bool:
    """Whether a stop came while a file of this name was being refused: its reason stands there alone."""
    kept = _free_pair(place, original_name(os.path.basename(path)))
    return untrusted.mark_at(place.problems / (kept + _WHY)) is not None


def _free_pair(place: Place, name: str) -> str:
    """`name`, or ``stem-2.ext`` and so on: what is free in problems/ together with the name of its reason. A reason
    that stands there alone was left by a stop, or by a person who took the file away: it is replaced."""
    return _nth(name, _free_number(place, name))


def _free_number(place: Place, name: str) -> int:
    low, top = -1, 0  # a name that is refused again and again is not counted through each time
    while not _is_free(place, _nth(name, top)):
        low, top = top, max(1, 2 * top)
    while top - low > 1:
        middle = (low + top) // 2
        low, top = (low, middle) if _is_free(place, _nth(name, middle)) else (middle, top)
    return top


def _is_free(place: Place, kept: str) -> bool:
    why = place.problems / (kept + _WHY)
    free = untrusted.mark_at(place.problems / kept) is None
    return free and (untrusted.mark_at(why) is None or _is_why(why))


def _is_why(path: Path) -> bool:
    """Whether this is a reason that `refuse` has written, not a refused file that happens to have such a name."""
    return (_read(path, 100_000) or b"").decode(errors="replace").endswith(_LAST_WORDS)


def _read(path: Path, limit: int) -> bytes | None:
    try:
        return untrusted.look(path, limit).data
    except (Refusal, FileNotFoundError):
        return None


def _nth(name: str, taken: int) -> str:
    return numbered(name, f"-{taken + 1}" if taken else "")


def numbered(name: str, number: str) -> str:
    """`name` with `number` before its ending; short enough that ``.why.txt`` can be put behind it."""
    stem, ending = os.path.splitext(name)
    ending = _cut(ending, 20)
    return _cut(stem, _NAME_LIMIT - len(os.fsencode(number + ending))) + number + ending


def _cut(name: str, limit: int) -> str:
    raw = os.fsencode(name)
    while len(raw) > limit:  # a whole sign at a time: half of one is no text any more
        name = name[:-1]
        raw = os.fsencode(name)
    return name


def _why(name: str, place: Place, problem: str, remedy: str, what: str, record_too: bool) -> str:
    printable_name = printable(name)
    remedy = remedy or f"Correct the file and put it back into inbox/{place.user}/."
    last = _NOTHING_ADDED * record_too + _LAST_WORDS
    return f"{printable_name} {what}.\n\nWhy:        {problem}\nWhat to do: {remedy}\n\n{last}"
