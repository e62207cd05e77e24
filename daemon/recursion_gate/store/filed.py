"""Cards as files: whose a card is, and the decided ones, which are filed by month. Reads only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..core.errors import Refusal
from ..core.paths import Place, is_ignored
from ..core.receipt import Receipt
from ..disk import untrusted
from ..formats import cards

__all__ = ["cards_of", "id_in", "months", "names_of"]

_MONTH = re.compile(r"\d{4}-\d{2}")


def id_in(path: Path, limit: int) -> str | None:
    """The candidate whose card the file at `path` is, of at most `limit` bytes; None where it is unknown."""
    try:
        return cards.id_of(untrusted.look(path, limit).data)
    except (Refusal, OSError):
        return None


def months(place: Place) -> list[str]:
    """The months that have a folder of decided cards, oldest first. Raises OSError."""
    try:
        return sorted(name for name in os.listdir(place.receipts) if _MONTH.fullmatch(name))
    except FileNotFoundError:
        return []


def cards_of(place: Place, first: str = "") -> Iterator[str]:
    """The decided cards from the month `first` on, as ``month/name``. Raises OSError."""
    for month in months(place):
        if month >= first:
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(place.receipts / month) as entries:
                yield from (f"{month}/{entry.name}" for entry in entries if not is_ignored(entry.name))


def names_of(receipt: Receipt) -> tuple[str, str]:
    """The two names, as `cards_of` gives them, under which the card of `receipt` may be filed."""
    stem, ending = os.path.splitext(receipt.card)
    return f"{receipt.at[:7]}/{receipt.card}", f"{receipt.at[:7]}/{stem}-{receipt.seq}{ending}"
