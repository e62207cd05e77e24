"""Record against receipts, line by line: does each line that a receipt names stand in its file exactly once, and is
there a receipt for each line that looks approved? (contract: promises 2 and 7)

What is expected in a file is what stood there before the first receipt (``baseline.json``) and what the receipts put
in. Both sides are kept as one 64-bit number a line and compared as a whole; only where they differ is looked at again
what the difference is. A person may edit the Record as they like, so a difference is a fault only where no ordinary
edit explains it:

* the id of a receipt's line stands nowhere in the file any more (``line-missing``). Where a line is taken out on
  purpose, a word with its id is left in its place, and it is an edit: ``<!-- ACT-... taken out -->``;
* something looks approved (`claims`: to the readers, or to the eye), and one of its lines was neither there before the
  first receipt nor put in by one (``line-without-receipt``);
* a receipt's line stands there more often than receipts put it in (``line-twice``).

The Record is each ``self*.md`` of the user. The daemon merges into nine of them; in any other no line has a receipt.
"""

from __future__ import annotations

import json
import os
import re
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

from ..core.model import act_key, id_hash
from ..core.paths import RECORD_FILES, Place
from ..core.receipt import Lines, Receipt
from ..core.text import count, printable
from .claims import Claim, claims, numbered
from .differences import WRITTEN_BY_YOU, Differences, Extra, Missing, bytes_of
from .findings import Finding
from .fingerprints import fingerprint, surplus, take, without

__all__ = ["RecordLines"]

_IS_RECORD = re.compile(r"self[^/\0]*\.md", re.IGNORECASE)


