"""A receipt: the proof of one decision, its place in the chain, and its erasure (contract, "A receipt").

What a receipt says of an entry's content is personal. It stands in two groups of fields, each with a salt of its own;
the hash covers only a salted digest of each group. So a person can have the text erased, with its salt, and the chain
is as it was, while nobody can guess the text from the digest that stays.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from typing_extensions import TypedDict

from .words import Section, Skill

__all__ = [
    "IF_THERE",
    "OF_ENTRY",
    "Lines",
    "Old",
    "Receipt",
    "Spot",
    "canonical",
    "chain_hash",
    "erase",
    "how_to_take_back",
    "line_digest",
    "line_of",
]


def how_to_take_back(candidate_id: str) -> str:
    """The remedy for somebody who no longer wants a decision, or wants another one."""
    how = f"recursion-gate undo {candidate_id}, or put a copy of the card from receipts/ into undo/."
    return f"To take the decision back: {how}"


#: Lines of Record files, by file, top to bottom.
Lines = dict[str, list[str]]


class Spot(TypedDict):
    """Where a line stood that was taken out: its number, from 1, and a salted digest of the line before it."""

    line: int
    after: str


class Old(TypedDict):
    """The lines of the entry that a decision supersedes or retracts, or that taking it back gives back."""

    removed: Lines
    lines: Lines
    spots: dict[str, Spot]


class Receipt(BaseModel):
    """The proof of one decision (contract, "A receipt"): one line of ``merge-receipts.jsonl``."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Receipt")

    seq: int = Field(ge=1, description="1, 2, 3, ... without a gap.")
    candidate_id: str
    action: Literal["approved", "rejected", "undone", "forgotten"]
    evidence_id: str | None = Field(None, description="The ACT id of the evidence; null for what has none.")
    supersedes: str | None = Field(None, description="The entry whose place this one takes.")
    retracts: str | None = Field(None, description="The entry that no longer stands.")
    undoes: int | None = Field(None, description="The number of the receipt whose decision is taken back.")
    merged_at: str | None = None
    rejected_at: str | None = None
    undone_at: str | None = None
    forgotten_at: str | None = None
    via: Literal["folder", "cli", "web"]
    by: str | None = Field(
        None,
        description="Who decided, where the system can tell: an account, or a person's name on the page. No guess.",
    )
    skill_tag: Skill | None = None
    suggested_ix_section: Section | None = None
    reason: str | None = None
    source: str | None = None
    raw_text: str = Field("", description="As approved.")
    lines: Lines = Field({}, description="The lines added, by Record file, top to bottom.")
    removed: Lines = Field({}, description="The entry's own lines taken out, by Record file.")
    candidate: dict[str, Any] = Field({}, description="As it was staged.")
    approved: dict[str, Any] | None = Field(None, description="As it was approved, if that differs.")
    sha256: str = Field("", description="Of the bytes of the card that was decided on.")
    card: str = Field("", description="That card's file name.")
    salt: str | None = Field(None, description="Of the digest of what the entry says; erased with it.")
    old: Old | None = Field(None, description="The lines of the entry that it supersedes or retracts.")
    old_salt: str | None = Field(None, description="Of the digest of `old`; erased with it.")
    erased: dict[str, str | int] | None = Field(
        None, description="Where something was forgotten: the digests of what stood here, and the bytes of the line."
    )
    padding: str | None = Field(None, description="Blanks in the place of what was forgotten.")
    prev_hash: str = Field(description="`hash` of the receipt before; for the first, SHA-256 of baseline.json.")
    hash: str = Field(
        description="SHA-256 of the canonical JSON of the other fields, with a salted digest for what the entry says."
    )

    @property
    def at(self) -> str:
        """When it was decided."""
        return self.merged_at or self.rejected_at or self.undone_at or self.forgotten_at or ""

    @property
    def message(self) -> str:
        """The decision, its moment, and its ACT id, in words."""
        return f"{self.action} on {self.at[:10]}" + (f" as {self.evidence_id}" if self.evidence_id else "")

    @property
    def target(self) -> str | None:
        """The entry that it supersedes or retracts."""
        return self.supersedes or self.retracts

    def as_json(self) -> dict[str, Any]:
        """The receipt as it stands in its file."""
        made: dict[str, Any] = json.loads(line_of(vars(self)))
        return made

    @property
    def is_erased(self) -> bool:
        """Whether its text was forgotten."""
        return self.salt is None


