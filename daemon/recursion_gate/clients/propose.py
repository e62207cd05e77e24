"""What every door does with what it is given: check it, make it a drop, put that into the inbox (contract, promise 13).

The drop gives each of its candidates an id and the source, so that a door can tell at once what will stand at the gate.
A proposal that comes with a key always has the same ids, computed from source and key: the daemon stages an id once, so
that a door which was killed, or forgot, may simply drop it again.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic_core import to_json

from ..core.errors import GateError
from ..core.model import Candidate, instant, short_hash
from ..core.paths import Root
from ..core.receipt import canonical
from ..core.settings import Settings
from ..disk.deliver import Delivery, deliver_all
from ..formats import drops
from ..formats.drops import Proposal
from ..formats.triggers import as_staged
from .keys import Keys, Used
from .stage import NoInbox, NotAllowed, source_slug

__all__ = [
    "KeyTaken",
    "NotItsSource",
    "Prepared",
    "Proposed",
    "drop_name",
    "key_id",
    "prepare",
    "propose",
    "propose_all",
]

#: The ids that are made here, of a proposal with a key and of one without; several in one proposal are numbered.
_MADE = re.compile(r"((?:key|door)-[a-z0-9]{20})(-\d+)?")


@dataclass(eq=False)
class KeyTaken(GateError):
    """The key, or the id, was used before, for a proposal that says something else."""

    what: Literal["key", "id"]
    sentence = "this {e.what} was used before, for a proposal that says something else; give this one a new {e.what}"


@dataclass(eq=False)
class NotItsSource(GateError):
    """A proposal names another source than that of its proposer."""

    source: str
    sentence = "this token stages under the source '{e.source}' and no other: leave 'source' out"


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal that is on disk."""

    #: As they will stand at the gate.
    candidates: tuple[Candidate, ...]
    #: The drop.
    path: Path
    #: Whether the same was proposed before, under the same key.
    again: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A proposal that was checked, and is to be put on disk."""

    user: str
    source: str
    delivery: Delivery
    read: Sequence[Proposal]
    #: Of the candidates, in order.
    ids: Sequence[str]
    settings: Settings
    #: Whether the same was proposed before, under the same key.
    again: bool

    def taken(self, path: Path) -> Proposed:
        """What it is once its drop is on disk."""
        at = self.delivery.mtime_ns or 0
        moment = instant(datetime.fromtimestamp(at / 1e9, UTC))  # the daemon takes it from the drop's time
        made = []
        for proposal, candidate, each in zip(self.read, as_staged(self.read, self.settings), self.ids, strict=True):
            fields = {"id": each, "source": self.source}
            made.append(
                candidate.model_copy(
                    update=fields if "created_at" in proposal.given else fields | {"created_at": moment}
                )
            )
        return Proposed(tuple(made), path, self.again)

    def why_not(self, error: OSError) -> Exception:
        """Why its drop could not be put on disk."""
        inbox = str(self.delivery.folder)
        if isinstance(error, PermissionError):
            return NotAllowed(self.user, inbox)
        return OSError(error.errno, error.strerror, inbox)  # not the temporary name, or none at all


def propose(
    root: Root,
    user: str,
    source: str,
    data: bytes,
    settings: Settings,
    keys: Keys | None,
    *,
    form: Literal["json", "jsonl"] = "json",
    key: str | None = None,
) -> Proposed:
    """Propose what the JSON `data` says: one entry, or with the form ``jsonl`` one on each line, all or none. It is on
    disk, as one drop, when this returns. Without `keys` nothing is remembered but by the ids: another proposal under an
    old key is refused by the daemon, not here. Raises Refusal, NotItsSource, KeyTaken, NoInbox, NotAllowed, OSError."""
    (made,) = propose_all([prepare(root, user, source, data, settings, keys, form=form, key=key)])
    if isinstance(made, Exception):
        raise made
    return made


def propose_all(prepared: Sequence[Prepared]) -> list[Proposed | Exception]:
    """Put several proposals on disk, a drop each, in about the time that one of them takes. Of each what it is then, or
    why it is not on disk: NotAllowed, OSError."""
    found: list[Proposed | Exception] = []
    for each, path in zip(prepared, deliver_all([each.delivery for each in prepared]), strict=True):
        found.append(each.why_not(path) if isinstance(path, OSError) else each.taken(path))
    return found


def prepare(
    root: Root,
    user: str,
    source: str,
    data: bytes,
    settings: Settings,
    keys: Keys | None,
    *,
    form: Literal["json", "jsonl"] = "json",
    key: str | None = None,
) -> Prepared:
    """Check what is to be proposed, and note its key. The arguments and errors are those of `propose`; nothing is
    dropped yet."""
    inbox = str(root.place(user).inbox)
    if not _is_folder(inbox):
        raise NoInbox(user, inbox)
    now = time.time_ns() // 1_000_000 * 1_000_000  # as an instant shows it
    read = drops.parse(f"door.{form}", data, now, settings)
    for proposal in read:
        if "source" in proposal.given and proposal.candidate.source != source:
            raise NotItsSource(source)
    base = key_id(source, key) if key is not None else f"door-{short_hash(os.urandom(16), 20)}"
    ids = [
        proposal.candidate.id if "id" in proposal.given else base if form == "json" else f"{base}-{number}"
        for number, proposal in enumerate(read, 1)
    ]
    single = form == "json" and ids[0] != base and key is None
    name = drop_name(source, ids[0]) if single else f"{source_slug(source)}-{base}.{form}"
    used = _use(keys, user, source, read, key and base, name, now)
    delivery = Delivery(inbox, name, _drop(read, ids, source), used.at if used else now)
    return Prepared(user, source, delivery, read, ids, settings, used is not None and used.again)


def key_id(source: str, key: str) -> str:
    """The id of what `source` proposes under `key`: always the same."""
    return "key-" + short_hash(source.encode() + b"\0" + key.encode(), 20)


def drop_name(source: str, candidate_id: str) -> str:
    """The name of the drop that proposes one candidate, of this id, alone or among those of one proposal (there it ends
    in ``.jsonl``)."""
    made = _MADE.fullmatch(candidate_id)
    stem = made[1] if made else f"id-{short_hash(candidate_id.encode(), 16)}"
    return f"{source_slug(source)}-{stem}.{'jsonl' if made and made[2] else 'json'}"


def _is_folder(path: str) -> bool:
    """Whether there is a folder, and no link to one, at `path`."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _use(
    keys: Keys | None, user: str, source: str, read: list[Proposal], key: str | None, drop: str, now: int
) -> Used | None:
    """Note what a proposal uses up: its key, and the ids that it gives. Raises KeyTaken."""
    said = [_said(proposal) for proposal in read]
    names = {key: b"\n".join(said)} if key is not None else {}
    for proposal, each in zip(read, said, strict=True):
        if "id" in proposal.given:
            names[f"{source}\0{proposal.candidate.id}"] = each
    if keys is None or not names:
        return None
    used = keys.use(user, names, drop, now)
    if isinstance(used, str):
        raise KeyTaken("key" if used == key else "id")
    return used


def _said(proposal: Proposal) -> bytes:
    return canonical({name: getattr(proposal.candidate, name) for name in proposal.given if name != "source"})


def _drop(read: list[Proposal], ids: list[str], source: str) -> bytes:
    lines = []
    for proposal, candidate_id in zip(read, ids, strict=True):
        fields: dict[str, Any] = {"id": candidate_id, "source": source}
        fields |= {name: getattr(proposal.candidate, name) for name in proposal.given if name not in fields}
        lines.append(to_json(fields) + b"\n")
    return b"".join(lines)
