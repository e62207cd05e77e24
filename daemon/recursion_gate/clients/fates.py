"""What became of a proposal: looked up where it may be, as far as this account may look. Reads only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from ..core.errors import Refusal
from ..core.paths import Place, Root
from ..core.receipt import Receipt
from ..disk import untrusted
from ..store import gate_reader, jsonl, standing
from ..store.forgotten import being_forgotten
from ..store.index import copied
from . import requests
from .keys import Keys
from .propose import drop_name
from .stage import source_slug

__all__ = ["Fate", "fate", "fates"]

_LIMIT = 2_000_000
#: Receipts of so many bytes are read in less time than it takes to ask the index about them.
_FEW = 1_000_000
_TAKEN = (
    "No longer in the inbox, and not refused: if it was proposed here, it waits at the gate or is decided. The account "
    "of this door may not look there; the readers' door tells."
)
_NOT_STAGED = (
    "Neither at the gate nor decided. The account of this door may not look into the inbox; the agents' door tells "
    "whether it lies there, or was refused."
)


class Fate(BaseModel):
    """What became of one proposal."""

    model_config = ConfigDict(frozen=True, title="Fate")

    id: str = Field(description="The candidate.")
    state: str = Field(
        description="dropped: in the inbox. waiting: at the gate. approved, rejected: decided so. superseded, "
        "retracted: approved, and no longer in the Record. forgotten: erased. problem: refused, see why. taken: staged "
        "or decided, this door may not see which. unknown: no proposal of this source."
    )
    text: str | None = Field(
        default=None, description="As it was proposed; null where it is no longer in the Record, or not known."
    )
    at: str | None = Field(default=None, description="When it was decided, ISO 8601.")
    evidence_id: str | None = Field(default=None, description="The ACT id of the entry.")
    approved_text: str | None = Field(default=None, description="As the person approved it, if they edited it.")
    reason: str | None = Field(default=None, description="The person's reason.")
    why: str | None = Field(default=None, description="Why it was refused, or what is not known.")
    remedy: str | None = Field(default=None, description="What to do about it.")


def fate(place: Place, candidate_id: str, source: str | None, keys: Keys | None = None) -> Fate:
    """What became of the proposal with this id. Of `source`, if one is given: another's is unknown. Raises Parked,
    OSError."""
    names = _drop_names(place.user, candidate_id, source, keys)
    closed = ""
    # In the order in which a drop passes these places, so that none is missed on its way.
    try:
        if any(untrusted.mark_at(place.inbox / name) is not None for name in names):
            return Fate(id=candidate_id, state="dropped")
    except PermissionError:
        closed = _NOT_STAGED
    try:
        decided = _decided_fate(place, candidate_id, source)
        if decided is not None:
            return decided
    except PermissionError:
        closed = _TAKEN
    for name in names:
        refused = _refusal(place, candidate_id, name)
        if refused is not None:
            return refused
    return Fate(id=candidate_id, state="taken" if closed == _TAKEN else "unknown", why=closed or None)


def fates(place: Place, source: str, limit: int) -> list[Fate]:
    """The proposals of `source`, at most `limit` of those that wait, of the decided, the refused, and those in the
    inbox; the newest last in each. Raises Parked, OSError."""
    dropped = _dropped_of(place, source)  # first: a drop leaves the inbox only once it is at the gate
    found = [_of_receipt(*each) for each in _receipts(place, _has_source(source), limit, source)][::-1]
    decided = {each.id for each in found}
    waiting = [c for c in gate_reader.read(place) if c.source == source and c.id not in decided]
    found += [Fate(id=c.id, state="waiting", text=c.raw_text) for c in waiting[-limit:]]
    there = {each.id for each in found}
    return found + _refused_of(place, source)[-limit:] + [each for each in dropped if each.id not in there][-limit:]


# -- gate and receipts ------------------------------------------------------------------------------------------------


def _decided_fate(place: Place, candidate_id: str, source: str | None) -> Fate | None:
    waits = _at_gate(place, candidate_id)
    if waits is not None:
        mine = source in (None, waits.get("source"))
        return Fate(id=candidate_id, state="waiting", text=waits["raw_text"]) if mine else None
    if not _may_be_decided(place, candidate_id):
        return None
    needle = re.compile(rb'\{"seq":\d+,"candidate_id":"' + re.escape(candidate_id.encode()) + b'"')
    for receipt, became in _receipts(place, needle.match, 1):
        return _of_receipt(receipt, became) if source in (None, receipt.source) else None
    return None


def _may_be_decided(place: Place, candidate_id: str) -> bool:
    """False where the daemon's index tells that there is no receipt of this candidate: so that a question about what
    never was does not read all of them."""
    end = jsonl.end(place.ledger)
    if end.size <= _FEW:
        return True
    with copied(Root(place.root)) as decided:
        if not decided.reached(place):  # no index, or none for this account: to make one takes longer than to read
            return True
        return decided.offset(place, candidate_id, end.size, jsonl.receipt(place, end.last).hash) is not None


def _at_gate(place: Place, candidate_id: str) -> Mapping[str, Any] | None:
    """The waiting candidate of this id. The gate is parsed only where the id stands in it at all."""
    try:
        with untrusted.open_plain(place.gate) as file:
            data = file.read()
    except FileNotFoundError:
        return None
    if candidate_id.encode() not in data:
        return None
    return next((c for c in json.loads(data) if c["id"] == candidate_id), None)


def _has_source(source: str) -> Any:
    needle = b'"source":' + to_json(source)
    return lambda line: needle in line


def _receipts(
    place: Place, may_be: Any, limit: int, source: str | None = None
) -> Iterator[tuple[Receipt, standing.Became]]:
    """The last decisions that are meant, newest first, but for those that were taken back, each with what became of it;
    `may_be` says of a line whether it is worth parsing. Of what was forgotten only that it was, and nobody's."""
    known, count, end = standing.Standing(), 0, jsonl.end(place.ledger)
    forgetting = being_forgotten(place, end)
    erased = forgetting.changed if forgetting else {}
    for at, line in jsonl.backwards(place.ledger, end.size):
        line = erased.get(at, line)
        became = known.of_line(line)
        if became == "undone" or not may_be(line):
            continue
        receipt = jsonl.receipt(place, line)
        became = "forgotten" if receipt.action == "forgotten" else became
        if became is None or (became == "forgotten" and source is not None):
            continue
        if source in (None, receipt.source):
            yield receipt, became
            count += 1
        if count == limit:
            return


