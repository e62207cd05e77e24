"""What a reader may see, worked out from what stands on disk when all is over, without the code under test.

The files at the end hold every line of every receipt. So the state after receipt k is those files without the lines of
the receipts after k, and the gate then is what had been staged, in order, without what was decided up to k.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from recursion_gate.core.paths import RECORD_FILES, Place
from recursion_gate.reading.snapshot import Snapshot


def digest(parts: Sequence[str]) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


class Seen(NamedTuple):
    """A snapshot, in short."""

    seq: int
    head: str
    record: str
    waiting: int
    gate: str
    completed: int


def seen(snapshot: Snapshot) -> Seen:
    texts = digest([snapshot.texts.get(name, "") for name in RECORD_FILES])
    ids = [c.id for c in snapshot.gate]
    return Seen(snapshot.seq, snapshot.head, texts, len(ids), digest(ids), snapshot.completed)


class Truth:
    """Every state that there was between two merges. Only for runs in which all receipts' lines differ."""

    def __init__(self, place: Place, staged: Sequence[str]) -> None:
        self.staged = staged
        self.receipts: list[dict[str, Any]] = [json.loads(line) for line in place.ledger.read_bytes().splitlines()]
        self.decided = {r["candidate_id"]: n for n, r in enumerate(self.receipts, 1)}
        assert len(self.decided) == len(self.receipts)
        came: dict[tuple[str, str], int] = {}
        for number, receipt in enumerate(self.receipts, 1):
            for file, lines in receipt["lines"].items():
                for line in lines:
                    assert came.setdefault((file, line), number) == number, f"the line stands in two receipts: {line}"
        #: By file: its lines at the end, each with the receipt that brought it (0: it was there before).
        self.lines: dict[str, list[tuple[str, int]]] = {}
        for file in RECORD_FILES:
            text = (place.home / file).read_bytes().decode()
            self.lines[file] = [
                (line, came.pop((file, line.rstrip("\n")), 0)) for line in text.splitlines(keepends=True)
            ]
        assert not came, f"lines of receipts that stand in no file: {list(came)[:3]}"
        self.record = lru_cache(maxsize=4096)(self._record)

    def texts(self, seq: int) -> list[str]:
        return ["".join(line for line, came in self.lines[file] if came <= seq) for file in RECORD_FILES]

    def _record(self, seq: int) -> str:
        return digest(self.texts(seq))

    def gate(self, seq: int, waiting: int) -> list[str]:
        """The gate after receipt `seq` with `waiting` candidates at it."""
        return [i for i in self.staged[: seq + waiting] if self.decided.get(i, seq + 1) > seq]

    def problem(self, this: Seen) -> str:
        """Why `this` was never the state of things; "" when it was."""
        if this.seq > len(self.receipts):
            return f"receipt {this.seq} was never written"
        if this.head != (self.receipts[this.seq - 1]["hash"] if this.seq else ""):
            return f"receipt {this.seq} has another hash"
        if this.record != self.record(this.seq):
            return f"the Record is not that after receipt {this.seq}"
        if this.gate != digest(self.gate(this.seq, this.waiting)):
            return f"the gate, with {this.waiting} waiting, is not that after receipt {this.seq}"
        return ""
