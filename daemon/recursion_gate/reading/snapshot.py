"""The read-only lane: one user's gate, Record and receipts as of one moment, without a lock and without a write.

How a snapshot can be whole while merges run: a merge writes its receipt first, then the lines in the Record, then the
gate (`engine.merge`), and the receipts file only ever grows. So we look in the order

    1. how far the receipts file reaches;  2. the gate;  3. the Record files;  4. the receipts file again

and every line that step 3 can have seen belongs to a receipt that step 4 sees. The state we give is the one after the
last of those. What may be missing in it is known, and is put in in memory, as the daemon itself does after a crash:

* the lines of each receipt that came between 1 and 4: some files may have been read before they got them;
* the lines of the last receipts before 1 whose candidates still stood at the gate in 2: that merge was not done, or
  was cut short by a crash. Where the candidates were gone from the gate, all lines were there before step 3.

A decision that is taken back works the same way: its receipt first, then the lines go, then the candidate is at the
gate again. An entry that is forgotten leaves no lines in its receipt. So where the last receipt in 1 is one of
forgetting, what the others still know of the entry is read right then, before 2; it is taken out in memory, of the
receipts, too (`store.forgotten`, as the daemon does). They forget it last: where they know nothing, nothing is left.

Nothing is read again because a writer is busy, so no reader can starve, and no writer ever waits for one. Only the
gate is, a few times at most, when it was replaced between 2 and 4, so that what was staged meanwhile is in it; and all
is, where a person had something forgotten, or a decision taken back at once, between 1 and 4.

This module and all it imports cannot write (a test checks that they do not even import the code that does).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from io import BufferedReader
from itertools import islice
from pathlib import Path

from ..core.errors import GateError, Parked
from ..core.model import Candidate, instant
from ..core.paths import RECORD_FILES, Place, Root, valid_user
from ..core.receipt import Receipt, line_digest
from ..disk.untrusted import open_plain
from ..formats import record_parse
from ..formats.record_change import Step, apply
from ..formats.record_parse import Entry, Evidence, Record
from ..store import gate_reader, jsonl, recovery
from ..store.forgotten import Traces, being_forgotten, steps
from ..store.standing import gone, standing
from . import copies

__all__ = ["Entry", "Evidence", "NoUser", "Record", "Snapshot", "snapshot"]

#: How often the gate is read again when it was replaced meanwhile.
_GATES = 3
#: How often all is looked at again when the receipts file was cut back under us (a failed disk, or a person who put
#: back a copy; no merge does that), or something was forgotten meanwhile.
_LOOKS = 10


@dataclass(eq=False)
class NoUser(GateError):
    """There is no such user."""

    user: str
    users: list[str]

    def __str__(self) -> str:
        return f"there is no user '{self.user}'. The users are: {', '.join(self.users) or 'none yet'}."


@dataclass(frozen=True)
class Snapshot:
    """One user as of one moment between two merges."""

    place: Place
    #: The waiting candidates, in the order they were staged.
    gate: tuple[Candidate, ...]
    #: The Record files that there are, by name, as they stand after the last of the receipts.
    texts: Mapping[str, str]
    #: The number and the hash of the last receipt: they name the moment. 0 and "" before the first.
    seq: int
    head: str
    #: How many bytes of the receipts file belong to it.
    size: int
    #: When it was taken, ISO 8601.
    read_at: str
    #: How many receipts had to be carried out here, in memory: a merge was under way, or was cut short.
    completed: int = 0
    #: Faults of the Record files, in words. The rest is still good.
    problems: tuple[str, ...] = ()
    #: The receipts that are being erased at the moment, by the offset of each, as they are then.
    erased: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    @property
    def user(self) -> str:
        return self.place.user

    @cached_property
    def record(self) -> Record:
        """The Record's entries, without those that stand no longer and that somebody has copied by hand (contract,
        promise 11). Raises Parked, OSError."""
        if not copies.names_any(self.texts):
            return record_parse.parse(self.texts)
        return record_parse.parse(copies.without(self.texts, gone(self.backwards())))

    def lines(self) -> Iterator[bytes]:
        """All receipts up to the moment as they are written, oldest first, read as they are asked for. Raises
        OSError."""
        for at, line in jsonl.forwards(self.place.ledger, self.size):
            yield self.erased.get(at, line)

    def backwards(self) -> Iterator[bytes]:
        """The same, newest first."""
        for at, line in jsonl.backwards(self.place.ledger, self.size):
            yield self.erased.get(at, line)

    def receipts(self) -> Iterator[Receipt]:
        """All receipts up to the moment, oldest first, read as they are asked for. Raises Parked, OSError."""
        for line in self.lines():
            yield jsonl.receipt(self.place, line)

    def latest(self, limit: int) -> list[Receipt]:
        """The last `limit` receipts, newest first, without reading those before. Raises Parked, OSError."""
        return [jsonl.receipt(self.place, line) for line in islice(self.backwards(), max(0, limit))]

    def standing(self, among: int) -> Iterator[Receipt]:
        """Those of the last `among` decisions that stand, newest first. Raises Parked, OSError."""
        return standing(self.place, islice(self.backwards(), among))


def snapshot(root: Root | Path | str, user: str) -> Snapshot:
    """`user` as of one moment between two merges.

    Never waits, never writes; needs only the right to read. A merge under way, or cut short by a crash, reads as done
    if its receipt is there and as not begun if not. Raises NoUser; Parked when the gate or the receipts do not parse;
    OSError when something cannot be read.
    """
    where = root if isinstance(root, Root) else Root(Path(root).absolute())
    place = where.place(user)
    if not valid_user(user) or not place.home.is_dir():
        raise NoUser(user, where.users())
    for _ in range(_LOOKS):
        taken = _look(place)
        if taken is not None:
            return taken
    raise Parked(place.display_path(place.ledger), "the receipts file is being replaced again and again", "Try again")


def _look(place: Place) -> Snapshot | None:
    """One look, in the order that the module's docstring gives; None when the receipts file was cut back, or tells no
    longer what this look would have needed."""
    with ExitStack() as opened:
        start = jsonl.end(place.ledger)
        forgetting = being_forgotten(place, start)
        first = gate = opened.enter_context(_Gate(place))
        found = _record_files(place)
        came = jsonl.since(place.ledger, start)
        for _ in range(_GATES):
            if came is None or not gate.replaced():
                break
            gate = opened.enter_context(_Gate(place))
            came = jsonl.since(place.ledger, start)
        if came is None:
            return None
        start, todo = _unfinished(place, start, first.candidates())
        todo += [jsonl.receipt(place, line) for line in came.lines]
        if _needs_another_look(todo, len(came.lines)):
            return None
        completed = _put_in(place, found, todo) | _take_out(found, forgetting)
        texts, problems = _texts(place, found)
        waiting, changed = _as_decided(gate.candidates(), todo)
        last = todo[-1] if todo else jsonl.receipt(place, start.last) if start.last else None
        return Snapshot(
            place=place,
            gate=tuple(waiting.values()),
            texts=texts,
            seq=last.seq if last else 0,
            head=last.hash if last else "",
            size=came.size if came.lines else start.size,
            read_at=instant(datetime.now(UTC)),
            completed=len(completed | changed),
            problems=tuple(problems),
            erased=forgetting.changed if forgetting else {},
        )


def _needs_another_look(todo: Sequence[Receipt], came: int) -> bool:
    """Whether these receipts, of which the last ones `came` during the look, do not tell all of it: something was
    forgotten, so that what may have been read of it is known no longer; or a candidate was decided on twice, so that
    nobody can tell where among the others it waited meanwhile."""
    if any(receipt.action == "forgotten" for receipt in todo[len(todo) - came :]):
        return True
    return len({receipt.candidate_id for receipt in todo}) < len(todo)


def _as_decided(gate: Mapping[str, Candidate], todo: Sequence[Receipt]) -> tuple[dict[str, Candidate], set[str]]:
    """The gate as it is after the receipts `todo`, and the ids of the candidates for which it was not so yet."""
    waiting, changed = dict(gate), set()
    for receipt in todo:
        if receipt.action != "undone":
            there = waiting.pop(receipt.candidate_id, None) is not None
        elif there := receipt.candidate_id not in waiting:
            waiting[receipt.candidate_id] = Candidate.model_validate(receipt.candidate)
        if there:
            changed.add(receipt.candidate_id)
    return waiting, changed


class _Gate:
    """The gate as it was read. It is held open until the look is over, so that no other file can get its inode: else
    a gate that was replaced twice could be taken for the same."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._file: BufferedReader | None = None
        self._data = b"[]"
        self._parsed: dict[str, Candidate] | None = None

    def __enter__(self) -> _Gate:
        try:
            self._file = open_plain(self._place.gate)
        except FileNotFoundError:
            return self
        self._stat = os.fstat(self._file.fileno())
        self._data = self._file.read()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def replaced(self) -> bool:
        """Whether another file is the gate by now."""
        try:
            now = os.lstat(self._place.gate)
        except FileNotFoundError:
            return self._file is not None
        if self._file is None:
            return True
        was = self._stat
        return (now.st_dev, now.st_ino, now.st_mtime_ns) != (was.st_dev, was.st_ino, was.st_mtime_ns)

    def candidates(self) -> dict[str, Candidate]:
        """The waiting candidates, by id, in order. Raises Parked when this is no gate."""
        if self._parsed is None:
            self._parsed = {candidate.id: candidate for candidate in gate_reader.each_once(self._place, self._data)}
        return self._parsed


