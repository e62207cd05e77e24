"""Read the receipts file from its end, while it may be growing. Reads only, and no more than it must.

Only whole lines count: what an append has written so far, or what one that was cut short left, is not there yet
(`receipts` mends it). A last line that lacks nothing but its line end is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .files import open_plain
from .model import chain_hash

__all__ = ["End", "Since", "backwards", "end", "forwards", "is_receipt", "since", "whole", "whole_lines"]

_STEP = 65_536


@dataclass(frozen=True, slots=True)
class End:
    """How far the receipts file reached: the bytes that are whole receipts, and the last of those."""

    size: int = 0
    last: bytes = b""


@dataclass(frozen=True, slots=True)
class Since:
    """What came after an `End`: how far the file reaches now, and the receipts in between, oldest first."""

    size: int
    lines: list[bytes]


def whole_lines(data: bytes) -> int:
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


def whole(data: bytes) -> int:
    """How much of it is whole receipts: the last may lack its line end."""
    stop = whole_lines(data)
    return len(data) if stop < len(data) and is_receipt(data[stop:]) else stop


def is_receipt(line: bytes) -> bool:
    """Whether `line` is a receipt that has the hash of what it says."""
    try:
        fields = json.loads(line)
        return isinstance(fields, dict) and fields.get("hash") == chain_hash(fields)
    except (ValueError, RecursionError):
        return False


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
            stop = whole(data)
            line = data.rfind(b"\n", 0, max(stop - 1, 0)) + 1
            if stop and (line or not start):
                return End(start + stop, data[line:stop])
        return End()


def since(path: Path, start: End) -> Since | None:
    """What came after `start`; None when the file no longer reaches there, or holds something else there. Raises
    OSError."""
    at = start.size - len(start.last)
    try:
        file = open_plain(path)
    except FileNotFoundError:
        return Since(0, []) if not start.size else None
    with file:
        file.seek(at)
        data = file.read()
    data = data[: whole(data)]
    if not data.startswith(start.last):
        return None
    return Since(at + len(data), [line for line in data[len(start.last) :].split(b"\n") if line.strip()])


def backwards(path: Path, size: int) -> Iterator[bytes]:
    """The receipts in the first `size` bytes, the last one first. Raises OSError."""
    if size <= 0:
        return
    with open_plain(path) as file:
        at, rest = size, b""
        while at > 0:
            step = min(at, _STEP)
            at -= step
            file.seek(at)
            lines = (file.read(step) + rest).split(b"\n")
            rest = lines.pop(0)
            yield from (line for line in reversed(lines) if line.strip())
        if rest.strip():
            yield rest


def forwards(path: Path, size: int) -> Iterator[bytes]:
    """The receipts in the first `size` bytes, the first one first. Raises OSError."""
    if size <= 0:
        return
    with open_plain(path) as file:
        while size > 0 and (line := file.readline()):
            size -= len(line)
            if line.strip():
                yield line
