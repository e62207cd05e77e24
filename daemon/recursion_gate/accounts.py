"""Record against receipts, line by line: does each line that a receipt names stand in its file exactly once, and is
there a receipt for each line that looks like an approved entry? (contract: promises 2 and 7)

What is expected in a file is what stood there before the first receipt (``baseline.json``) and what the receipts put
in. Both sides are kept as one 64-bit number a line and compared as a whole; only where they differ is looked at again
what the difference is. A person may edit the Record as they like, so a difference is a fault only where no ordinary
edit explains it:

* the id of a receipt's line stands nowhere in the file any more (``line-missing``). Where a line is taken out on
  purpose, a word with its id is left in its place, and it is an edit: ``<!-- ACT-... taken out -->``;
* a line that begins or ends with an ACT id, as approved entries do, was neither there before the first receipt nor
  put in by one (``line-without-receipt``);
* a receipt's line stands there more often than receipts put it in (``line-twice``).
"""

from __future__ import annotations

import json
import os
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .audit import Finding, count, numbers
from .files import open_plain
from .layout import RECORD_FILES, Place
from .model import Receipt

__all__ = ["Accounts", "fingerprint", "looks_approved", "surplus"]

# Fresh for each run, so that nobody can make two lines that look the same to us.
_SALT = os.urandom(16)
_BOM = b"\xef\xbb\xbf"
_ID = re.compile(rb"ACT-[A-Za-z0-9._-]*[A-Za-z0-9]")
_BULLET = re.compile(rb"[ \t]*(?:(?:[-*+|]|\d{1,4}[.)]|\xe2\x80\xa2)[ \t]*)+")
_BEGINS = re.compile(rb"[*_`\[(]*ACT-[A-Za-z0-9]")
_ENDS = re.compile(rb"ACT-[A-Za-z0-9][A-Za-z0-9._-]*[)\]*_`]*[.|\s]*\Z")


def looks_approved(line: bytes) -> bool:
    """Whether a reader takes `line` for an approved entry: a list item or table row that begins or ends with an ACT
    id."""
    bullet = _BULLET.match(line)
    if bullet is None:
        return False
    return bool(_BEGINS.match(line, bullet.end()) or _ENDS.search(line[bullet.end() :][-300:]))


def fingerprint(line: bytes) -> int:
    """A number that stands for `line` in this run of the program, of 64 bits."""
    return hash(_SALT + line)


def surplus(these: array[int], those: array[int]) -> dict[int, int]:
    """Which numbers stand more often in `these` than in `those`, and how much more often."""
    left, right = sorted(these), sorted(those)
    more: dict[int, int] = {}
    if left == right:
        return more
    at, stop = 0, len(right)
    for number in left:
        while at < stop and right[at] < number:
            at += 1
        if at < stop and right[at] == number:
            at += 1
        else:
            more[number] = more.get(number, 0) + 1
    return more


@dataclass(slots=True)
class _Extra:
    """A line of the Record that is not accounted for."""

    file: str
    line: int
    text: bytes


@dataclass(slots=True)
class _Missing:
    """A line that a receipt names and that does not stand in its file."""

    file: str
    text: bytes
    seq: int
    evidence: bytes


