"""Words that several importers put drops together from."""

from __future__ import annotations

__all__ = ["clipped", "one_line", "quoted"]


def one_line(text: str) -> str:
    """`text` with its white space folded."""
    return " ".join(text.split())


def clipped(text: str, limit: int) -> str:
    """`text` of at most `limit` characters, cut at a word where that is near."""
    text = text.strip()
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ", limit - 40 if limit > 80 else limit)
    return (cut[:space] if space > 0 else cut).rstrip() + "…"


def quoted(text: str) -> str:
    """`text` in quotation marks, on one line."""
    return '"' + one_line(text).replace('"', "'") + '"'
