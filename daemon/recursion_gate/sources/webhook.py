"""The body of a webhook -> the drop that ``[hooks.NAME]`` of the settings makes of it. Pure.

The mapping is told, never guessed: nobody looks at a preview before a webhook is staged. So a path that leads nowhere
is an error that names it, and not an entry that lacks something.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qsl

from ..core.errors import GateError, Refusal
from ..core.hooks import HOLE, Hook
from ..core.text import printable
from ..formats.drops import decode
from . import dates
from .mapping import as_text

__all__ = ["Event", "NotMapped", "drop", "identity", "left_out", "read"]

#: The most fields of a form.
_FORM_FIELDS = 1_000
_STEP = re.compile(r"([^.\[\]]+)|\[(\d{0,6})\]")
_OPTIONAL = re.compile(r"\[((?:[^\[\]{}]|\{[^{}]*\})*)\]")
_SHOWN = 12  # names in a message
_NOTHING = object()

Event = Mapping[str, Any]


@dataclass(eq=False)
class NotMapped(GateError):
    """The settings of a hook do not fit this body: `path` is where, `problem` what is wrong there. `there` has names of
    the body: for its sender, and for no log."""

    path: str
    problem: str
    there: str = ""
    sentence = "'{e.path}': {e.problem}{e.there}"


def read(data: bytes, form: Literal["json", "form"]) -> Event:
    """The body of a webhook as an object: JSON, or the fields of an HTML form (one that is given more than once is a
    list). Raises Refusal."""
    text = decode(data)
    if form == "form":
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FORM_FIELDS)
        except UnicodeDecodeError:
            raise Refusal("the form is not in UTF-8") from None
        except ValueError:
            raise Refusal(f"the form has more than {_FORM_FIELDS:,} fields") from None
        found: dict[str, Any] = {}
        for name, value in pairs:
            before = found.get(name)
            found[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
        return found
    try:
        event = json.loads(text, parse_constant=_constant)
    except json.JSONDecodeError as err:
        raise Refusal(f"the body is not valid JSON: {err.msg} (line {err.lineno}, column {err.colno})") from None
    except RecursionError:
        raise Refusal("the JSON is nested too deeply") from None
    except ValueError as err:  # an integer of more digits than Python converts
        raise Refusal("a number in the JSON is too large") from err
    if not isinstance(event, dict):
        raise Refusal("the body must be a JSON object, such as {…}")
    return event


def _constant(text: str) -> NoReturn:
    raise Refusal(f"{text} is not valid JSON")


def left_out(event: Event, hook: Hook) -> str | None:
    """The first path of ``only`` at which the body says something else; None where it is one that is meant."""
    for path, wanted in hook.only.items():
        found = _at(event, path)
        if found is _NOTHING or as_text(found) != as_text(wanted):
            return path
    return None


def drop(event: Event, hook: Hook, name: str) -> bytes:
    """The drop, as JSON, that a body gives. Raises NotMapped."""
    fields: dict[str, Any] = {"raw_text": _filled(event, hook.text), "source": hook.source or name}
    if hook.skill is not None:
        fields["skill_tag"] = hook.skill
    if hook.section is not None:
        fields["suggested_ix_section"] = None if hook.section == "none" else hook.section
    if hook.created_at is not None and (moment := _moment(event, hook.created_at, hook.day_first)):
        fields["created_at"] = moment
    for field, made in hook.fields.items():
        value = _made(event, field, made)
        if value not in (None, "", []):
            fields[field] = value
    return json.dumps(fields).encode()  # ASCII: half a character is told by those who check the drop


def identity(event: Event, hook: Hook, message_id: str | None, data: bytes) -> str:
    """What makes this event another one than any other of this hook, in one line: the same however often the sender
    sends it. `message_id` is the sender's own, where it is signed. Raises NotMapped."""
    if hook.id:
        said = ["id", *(as_text(_needed(event, path)) for path in hook.id)]
        for path, value in zip(hook.id, said[1:], strict=True):
            if not value:
                raise NotMapped(path, "the event's identity is empty there")
    else:
        said = ["message", message_id] if message_id else ["body", hashlib.sha256(data).hexdigest()]
    return json.dumps(said)


