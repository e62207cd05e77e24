"""The hints on a card: lines right below its marker line that the daemon writes when it is at rest. Pure.

They come and go, so nothing is decided on them: a card is the same card with and without. Their first line says how
many there are, and has a digest of them, by which they are known as the daemon's own after a restart, too. Where
somebody has typed among them the digest is wrong, and all of them count as typed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from .record_edit import fold

__all__ = ["hints_in", "with_hints", "without_hints"]

_HEAD = "Good to know before you decide (words were compared; none of this is merged)"
_HEAD_LINE = re.compile(re.escape(_HEAD) + r" \[(\d{1,3}): ([0-9a-f]{8})\]")
_BEGINS = "! "
_MARKER = b"<!-- recursion-gate:"
_LINE = re.compile(rb"[^\n]*(?:\n|\Z)")


class _Block(NamedTuple):
    """The hints on a card: from where to where, and the lines, without what each begins with."""

    start: int
    end: int
    lines: tuple[str, ...]


def hints_in(card: bytes) -> tuple[str, ...] | None:
    """The hints on a card; None where there is none below a marker line, or somebody has typed among them."""
    marker = _marker_end(card)
    if marker is None:
        return None
    block = _block(card, marker)
    if block is None:
        return None if _HEAD.encode() in card[marker:] else ()
    return block.lines


def with_hints(card: bytes, lines: Sequence[str]) -> bytes | None:
    """The card with these hints in the place of those that it has; all else stays, byte for byte. None where they
    cannot be put there (see `hints_in`)."""
    marker = _marker_end(card)
    if marker is None or hints_in(card) is None:
        return None
    plain = without_hints(card)
    if not lines:
        return plain
    folded = [fold(line) for line in lines]
    head = f"{_HEAD} [{len(folded)}: {_digest(folded)}]"
    text = "\n\n".join(["", head, "\n".join(f"    {_BEGINS}{line}" for line in folded)])
    if plain[marker - 1 : marker] == b"\r":
        marker -= 1
        text = text.replace("\n", "\r\n")
    return plain[:marker] + text.encode() + plain[marker:]


def without_hints(card: bytes) -> bytes:
    """The card as it is without the daemon's hints, also where it was cut short within them."""
    marker = _marker_end(card)
    block = _block(card, marker) if marker is not None else None
    return card if block is None else card[: block.start] + card[block.end :]


def _marker_end(card: bytes) -> int | None:
    """Where the last marker line ends."""
    start = card.rfind(b"\n" + _MARKER)
    end = card.find(b"\n", start + 1)
    return None if start < 0 else len(card) if end < 0 else end


def _block(card: bytes, marker: int) -> _Block | None:
    """The daemon's hints, the first thing below the marker line; None where there are none."""
    at, wanted, digest, end = marker, 0, "", marker
    lines: list[str] = []
    while at < len(card):
        line = _LINE.match(card, at)
        assert line is not None
        at = line.end()
        text = fold(line[0].decode(errors="replace"))
        if not text:
            continue
        if not digest:
            head = _HEAD_LINE.fullmatch(text)
            if head is None:
                is_cut = at == len(card) and _HEAD.startswith(text[: len(_HEAD)])
                return _Block(marker, at, ()) if is_cut else None
            wanted, digest = int(head[1]), head[2]
        elif text.startswith(_BEGINS) or at == len(card):
            lines.append(text.removeprefix(_BEGINS))
        else:
            return None
        end = line.start() + len(line[0].rstrip(b"\r\n"))
        if len(lines) == wanted:
            break
    start = marker - 1 if card[marker - 1 : marker] == b"\r" else marker
    if lines and len(lines) == wanted and _digest(lines) == digest:
        return _Block(start, end, tuple(lines))
    return _Block(start, len(card), tuple(lines)) if digest and at >= len(card) else None  # cut short


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
