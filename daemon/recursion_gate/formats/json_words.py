"""JSON errors in words for a person who has never heard of a delimiter. Pure."""

from __future__ import annotations

import json
import re

__all__ = ["explain"]

_AGAIN = "Correct the file and put it back into the inbox folder."
_COMMENT = re.compile(r"//|/\*|#|<!--")
_FENCE = re.compile(r"(?:```|~~~)")
_PYTHON = re.compile(r"(?:True|False|None)\b")
_NAME = re.compile(r"[^\W\d]\w*\s*:")
_OF_PYTHON = {"True": "true", "False": "false", "None": "null"}
#: How a message of Python's reader begins: the problem and the remedy.
_MESSAGES = (
    (
        "Extra data",
        "something follows after the last }",
        "One file holds one { ... }. Several go into a .jsonl file, one a line.",
    ),
    (
        "Invalid control",
        "a text in quotes goes on in another line, or holds a tab",
        r"Write \n for the line's end and \t for the tab, or save plain text as .md.",
    ),
    ("Invalid \\", "a text in quotes holds a single \\", r"Write \\ for each \ ."),
    ("Expecting ',' ", "a comma is missing, or a text holds a double quote", r"Write \" for a quote inside a text."),
    ("Expecting ':' ", "a colon is missing after a field's name", 'Write "name": before its value.'),
    ("Expecting value", "a value is missing, or is not in double quotes", 'Write text as "...".'),
    ("Expecting property", "a field's name is missing, or not in double quotes", 'Write "name": before its value.'),
)
_CURLY = "“”„«»‘’‚"


def explain(text: str, err: json.JSONDecodeError) -> tuple[str, str]:
    """The problem and the remedy, for the `text` in which a JSON reader has met `err`; they quote nothing of it."""
    pos = err.pos
    while pos < len(text) and text[pos] in " \t\r\n":
        pos += 1
    comma = text[pos : pos + 1] == ","
    after = pos + 1 + len(text[pos + 1 :]) - len(text[pos + 1 :].lstrip()) if comma else pos
    here = text[after : after + 1]
    line = text.count("\n", 0, after) + 1
    where = f"line {line}, column {after - text.rfind(chr(10), 0, after)}"
    if _FENCE.match(text.lstrip()) or (here in ("`", "~") and _FENCE.match(text, after)):
        return "the JSON stands in a code fence (lines of ```)", "Take these lines out: { comes first and } last."
    if _COMMENT.match(text, after):
        return f"there is a comment ({where}), and JSON has none", "Take the comment out."
    if here and here in "}]" and (comma or text[:after].rstrip().endswith(",")):
        return f"there is a comma before the last {here} ({where}), with nothing after it", "Take that comma out."
    if here == "'":
        return f"there are single quotes ({where}); JSON has double ones", "Write \"...\" instead of '...'."
    if here and here in _CURLY:
        return f"there are curly quotes ({where}); JSON has straight ones", 'Write "..." with straight quotes.'
    if found := _PYTHON.match(text, after):
        return f"{found[0]} is a word of Python ({where})", f"Write {_OF_PYTHON[found[0]]} instead."
    if not text.lstrip().startswith(("{", "[", '"')):
        return "it does not begin with {", "Leave only { ... } in the file, or save plain text as .txt or .md."
    if _NAME.match(text, after):
        return f"a field's name is not in double quotes ({where})", 'Write it as "name": before its value.'
    return _by_message(err, where)


def _by_message(err: json.JSONDecodeError, where: str) -> tuple[str, str]:
    for start, problem, remedy in _MESSAGES:
        if err.msg.startswith(start):
            return f"{problem} ({where})", remedy
    return f"it cannot be read from {where} on", _AGAIN
