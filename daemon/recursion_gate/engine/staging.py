"""The stage pass: drops -> gate. The cards are dealt afterwards (`keeper`), since the gate can always make them again.

In this order, so that a stop at any instant loses and doubles nothing: the gate, synced; then the drop is removed. A
drop that is read again after a crash gives the same candidates, which are at the gate already; the gate is then synced
for it, since the daemon that put them there may have been killed before it was.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..core.errors import NotYet, Refusal
from ..core.model import Candidate, id_hash
from ..core.paths import DROP_FORMS, STATES, is_aside, is_ignored, original_name
from ..disk import atomic, untrusted
from ..formats import drops
from .desk import Desk

__all__ = ["clear", "drop_paths", "stage"]

#: So many files are taken away in a turn, however long it takes.
_FEWEST = 50

#: So many bytes are read in a turn: what they become in memory is many times that.
_MOST_BYTES = 8_000_000


#: A drop that is on the gate: where it lies, and its `files.mark` as it was read. Paths are strings here: in a flood,
#: making a Path takes as long as reading the file.
Staged = tuple[str, untrusted.Mark]


@dataclass(slots=True)
class _Read:
    path: str
    seen: untrusted.Seen
    proposals: list[drops.Proposal]


def drop_paths(desk: Desk, most: int, until: float = math.inf) -> tuple[list[str], bool]:
    """The paths of what is to be looked at in the drop zone, oldest first, at most so many; and whether there is more.

    A list that is longer than that is worked off, turn by turn, before the folder is listed again: to list a flood
    takes as long as to stage a part of it. Where even the listing takes longer than `until` (monotonic), it goes on in
    the next turn.
    """
    was_listed_before = bool(desk.backlog)
    if not was_listed_before:
        desk.listing = desk.listing or _listing(desk)
        for names in desk.listing:
            if names is not None:
                desk.backlog = names
            elif desk.late(until):
                return [], True
        desk.listing = None
    names, desk.backlog = desk.backlog[:most], desk.backlog[most:]
    inbox = os.fspath(desk.place.inbox)
    return [f"{inbox}/{name}" for name in names], bool(desk.backlog) or was_listed_before


def _listing(desk: Desk) -> Iterator[list[str] | None]:
    """The names in the drop zone, at the end; None now and then until then."""
    found = []
    left_aside = []
    here = time.monotonic()
    with os.scandir(desk.place.inbox) as entries:
        for number, entry in enumerate(entries, 1):
            if number % 1_000 == 0:
                yield None
            if entry.name in STATES or is_ignored(entry.name):
                if is_aside(entry.name):
                    left_aside.append(entry.path)
                continue
            try:
                st = entry.stat(follow_symlinks=False)
            except (FileNotFoundError, PermissionError):  # the latter: something is mounted there that we may not see
                continue
            known = desk.not_before.get(entry.path)
            if known is not None and known[0] == untrusted.mark(st) and here < known[1]:
                desk.note_due(known[1] - here)
            elif not desk.is_stuck(entry.path, untrusted.mark(st)) and not desk.may_not_be_moved(entry.path, st):
                found.append((stat.S_ISDIR(st.st_mode), st.st_mtime_ns, entry.name))  # folders, never staged, go last
    for path in left_aside:  # read where it is, if another file has its name by now
        path = atomic.put_back(path)
        with contextlib.suppress(FileNotFoundError):
            found.append((False, os.lstat(path).st_mtime_ns, os.path.basename(path)))
    found.sort()
    yield [name for *_, name in found]


def stage(desk: Desk, paths: Sequence[str | Path], until: float = math.inf) -> list[Staged]:
    """Stage the files at `paths`: one gate write for all of them, on disk when this returns. Gives those that are to be
    taken away now; those that were staged or decided before are gone already, so that a daemon that is killed again and
    again gets on. One is taken up always; what was not come to by `until` (monotonic), or is more than a turn may cost,
    is left for the next turn: `Desk.put_off`. Raises OSError, Parked."""
    read: list[_Read] = []
    size = made = 0
    for number, path in enumerate(paths):
        if number and (desk.late(until) or size > _MOST_BYTES or made >= desk.settings.max_per_turn):
            desk.put_off(paths[number:])
            break
        item = _read(desk, os.fspath(path))
        if item is not None:
            read.append(item)
            size += len(item.seen.data)
            made += len(item.proposals)
    taken: list[Candidate] = []
    done: list[Staged] = []
    known: list[Staged] = []
    refused = 0
    for number, item in enumerate(read):
        try:
            new = _new(desk, item.proposals)
        except Refusal as err:
            if refused and desk.late(until):  # what is refused costs more than what is staged
                desk.put_off([item.path for item in read[number:]])
                break
            refused += 1
            desk.refuse(item.path, item.seen.mark, err)
            continue
        for candidate in new:
            desk.gate.add(candidate)
        taken += new
        (done if new else known).append((item.path, item.seen.mark))
    if taken:
        desk.check()
        desk.gate.save()
    if done or known:
        atomic.sync_folder(desk.place.home)
        desk.say_all(("staged", c.id, {"source": c.source}) for c in taken)
        clear(desk, known)
    return done


def clear(desk: Desk, done: list[Staged], until: float = math.inf) -> list[Staged]:
    """Take away drops that are on the gate: some always, the rest as long as it is not later than `until` (monotonic),
    since where many write into a folder at once each may take a while. Gives those that are left. Raises OSError."""
    folders = set()
    left: list[Staged] = []
    for number, (path, mark) in enumerate(done, 1):
        # What was rewritten since it was read is another drop, and stays for the next look.
        desk.clear(path, mark, "it is staged")
        folders.add(os.path.dirname(path))
        if number >= _FEWEST and desk.late(until):
            left = done[number:]
            break
    for folder in folders:
        atomic.sync_folder(folder)
    return left


def _read(desk: Desk, path: str) -> _Read | None:
    """The file, parsed; None when it is gone, refused, or not complete yet."""
    settings = desk.settings
    name = original_name(os.path.basename(path))
    foreign = not name.lower().endswith(DROP_FORMS)
    seen: untrusted.Seen | None = None
    try:
        try:
            seen = untrusted.look(path, settings.max_drop_bytes, ask_writers=True)
            found = drops.parse(name, seen.data, seen.stat.st_mtime_ns, settings)
            desk.settled(path, seen, whole=name.lower().endswith(".json"))
            desk.not_before.pop(path, None)
            return _Read(path, seen, found)
        except Refusal as err:
            if seen is None:
                seen = untrusted.Seen(b"", err.stat or os.lstat(path), False)
            desk.settled(path, seen, whole=False, cut_short=err.maybe_unfinished, foreign=foreign)
            desk.refuse(path, seen.mark, err)
    except NotYet as err:
        desk.note_due(err.seconds)
        if seen is not None:
            if len(desk.not_before) > 100_000:
                desk.not_before.clear()
            desk.not_before[path] = (seen.mark, time.monotonic() + err.seconds)
    except FileNotFoundError:
        pass
    return None


def _new(desk: Desk, proposals: list[drops.Proposal]) -> list[Candidate]:
    """Those of one drop's candidates that are not known yet. Raises Refusal when an id is another candidate's: a
    drop is staged as a whole or not at all."""
    new: list[Candidate] = []
    hashes: dict[str, str] = {}
    for proposal in proposals:
        candidate = proposal.candidate
        known = desk.gate.get(candidate.id)
        if known is not None:
            if not proposal.says_the_same_as(known):
                raise Refusal(
                    f"the id '{candidate.id}' is taken: another candidate with it waits at the gate",
                    "Give this one another id, or none; to change what waits, edit its card in pending/.",
                )
            desk.say("known", candidate.id)
            continue
        receipt = desk.ledger.find(candidate.id)
        if receipt is not None:
            was = desk.decided_candidate(receipt)
            if not proposal.says_the_same_as(was):
                raise Refusal(
                    f"the id '{candidate.id}' is taken: a candidate with it was {receipt.action} on {receipt.at[:10]}",
                    "Give this one another id, or none.",
                )
            desk.say("known", candidate.id, decided=receipt.action)
            continue
        if desk.ledger.lost and id_hash(candidate.id) in desk.ledger.lost:
            raise Refusal(
                f"'{candidate.id}' was approved: the Record shows it, but the receipts do not, since they are older",
                f"Put back the newest copy of {desk.place.shown(desk.place.receipts)}/, then put this file back; or, "
                "if the Record is wrong: stop the daemon, take its lines out, delete .daemon/decided.sqlite, start it.",
            )
        if candidate.link_to_evidence_id == candidate.id:
            raise Refusal("link_to_evidence_id names the candidate itself", "Leave it out.")
        twin = desk.gate.twin(candidate.id) or desk.ledger.twin(candidate.id) or hashes.get(id_hash(candidate.id))
        if twin is not None:
            raise Refusal(
                f"the id '{candidate.id}' gives the same ACT id as '{twin}'", "Give this one another id, or none."
            )
        new.append(candidate)
        hashes[id_hash(candidate.id)] = candidate.id
    settings = desk.settings
    if len(desk.gate) + len(new) > settings.max_pending:
        _full(f"{settings.max_pending:,} candidates wait", "max_pending")
    if new and desk.gate.size >= settings.max_gate_bytes:
        _full(f"its file may have {settings.max_gate_bytes:,} bytes", "max_gate_bytes")
    return new


def _full(problem: str, setting: str) -> NoReturn:
    what = f"Decide on some of them, or raise {setting} in recursion-gate.toml; then put the file back."
    raise Refusal(f"the gate is full: {problem}", what)
