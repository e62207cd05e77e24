"""The decisions that were carried out, as the receipts tell them. Reads only."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from . import tail
from .errors import Parked
from .layout import Place, Root
from .model import Receipt

__all__ = ["decisions"]


def decisions(
    root: Root, users: Sequence[str], *, last: int | None = None, prefix: str = ""
) -> Iterator[tuple[str, Receipt]]:
    """The receipts of `users` in the order of time, oldest first: all, or the `last` so many; only of candidates whose
    id begins with `prefix`. Read as they are asked for. Raises Parked where a line is no receipt, OSError."""
    if last is None:
        yield from _merged(_forwards(root.place(user), prefix) for user in users)
        return
    newest = [list(itertools.islice(_backwards(root.place(user), prefix), last)) for user in users]
    merged = list(_merged(iter(these[::-1]) for these in newest))
    yield from merged[-last:]


def _merged(each: Iterator[Iterator[tuple[str, Receipt]]]) -> Iterator[tuple[str, Receipt]]:
    return heapq.merge(*each, key=lambda item: item[1].at)


def _forwards(place: Place, prefix: str) -> Iterator[tuple[str, Receipt]]:
    return _receipts(place, tail.forwards(place.ledger, tail.end(place.ledger).size), prefix)


def _backwards(place: Place, prefix: str) -> Iterator[tuple[str, Receipt]]:
    return _receipts(place, tail.backwards(place.ledger, tail.end(place.ledger).size), prefix)


def _receipts(place: Place, lines: Iterator[bytes], prefix: str) -> Iterator[tuple[str, Receipt]]:
    wanted = re.compile(rb'\{"seq":\d+,"candidate_id":"' + re.escape(prefix.encode()))
    for line in lines:
        if prefix and not wanted.match(line):
            continue
        try:
            yield place.user, Receipt.model_validate_json(line)
        except ValidationError:
            told = "a line is not a receipt"
            raise Parked(place.shown(place.ledger), told, "'recursion-gate verify' tells where it breaks") from None
