"""YAML front matter, read as plain strings.

``yes``, ``1e3`` and ``2026-11-24`` stay what the person typed (YAML's own guesses would turn an id into a number).
Anchors, aliases and tags are refused: no drop needs them, and a few lines of aliases can stand for gigabytes.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from .errors import Refusal

__all__ = ["has_front_matter", "peek_id", "quote", "split"]

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_FENCE = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_ID_LINE = re.compile(r"""^id:[ \t]*["']?([A-Za-z0-9][A-Za-z0-9._-]{0,127})["']?[ \t]*$""", re.MULTILINE)
_MAX_DEPTH = 20

# What YAML 1.1 readers take for something other than a string, or that needs quotes for its first or last sign.
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9 ._/()+-]*[A-Za-z0-9._/()+-])?\Z")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_ESCAPED = re.compile(r'["\\]|[^ -~\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]')


def has_front_matter(text: str) -> bool:
    """Whether `text` begins with a front matter fence."""
    return text.startswith("---") and text[3:].lstrip(" \t").startswith("\n")


def peek_id(text: str) -> str | None:
    """The id that the front matter names, without parsing it: also works where the YAML is broken."""
    end = text.find("\n---", 3)
    found = _ID_LINE.search(text, 0, len(text) if end < 0 else end) if text.startswith("---") else None
    return found[1] if found else None


def split(text: str) -> tuple[dict[str, Any], str]:
    """The fields and the body of `text`, whose line ends are ``\\n``. No front matter: no fields.

    Raises Refusal when the front matter is not closed or no plain YAML mapping.
    """
    if not has_front_matter(text):
        return {}, text
    found = _FENCE.match(text)
    if found is None:
        raise Refusal(
            "the front matter at the top is not closed",
            "Put a line with just --- under its last field.",
            maybe_unfinished=True,
        )
    return _mapping(found[1]), text[found.end() :]


def _mapping(source: str) -> dict[str, Any]:
    try:
        depth = 0
        for event in yaml.parse(source, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise Refusal("the front matter uses YAML anchors (& or *)", "Write the value out instead.")
            if getattr(event, "tag", None):
                raise Refusal("the front matter uses a YAML tag (!)", "Put quotes around values that begin with '!'.")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _MAX_DEPTH:
                    raise Refusal("the front matter is nested too deeply")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
        node = yaml.compose(source, Loader=_Loader)
        value = yaml.load(source, Loader=_Loader)
    except yaml.YAMLError as err:
        line = getattr(getattr(err, "problem_mark", None), "line", None)
        where = f" in line {line + 2}" if line is not None else ""
        what = getattr(err, "problem", None) or "it is not valid YAML"
        raise Refusal(
            f"the front matter cannot be read{where}: {what}",
            "Put quotes around values that hold a colon or begin with a special sign.",
        ) from err
    except (RecursionError, ValueError) as err:
        raise Refusal("the front matter cannot be read") from err
    if value in (None, ""):
        return {}
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise Refusal("the front matter is not a list of 'name: value' lines")
    names = [key.value for key, _ in node.value] if node else []
    if len(names) != len(set(names)):
        twice = next(n for n in names if names.count(n) > 1)
        raise Refusal(f"the front matter gives '{twice}' twice", "Keep one of the two lines.")
    return value


def quote(value: str) -> str:
    """`value` as a YAML scalar that every YAML reader takes for the same string."""
    if _PLAIN.match(value) and value.lower() not in _WORDS and ": " not in value:
        return value
    return '"' + _ESCAPED.sub(_escape, value) + '"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    return _ESCAPES.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
