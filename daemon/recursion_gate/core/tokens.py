"""How many tokens a text is for a language model: an estimate that needs no model and no table.

Each model cuts text in its own way; what they share is that common words are one piece, long ones a few, numbers a
piece every three digits, and every other sign its own. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import GateError

__all__ = ["HOW", "TooSmall", "tokens"]

#: How the estimate is made, in one sentence, for those who read the figures.
HOW = "one for each 6 Latin letters of a word, each 3 digits, and each other sign; blanks none"

_PIECE = re.compile(r"[A-Za-z\u00c0-\u024f]{1,6}|[0-9]{1,3}|\S")


def tokens(text: str) -> int:
    """About how many tokens `text` is."""
    return sum(1 for _ in _PIECE.finditer(text))


@dataclass(eq=False)
class TooSmall(GateError):
    """A budget in which what may not be left out has no room."""

    budget: int
    needed: int
    what: str
    sentence = (
        "a budget of {e.budget:,} tokens is too small: {e.what} take {e.needed:,} and are never trimmed. "
        "Give at least --budget {e.needed}."
    )
