"""The decisions that were carried out, as the receipts tell them, in the order of time. Reads only."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterator, Sequence

from ..core.errors import Parked
from ..core.paths import Place, Root
from ..core.receipt import Receipt
from . import jsonl

__all__ = ["decisions"]

#: Whether a receipt is asked for; None: all are.
Takes = Callable[[Receipt], bool] | None


def decisions(
    root: Root,
    users: Sequence[str],
    *,
    last: int | None = None,
    prefix: str = "",
    takes: Takes = None,
    left_out: Callable[[str, Parked | OSError], None] | None = None,
) -> Iterator[tuple[str, Receipt]]:
    """The receipts of `users`, oldest first: all, or the `last` ones; only of candidates whose id begins with
    `prefix`, and only those that `takes` accepts. Read as they are asked for.

    Where a user's receipts cannot be read, or a line is none, `left_out` is called, and the others go on; without it
    Parked or OSError is raised.
    """

    def of(user: str) -> Iterator[tuple[str, Receipt]]:
        try:
            found = _receipts(root.place(user), last is None, prefix, takes)
            for receipt in found if last is None else list(itertools.islice(found, last))[::-1]:
                yield user, receipt
        except (Parked, OSError) as err:
            if left_out is None:
                raise
            left_out(user, err)

    merged = heapq.merge(*map(of, users), key=lambda item: item[1].at)
    yield from merged if last is None else list(merged)[-last:]


def _receipts(place: Place, oldest_first: bool, prefix: str, takes: Takes) -> Iterator[Receipt]:
    walk = jsonl.forwards if oldest_first else jsonl.backwards
    wanted = re.compile(rb'\{"seq":\d+,"candidate_id":"' + re.escape(prefix.encode()))
    for _, line in walk(place.ledger, jsonl.end(place.ledger).size):
        if not prefix or wanted.match(line):
            receipt = jsonl.receipt(place, line)
            if takes is None or takes(receipt):
                yield receipt