def _record_files(place: Place) -> dict[str, bytes | None]:
    """The Record files that there are; None: it is not a plain file."""
    found: dict[str, bytes | None] = {}
    for name in RECORD_FILES:
        try:
            with open_plain(place.home / name) as file:
                found[name] = file.read()
        except FileNotFoundError:
            continue
        except IsADirectoryError:
            found[name] = None
    return found


def _texts(place: Place, found: Mapping[str, bytes | None]) -> tuple[dict[str, str], list[str]]:
    """The Record files as text, and what is wrong with them."""
    texts: dict[str, str] = {}
    problems: list[str] = []
    for name, data in found.items():
        display_path = place.display_path(place.home / name)
        if data is None:
            problems.append(f"{display_path}: this is not a plain file, so it was not read")
            continue
        try:
            texts[name] = data.decode()
        except UnicodeDecodeError as err:
            problems.append(
                f"{display_path}: this is not UTF-8 (byte {err.start + 1:,}); what cannot be read shows as \ufffd"
            )
            texts[name] = data.decode(errors="replace")
    return texts, problems


def _unfinished(place: Place, end: jsonl.End, waiting: Mapping[str, Candidate]) -> tuple[jsonl.End, list[Receipt]]:
    """The last receipts whose candidates were still `waiting` at the gate, oldest first, and the end that they have.
    Where a power cut took a part out of an append that had not returned, none of that append counts."""
    found: list[Receipt] = []
    last = b""
    for at, line in jsonl.backwards(place.ledger, end.size):
        if b"\0" in line:
            found, last = [], b""
            end = jsonl.End(at)
            continue
        last = last or line
        receipt = jsonl.receipt(place, line)
        if not recovery.is_unfinished(receipt, waiting.__contains__):
            break
        found.append(receipt)
    return jsonl.End(end.size, last or end.last), found[::-1]


def _put_in(place: Place, found: dict[str, bytes | None], receipts: Sequence[Receipt]) -> set[str]:
    """Do in the files `found` what `receipts` do in the Record and is not done there yet, as `engine.recover` does on
    disk; gives the ids of the candidates of which something was missing."""
    of = set()
    for receipt, step in recovery.missing(receipts, lambda file: found.get(file) or b"", place.ledger):
        text = found.get(step.file, b"")
        if text is not None:
            found[step.file] = apply(text, step, line_digest(receipt.old_salt))[0]
        of.add(receipt.candidate_id)
    return of


def _take_out(found: dict[str, bytes | None], forgetting: Traces | None) -> set[str]:
    """Take the lines of an entry that is being forgotten out of the files `found`, as `engine.forget` does on disk;
    gives the id of its candidate, if there were any."""
    gone: list[Step] = steps(forgetting, lambda file: found.get(file) or b"") if forgetting else []
    for step in gone:
        found[step.file] = apply(found[step.file] or b"", step, line_digest(None))[0]
    return {forgetting.candidate_id} if forgetting and gone else set()