class RecordLines:
    """The lines of one user's Record: `read`, then `expect` for each receipt, then `settle`."""

    def __init__(self, place: Place, found: Callable[[Finding], None]) -> None:
        self._place, self._found = place, found
        #: The files of the Record: those that the daemon merges into, and what else there is.
        self._names: list[str] = list(RECORD_FILES)
        self._here: dict[str, array[int]] = {}
        self._due: dict[str, array[int]] = {}
        #: Of receipts whose lines may not have been there yet when the Record was read.
        self._maybe = {name: array("q") for name in RECORD_FILES}
        #: Lines that receipts have taken out, and those that may still stand there.
        self._gone = {name: array("q") for name in RECORD_FILES}
        self._maybe_gone = {name: array("q") for name in RECORD_FILES}
        #: Of entries that something becomes of, by `id_hash`: the lines that stand for each.
        self._standing: dict[str, dict[str, str]] = {}
        self._tracked: Collection[str] = ()
        #: Of these the ones from before the first receipt, whose lines are not the receipts'.
        self._seeds: set[str] = set()
        #: The Record as it was before the first receipt.
        self._seed: dict[str, bytes] = {}
        self._unread: set[str] = set()
        #: How many lines stand there by the receipts.
        self.lines = 0
        self.differences = Differences(place, found, self._seed, self._due)

    def read(self, seed: bytes | None) -> None:
        """Read the Record, and the `seed`, the bytes of baseline.json, where there is one. Raises OSError."""
        self._seed |= {n: t.encode(errors="replace") for n, t in _baseline(seed).items() if _IS_RECORD.fullmatch(n)}
        self._names += [name for name in self._others() if name not in RECORD_FILES]
        for name in self._names:
            here = self._here[name] = array("q")
            due = self._due[name] = array("q")
            due.extend(fingerprint(line) for _, line in numbered(self._seed.get(name, b"")))
            try:
                here.extend(fingerprint(line) for _, line in numbered(bytes_of(self._place, name)))
            except FileNotFoundError:
                pass
            except IsADirectoryError:
                self._unread.add(name)
                self.differences.say(
                    "fault", "record-unreadable", name, "this is not a plain file", "Put the file itself here."
                )

    def _others(self) -> list[str]:
        """Other files named like a file of the Record (contract, "Words": ``self*.md``), or was in the seed."""
        try:
            inside = os.listdir(self._place.home)
        except FileNotFoundError:
            inside = []
        return sorted(name for name in {*inside, *self._seed} if _IS_RECORD.fullmatch(name))

    def track(self, keys: Collection[str]) -> None:
        """The entries, by `id_hash`, of which later receipts tell that they were taken back, superseded or
        retracted."""
        self._tracked = keys

    def expect(self, receipt: Receipt, *, sure: bool) -> None:
        """The lines of `receipt` must stand in the Record; not `sure`: they may."""
        came = dict(_last_lines(receipt.lines))
        gone: dict[str, str] = {}
        about = act_key(receipt.target) if receipt.target else ""
        if about or receipt.action in ("undone", "forgotten"):
            gone |= self._standing.pop(id_hash(receipt.candidate_id), {}) if receipt.action != "approved" else {}
            old = self._old(about, receipt)
            self._change(old, sure=sure, taken_out=True)
            given = dict(_last_lines(receipt.old["lines"])) if receipt.old else {}
            self.lines -= len(gone)
            if about not in self._seeds:
                self.lines += len(given) - len(old)
            self._change(given, sure=sure)
            self._standing[about] = given
        if receipt.action == "approved" and (self._tracked and id_hash(receipt.candidate_id) in self._tracked):
            self._standing[id_hash(receipt.candidate_id)] = came
        self._change(came, sure=sure)
        self._change(gone, sure=sure, taken_out=True)
        for lines, taken_out in ((receipt.lines, False), (receipt.removed, True)):
            for name, those in lines.items():
                for heading in those[:-1]:
                    self._change({name: heading}, sure=sure, taken_out=taken_out)
        self.lines += len(receipt.lines)

    def _old(self, about: str, receipt: Receipt) -> dict[str, str]:
        """The lines that stood for the entry that `receipt` is about; of one from before the first receipt those that
        are said to have gone, and name it."""
        known = self._standing.pop(about, None)
        if known is not None or not receipt.target or receipt.old is None:
            return known or {}
        self._seeds.add(about)
        return {name: line for name, line in _last_lines(receipt.old["removed"]) if receipt.target in line}

    def _change(self, lines: dict[str, str], *, sure: bool, taken_out: bool = False) -> None:
        side = (self._gone if sure else self._maybe_gone) if taken_out else (self._due if sure else self._maybe)
        for name, line in lines.items():
            if name in self._maybe and line.strip():  # else `chain.inconsistent` says so
                side[name].append(fingerprint(line.encode(errors="replace")))

    def settle(self, receipts: Callable[[], Iterator[Receipt]]) -> None:
        """Say what differs. `receipts` gives them all once more; it is called only if something does."""
        for name, gone in self._gone.items():
            self._due[name] = without(self._due[name], gone)
        less = {name: surplus(self._due[name], self._here[name]) for name in self._names}
        more = {name: surplus(self._here[name], self._due[name]) for name in self._names}
        for name, maybe in self._maybe.items():
            for number in maybe:
                if more[name].get(number):
                    more[name][number] -= 1
        for name, maybe in self._maybe_gone.items():
            for number in maybe:
                if less[name].get(number):
                    less[name][number] -= 1
        for name in self._unread:
            less[name].clear()
        if any(less.values()) or any(any(m.values()) for m in more.values()):
            missing = self._missing(less, receipts())
            extra = [e for name in self._names for e in self._extra(name, more[name])]
            self.differences.explain(missing, extra)

    def _missing(self, less: dict[str, dict[int, int]], receipts: Iterator[Receipt]) -> list[Missing]:
        """The entries that are missing. Headings and seed lines that are gone are a person's edit, and said at once."""
        missing = []
        gone: Counter[str] = Counter()
        for name, data in self._seed.items():
            gone[name] += sum(take(less[name], line) for _, line in numbered(data))
        for receipt in receipts if any(any(m.values()) for m in less.values()) else ():
            for name, added in receipt.lines.items():
                for index, text in enumerate(added, 1):
                    line = text.encode(errors="replace")
                    if name not in less or not take(less[name], line):
                        continue
                    if index < len(added):
                        gone[name] += 1
                    else:
                        missing.append(Missing(name, line, receipt.seq, receipt.evidence_id or ""))
            for name, line in _struck(receipt):
                if name in less and take(less[name], line):
                    missing.append(Missing(name, line, receipt.seq, receipt.target or "", struck=True))
        for name, n in gone.items():
            if n:
                message = f"{count(n, 'line')} from before {'was' if n == 1 else 'were'} taken out or changed by hand"
                self.differences.say(
                    "edit", "lines-removed", name, message, f"{WRITTEN_BY_YOU} Else put back a copy of the file."
                )
        return missing

    def _extra(self, name: str, more: dict[int, int]) -> Iterator[Extra]:
        """The lines of a file that nothing accounts for; of two equal lines, the later one."""
        wanted = {number: n for number, n in more.items() if n > 0}
        if not wanted:
            return
        try:
            data = bytes_of(self._place, name)
        except OSError:  # gone or changed since it was read: the caller looks again
            return
        where: dict[int, list[tuple[int, bytes]]] = {}
        lines = dict(numbered(data))
        for number, line in lines.items():
            mark = fingerprint(line)
            if mark in wanted:
                where.setdefault(mark, []).append((number, line))
        left = dict(sorted(found for mark, these in where.items() for found in these[-wanted[mark] :]))
        claimed: set[int] = set()
        for claim in claims(data):
            span = [n for n in range(claim.first, claim.last + 1) if n in lines]
            here = [n for n in span if n in left]
            if here:
                claimed.update(here)
                rest = [lines[n] for n in span if n not in left]
                yield Extra(name, here[0], [left[n] for n in here], claim, rest)
        yield from (Extra(name, n, [line]) for n, line in left.items() if n not in claimed)

    def unproved(self) -> list[tuple[str, Claim]]:
        """All that looks approved now, for where there is no receipt at all, with its file. Raises OSError."""
        found: list[tuple[str, Claim]] = []
        for name in self._names:
            with suppress(FileNotFoundError, IsADirectoryError):
                found += [(name, claim) for claim in claims(bytes_of(self._place, name))]
        return found

    def say_unproved(self, these: list[tuple[str, Claim]]) -> None:
        """Say that nothing proves or denies `these`."""
        if not these:
            return
        n, files = len(these), ", ".join(dict.fromkeys(printable(name) for name, _ in these))
        message = (
            f"{count(n, 'entry looks', 'entries look')} approved ({files}), and there is no receipt at all: with the "
            f"first decision {'it becomes a seed line' if n == 1 else 'they become seed lines'}"
        )
        remedy = (
            "Nothing, if they came with the folder or from another program. Else take them out before you decide; "
            f"where decisions were made here, put back a copy of {self._place.display_path(self._place.receipts)}/."
        )
        path = self._place.display_path(self._place.home)
        self._found(Finding("edit", "entries-unproved", path, message, remedy, self._place.user))


def _struck(receipt: Receipt) -> Iterator[tuple[str, bytes]]:
    """The evidence that the decision of `receipt` has struck out."""
    if receipt.action == "approved" and receipt.old:
        for name, line in _last_lines(receipt.old["lines"]):
            yield name, line.encode(errors="replace")


def _last_lines(lines: Lines) -> Iterator[tuple[str, str]]:
    """The line of an entry in each file, without a heading that was made for it."""
    yield from ((name, those[-1]) for name, those in lines.items() if those)


def _baseline(data: bytes | None) -> dict[str, str]:
    try:
        files = json.loads(data or b"{}")["files"]
        return {name: text for name, text in files.items() if isinstance(text, str)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
