"""The file name of a card. Pure (contract, "A card")."""

from __future__ import annotations

import re
import unicodedata

from ..core.model import Candidate, id_hash
from .record_edit import fold

__all__ = ["file_name"]

_NAME_LIMIT = 100  # bytes
_SLUG_LIMIT = 60  # characters

_TAIL = re.compile("[a-z0-9]{4,12}")
_NO_WORD = {code: " " for code in range(128) if not chr(code).isalnum()}


def file_name(candidate: Candidate, taken: int = 0) -> str:
    """The card's name: skill, the first words, and a part of the id; legal on Linux, macOS, Windows, SMB and
    Syncthing, at most 100 bytes. `taken` > 0 gives another name where this one is not free."""
    tail = candidate.id.rsplit("-", 1)[-1] if candidate.id.startswith("cand-") else ""
    if taken or not _TAIL.fullmatch(tail):  # an id that was given may end as another one does
        tail = id_hash(candidate.id)[:7]
    end = f"_{tail}.md" if not taken else f"_{tail}-{taken + 1}.md"
    text = candidate.raw_text[:200]
    if text.isascii() and text.isprintable():
        words = text.lower().translate(_NO_WORD)
    else:
        # A letter's marks are part of it: in many scripts a vowel is one (and a regular expression's \w leaves it out).
        text = unicodedata.normalize("NFC", fold(text).lower())
        words = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text)
    start = f"{candidate.skill_tag.lower()}_"
    slug = _cut("-".join(words.split()), _SLUG_LIMIT, _NAME_LIMIT - len((start + end).encode()))
    return (start + slug).rstrip("_") + end


def _cut(slug: str, limit: int, room: int) -> str:
    """The first words of `slug`, at most `limit` characters and `room` bytes; a part of a word only where the
    first one alone is too long, as in scripts that have no blanks."""
    cut = slug[:limit].encode()[:room].decode(errors="ignore")
    if len(cut) < len(slug) and slug[len(cut)] != "-" and "-" in cut:
        cut = cut[: cut.rindex("-")]
    return cut.rstrip("-")