def _made(event: Event, field: str, made: str) -> Any:
    if made.startswith("="):
        return made[1:].strip()
    if HOLE.search(made):
        return _filled(event, made)
    path = made.removesuffix("?").strip()
    value = _at(event, path)
    if value is _NOTHING or value is None:
        if made.endswith("?"):
            return None
        value = _needed(event, path)
    if field == "tags":
        parts = value if isinstance(value, list) else re.split(r"[,;|]", as_text(value))
        return [tag for tag in dict.fromkeys(as_text(part) for part in parts) if tag]
    if field in ("meta", "confidence"):
        return value
    return _words(value, path)


def _filled(event: Event, template: str) -> str:
    """`template` with what is at its paths; without its parts in ``[...]`` one of whose paths leads to nothing."""

    def part(found: re.Match[str]) -> str:
        inner = found[1]
        paths = HOLE.findall(inner)
        if not paths:  # brackets that are just words
            return found[0]
        there = all(_at(event, path) not in (_NOTHING, None, "", []) for path in paths)
        return inner if there else ""

    kept = _OPTIONAL.sub(part, template)
    return " ".join(HOLE.sub(lambda hole: _words(_needed(event, hole[1]), hole[1]), kept).split())


def _moment(event: Event, path: str, day_first: bool | None) -> str | None:
    text = _words(_needed(event, path), path)
    try:
        return dates.parse(text, day_first)
    except dates.BadDate:
        raise NotMapped(path, "no date that can be read is there") from None
    except dates.Ambiguous:
        raise NotMapped(path, "the date there may be one of two days: set day_first in the hook's settings") from None


def _words(value: Any, path: str) -> str:
    if isinstance(value, Mapping):
        raise NotMapped(path, "an object is there, not a text", f"; it has {_names(value)}")
    return as_text(value)


def _needed(event: Event, path: str) -> Any:
    """What is at `path`. Raises NotMapped where nothing is."""
    value = _at(event, path)
    if value is None:
        raise NotMapped(path, "the body has null there")
    if value is _NOTHING:
        raise NotMapped(path, "the body has nothing there", _as_far_as(event, path))
    return value


def _at(event: Event, path: str) -> Any:
    """What is at `path` in the body, _NOTHING where it leads nowhere; the whole path may be one name, as in forms."""
    path = path.strip()
    if path in event:
        return event[path]
    values: list[Any] = [event]
    for step in _STEP.finditer(path):
        values = [found for value in values for found in _step(value, step)]
    return _NOTHING if not values else values if "[]" in path else values[0]


def _step(value: Any, step: re.Match[str]) -> list[Any]:
    """Where one step of a path leads from `value`: to nothing, to one place, or with ``[]`` to all of a list."""
    name, index = step.groups()
    if name is not None:
        return [value[name]] if isinstance(value, Mapping) and name in value else []
    if not isinstance(value, list):
        return []
    return value if not index else value[int(index) : int(index) + 1]


def _as_far_as(event: Event, path: str) -> str:
    """For a message: what is there, where a path leads nowhere."""
    values: list[Any] = [event]
    come = 0
    for step in _STEP.finditer(path):
        further = [found for value in values for found in _step(value, step)]
        if not further:
            break
        values, come = further, step.end()
    where = f"'{path[:come]}'" if come else "it"
    value = values[0]
    if isinstance(value, Mapping):
        return f"; {where} has {_names(value)}"
    return f"; {where} is a list of {len(value):,}" if isinstance(value, list) else ""


def _names(value: Event) -> str:
    shown = ", ".join(f"'{printable(str(name)[:40])}'" for name in list(value)[:_SHOWN])
    return (shown or "no fields") + (", …" if len(value) > _SHOWN else "")
