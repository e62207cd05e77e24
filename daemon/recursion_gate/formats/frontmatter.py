"""YAML front matter, read as plain strings.

``yes``, ``1e3`` and ``2026-11-24`` stay what the person typed (YAML's own guesses would turn an id into a number); only
a value that is null, or nothing at all, and not in quotes is None.
Anchors, aliases and tags are refused: no drop needs them, and a few lines of aliases can stand for gigabytes.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from ..core.errors import Refusal

__all__ = ["peek_id", "quote", "sentence", "split", "unix"]

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_OPEN = re.compile(r"(?:[ \t]*\n)*---[ \t]*\n")
_TOML = re.compile(r"(?:[ \t]*\n)*\+\+\+[ \t]*(?:\n|\Z)")
_CLOSE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_ID_LINE = re.compile(
    r"""^(?:id|"id"|'id')[ \t]*:[ \t]*["']?([A-Za-z0-9][A-Za-z0-9._-]{0,127})["']?[ \t]*(?:\#.*)?$""", re.MULTILINE
)
_NULLS = {"", "~", "null", "none"}
_MAX_DEPTH = 20
_MAX_CHARS = 100_000  # YAML is slow to read: a megabyte of it would hold up everybody for seconds

# What every YAML reader takes for the same string without quotes; but for the words that some take for something else.
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9 ._/()+-]*[A-Za-z0-9._/()+-])?\Z")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
# All that YAML takes for a line's end or does not allow, and the signs that change the direction of what follows.
_ESCAPED = re.compile(
    r'["\\]|[^ -~\u00a0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]'
)


def unix(text: str) -> str:
    """`text` with ``\\n`` as its line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def peek_id(text: str) -> str | None:
    """The id that the front matter names, without parsing it: also works where the YAML is broken."""
    text = unix(text)
    opened = _OPEN.match(text)
    if opened is None:
        return None
    closed = _CLOSE.search(text, opened.end())
    found = _ID_LINE.search(text, opened.end(), closed.start() if closed else len(text))
    return found[1] if found else None


def sentence(text: str, name: str) -> tuple[str, str | None]:
    """`text` with all that its front matter says on lines ``name: ...`` in quotes on one line; and that itself, None
    where there is no such line.

    A person types a sentence there, with colons and number signs, and knows of no YAML. A value in quotes that YAML
    can read, or over several lines, is left to it."""
    text = unix(text)
    opened = _OPEN.match(text)
    if opened is None:
        return text, None
    closed = _CLOSE.search(text, opened.end())
    end = closed.start() if closed else len(text)
    lines = re.compile(rf"^{name}[ \t]*:[ \t]+(?![|>\n])(.*\S)[ \t]*\n(?![ \t])", re.MULTILINE | re.IGNORECASE)
    head = text[opened.end() : end]
    said = [_plain(found[1]) for found in lines.finditer(head)]
    if not said:
        return text, None
    whole = "; ".join(filter(None, said)) or None
    rest = lines.sub("", head)
    line = f"{name}: {quote(whole)}\n" if whole else ""
    return text[: opened.end()] + rest + line + text[end:], whole


def _plain(value: str) -> str:
    """The value behind the colon of a line."""
    if value.lower() in _NULLS:
        return ""
    if value[0] in "\"'":
        try:
            read = _mapping(f"said: {value}\n", 1)["said"]
        except Refusal:
            return value
        return read if isinstance(read, str) else value
    return value


def split(text: str) -> tuple[dict[str, Any], str]:
    """The fields and the body of `text`, with ``\\n`` as line ends. No front matter: no fields. Blank lines above it
    do not matter.

    Raises Refusal when the front matter is not closed or no plain YAML mapping.
    """
    text = unix(text)
    opened = _OPEN.match(text)
    if opened is None:
        if _TOML.match(text):
            raise Refusal(
                "the front matter stands between lines of +++ (TOML)",
                "Put --- there instead, and write each field as 'name: value'.",
            )
        return {}, text
    closed = _CLOSE.search(text, opened.end())
    if closed is None:
        raise Refusal(
            "the front matter at the top is not closed",
            "Put a line with just --- under its last field.",
            maybe_unfinished=True,
        )
    source = text[opened.end() : closed.start()]
    if len(source) > _MAX_CHARS:
        raise Refusal(
            f"the front matter has {len(source):,} characters; the most allowed is {_MAX_CHARS:,}",
            "Put the text below it, or write a .json file.",
        )
    return _mapping(source, opened[0].count("\n") + 1), text[closed.end() + 1 :]


def _mapping(source: str, first_line: int) -> dict[str, Any]:
    try:
        _check_events(source)
        node = yaml.compose(source, Loader=_Loader)
    except yaml.YAMLError as err:
        line = getattr(getattr(err, "problem_mark", None), "line", None)
        where = f" in line {line + first_line}" if line is not None else ""
        what = _in_words(str(getattr(err, "problem", None) or ""))
        raise Refusal(
            f"the front matter cannot be read{where}: {what}",
            "Put quotes around values that hold a colon or begin with a special sign.",
        ) from err
    except (RecursionError, ValueError) as err:
        raise Refusal("the front matter cannot be read") from err
    if node is None:
        return {}
    fields = _value(node)
    if not isinstance(fields, dict):
        raise Refusal("the front matter is not a list of 'name: value' lines")
    for key, value in node.value:
        if isinstance(value, yaml.ScalarNode) and not value.style and value.value.lower() in _NULLS:
            fields[key.value] = None
    return fields


def _in_words(problem: str) -> str:
    """A YAML reader's error, in words for a person."""
    for part, words in (
        ("mapping values are not allowed", "a value holds a colon"),
        ("expected ',' or", "a bracket is not closed"),
        ("could not find expected ':'", "a line has no colon after its name"),
        ("cannot start any token", "a value begins with a special sign, or there is a tab"),
        ("unexpected end of stream", "a quote is not closed"),
        ("document separator", "a quote is not closed"),
        ("escape", "a \\ stands in double quotes"),
        ("control characters", "it holds a sign that cannot be seen"),
    ):
        if part in problem:
            return words
    return "these are not lines of 'name: value'"


def _check_events(source: str) -> None:
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


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Refusal("the front matter is not a list of 'name: value' lines")
            if key.value in made:
                line = key.start_mark.line + 1  # not the name: it may be anybody's words
                raise Refusal(
                    f"the front matter gives one field twice (its line {line:,})", "Keep one of the two lines."
                )
            made[key.value] = _value(value)
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    return node.value


def quote(value: str) -> str:
    """`value` as a YAML scalar that every YAML reader takes for the same string."""
    if _PLAIN.match(value) and value.lower() not in _WORDS:
        return value
    return '"' + _ESCAPED.sub(_escape, value) + '"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    return _ESCAPES.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
