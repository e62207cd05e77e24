"""One card, as the templates show it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...clients.decide import Waiting, digest
from ...core.errors import Refusal
from ...core.model import Candidate
from ...core.settings import Settings
from ...formats import card_hints, cards
from ...formats.record_edit import Change, clean
from .words import CONTEXT, DETAILS

__all__ = ["CardView", "FileChange", "by_file", "context", "told", "view"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """The lines that come and go in one file of the Record."""

    file: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class CardView:
    """A card, read once: all that is shown is of the same bytes, of which `shown` is the digest."""

    item: Waiting
    now: Candidate
    #: The digest that a decision is bound to; "" where the card cannot be decided on.
    shown: str
    files: Sequence[FileChange]
    context: Sequence[tuple[str, str]]
    details: Sequence[tuple[str, str]]
    #: The text of the entry that it corrects or retracts; None where it does neither, or that no longer stands.
    target: str | None = None
    hints: Sequence[str] = ()
    #: Why the card is here again, in the daemon's words.
    note: str = ""
    #: The reason that a person has written on it.
    reason: str = ""
    #: Why it cannot be decided on.
    problem: str = ""

    @property
    def user(self) -> str:
        return self.item.place.user

    @property
    def is_edited(self) -> bool:
        return self.now != self.item.candidate


def view(item: Waiting, settings: Settings) -> CardView:
    """The card of `item` as it is now. Raises OSError."""
    try:
        data = item.data()
        now = item.as_edited(settings, data)
    except Refusal as err:
        return _broken(item, f"{err.problem[:1].upper()}{err.problem[1:]}. {err.remedy}".strip())
    return CardView(
        item=item,
        now=now,
        shown=digest(data),
        files=by_file(item.effect(now)),
        context=context(now),
        details=_values(now, DETAILS),
        target=item.target(now),
        hints=card_hints.hints_in(data) or (),
        note=cards.note_in(data) or "",
        reason=cards.reason_in(data) or "",
    )


def _broken(item: Waiting, problem: str) -> CardView:
    now = item.now
    return CardView(item, now, "", by_file(item.effect(now)), context(now), _values(now, DETAILS), problem=problem)


def by_file(changes: Iterable[Change]) -> list[FileChange]:
    """The changes, file by file."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.file, []).append(change)
    return [FileChange(file, those) for file, those in found.items()]


def context(candidate: Candidate) -> list[tuple[str, str]]:
    """What the proposer says to the person who decides, as text."""
    return _values(candidate, CONTEXT)


def told(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same, of the fields of a proposal that was decided."""
    return [(CONTEXT.get(name, name), _text(value)) for name, value in values.items() if value is not None]


def _values(candidate: Candidate, names: dict[str, str]) -> list[tuple[str, str]]:
    said = ((title, getattr(candidate, name)) for name, title in names.items())
    return [(title, _text(value)) for title, value in said if value is not None]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0%}"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    elif not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, indent=2)
    return clean(value)
