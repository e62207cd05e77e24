"""Read the receipts file, from its end or its start, while it may be growing. Reads only, and no more than it must.

Only whole lines count: what an append has written so far, or what one that was cut short left, is not there yet
(`ledger` mends it). A last line that lacks nothing but its line end is whole.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..core.errors import Parked
from ..core.paths import Place
from ..core.receipt import Receipt, chain_hash
from ..disk.untrusted import open_plain

__all__ = ["HEAD", "End", "Since", "at", "backwards", "end", "fields", "forwards", "receipt", "since"]

_STEP = 65_536

#: How each receipt begins: its number, its candidate, the decision, and the entries that it is about.
HEAD = re.compile(
    rb'\{"seq":(?P<seq>\d+),"candidate_id":"(?P<id>[A-Za-z0-9._-]+)","action":"(?P<action>[a-z]+)",'
    rb'"evidence_id":(?:null|"(?P<evidence>[^"]*)")'
    rb'(?:,"(?P<what>supersedes|retracts)":"(?P<target>[^"]*)")?'
)


@dataclass(frozen=True, slots=True)
class End:
    """How far the receipts file reached: the bytes that are whole receipts, and the last of those."""

    size: int = 0
    #: As it stands there: with its line end, if it has one.
    last: bytes = b""
    #: Whether more stands behind them: an append that is under way, or was cut short.
    more: bool = False


@dataclass(frozen=True, slots=True)
class Since:
    """The receipts after an `End`, oldest first, and the new end of the file."""

    size: int
    lines: list[bytes]


def receipt(place: Place, line: bytes) -> Receipt:
    """`line` of this user's receipts as what it says. Raises Parked where it is none."""
    try:
        return Receipt.model_validate_json(line)
    except ValidationError:
        raise Parked(
            place.display_path(place.ledger),
            "a line is not a receipt",
            "Put back a copy that is whole; 'recursion-gate verify' tells where it breaks",
        ) from None


def fields(line: bytes) -> dict[str, Any]:
    """What `line` says, for those who count or advise; nothing where it is no object."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def at(place: Place, offset: int, candidate_id: str | None = None) -> Receipt | None:
    """The receipt that begins at the byte `offset`; None where that is not one of `candidate_id`. Raises Parked,
    OSError."""
    with open_plain(place.ledger) as file:
        file.seek(offset)
        line = file.readline().rstrip(b"\n")
    head = HEAD.match(line)
    if candidate_id is not None and (head is None or head["id"].decode() != candidate_id):
        return None
    return receipt(place, line)


def _whole_lines(data: bytes) -> int:
    """How much of `data`, the end of a receipts file, is whole lines. An append that was cut short leaves no line end,
    or, where a power cut kept the file's length but not its bytes, NULs, which no receipt holds. Only at the end: what
    has a whole line behind it was perhaps decided long ago."""
    stop = data.rfind(b"\n") + 1
    while stop:
        start = data.rfind(b"\n", 0, stop - 1) + 1
        if data.find(b"\0", start, stop) < 0:
            break
        stop = start
    return stop


def _whole(data: bytes) -> int:
    """How much of it is whole receipts: the last may lack its line end."""
    stop = _whole_lines(data)
    return len(data) if stop < len(data) and _is_receipt(data[stop:]) else stop


def _is_receipt(line: bytes) -> bool:
    """Whether `line` is a receipt that has the hash of what it says."""
    said = fields(line)
    return bool(said) and said.get("hash") == chain_hash(said)


def end(path: Path) -> End:
    """How far the receipts file reaches. Raises OSError."""
    try:
        file = open_plain(path)
    except FileNotFoundError:
        return End()
    with file:
        total = start = os.fstat(file.fileno()).st_size
        data = b""
        while start > 0:
            step = min(start, max(_STEP, len(data)))  # doubled: one receipt can be longer than what was read
            start -= step
            file.seek(start)
            data = file.read(total - start)
            stop = _whole(data)
            line = data.rfind(b"\n", 0, len(data[:stop].rstrip(b"\n"))) + 1
            if stop and (line or not start):
                return End(start + stop, data[line:stop], start + stop < total)
        return End(more=total > 0)


def since(path: Path, start: End) -> Since | None:
    """The receipts after `start`; None when the file no longer reaches there, or holds something else there. Raises
    OSError."""
    at = start.size - len(start.last)
    try:
        file = open_plain(path)
    except FileNotFoundError:
        return Since(0, []) if not start.size else None
    with file:
        file.seek(at)
        data = file.read()
    data = data[: _whole(data)]
    if not data.startswith(start.last):
        return None
    return Since(at + len(data), [line for line in data[len(start.last) :].split(b"\n") if line.strip()])


def backwards(path: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """The receipts in the first `size` bytes, the last one first, without line ends, and where each begins. Raises
    OSError."""
    if size <= 0:
        return
    with open_plain(path) as file:
        at, rest, end = size, b"", size
        while at > 0:
            step = min(at, _STEP)
            at -= step
            file.seek(at)
            lines = (file.read(step) + rest).split(b"\n")
            rest = lines.pop(0)
            for line in reversed(lines):
                end -= len(line)
                if line.strip():
                    yield end, line
                end -= 1
        if rest.strip():
            yield 0, rest


def forwards(path: Path, size: int, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """The receipts from the byte `start` to the byte `size`, the first one first, and where each begins. Raises
    OSError."""
    if size <= start:
        return
    with open_plain(path) as file:
        at = file.seek(start)
        while at < size and (line := file.readline()):
            if line.strip():
                yield at, line
            at += len(line)
