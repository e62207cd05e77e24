"""The lines of an entry that no receipt knows: it stood in the Record before the first one. Pure.

A receipt says which line of each file is its entry's own. Here only the ACT id tells; so it must name one line of a
file, which is all there is of the entry in it. Anything else is left to the person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from ..core.errors import Refusal
from ..core.words import HEADINGS
from .record_change import named_lines

__all__ = ["seed_lines", "seed_text"]

_EVIDENCE = "self-evidence.md"
_STRUCK = re.compile(r"~~.*~~ \((?:superseded by|retracted) ")
_GOES_ON = re.compile(rb"\r?\n[ \t]+(?![-*+][ \t]|\xe2\x80\xa2|\d+[.)][ \t])\S")
_BY_HAND = "Edit the Record by hand instead: that is yours to do."


def seed_lines(act: str, text: Callable[[str], bytes], others: Collection[tuple[str, str]]) -> dict[str, str]:
    """The lines of the entry with the id `act`, by file. `text` gives a Record file's bytes, `others` the lines of
    entries with a receipt that link to it. Raises Refusal where they cannot be told for sure, and what `text` does."""
    found: dict[str, str] = {}
    for file in HEADINGS:
        data = text(file)
        lines = [(at, line) for at, line in named_lines(data, file, act) if (file, line) not in others]
        if not lines:
            continue
        (at, line), *more = lines
        if more:
            raise Refusal(
                f"{file} names {act} in {len(lines)} lines, and no receipt tells which one is its own", _BY_HAND
            )
        if file == _EVIDENCE and _STRUCK.search(line):
            raise Refusal(f"{act} is struck already in {file}")
        if _GOES_ON.match(data, at + len(line.encode())):
            raise Refusal(f"the entry {act} goes on over several lines in {file}", _BY_HAND)
        found[file] = line
    if not found:
        raise Refusal(f"no list item of the Record begins or ends with {act}", _BY_HAND)
    return found


def seed_text(act: str, lines: dict[str, str]) -> str:
    """What the entry says: the words of its line in a dimension or a skill, else its evidence's."""
    for line in [*(line for file, line in lines.items() if file != _EVIDENCE), *lines.values()]:
        words = re.sub(r"^\s*(?:[-*+]\s+)?(?:•\s*)?", "", line).strip()
        name = re.escape(act)
        words = re.sub(rf"^{name}\s*(?:[—–:-]+\s*)?|\s*(?:[—–-]+\s*)?[(\[]?{name}[ \t.)\]]*$", "", words)
        return re.sub(r"(?: — \d{4}-\d\d-\d\d)?(?: — [A-Z]+)?$", "", words).strip() or act
    return act
