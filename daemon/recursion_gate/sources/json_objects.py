"""JSON and JSON Lines: a list of objects, somewhere in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from .entry import BadSource, Item, LeftOut, Options, WrongOption
from .file import SourceFile
from .json_items import from_lines, items, whole
from .mapping import ITEMS, Mapper

__all__ = ["ABOUT", "extract", "identify"]

ABOUT = "JSON with a list of objects, or JSON Lines"

_SAMPLE = 20
_NOT_AN_OBJECT = "not an object"


def identify(file: SourceFile) -> bool:
    start = file.head_text.lstrip()[:1]
    return not file.is_folder and (start in ("[", "{") or file.ending in (".jsonl", ".ndjson"))


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    records = _records(file, options)
    first = list(islice(records, _SAMPLE))
    names = dict.fromkeys(str(name) for _, record in first if isinstance(record, Mapping) for name in record)
    if not names and first:
        raise BadSource(
            file.display, "the list in it holds no objects", "See docs/sources.md for what can be imported."
        )
    if not first:
        return
    mapper = Mapper(list(names), options, strict=False)
    _are_there([record for _, record in first if isinstance(record, Mapping)], list(names), options)
    for where, record in chain(first, records):
        if isinstance(record, Mapping):
            yield mapper.item(record, where)
        else:
            yield LeftOut(where, "not valid JSON" if isinstance(record, ValueError) else _NOT_AN_OBJECT)


def _are_there(records: list[Mapping[str, Any]], names: list[str], options: Options) -> None:
    """Raises WrongOption where a path of ``--map`` is in none of the first objects."""
    from ..core.text import did_you_mean
    from .mapping import value_at

    for field, template in options.map.items():
        for path in template.columns if field != ITEMS else ():
            if all(value_at(record, path) is None for record in records):
                raise WrongOption(
                    f"--map {field}: none of the first objects has '{path}'{did_you_mean(path, names)}. "
                    f"Their keys are {', '.join(names[:20])}"
                )


def _records(file: SourceFile, options: Options) -> Iterator[tuple[str, Any]]:
    if ITEMS in options.map:
        path = options.map[ITEMS].words.strip("{}=")
        return _numbered(items(file, path))
    start = file.head_text.lstrip()
    if file.ending in (".jsonl", ".ndjson") or _looks_like_lines(start):
        return ((f"line {number}", value) for number, value in from_lines(file))
    if start.startswith("["):
        return _numbered(items(file))
    found = whole(file)
    if not isinstance(found, dict):
        raise BadSource(file.display, "this is neither a list nor an object")
    lists = {k: v for k, v in found.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
    if len(lists) == 1:
        return _numbered(iter(next(iter(lists.values()))))
    if lists:
        raise WrongOption(f"which list in it? --map items=NAME, one of {', '.join(lists)}")
    return _numbered(iter([found]))


def _looks_like_lines(start: str) -> bool:
    """Whether the first line is a whole object, and another begins behind it."""
    line, _, rest = start.partition("\n")
    try:
        return isinstance(json.loads(line), dict) and re.match(r"\s*\{", rest) is not None
    except (ValueError, RecursionError):
        return False


def _numbered(records: Iterator[Any]) -> Iterator[tuple[str, Any]]:
    return ((f"object {number}", record) for number, record in enumerate(records, 1))
