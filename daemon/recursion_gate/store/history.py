"""The decisions that were carried out, as the receipts tell them, and what the daemon's index remembers of those that
are gone. Reads only."""

from __future__ import annotations

import heapq
import itertools
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from pydantic import ValidationError

from ..core.errors import Parked
from ..core.model import Receipt
from ..core.paths import Place, Root
from ..disk.untrusted import open_plain
from . import jsonl

__all__ = ["Remembered", "decisions"]

#: Whether a receipt is asked for; None: all are.
Takes = Callable[[Receipt], bool] | None


def decisions(
    root: Root, users: Sequence[str], *, last: int | None = None, prefix: str = "", takes: Takes = None
) -> Iterator[tuple[str, Receipt]]:
    """The receipts of `users` in the order of time, oldest first: all, or the `last` so many; only of candidates whose
    id begins with `prefix`, and only those that `takes` accepts. Read as they are asked for. Raises Parked where a line
    is no receipt, OSError."""
    if last is None:
        yield from _merged(_forwards(root.place(user), prefix, takes) for user in users)
        return
    newest = [list(itertools.islice(_backwards(root.place(user), prefix, takes), last)) for user in users]
    merged = list(_merged(iter(these[::-1]) for these in newest))
    yield from merged[-last:]


def _merged(each: Iterator[Iterator[tuple[str, Receipt]]]) -> Iterator[tuple[str, Receipt]]:
    return heapq.merge(*each, key=lambda item: item[1].at)


def _forwards(place: Place, prefix: str, takes: Takes) -> Iterator[tuple[str, Receipt]]:
    return _receipts(place, jsonl.forwards(place.ledger, jsonl.end(place.ledger).size), prefix, takes)


def _backwards(place: Place, prefix: str, takes: Takes) -> Iterator[tuple[str, Receipt]]:
    return _receipts(place, jsonl.backwards(place.ledger, jsonl.end(place.ledger).size), prefix, takes)


def _receipts(
    place: Place, lines: Iterator[tuple[int, bytes]], prefix: str, takes: Takes
) -> Iterator[tuple[str, Receipt]]:
    wanted = re.compile(rb'\{"seq":\d+,"candidate_id":"' + re.escape(prefix.encode()))
    for _, line in lines:
        if prefix and not wanted.match(line):
            continue
        try:
            receipt = Receipt.model_validate_json(line)
        except ValidationError:
            told = "a line is not a receipt"
            raise Parked(place.shown(place.ledger), told, "'recursion-gate verify' tells where it breaks") from None
        if takes is None or takes(receipt):
            yield place.user, receipt


class Remembered:
    """What the daemon still knows of receipts that are gone: how far each user's once reached, by its index
    (`receipts.Decided`), and what it decided last, by its status; where they are there, can be read, and are whole.

    The index is a cache, so it may be behind, and both may be of another root that stood here: what they say is true
    only of receipts that once were here. The index is read from a copy, since to read it where it is would write beside
    it.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._upto: dict[str, tuple[int, str]] = {}
        self._last: dict[str, set[str]] = {}
        with suppress(OSError, ValueError, TypeError, KeyError), open_plain(root.status) as file:
            for did in json.loads(file.read())["last"]:
                if did["what"] in ("approved", "rejected"):
                    self._last.setdefault(did["user"], set()).add(did["id"])
        with suppress(OSError, sqlite3.Error), self._copy() as db:
            for user, size, head in db.execute("SELECT user, size, head FROM upto"):
                if isinstance(size, int) and isinstance(head, str):
                    self._upto[user] = size, head

    @contextmanager
    def _copy(self) -> Iterator[sqlite3.Connection]:
        index = self._root.index
        os.stat(index)
        with tempfile.TemporaryDirectory(prefix="recursion-gate-") as folder:
            for name in (f"{index.name}-wal", index.name):
                source, target = index.with_name(name), os.path.join(folder, name)
                with suppress(FileNotFoundError), open_plain(source) as file, open(target, "wb") as copy:
                    shutil.copyfileobj(file, copy)
            with closing(sqlite3.connect(os.path.join(folder, index.name))) as db:
                yield db

    def is_ahead(self, place: Place) -> bool:
        """Whether the receipts of this user once were others than now: more, or another chain. Raises OSError."""
        size, head = self._upto.get(place.user, (0, ""))
        end = f'"hash":"{head}"}}\n'.encode()
        try:
            with open_plain(place.ledger) as file:
                if os.fstat(file.fileno()).st_size:
                    file.seek(max(0, size - len(end)))
                    return size > 0 and file.read(len(end)) != end
        except FileNotFoundError:
            pass
        return size > 0 or place.user in self._last

    def is_sure(self, place: Place) -> bool:
        """Whether it is the index that knows of others, by which the daemon goes."""
        return self._upto.get(place.user, (0, ""))[0] > 0

    def ids(self, place: Place) -> Iterator[str]:
        """The candidates of this user that were decided."""
        yield from sorted(self._last.get(place.user, ()))
        with suppress(OSError, sqlite3.Error), self._copy() as db:
            for (candidate_id,) in db.execute("SELECT id FROM receipt WHERE user = ?", (place.user,)):
                if candidate_id not in self._last.get(place.user, ()):
                    yield str(candidate_id)
