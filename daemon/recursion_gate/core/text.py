"""Words for messages: counts, lists of numbers, the nearest known word, and others' text made printable."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .unseen import is_unseen, shows

__all__ = ["count", "did_you_mean", "event", "nearest", "numbers", "printable", "quoted"]


def count(number: int, one: str, many: str = "") -> str:
    """``1 line``, ``2 lines``, ``1,000 entries``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def numbers(these: Iterable[int], limit: int = 10) -> str:
    """``3``, ``3 and 4``, ``1, 2, 3 and 12 more``."""
    ordered = sorted(set(these))
    listed = [f"{n}" for n in ordered[:limit]]
    if len(ordered) > limit:
        return f"{', '.join(listed)} and {len(ordered) - limit:,} more"
    return " and ".join(filter(None, [", ".join(listed[:-1]), listed[-1]])) if listed else "none"


def nearest(word: str, known: Iterable[str], alike: float = 0.6) -> str | None:
    """The word of `known` most like `word`, if one is at least so much `alike` (0 to 1)."""
    from rapidfuzz import fuzz, process  # only when something is misspelt: it takes 15 ms

    found = process.extractOne(word, list(known), scorer=fuzz.ratio, score_cutoff=100 * alike)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'this'?``, or nothing."""
    near = nearest(word, known)
    return f"; did you mean '{near}'?" if near else ""


def printable(text: str) -> str:
    """`text` on one line, without what would move a cursor or cannot be seen: ``?`` in its place."""
    if is_unseen(text):
        return "".join(c if c.isprintable() and not is_unseen(c) else "?" for c in text)
    return text if text.isprintable() else "".join(c if shows(c) else "?" for c in text)


def quoted(value: Any, limit: int = 40) -> str:
    """`value` as a reason names what was found: a text in quotes, all else as JSON has it, cut to `limit` characters,
    and what nobody can see escaped (``'WORK\\u200b'``)."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # a number with too many digits to be written
        text = "a very long number"
    shown = "".join(
        c if c.isprintable() and not is_unseen(c) else c.encode("unicode_escape").decode() for c in text[:limit]
    )
    shown += "…" * (len(text) > limit)
    return f"'{shown}'" if isinstance(value, str) else shown


def event(name: str, **fields: Any) -> str:
    """One line of a log: ``event=NAME field=value``, a value with blanks in quotes."""
    return " ".join(f"{field}={_word(value)}" for field, value in {"event": name, **fields}.items())


def _word(value: Any) -> str:
    text = printable(str(value))[:300]
    return f'"{text}"' if not text or " " in text or '"' in text else text
