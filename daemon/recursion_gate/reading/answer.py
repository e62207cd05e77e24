"""The base of all readers' answers."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .snapshot import Snapshot

__all__ = ["Answer", "AsOf", "ByDimension", "BySkill", "cut"]

T = TypeVar("T")


class Answer(BaseModel):
    """An answer: snake_case in Python, camelCase in JSON."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    def as_json(self) -> dict[str, Any]:
        """The answer as it is printed."""
        return self.model_dump(mode="json", by_alias=True)


class BySkill(Answer, Generic[T]):
    """One value for each skill."""

    think: T = Field(alias="THINK")
    write: T = Field(alias="WRITE")
    work: T = Field(alias="WORK")
    steward: T = Field(alias="STEWARD")


class ByDimension(Answer):
    """The entries of each dimension, as they stand in their files."""

    knowledge: list[str] = Field(description="IX-A, each entry as it stands in its file, without the bullet.")
    curiosity: list[str] = Field(description="IX-B")
    personality: list[str] = Field(description="IX-C")


class AsOf(Answer):
    """The moment that an answer is true of: right after this receipt."""

    seq: int = Field(description="The last receipt's number; 0 before the first.")
    hash: str = Field(description="The last receipt's hash; empty before the first.")
    read_at: str = Field(description="When it was read, ISO 8601.")

    @classmethod
    def of(cls, snapshot: Snapshot) -> AsOf:
        return cls(seq=snapshot.seq, hash=snapshot.head, read_at=snapshot.read_at)


def cut(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters, cut between words where it can be."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    short = line[: limit - 1]
    at_word = short.rfind(" ", limit // 2)
    return short[: at_word if at_word > 0 else None].rstrip(" ,;:.—–-") + "…"
