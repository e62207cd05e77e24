"""The marker line, at which the text on a card ends, and lines of the text that look like it. Pure."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["MARKER_LINE", "as_typed", "on_a_card"]

#: The line on a card that its text ends at.
MARKER_LINE = re.compile(r"^<!-- recursion-gate:.*$", re.MULTILINE)

# A line of the text that looks like that line, also to a person who does not look closely, stands on a card behind
# these words: what the proposer wrote must not be taken for what the program says.
_QUOTED = "(this line is part of the text:) "
_MAY_BEGIN = re.compile(r"^[^A-Za-z\n]*[rR]", re.MULTILINE)
_LOOK_ALIKE = str.maketrans("сеоіѕɡаցгтυεοιατսօո", "ceoisgagrtueoiatuon")


def on_a_card(text: str) -> str:
    """`text` as it stands on a card: what looks like the marker line is marked as the text's."""
    if text.isascii() and _QUOTED not in text and _MAY_BEGIN.search(text) is None:
        return text
    return "\n".join(_QUOTED + line if _is_like_marker(line) else line for line in text.split("\n"))


def as_typed(body: str) -> str:
    """The text that stands on a card as `body`: turns `on_a_card` round."""
    if _QUOTED not in body:
        return body
    return "\n".join(line.removeprefix(_QUOTED) if _is_like_marker(line) else line for line in body.split("\n"))


def _is_like_marker(line: str) -> bool:
    while line.startswith(_QUOTED):
        line = line.removeprefix(_QUOTED)
    letters = unicodedata.normalize("NFKD", line[:200]).casefold().translate(_LOOK_ALIKE)
    return "".join(c for c in letters if "a" <= c <= "z").startswith("recursiongate")
