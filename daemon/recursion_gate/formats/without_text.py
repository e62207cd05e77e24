"""A file that names a forgotten candidate, without its text: this is kept of it in problems/. Pure (contract, promise
11).

The file may be broken, or of any form: whatever names such an id counts, and all that could be its text goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container
from typing import Any

from . import frontmatter

__all__ = ["ids_in", "without_text"]

_ID = re.compile(r'"id"\s*:\s*"([A-Za-z0-9][A-Za-z0-9._-]{0,127})"')


def ids_in(data: bytes) -> set[str]:
    """The ids that a drop or a card gives its candidates, as far as that can be told where it does not parse."""
    text = _text(data)
    front = frontmatter.peek_id(text)
    if front is not None:
        return {front}
    return {found for part in _objects(text) or [text] for found in _ids(part)}


def without_text(data: bytes, forgotten: Container[str]) -> bytes:
    """Just the id, in the form of the file, for each object that has a `forgotten` one; the other whole lines of a
    .jsonl file stay as they are."""
    text = _text(data)
    front = frontmatter.peek_id(text)
    if front is not None:
        return f"---\nid: {frontmatter.quote(front)}\n---\n".encode()
    kept: list[str] = []
    for part in _objects(text) or [text.rstrip("\n")]:
        gone = [found for found in _ids(part) if found in forgotten]
        kept += map(_stub, gone) if gone or _read(part) is None else [part]  # a broken line may be the end of a text
    return "".join(f"{line}\n" for line in kept).encode()


def _text(data: bytes) -> str:
    return frontmatter.unix(data.decode("utf-8-sig", errors="replace"))


def _objects(text: str) -> list[str] | None:
    """The lines of a file that has an object on each; None where it has another form, or is one object."""
    lines = [line for line in text.split("\n") if line.strip()]
    return lines if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines) else None


def _ids(part: str) -> list[str]:
    """The ids of the object in `part`; where it is broken, all that look like one."""
    read = _read(part)
    if read is None:
        return list(dict.fromkeys(_ID.findall(part)))
    given = read.get("id")
    return [given] if isinstance(given, str) else []


def _read(part: str) -> dict[str, Any] | None:
    try:
        read = json.loads(part)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _stub(candidate_id: str) -> str:
    return json.dumps({"id": candidate_id})