def _of_receipt(receipt: Receipt, became: standing.Became) -> Fate:
    if became == "forgotten":
        return Fate(id=receipt.candidate_id, state=became)
    if became in ("superseded", "retracted"):
        return Fate(id=receipt.candidate_id, state=became, at=receipt.at, evidence_id=receipt.evidence_id)
    proposed = str(receipt.candidate.get("raw_text", receipt.raw_text))
    edited = receipt.action == "approved" and receipt.raw_text != proposed
    return Fate(
        id=receipt.candidate_id,
        state=receipt.action,
        text=proposed,
        at=receipt.at,
        evidence_id=receipt.evidence_id,
        approved_text=receipt.raw_text if edited else None,
        reason=receipt.reason,
    )


# -- inbox ------------------------------------------------------------------------------------------------------------


def _drop_names(user: str, candidate_id: str, source: str | None, keys: Keys | None) -> list[str]:
    if source is None:
        return []
    used = keys.drop_of(user, f"{source}\0{candidate_id}") if keys else None
    return list(dict.fromkeys([drop_name(source, candidate_id), *([used] if used else [])]))


def _refusal(place: Place, candidate_id: str, name: str) -> Fate | None:
    """The refusal of the drop `name`: of the latest, where there are several."""
    stem, ending = os.path.splitext(name)
    found, number = None, 1
    while (why := requests.reason_beside(place, name)) is not None:
        found, number = why, number + 1
        name = f"{stem}-{number}{ending}"
    return _of_why(candidate_id, found) if found is not None else None


def _of_why(candidate_id: str, why: str, text: str | None = None) -> Fate:
    said = requests.said_in(why)
    return Fate(id=candidate_id, state="problem", text=text, why=said.problem, remedy=said.remedy or None)


def _read(path: Path) -> str | None:
    with suppress(Refusal, FileNotFoundError, PermissionError, NotADirectoryError):
        return untrusted.look(path, _LIMIT).data.decode(errors="replace")
    return None


def _drops_of(folder: Path, source: str) -> Iterator[tuple[str, str, str]]:
    """Of each drop of `source` in `folder`, where this account may list it: the file's name, the id and the text of its
    candidates; by name."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.name.startswith(f"{source_slug(source)}-")]
    except (PermissionError, FileNotFoundError):
        return
    for name in sorted(name for name in names if name.endswith((".json", ".jsonl"))):
        for line in (_read(folder / name) or "").splitlines():
            with suppress(ValueError, AttributeError):
                fields = json.loads(line)
                if fields.get("source") == source and isinstance(fields.get("id"), str):
                    yield name, fields["id"], str(fields.get("raw_text", ""))


def _dropped_of(place: Place, source: str) -> list[Fate]:
    return [Fate(id=each, state="dropped", text=text) for _, each, text in _drops_of(place.inbox, source)]


def _refused_of(place: Place, source: str) -> list[Fate]:
    """The refused drops of `source`, as far as this account may look."""
    found = []
    for name, each, text in _drops_of(place.problems, source):
        why = _read(place.problems / f"{name}.why.txt")
        if why is not None:
            found.append(_of_why(each, why, text))
    return found
