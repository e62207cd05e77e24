"""Read the drop zone: which drops are there, and what they say. Nothing is changed here."""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core.errors import NotYet, Refusal
from ..core.paths import DROP_FORMS, STATES, is_aside, is_ignored, original_name
from ..disk import untrusted
from ..formats import drops
from ..formats.without_text import ids_in
from .observations import Drop
from .refuse import may_not_be_moved
from .user_state import UserState

__all__ = ["drop_paths", "read_drops"]

#: So many bytes of drops are read in a turn: what they become in memory is many times that.
_BYTES_LIMIT = 8_000_000


def drop_paths(state: UserState, limit: int, until: float = math.inf) -> tuple[list[str], bool]:
    """The paths of the drops to be looked at, oldest first, at most so many; and whether there are more.

    A list that is longer than that is worked off, turn by turn, before the folder is listed again: to list a flood
    takes as long as to stage a part of it. Where even the listing takes longer than `until` (monotonic), it goes on in
    the next turn. Raises OSError.
    """
    was_listed_before = bool(state.backlog)
    if not was_listed_before:
        state.listing = state.listing or _listing(state)
        for names in state.listing:
            if names is not None:
                state.backlog = names
            elif state.late(until):
                return [], True
        state.listing = None
    names, state.backlog = state.backlog[:limit], state.backlog[limit:]
    inbox = os.fspath(state.place.inbox)
    return [f"{inbox}/{name}" for name in names], bool(state.backlog) or was_listed_before


def _listing(state: UserState) -> Iterator[list[str] | None]:
    """The names in the drop zone, at the end; None now and then until then."""
    found = []
    here = time.monotonic()
    with os.scandir(state.place.inbox) as there:
        for number, entry in enumerate(there, 1):
            if number % 1_000 == 0:
                yield None
            left_aside = is_aside(entry.name)
            if not left_aside and (entry.name in STATES or is_ignored(entry.name)):
                continue
            try:
                st = entry.stat(follow_symlinks=False)
            except (FileNotFoundError, PermissionError):  # the latter: something is mounted there that we may not see
                continue
            may_look = state.settling.may_look(entry.path, untrusted.mark(st), here)
            if left_aside or (may_look and not may_not_be_moved(state, entry.path, st)):
                found.append((stat.S_ISDIR(st.st_mode), st.st_mtime_ns, entry.name))  # folders, never staged, go last
    found.sort()
    yield [name for *_, name in found]


def read_drops(state: UserState, paths: Sequence[str | Path], until: float = math.inf) -> list[Drop]:
    """Read and parse the files at `paths`, but for those that are gone or may still be being written. One is read
    always; those that it does not come to by `until` (monotonic), or that are more than a turn may cost, are put off.
    Raises OSError."""
    read: list[Drop] = []
    size = made = 0
    for number, path in enumerate(paths):
        if number and (state.late(until) or size > _BYTES_LIMIT or made >= state.settings.max_per_turn):
            state.put_off(paths[number:])
            break
        drop = _read_drop(state, os.fspath(path))
        if drop is not None:
            read.append(drop)
            size += drop.size
            made += len(drop.proposals)
    return read


def _read_drop(state: UserState, path: str) -> Drop | None:
    """The file, parsed; None when it is gone, or not complete yet."""
    settings, settling = state.settings, state.settling
    name = original_name(os.path.basename(path))
    foreign = not name.lower().endswith(DROP_FORMS)
    seen: untrusted.Seen | None = None
    try:
        try:
            seen = untrusted.look(path, settings.max_drop_bytes, ask_writers=True)
            found = drops.parse(name, seen.data, seen.stat.st_mtime_ns, settings)
            settling.check(path, seen, whole=name.lower().endswith(".json"))
            settling.forget(path)
            return Drop(path, seen.mark, len(seen.data), tuple(found))
        except Refusal as err:
            if seen is None:
                seen = untrusted.Seen(b"", err.stat or os.lstat(path), False)
            settling.check(path, seen, whole=False, cut_short=err.maybe_unfinished, foreign=foreign)
            return Drop(path, seen.mark, len(seen.data), refusal=err, ids=frozenset(ids_in(seen.data)))
    except NotYet as err:
        settling.note_due(err.seconds)
        if seen is not None:
            settling.leave(path, seen.mark, err.seconds)
    except FileNotFoundError:
        pass
    return None
