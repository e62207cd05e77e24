"""The Record files that a merge reads and changes, and how it keeps out of the way of who else saves them.

A person's editor may save a Record file at any time. While it is being written it is not read, since that may be half
of what is meant; and a file that was saved since it was read is never written over (`atomic.replace`), but read again.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from ..core.errors import NotYet, Parked, Refusal
from ..disk import atomic, untrusted
from ..formats import record_edit
from ..formats.record_change import Digest, Step, apply
from .user_state import UserState

__all__ = ["BeingSaved", "RecordFiles"]

#: Is told the lines that a step puts in, and those that it takes out.
Done = Callable[[list[str], list[str]], None]
_Wanted = tuple[Step, Digest, Done]

#: In how many seconds to look again whether a Record file is still being written.
_SAVING = 0.1

#: How often somebody may save a Record file while it is being written, before it is left in peace for a while.
_SAVES = 10


class BeingSaved(NotYet):
    """Somebody has a Record file open for writing: what stands in it may be half of what is meant."""

    def __init__(self, path: Path, display_path: str) -> None:
        super().__init__(_SAVING)
        self.path, self.display_path = path, display_path

    def in_the_midst(self) -> OSError:
        """The same where the receipts are there already: what is left to do is taken up as after a stop."""
        return BlockingIOError(errno.EAGAIN, "another program is writing this file", str(self.path))


class RecordFiles:
    """The Record files that a pass reads and changes, each read once and written once."""

    def __init__(self, state: UserState) -> None:
        self.state = state
        self._texts: dict[str, tuple[bytes, object]] = {}
        self._wanted: dict[str, list[_Wanted]] = {}
        #: For `text_then`: how many of the wanted steps it has taken, and the text after them.
        self._then: dict[str, tuple[int, bytes]] = {}

    def text(self, file: str) -> bytes:
        return self._load(file)[0]

    def text_then(self, file: str) -> bytes:
        """The text after the steps that are wanted so far. Raises BeingSaved, Parked, OSError."""
        taken, text = self._then.get(file) or (0, self.text(file))
        wanted = self._wanted.get(file, [])
        if taken < len(wanted):
            text = _after(text, wanted[taken:], tell=False)
            self._then[file] = len(wanted), text
        return text

    def _load(self, file: str) -> tuple[bytes, object]:
        if file not in self._texts:
            self._texts[file] = _read_record(self.state, file)
        return self._texts[file]

    def add(self, step: Step, digest: Digest, done: Done | None = None) -> None:
        """Want `step`. `done` is told, when it is planned, the lines that are put in and those that are taken out."""
        self._wanted.setdefault(step.file, []).append((step, digest, done or _ignore))

    def plan(self) -> None:
        """Take the wanted steps, in memory. Raises Parked when a file cannot take them."""
        for file, wanted in self._wanted.items():
            text, mark = self._load(file)
            self._texts[file] = (_after(text, wanted, tell=True), mark)

    def write(self) -> None:
        """Put the planned texts on disk, synced. A file that somebody has saved since it was read is read again."""
        place = self.state.place
        for file, wanted in self._wanted.items():
            path = place.home / file
            new, mark = self._texts[file]
            for _ in range(_SAVES):
                if atomic.replace(path, new, still=partial(self._is_to_be_replaced, path, mark)):
                    break
                try:
                    text, mark = _read_record(self.state, file)
                except BeingSaved as err:
                    raise err.in_the_midst() from None
                new = _after(text, wanted, tell=False)
            else:
                raise BeingSaved(path, place.display_path(path)).in_the_midst()
        if self._wanted:
            atomic.sync_folder(place.home)

    def _is_to_be_replaced(self, path: Path, mark: object, at: str) -> bool:
        if at == str(path):  # the last moment before the two change places
            self.state.hooks.check()
        return untrusted.untouched(at, mark)


def _ignore(added: list[str], gone: list[str]) -> None:
    """Nobody wants to know."""


def _after(text: bytes, wanted: Sequence[_Wanted], *, tell: bool) -> bytes:
    """`text` after all of these steps. Lines that go to the end of their section are put in all at once."""
    for together, group in groupby(wanted, key=lambda each: each[0].is_addition):
        these = list(group)
        if together:
            heading = record_edit.HEADINGS[these[0][0].file]
            text, added = record_edit.insert(text, heading, [str(step.into) for step, _, _ in these])
            made = added[: len(added) - len(these)]  # the heading, where it was missing, is the first one's
            for step, _, done in these if tell else ():
                done([*made, str(step.into)], [])
                made = []
            continue
        for step, digest, done in these:
            text, added, gone = apply(text, step, digest)
            if tell:
                done(added, gone)
    return text


def _read_record(state: UserState, file: str) -> tuple[bytes, object]:
    """A Record file, and what tells whether it has changed since. Raises BeingSaved, Parked, OSError."""
    path = state.place.home / file
    display_path = state.place.display_path(path)
    try:
        seen = untrusted.look(path, 1 << 30, ask_writers=True)
        if seen.open_elsewhere:
            raise BeingSaved(path, display_path)
        if b"\0" in seen.data:
            raise Parked(display_path, "this is not text: it holds NUL bytes", "Put back a copy that is whole")
        seen.data.decode()
        return seen.data, seen.mark
    except FileNotFoundError:
        return b"", None
    except Refusal as err:
        raise Parked(display_path, err.problem, "A Record file must be a plain file that the daemon may read") from None
    except UnicodeDecodeError as err:
        raise Parked(display_path, f"this is not UTF-8 (byte {err.start + 1:,})", "Save the file as UTF-8") from None
