"""Samples of imports: a file of another program beside the drops that it gives (format: ``docs/sources.md``).

``sources/csv/chores.csv`` is a sample of the form ``csv``, ``chores.csv.drops.jsonl`` beside it has its drops; so is
every other file that has such drops beside it. ``chores.csv.options``, if there is one,
holds options of ``import`` as they are typed (``--map``, ``--form``, ``--day-first``, ``--month-first``, ``--since``,
``--until``).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.errors import GateError
from ..core.settings import Settings
from ..disk import atomic
from ..sources import registry
from ..sources.entry import Options
from ..sources.file import SourceFile
from ..sources.mapping import parse_map
from ..sources.run import Request, proposals
from .cases import USER, put
from .runner import Difference, Result

__all__ = ["DROPS", "accept_sample", "check_sample", "drops_of", "find_samples", "request_of"]

#: Behind a sample's name: the expected drops, the options.
DROPS, OPTIONS = ".drops.jsonl", ".options"

_NOW = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)
_DEEP = 3


def find_samples(folder: Path) -> list[Path]:
    """The samples in `folder` and the folders in it. Raises OSError."""
    forms = registry.forms()
    found: set[Path] = set()
    for depth in range(_DEEP + 1):
        for path in folder.absolute().glob("*/" * depth + "*"):
            own = path.parent.parent.name == "sources" and path.parent.name in forms
            if path.name.endswith(DROPS):
                found.add(Path(str(path)[: -len(DROPS)]))
            elif own and not path.name.endswith(OPTIONS) and not path.name.startswith("."):
                found.add(path)
    return sorted(found)


def check_sample(sample: Path) -> Result:
    """Import `sample` and compare. Raises OSError."""
    name = f"{sample.parent.name}/{sample.name}"
    try:
        found = drops_of(sample)
    except GateError as err:
        return Result(name, str(err), [])
    path = Path(f"{sample}{DROPS}")
    wanted = path.read_bytes() if path.is_file() else None
    return Result(name, "", [] if wanted == found else [Difference(path.name, wanted, found)])


def accept_sample(sample: Path, result: Result) -> None:
    """Write the drops that were found beside `sample`. Raises OSError."""
    for difference in result.differences:
        if difference.found is None:
            atomic.remove(sample.with_name(difference.path))
        else:
            put(sample.with_name(difference.path), difference.found)


def drops_of(sample: Path) -> bytes:
    """A line for each place in `sample`: the drop, or why there is none. Raises GateError, OSError."""
    made = proposals(request_of(sample, USER), Settings())
    lines: Iterator[dict[str, Any]] = (
        drop if drop is not None else {"left_out": line.why, "where": line.where} for line, drop in made
    )
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def request_of(sample: Path, user: str) -> Request:
    """The import of `sample` for `user`, as its options say. Raises GateError where it is not of its folder's form."""
    form, options = _options(sample)
    found, part = registry.find(SourceFile(sample), form)
    if form is None and sample.parent.name in registry.forms() and found != sample.parent.name:
        raise GateError(f"it is taken for '{found}', and stands in the folder of '{sample.parent.name}'")
    return Request(part, found, user, options)


def _options(sample: Path) -> tuple[str | None, Options]:
    """The form and the options that the sample's file of options names. Raises GateError."""
    path = Path(f"{sample}{OPTIONS}")
    words = shlex.split(path.read_text("utf-8"), comments=True) if path.is_file() else []
    form, mapping, day_first, since, until = None, list[str](), None, None, None
    given = iter(words)
    for word in given:
        if word in ("--day-first", "--month-first"):
            day_first = word == "--day-first"
            continue
        value = next(given, None)
        if value is None:
            raise GateError(f"{path.name}: '{word}' needs a value")
        if word == "--map":
            mapping.append(value)
        elif word == "--form":
            form = value
        elif word == "--since":
            since = datetime.fromisoformat(value).replace(tzinfo=UTC)
        elif word == "--until":
            until = datetime.fromisoformat(value).replace(tzinfo=UTC)
        else:
            raise GateError(f"{path.name}: unknown option '{word}'")
    return form, Options(parse_map(mapping), day_first, since, until, _NOW)
