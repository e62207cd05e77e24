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
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from ..core.model import Receipt, id_hash
from ..core.paths import RECORD_FILES, Place
from ..core.text import count, numbers, printable
from ..disk.untrusted import open_plain
from .claims import Claim, claims, ids_in, numbered
from .findings import Finding

__all__ = ["Accounts", "fingerprint", "surplus"]

# Fresh for each run, so that nobody can make two lines that look the same to us.
_SALT = os.urandom(16)
_IS_RECORD = re.compile(r"self[^/\0]*\.md", re.IGNORECASE)
_WRITTEN_BY_YOU = "Nothing, if it was you."


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
    """Something in the Record that is not accounted for: a line, or the lines of a claim that are not."""

    file: str
    line: int
    lines: list[bytes]
    #: The claim that they belong to; None: they do not look approved.
    claim: Claim | None = None
    #: The lines of the claim that are accounted for.
    rest: list[bytes] = field(default_factory=list)

    def names(self) -> Iterable[str]:
        """The ids that it may have in place of a receipt's line: where it looks approved it names this one only."""
        if self.claim is None:
            return ids_in(self.lines)
        return self.claim.ids if len(self.claim.ids) == 1 else ()

    @property
    def adds(self) -> bool:
        """Whether it stands above or below a line that has all the ids, has none of them itself, and so makes the entry
        longer."""
        return bool(self.rest and self.claim and self.claim.ids <= ids_in(self.rest) - ids_in(self.lines))


@dataclass(slots=True)
class _Missing:
    """A line that a receipt names and that does not stand in its file."""

    file: str
    text: bytes
    seq: int
    evidence: str


