"""One entry of a stream -> the JSON of a drop, and its identity (docs/doors.md, "A queue"). Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ..core.errors import GateError, Refusal
from ..core.model import instant, short_hash
from ..core.unseen import without_unseen

__all__ = ["CORRECT", "Entry", "Later", "Proposal", "key_of", "proposal_of"]

#: The remedy for an entry without a more specific one.
CORRECT = "Correct it, and add it to the stream again."
#: The fields that hold a whole drop as JSON.
_WHOLE = ("drop", "json")
_NAME_LIMIT = 120  # of a stream, in a key; a longer one is hashed
#: Entry ids from here on, in milliseconds (September 2001), are the moments that a server gave; others are numbers.
_MOMENTS = range(10**12, 10**14)


@dataclass(eq=False)
class Later(GateError):
    """An entry cannot be taken now: nothing is wrong with it. `seconds`: try not before."""

    reason: str
    seconds: float = 0.0
    sentence = "{e.reason}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream."""

    #: ``<ms>-<number>``.
    id: str
    #: Names and values as they were added; None: it was deleted or trimmed before it was taken.
    fields: tuple[tuple[bytes, bytes], ...] | None

    @property
    def size(self) -> int:
        """The bytes of its fields."""
        return sum(len(name) + len(value) for name, value in self.fields or ())


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an entry proposes."""

    #: One JSON object.
    data: bytes
    #: The source that it names; None: none.
    source: str | None


def key_of(stream: bytes, entry_id: str) -> str:
    """The identity of an entry, as an Idempotency-Key has it: the same entry, the same candidate."""
    name = quote(stream, safe="!$&'()*+,-./:;=@_~{}")
    if len(name) > _NAME_LIMIT:
        name = f"sha-{short_hash(stream, 24)}"
    return f"redis:{name}:{entry_id}"


def proposal_of(entry: Entry, limit: int) -> Proposal:
    """What `entry` proposes: the object in its field ``drop`` or ``json``, or its fields themselves. `limit` is the
    most bytes. Whether it is a drop is not looked at here. Raises Refusal."""
    if entry.fields is None:
        raise Refusal(
            "the entry was deleted or trimmed before it was taken", "Let the stream grow longer (MAXLEN), or run more."
        )
    if entry.size > limit:
        raise Refusal(
            f"the entry has {entry.size:,} bytes; the most allowed is {limit:,}",
            "Shorten it, or raise max_drop_bytes in recursion-gate.toml.",
        )
    texts: dict[str, str] = {}
    for name, value in entry.fields:
        known = _text(name, "the name of a field")
        if known in texts:
            raise Refusal("a field is given twice", CORRECT)
        texts[known] = _text(value, "a value")
    whole = [name for name in _WHOLE if name in texts]
    if whole and len(texts) > 1:
        raise Refusal(f"beside '{whole[0]}' there are other fields", "Put them into its object.")
    moment = _moment(entry.id)
    return _of_json(whole[0], texts[whole[0]], moment) if whole else _of_fields(texts, moment)


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise Refusal(f"{what} is not UTF-8 text (byte {err.start + 1:,})", "Send it as UTF-8.") from None


def _moment(entry_id: str) -> str | None:
    """When the entry was added; None where its id does not say so."""
    ms = int(entry_id.partition("-")[0])
    return instant(datetime.fromtimestamp(ms / 1000, UTC)) if ms in _MOMENTS else None


def _of_json(name: str, text: str, moment: str | None) -> Proposal:
    if not text.strip():
        raise Refusal(f"'{name}' is empty", "Put one JSON object into it.")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None  # what is wrong with it is said where drops are read
    if not isinstance(said, dict) or not said:
        return Proposal(text.encode(), None)
    if moment is not None and said.get("created_at") is None and "created_at" not in said:
        text = f'{{"created_at":"{moment}",{text.strip()[1:]}'  # as it is, so that a name given twice is noticed
    return Proposal(text.encode(), _source(said))


def _of_fields(texts: dict[str, str], moment: str | None) -> Proposal:
    said: dict[str, Any] = dict(texts)
    for name, value in texts.items():
        if name == "meta":
            said[name] = _parsed(name, value)
        elif name == "tags":
            listed = value.strip().startswith("[")
            said[name] = _parsed(name, value) if listed else [t.strip() for t in value.split(",") if t.strip()]
        elif name == "suggested_ix_section" and value.strip().lower() in ("", "none", "null"):
            said[name] = None
    if moment is not None:
        said.setdefault("created_at", moment)
    return Proposal(json.dumps(said, ensure_ascii=False).encode(), _source(said))


def _parsed(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise Refusal(f"the field '{name}' is not valid JSON", CORRECT) from None


def _source(said: dict[str, Any]) -> str | None:
    given = said.get("source")
    return without_unseen(given) if isinstance(given, str) else None
