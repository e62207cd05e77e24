"""Filters and search of the list, as they stand in the address. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from ...clients.decide import Waiting
from ...core.words import CATEGORY_OF, SKILLS

__all__ = ["AGES", "NONE", "Wanted"]

#: The word of the address for what has no section: evidence only.
NONE = "none"
AGES = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of what waits is asked for. An empty field asks for all."""

    user: str = ""
    source: str = ""
    skill: str = ""
    section: str = ""
    #: ``day``, ``week``, ``month``: not older; ``older``: than a month.
    age: str = ""
    #: Words, each of which stands in the text, the source, the topic or the id.
    q: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """What the address asks for; a value that is none of a field's is as good as none."""
        skill, section, age = (query.get(name, "") for name in ("skill", "section", "age"))
        return cls(
            user=query.get("user", "")[:64],
            source=query.get("source", "")[:300],
            skill=skill if skill in SKILLS else "",
            section=section if section in CATEGORY_OF or section == NONE else "",
            age=age if age in AGES or age == "older" else "",
            q=query.get("q", "")[:200].strip(),
        )

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Wanted()

    def query(self, **more: str) -> str:
        """As the part of an address that begins with ``?``; with other fields in it. Empty where there are none."""
        fields = {name: getattr(self, name) for name in ("user", "source", "skill", "section", "age", "q")}
        return encoded({**fields, **more})

    def takes(self, item: Waiting, now: datetime | None = None) -> bool:
        """Whether it asks for `item`."""
        said = item.now
        if self.user and item.place.user != self.user:
            return False
        if self.source and (said.source or "") != self.source:
            return False
        if self.skill and said.skill_tag != self.skill:
            return False
        if self.section and (said.suggested_ix_section or NONE) != self.section:
            return False
        if self.age and not self._is_of_age(said.created_at, now or datetime.now(UTC)):
            return False
        return not self.q or self._has_words(item)

    def _is_of_age(self, created_at: str, now: datetime) -> bool:
        try:
            age = now - datetime.fromisoformat(created_at).astimezone(UTC)
        except ValueError:
            return False
        return age > AGES["month"] if self.age == "older" else age <= AGES[self.age]

    def _has_words(self, item: Waiting) -> bool:
        said = item.now
        text = f"{said.raw_text} {said.source or ''} {said.topic or ''} {said.id}".casefold()
        return all(word in text for word in self.q.casefold().split())


def encoded(fields: Mapping[str, str]) -> str:
    """``?a=b&c=d`` of the fields that say something."""
    said = urlencode({name: value for name, value in fields.items() if value})
    return f"?{said}" if said else ""