class Accounts:
    """One user's account: `read`, then `expect` for each receipt, then `settle`."""

    def __init__(self, place: Place, found: Callable[[Finding], None]) -> None:
        self._place, self._found = place, found
        #: The files of the Record: those that the daemon merges into, and what else there is.
        self._names: list[str] = list(RECORD_FILES)
        self._here: dict[str, array[int]] = {}
        self._due: dict[str, array[int]] = {}
        #: Of receipts whose lines may not have been there yet when the Record was read.
        self._maybe = {name: array("q") for name in RECORD_FILES}
        #: The Record as it was before the first receipt.
        self._seed: dict[str, bytes] = {}
        self._unread: set[str] = set()
        self._lost: set[str] = set()
        self._witness = ""
        #: How many lines the receipts have put in.
        self.lines = 0
        #: Which of them are missing: the number of the receipt, and the file.
        self.missing: list[tuple[int, str]] = []

    def read(self, seed: bytes | None) -> None:
        """Read the Record, and the `seed`, the bytes of baseline.json, where there is one. Raises OSError."""
        self._seed = {n: t.encode(errors="replace") for n, t in _baseline(seed).items() if _IS_RECORD.fullmatch(n)}
        self._names += [name for name in self._others() if name not in RECORD_FILES]
        for name in self._names:
            here = self._here[name] = array("q")
            due = self._due[name] = array("q")
            due.extend(fingerprint(line) for _, line in numbered(self._seed.get(name, b"")))
            try:
                here.extend(fingerprint(line) for _, line in numbered(self._bytes_of(name)))
            except FileNotFoundError:
                pass
            except IsADirectoryError:
                self._unread.add(name)
                self._say("fault", "record-unreadable", name, "this is not a plain file", "Put the file itself here.")

    def _others(self) -> list[str]:
        """What else is called as a file of the Record (contract, "Words": ``self*.md``), or was in the seed."""
        try:
            inside = os.listdir(self._place.home)
        except FileNotFoundError:
            inside = []
        return sorted(name for name in {*inside, *self._seed} if _IS_RECORD.fullmatch(name))

    def _bytes_of(self, name: str) -> bytes:
        with open_plain(self._place.home / name) as file:
            return file.read()

    def expect(self, receipt: Receipt, *, sure: bool) -> None:
        """The lines of `receipt` must stand in the Record; not `sure`: they may."""
        for name, lines in receipt.lines.items():
            if name not in self._maybe:
                continue  # said by `chain.inconsistent`
            side = (self._due if sure else self._maybe)[name]
            for line in lines:
                if line.strip():
                    side.append(fingerprint(line.encode(errors="replace")))
            self.lines += 1

    def _say(
        self, severity: str, code: str, name: str, problem: str, remedy: str = "", line: int | None = None
    ) -> None:
        path = printable(self._place.shown(self._place.home / name))
        self._found(Finding(severity, code, path, problem, remedy, self._place.user, line))  # type: ignore[arg-type]

    def believe(self, lost: Iterable[str], witness: str) -> None:
        """These candidates, of which there is no receipt, were decided, as the `witness` shows."""
        known = {id_hash(candidate_id) for candidate_id in lost}
        self._lost |= known
        self._witness = self._witness or (witness if known else "")

    def settle(self, receipts: Callable[[], Iterator[Receipt]]) -> None:
        """Say what differs. `receipts` gives them all once more; it is called only if something does."""
        less = {name: surplus(self._due[name], self._here[name]) for name in self._names}
        more = {name: surplus(self._here[name], self._due[name]) for name in self._names}
        for name, maybe in self._maybe.items():
            for number in maybe:
                if more[name].get(number):
                    more[name][number] -= 1
        for name in self._unread:
            less[name].clear()
        if any(less.values()) or any(any(m.values()) for m in more.values()):
            missing = self._missing(less, receipts())
            extra = [e for name in self._names for e in self._extra(name, more[name])]
            self._explain(missing, extra)

    def _missing(self, less: dict[str, dict[int, int]], receipts: Iterator[Receipt]) -> list[_Missing]:
        """The entries that are missing. Headings and seed lines that are gone are a person's edit, and said at once."""
        missing = []
        gone: Counter[str] = Counter()
        for name, data in self._seed.items():
            gone[name] += sum(_take(less[name], line) for _, line in numbered(data))
        for receipt in receipts if any(any(m.values()) for m in less.values()) else ():
            for name, added in receipt.lines.items():
                for index, text in enumerate(added, 1):
                    line = text.encode(errors="replace")
                    if name not in less or not _take(less[name], line):
                        continue
                    if index < len(added):
                        gone[name] += 1
                    else:
                        missing.append(_Missing(name, line, receipt.seq, receipt.evidence_id or ""))
        for name, n in gone.items():
            if n:
                told = f"{count(n, 'line')} from before {'was' if n == 1 else 'were'} taken out or changed by hand"
                self._say("edit", "lines-removed", name, told, f"{_WRITTEN_BY_YOU} Else put back a copy of the file.")
        return missing

    def _extra(self, name: str, more: dict[int, int]) -> Iterator[_Extra]:
        """What is not accounted for in a file; of two lines that are the same, the later one."""
        wanted = {number: n for number, n in more.items() if n > 0}
        if not wanted:
            return
        try:
            data = self._bytes_of(name)
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
                yield _Extra(name, here[0], [left[n] for n in here], claim, rest)
        yield from (_Extra(name, n, [line]) for n, line in left.items() if n not in claimed)

    def _explain(self, missing: list[_Missing], extra: list[_Extra]) -> None:
        missing, extra = self._moved(missing, extra)
        missing, extra = self._changed(missing, extra)
        self._say_missing(missing)
        seeds = {name: self._seeds(name) for name in {e.file for e in extra if e.claim}}
        due = {name: set(self._due[name]) for name in seeds}
        by_hand: dict[str, list[int]] = {}
        for e in extra:
            if e.claim and e.adds:
                told = f"the entry {', '.join(sorted(e.claim.ids))} was made longer by hand"
                self._say("edit", "line-changed", e.file, told, f"{_WRITTEN_BY_YOU} Else take this line out.", e.line)
            elif e.claim is None or seeds[e.file].explain(e, e.claim):
                by_hand.setdefault(e.file, []).append(e.line)
            else:
                self._say_without_receipt(e, e.claim, twice=all(fingerprint(line) in due[e.file] for line in e.lines))
        for name, lines in by_hand.items():
            if name not in RECORD_FILES and name not in self._seed:
                continue  # a file of the person's own
            n = len(lines)
            told = (
                f"{count(n, 'line was', 'lines were')} added by hand: {'line' if n == 1 else 'lines'} {numbers(lines)}"
            )
            self._say(
                "edit", "lines-added", name, told, f"{_WRITTEN_BY_YOU} Else take {'it' if n == 1 else 'them'} out."
            )

    def _seeds(self, name: str) -> _Seeds:
        try:
            return _Seeds(self._seed.get(name, b""), self._bytes_of(name))
        except OSError:  # as above
            return _Seeds(b"", b"")

    def _moved(self, missing: list[_Missing], extra: list[_Extra]) -> tuple[list[_Missing], list[_Extra]]:
        """Say what a person has moved to another file as it was; gives what is left of both."""
        there: dict[bytes, list[_Extra]] = {}
        for e in extra:
            if len(e.lines) == 1:
                there.setdefault(e.lines[0], []).append(e)
        left, used = [], set()
        for m in missing:
            found = there.get(m.text)
            if found:
                e = found.pop()
                used.add(id(e))
                told = f"the line of receipt {m.seq} was moved here from {m.file} by hand"
                remedy = f"{_WRITTEN_BY_YOU} Else move it back."
                self._say("edit", "line-moved", e.file, told, remedy, e.line)
            else:
                left.append(m)
        return left, [e for e in extra if id(e) not in used]

    def _changed(self, missing: list[_Missing], extra: list[_Extra]) -> tuple[list[_Missing], list[_Extra]]:
        """The same for what a person has changed: something else in the file names the id of what is missing."""
        named: dict[tuple[str, str], list[_Extra]] = {}
        for e in extra:
            for act in e.names():
                named.setdefault((e.file, act), []).append(e)
        used: set[int] = set()
        left = []
        for m in missing:
            free = [e for e in named.get((m.file, m.evidence), ()) if id(e) not in used]
            if not free:
                left.append(m)
                continue
            e = next((e for e in free if e.claim), free[0])
            used.add(id(e))
            done = "changed" if e.claim else "taken out, with a word left in its place,"
            remedy = f"{_WRITTEN_BY_YOU} Else put it back: 'recursion-gate receipts --json' has the line as it was."
            told = f"the line of receipt {m.seq} was {done} by hand"
            self._say("edit", "line-changed", m.file, told, remedy, e.line)
        return left, [e for e in extra if id(e) not in used]

    def _say_missing(self, missing: list[_Missing]) -> None:
        files: dict[str, list[_Missing]] = {}
        self.missing = sorted((m.seq, m.file) for m in missing)
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
                "Put back a copy of the file that has them; or stop the daemon and call 'recursion-gate doctor --fix', "
                "which puts these lines at the end of their section. If a line was taken out on purpose, leave a word "
                f"in its place: <!-- {these[0].evidence} taken out -->",
            )

    def _say_without_receipt(self, e: _Extra, claim: Claim, *, twice: bool) -> None:
        shown = claim.text[:400]
        if twice:
            told = f"this line stands here more often than receipts put it in: {shown}"
            self._say("fault", "line-twice", e.file, told, "Take one of the two out.", e.line)
            return
        lines = "this line" if claim.first == claim.last else f"lines {claim.first} to {claim.last}"
        told = f"no receipt accounts for {lines}: {shown}"
        if self.known_lost(claim):
            told = f"this was approved here, as {self._witness} shows, and its receipt is gone: {shown}"
            remedy = f"Leave it. Put back the newest copy of {self._place.shown(self._place.receipts)}/."
            self._say("fault", "line-without-receipt", e.file, told, remedy, e.line)
            return
        remedy = (
            "If it was approved here, the receipts are older than the Record: put back the newest copy of "
            f"{self._place.shown(self._place.receipts)}/. If you wrote it yourself, write it without the ACT id. Else "
            "take it out."
        )
        if e.file not in RECORD_FILES:
            remedy += (
                " If this file is not meant as a part of the Record, give it a name that does not begin with self."
            )
        self._say("fault", "line-without-receipt", e.file, told, remedy, e.line)

    def known_lost(self, claim: Claim) -> bool:
        """Whether something else than the Record knows that this was decided."""
        hashes = {act.rpartition("-")[2] for act in claim.ids}
        return bool(hashes) and hashes <= self._lost

    def unproved(self) -> list[tuple[str, Claim]]:
        """All that looks approved now, for where there is no receipt at all, with its file. Raises OSError."""
        found: list[tuple[str, Claim]] = []
        for name in self._names:
            with suppress(FileNotFoundError, IsADirectoryError):
                found += [(name, claim) for claim in claims(self._bytes_of(name))]
        return found

    def say_unproved(self, these: list[tuple[str, Claim]]) -> None:
        """Say that nothing proves or denies `these`."""
        if not these:
            return
        n, files = len(these), ", ".join(dict.fromkeys(printable(name) for name, _ in these))
        told = (
            f"{count(n, 'entry looks', 'entries look')} approved ({files}), and there is no receipt at all: with the "
            f"first decision {'it becomes a seed line' if n == 1 else 'they become seed lines'}"
        )
        remedy = (
            "Nothing, if they came with the folder or from another program. Else take them out before you decide; "
            f"where decisions were made here, put back a copy of {self._place.shown(self._place.receipts)}/."
        )
        path = self._place.shown(self._place.home)
        self._found(Finding("edit", "entries-unproved", path, told, remedy, self._place.user))


class _Seeds:
    """What seed explains: its lines repeated, and claims that it had and that now read otherwise."""

    def __init__(self, seed: bytes, now: bytes) -> None:
        self._lines = {line for _, line in numbered(seed)}
        before, after = (Counter((c.text, c.ids) for c in claims(data)) for data in (seed, now))
        #: By id, the ids of each claim that is gone. Each explains one.
        self._gone: dict[str, list[frozenset[str]]] = {}
        for _, ids in (before - after).elements():
            for act in ids:
                self._gone.setdefault(act, []).append(ids)

    def explain(self, extra: _Extra, claim: Claim) -> bool:
        """Whether this is seed repeated or changed by hand."""
        if self._lines.issuperset(extra.lines):
            return True
        was = next((ids for ids in self._gone.get(min(claim.ids), ()) if claim.ids <= ids), None)
        for act in was or ():
            self._gone[act].remove(was)  # type: ignore[arg-type]
        return was is not None


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
