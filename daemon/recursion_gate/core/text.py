"""Words for messages: counts and lists of numbers."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["count", "numbers"]


def count(number: int, one: str, many: str = "") -> str:
    """``1 line``, ``2 lines``, ``1,000 entries``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def numbers(these: Iterable[int], most: int = 10) -> str:
    """``3``, ``3 and 4``, ``1, 2, 3 and 12 more``."""
    ordered = sorted(set(these))
    shown = [f"{n}" for n in ordered[:most]]
    if len(ordered) > most:
        return f"{', '.join(shown)} and {len(ordered) - most:,} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]])) if shown else "none"
