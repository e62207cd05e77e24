"""Explain a difference between Record and receipts: what a person's editor makes, and what it cannot make."""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..core.model import id_hash
from ..core.paths import RECORD_FILES, Place
from ..core.text import count, numbers, printable
from ..disk.untrusted import open_plain
from .claims import Claim, claims, ids_in, numbered
from .findings import Finding
from .fingerprints import fingerprint

__all__ = ["WRITTEN_BY_YOU", "Differences", "Extra", "Missing", "bytes_of"]

WRITTEN_BY_YOU = "Nothing, if it was you."


@dataclass(slots=True)
class Extra:
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
class Missing:
    """A line that a receipt names and that does not stand in its file."""

    file: str
    text: bytes
    seq: int
    evidence: str
    #: Whether it is the evidence that a correction or a retraction has struck out: a person may have taken that out.
    struck: bool = False


def bytes_of(place: Place, name: str) -> bytes:
    """A file of the Record. Raises OSError."""
    with open_plain(place.home / name) as file:
        return file.read()


class Differences:
    """Says what the differences of one user are: `explain`."""

    def __init__(
        self,
        place: Place,
        found: Callable[[Finding], None],
        seed: dict[str, bytes],
        due: dict[str, array[int]],
    ) -> None:
        """`seed` is the Record as it was before the first receipt, `due` the lines that receipts and seed account
        for."""
        self._place, self._found, self._seed, self._due = place, found, seed, due
        self._lost: set[str] = set()
        self._witness = ""
        #: The lines of receipts that are missing: the number of the receipt, and the file.
        self.missing: list[tuple[int, str]] = []

    def say(self, severity: str, code: str, name: str, problem: str, remedy: str = "", line: int | None = None) -> None:
        path = printable(self._place.display_path(self._place.home / name))
        self._found(Finding(severity, code, path, problem, remedy, self._place.user, line))  # type: ignore[arg-type]

    def believe(self, lost: Iterable[str], witness: str) -> None:
        """These candidates, of which there is no receipt, were decided, as the `witness` shows."""
        known = {id_hash(candidate_id) for candidate_id in lost}
        self._lost |= known
        self._witness = self._witness or (witness if known else "")

    def explain(self, missing: list[Missing], extra: list[Extra]) -> None:
        missing, extra = self._moved(missing, extra)
        missing, extra = self._changed(missing, extra)
        self._say_missing([m for m in missing if not m.struck])
        seeds = {name: self._seeds(name) for name in {e.file for e in extra if e.claim}}
        due = {name: set(self._due[name]) for name in seeds}
        by_hand: dict[str, list[int]] = {}
        for e in extra:
            if e.claim and e.adds:
                message = f"the entry {', '.join(sorted(e.claim.ids))} was made longer by hand"
                self.say("edit", "line-changed", e.file, message, f"{WRITTEN_BY_YOU} Else take this line out.", e.line)
            elif e.claim is None or seeds[e.file].explain(e, e.claim):
                by_hand.setdefault(e.file, []).append(e.line)
            else:
                self._say_without_receipt(e, e.claim, twice=all(fingerprint(line) in due[e.file] for line in e.lines))
        for name, lines in by_hand.items():
            if name not in RECORD_FILES and name not in self._seed:
                continue  # a file of the person's own
            n = len(lines)
            message = (
                f"{count(n, 'line was', 'lines were')} added by hand: {'line' if n == 1 else 'lines'} {numbers(lines)}"
            )
            self.say(
                "edit", "lines-added", name, message, f"{WRITTEN_BY_YOU} Else take {'it' if n == 1 else 'them'} out."
            )

    def _seeds(self, name: str) -> _Seeds:
        try:
            return _Seeds(self._seed.get(name, b""), bytes_of(self._place, name))
        except OSError:  # as above
            return _Seeds(b"", b"")

    def _moved(self, missing: list[Missing], extra: list[Extra]) -> tuple[list[Missing], list[Extra]]:
        """Say what a person has moved to another file as it was; gives what is left of both."""
        there: dict[bytes, list[Extra]] = {}
        for e in extra:
            if len(e.lines) == 1:
                there.setdefault(e.lines[0], []).append(e)
        left, used = [], set()
        for m in missing:
            found = there.get(m.text)
            if found:
                e = found.pop()
                used.add(id(e))
                message = f"the line of receipt {m.seq} was moved here from {m.file} by hand"
                remedy = f"{WRITTEN_BY_YOU} Else move it back."
                self.say("edit", "line-moved", e.file, message, remedy, e.line)
            else:
                left.append(m)
        return left, [e for e in extra if id(e) not in used]

    def _changed(self, missing: list[Missing], extra: list[Extra]) -> tuple[list[Missing], list[Extra]]:
        """The same for what a person has changed: something else in the file names the id of what is missing."""
        named: dict[tuple[str, str], list[Extra]] = {}
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
            remedy = f"{WRITTEN_BY_YOU} Else put it back: 'recursion-gate receipts --json' has the line as it was."
            message = f"the line of receipt {m.seq} was {done} by hand"
            self.say("edit", "line-changed", m.file, message, remedy, e.line)
        return left, [e for e in extra if id(e) not in used]

    def _say_missing(self, missing: list[Missing]) -> None:
        files: dict[str, list[Missing]] = {}
        self.missing = sorted((m.seq, m.file) for m in missing)
        for m in missing:
            files.setdefault(m.file, []).append(m)
        for name, these in files.items():
            seqs = numbers(m.seq for m in these)
            whose = f"of receipt {seqs}" if len(these) == 1 else f"of receipts {seqs}"
            problem = f"{count(len(these), 'line')} {whose} {'is' if len(these) == 1 else 'are'} missing"
            if not os.path.lexists(self._place.home / name):
                problem = f"the file is missing, and with it {count(len(these), 'line')} {whose}"
            self.say(
                "fault",
                "line-missing",
                name,
                problem,
                "Put back a copy of the file that has them; or stop the daemon and call 'recursion-gate doctor --fix', "
                "which puts these lines at the end of their section. If a line was taken out on purpose, leave a word "
                f"in its place: <!-- {these[0].evidence} taken out -->",
            )

    def _say_without_receipt(self, e: Extra, claim: Claim, *, twice: bool) -> None:
        text = claim.text[:400]
        if twice:
            message = f"this line stands here more often than receipts put it in: {text}"
            self.say("fault", "line-twice", e.file, message, "Take one of the two out.", e.line)
            return
        lines = "this line" if claim.first == claim.last else f"lines {claim.first} to {claim.last}"
        message = f"no receipt accounts for {lines}: {text}"
        if self.known_lost(claim):
            message = f"this was approved here, as {self._witness} shows, and its receipt is gone: {text}"
            remedy = f"Leave it. Put back the newest copy of {self._place.display_path(self._place.receipts)}/."
            self.say("fault", "line-without-receipt", e.file, message, remedy, e.line)
            return
        remedy = (
            "If it was approved here, the receipts are older than the Record: put back the newest copy of "
            f"{self._place.display_path(self._place.receipts)}/. If you wrote it yourself, write it without the ACT "
            "id. Else take it out."
        )
        if e.file not in RECORD_FILES:
            remedy += (
                " If this file is not meant as a part of the Record, give it a name that does not begin with self."
            )
        self.say("fault", "line-without-receipt", e.file, message, remedy, e.line)

    def known_lost(self, claim: Claim) -> bool:
        """Whether something else than the Record knows that this was decided."""
        hashes = {act.rpartition("-")[2] for act in claim.ids}
        return bool(hashes) and hashes <= self._lost


class _Seeds:
    """The lines that the seed explains: its lines repeated, and claims that it had and that now read otherwise."""

    def __init__(self, seed: bytes, now: bytes) -> None:
        self._lines = {line for _, line in numbered(seed)}
        before, after = (Counter((c.text, c.ids) for c in claims(data)) for data in (seed, now))
        #: By id, the ids of each claim that is gone. Each explains one.
        self._gone: dict[str, list[frozenset[str]]] = {}
        for _, ids in (before - after).elements():
            for act in ids:
                self._gone.setdefault(act, []).append(ids)

    def explain(self, extra: Extra, claim: Claim) -> bool:
        """Whether this is seed repeated or changed by hand."""
        if self._lines.issuperset(extra.lines):
            return True
        was = next((ids for ids in self._gone.get(min(claim.ids), ()) if claim.ids <= ids), None)
        for act in was or ():
            self._gone[act].remove(was)  # type: ignore[arg-type]
        return was is not None