class Accounts:
    """One user's account: `read`, then `expect` for each receipt, then `settle`."""

    def __init__(self, place: Place, found: Callable[[Finding], None]) -> None:
        self._place, self._found = place, found
        self._here = {name: array("q") for name in RECORD_FILES}
        self._due = {name: array("q") for name in RECORD_FILES}
        #: Of receipts whose lines may not have been there yet when the Record was read.
        self._maybe = {name: array("q") for name in RECORD_FILES}
        self._seed: dict[str, Counter[bytes]] = {}
        #: The files and ACT ids of seed lines that were taken out or changed.
        self._seed_gone: Counter[tuple[str, bytes]] = Counter()
        self._unread: set[str] = set()
        #: How many lines the receipts have put in.
        self.lines = 0

    def read(self, seed: bytes | None) -> None:
        """Read the Record, and the `seed`, the bytes of baseline.json, where there is one. Raises OSError."""
        for name in RECORD_FILES:
            try:
                here = self._here[name]
                for _, line in self._lines_of(name):
                    here.append(fingerprint(line))
            except FileNotFoundError:
                pass
            except IsADirectoryError:
                self._unread.add(name)
                self._say("fault", "record-unreadable", name, "this is not a plain file", "Put the file itself here.")
        for name, text in _baseline(seed).items():
            if name in self._due:
                lines = [line.rstrip("\r").encode() for line in text.removeprefix("\ufeff").split("\n")]
                self._seed[name] = Counter(line for line in lines if line.strip())
                self._due[name].extend(map(fingerprint, self._seed[name].elements()))

    def _lines_of(self, name: str) -> Iterator[tuple[int, bytes]]:
        """The lines of a Record file that are not blank, with their numbers."""
        with open_plain(self._place.home / name) as file:
            for number, line in enumerate(file, 1):
                if number == 1:
                    line = line.removeprefix(_BOM)
                line = line.rstrip(b"\r\n")
                if line.strip():
                    yield number, line

    def expect(self, receipt: Receipt, *, sure: bool) -> None:
        """The lines of `receipt` must stand in the Record; not `sure`: they may."""
        for name, lines in receipt.lines.items():
            side = (self._due if sure else self._maybe).get(name)
            if side is None:
                continue  # said by `chain.inconsistent`
            for line in lines:
                if line.strip():
                    side.append(fingerprint(line.encode(errors="replace")))
            self.lines += 1

    def _say(
        self, severity: str, code: str, name: str, problem: str, remedy: str = "", line: int | None = None
    ) -> None:
        path = self._place.shown(self._place.home / name)
        self._found(Finding(severity, code, path, problem, remedy, self._place.user, line))  # type: ignore[arg-type]

    def settle(self, receipts: Callable[[], Iterator[Receipt]]) -> None:
        """Say what differs. `receipts` gives them all once more; it is called only if something does."""
        less = {name: surplus(self._due[name], self._here[name]) for name in RECORD_FILES}
        more = {name: surplus(self._here[name], self._due[name]) for name in RECORD_FILES}
        for name, maybe in self._maybe.items():
            for number in maybe:
                if more[name].get(number):
                    more[name][number] -= 1
        for name in self._unread:
            less[name].clear()
        if any(less.values()) or any(any(m.values()) for m in more.values()):
            missing = self._missing(less, receipts())
            extra = [e for name in RECORD_FILES for e in self._extra(name, more[name])]
            self._explain(missing, extra)

    def _missing(self, less: dict[str, dict[int, int]], receipts: Iterator[Receipt]) -> list[_Missing]:
        """The entries that are missing. Headings and seed lines that are gone are a person's edit, and said at once."""
        missing = []
        gone: Counter[str] = Counter()
        for name, lines in self._seed.items():
            for line in lines.elements():
                if _take(less[name], line):
                    gone[name] += 1
                    self._seed_gone.update((name, act) for act in _ID.findall(line))
        for receipt in receipts if any(any(m.values()) for m in less.values()) else ():
            for name, added in receipt.lines.items():
                for index, text in enumerate(added, 1):
                    line = text.encode(errors="replace")
                    if name not in less or not _take(less[name], line):
                        continue
                    if index < len(added):
                        gone[name] += 1
                    else:
                        missing.append(_Missing(name, line, receipt.seq, (receipt.evidence_id or "").encode()))
        for name, n in gone.items():
            if n:
                self._say("edit", "lines-removed", name, f"{count(n, 'line')} from before were taken out or changed")
        return missing

    def _extra(self, name: str, more: dict[int, int]) -> Iterator[_Extra]:
        """The lines of a file that are not accounted for; of two that are the same, the later one."""
        wanted = {number: n for number, n in more.items() if n > 0}
        if not wanted:
            return
        where: dict[int, list[_Extra]] = {}
        try:
            for number, line in self._lines_of(name):
                mark = fingerprint(line)
                if mark in wanted:
                    where.setdefault(mark, []).append(_Extra(name, number, line))
        except OSError:  # gone or changed since it was read: the caller looks again
            return
        yield from sorted((e for mark, es in where.items() for e in es[-wanted[mark] :]), key=lambda e: e.line)

    def _explain(self, missing: list[_Missing], extra: list[_Extra]) -> None:
        missing, extra = self._moved(missing, extra)
        missing, extra = self._changed(missing, extra)
        self._say_missing(missing)
        due = {name: set(self._due[name]) for name in {e.file for e in extra}}
        by_hand: dict[str, list[int]] = {}
        for e in extra:
            if self._is_by_hand(e):
                by_hand.setdefault(e.file, []).append(e.line)
            else:
                self._say_without_receipt(e, twice=fingerprint(e.text) in due[e.file])
        for name, lines in by_hand.items():
            n = len(lines)
            told = (
                f"{count(n, 'line was', 'lines were')} added by hand: {'line' if n == 1 else 'lines'} {numbers(lines)}"
            )
            self._say("edit", "lines-added", name, told)

    def _moved(self, missing: list[_Missing], extra: list[_Extra]) -> tuple[list[_Missing], list[_Extra]]:
        """Say what a person has moved to another file as it was; gives what is left of both."""
        there: dict[bytes, list[_Extra]] = {}
        for e in extra:
            there.setdefault(e.text, []).append(e)
        left, used = [], set()
        for m in missing:
            found = there.get(m.text)
            if found:
                e = found.pop()
                used.add(id(e))
                told = f"the line of receipt {m.seq} was moved here from {m.file} by hand"
                self._say("edit", "line-moved", e.file, told, "", e.line)
            else:
                left.append(m)
        return left, [e for e in extra if id(e) not in used]

    def _changed(self, missing: list[_Missing], extra: list[_Extra]) -> tuple[list[_Missing], list[_Extra]]:
        """The same for what a person has changed: another line of the file names the id of the one that is missing."""
        named: dict[tuple[str, bytes], list[_Extra]] = {}
        for e in extra:
            for act in set(_ID.findall(e.text)):
                named.setdefault((e.file, act), []).append(e)
        used: set[int] = set()
        left = []
        for m in missing:
            free = [e for e in named.get((m.file, m.evidence), ()) if id(e) not in used]
            if not free:
                left.append(m)
                continue
            e = next((e for e in free if looks_approved(e.text)), free[0])
            used.add(id(e))
            done = "changed" if looks_approved(e.text) else "taken out, with a word left in its place,"
            self._say("edit", "line-changed", m.file, f"the line of receipt {m.seq} was {done} by hand", "", e.line)
        return left, [e for e in extra if id(e) not in used]

    def _say_missing(self, missing: list[_Missing]) -> None:
        files: dict[str, list[_Missing]] = {}
        for m in missing:
            files.setdefault(m.file, []).append(m)
        for name, these in files.items():
            seqs = numbers(m.seq for m in these)
            whose = f"of receipt {seqs}" if len(these) == 1 else f"of receipts {seqs}"
            problem = f"{count(len(these), 'line')} {whose} {'is' if len(these) == 1 else 'are'} missing"
            if not os.path.lexists(self._place.home / name):
                problem = f"the file is missing, and with it {count(len(these), 'line')} {whose}"
            self._say(
                "fault",
                "line-missing",
                name,
                problem,
                "Put back a copy of the file ('recursion-gate receipts --json' has the lines). If a line was taken out "
                f"on purpose, leave a word in its place: <!-- {these[0].evidence.decode()} taken out -->",
            )

    def _is_by_hand(self, e: _Extra) -> bool:
        """Whether a line is one that a person writes: it does not look approved, or is a seed line repeated or
        changed."""
        if not looks_approved(e.text) or e.text in self._seed.get(e.file, ()):
            return True
        for act in _ID.findall(e.text):
            if self._seed_gone[e.file, act] > 0:  # each that is gone explains one
                self._seed_gone[e.file, act] -= 1
                return True
        return False

    def _say_without_receipt(self, e: _Extra, *, twice: bool) -> None:
        shown = e.text[:400].decode(errors="replace").strip()
        if twice:
            told = f"this line stands here more often than receipts put it in: {shown}"
            self._say("fault", "line-twice", e.file, told, "Take one of the two out.", e.line)
        else:
            told = f"no receipt accounts for this line: {shown}"
            remedy = "Take it out. If you wrote it yourself, write it without the ACT id."
            self._say("fault", "line-without-receipt", e.file, told, remedy, e.line)


def _take(less: dict[int, int], line: bytes) -> bool:
    """Take one off the number of times that `line` is missing; whether it was."""
    mark = fingerprint(line)
    if less.get(mark):
        less[mark] -= 1
        return True
    return False


def _baseline(data: bytes | None) -> dict[str, str]:
    try:
        files = json.loads(data or b"{}")["files"]
        return {name: text for name, text in files.items() if isinstance(text, str)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
