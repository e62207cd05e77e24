"""The objects of a JSON file, one after the other: a small one at once, a large one in bounded memory."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

from .entry import BadSource, MissingPackage
from .file import LINE_LIMIT, SourceFile

__all__ = ["from_lines", "items", "whole"]

#: Up to so many bytes the standard library reads a file in one piece.
_SMALL = 16_000_000
_DEEP = 200


def whole(file: SourceFile) -> Any:
    """All of a small JSON file. Raises BadSource."""
    with file.text() as text:
        data = text.read(_SMALL + 1)
    if len(data) > _SMALL:
        raise BadSource(file.display, f"a file of this form may have {_SMALL:,} characters", "Export less of it.")
    try:
        return json.loads(data.removeprefix("\ufeff"))
    except RecursionError:
        raise BadSource(file.display, "the JSON is nested too deeply") from None
    except ValueError as err:
        raise BadSource(file.display, f"this is not valid JSON: {err}", _AGAIN) from None


_AGAIN = "It may have been cut short: export or download it again."


def items(file: SourceFile, path: str = "") -> Iterator[Any]:
    """The elements of the list at `path` (keys joined by dots; "" for the whole file), read as they are asked for.
    Raises BadSource, MissingPackage where it is large and ijson is not installed."""
    if _is_small(file):
        value = whole(file)
        for name in filter(None, path.split(".")):
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, list):
            raise BadSource(file.display, f"there is no list at '{path}'" if path else "this is not a list")
        yield from value
        return
    try:
        ijson = importlib.import_module("ijson")
    except ImportError:
        raise MissingPackage("ijson", f"{file.display} has {file.size:,} bytes; to read it piece by piece") from None
    with file.open() as data:
        if data.read(3) != b"\xef\xbb\xbf":
            data.seek(0)
        try:
            yield from ijson.items(data, f"{path}.item" if path else "item", use_float=True)
        except (ijson.JSONError, RecursionError, UnicodeDecodeError) as err:
            raise BadSource(file.display, f"this is not valid JSON: {str(err)[:200]}", _AGAIN) from None


def _is_small(file: SourceFile) -> bool:
    if not file.member:
        return file.size <= _SMALL
    with file.open() as data:
        return len(data.read(_SMALL + 1)) <= _SMALL


def from_lines(file: SourceFile) -> Iterator[tuple[int, Any]]:
    """The values of JSON Lines with their line numbers; a line that is no JSON gives the error itself, a ValueError.
    Raises BadSource."""
    for number, line in enumerate(file.lines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line) if len(line) < LINE_LIMIT else None
            except (ValueError, RecursionError) as err:
                yield number, err if isinstance(err, ValueError) else ValueError("nested too deeply")