#: The fields that say something of the entry itself; without a salt they are not there.
OF_ENTRY = ("reason", "source", "raw_text", "lines", "removed", "candidate", "approved", "sha256", "card")

#: Fields of which only a digest goes into the hash, or nothing.
_NOT_HASHED = {"hash", "erased", "padding", "salt", "old", "old_salt", *OF_ENTRY}

#: Fields that are not written where they say nothing.
IF_THERE = {
    *("supersedes", "retracts", "undoes", "undone_at", "forgotten_at", "removed"),
    *("salt", "old", "old_salt", "erased", "padding"),
}

_canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def canonical(data: dict[str, Any]) -> bytes:
    """Canonical JSON: keys sorted, no white space, UTF-8 as it is."""
    return _canonical(data).encode()


def line_of(data: dict[str, Any]) -> bytes:
    """A receipt as it is written, its fields in the order of `Receipt`; without its line end."""
    without = OF_ENTRY if data.get("salt") is None else ()
    return to_json({k: v for k, v in data.items() if k not in without and (v or k not in IF_THERE)})


def chain_hash(data: dict[str, Any]) -> str:
    """The `hash` of a receipt: SHA-256 over the canonical JSON of the rest (contract, "A receipt"), where salted
    digests stand for what it says of entries."""
    hashed = {k: v for k, v in data.items() if v is not None and k not in _NOT_HASHED}
    return hashlib.sha256(canonical(hashed | _digests(data))).hexdigest()


def _digests(data: dict[str, Any]) -> dict[str, Any]:
    """The digest of each group, or what is left of it where it was erased."""
    erased = data.get("erased") or {}
    made = {name: erased[name] for name in ("entry", "old") if name in erased}
    if salt := data.get("salt"):
        made["entry"] = _digest(salt, {k: v for k in OF_ENTRY if (v := data.get(k))})
    if (salt := data.get("old_salt")) and data.get("old"):
        made["old"] = _digest(salt, data["old"])
    return made


def _digest(salt: str, data: dict[str, Any]) -> str:
    return hmac.digest(salt.encode(), canonical(data), "sha256").hex()


def line_digest(salt: str | None) -> Callable[[bytes], str]:
    """Gives a function that makes the digest of a line for `Spot`, with the salt of its receipt."""
    key = (salt or "").encode()
    return lambda line: hmac.digest(key, line, "sha256").hex()[:32]


def erase(line: bytes, *, entry: bool = False, old: bool = False) -> bytes:
    """The receipt `line` without what it says of its entry, or of the `old` one that it supersedes or retracts, and
    without the salt of that; as long as it was, so that every receipt stays where it is. The same again where it is
    erased already."""
    data = dict.fromkeys(Receipt.model_fields) | json.loads(line)
    digests = _digests(data)
    if not ((entry and data["salt"]) or (old and data["old_salt"])):
        return line
    erased = dict(data["erased"] or {})
    if entry and data["salt"]:
        erased["entry"], data["salt"] = digests["entry"], None
    if old and data["old_salt"]:
        erased["old"], data["old"], data["old_salt"] = digests["old"], None, None
    data["erased"], data["padding"] = dict(sorted(erased.items() | {("bytes", len(line))})), " "
    short = len(line) - len(line_of(data))
    if short < 0:
        raise ValueError("a receipt that says so little cannot be erased in its place")
    data["padding"] = " " * (short + 1)
    return line_of(data)
