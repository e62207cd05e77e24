"""Read a plan: bytes to a `Plan` or a refusal that says where, and what to do."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import ValidationError

from ..core.errors import Refusal
from ..core.text import did_you_mean, printable
from .folder import SUFFIX
from .model import Command, GateCheck, GateCondition, Plan, Task, valid_id

__all__ = ["dump", "name_of", "parse"]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH = 12
_ID_HELP = "Small letters, digits, '-' and '_', at most 64, as in 'add-voice'."


def name_of(file: str) -> str | None:
    """The name of a plan as that of its file says it; None where it says none."""
    stem = file.removesuffix(SUFFIX)
    return stem if stem != file and valid_id(stem) else None


def parse(data: bytes, name: str | None = None) -> Plan:
    """The plan that `data` is; `name` is its name where it does not say. Raises Refusal."""
    fields = _yaml(data)
    if not isinstance(fields, dict):
        raise Refusal("this is no plan", "A plan is a YAML mapping with 'goal' and 'tasks': docs/plans.md has one.")
    if name is not None:
        fields.setdefault("plan", name)
    try:
        return Plan.model_validate(fields)
    except ValidationError as err:
        errors = [each for each in err.errors() if _is_meant(fields, each["loc"])] or err.errors()
        first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
        raise _in_words(fields, first) from None


def dump(plan: Plan) -> bytes:
    """A plan as YAML that `parse` reads the same."""
    fields = plan.model_dump(exclude_defaults=True)
    for task in fields["tasks"]:
        if "accept" in task:
            task["accept"] = [each.get("says", each) for each in task["accept"]]
    text: str = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100)
    return text.encode()


def _yaml(data: bytes) -> Any:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal("the plan is not UTF-8", "Save it as UTF-8.") from None
    try:
        _check_events(text)
        return yaml.load(text, Loader=_Unique)
    except yaml.YAMLError as err:
        line = getattr(getattr(err, "problem_mark", None), "line", None)
        where = f" in line {line + 1}" if line is not None else ""
        said = getattr(err, "problem", None) or "this is not YAML"
        raise Refusal(
            f"the plan cannot be read{where}: {said}",
            "Put quotes around values that hold ': ', or begin with one of !&*[]{}#@%`.",
        ) from None
    except (RecursionError, ValueError) as err:
        raise Refusal(f"the plan cannot be read: {err}") from None


def _check_events(text: str) -> None:
    """Without anchors, a few lines of which can stand for gigabytes, and without depth."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Refusal("the plan uses YAML anchors (& or *)", "Write the value out instead.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEPTH:
            raise Refusal("the plan is nested too deeply")


class _Unique(_Loader):  # type: ignore[misc]
    """Refuses a field that is given twice: the first would be lost without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise Refusal(f"a field is given twice in line {key.start_mark.line + 1}", "Keep one of the two.")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep)


def _is_meant(fields: Any, where: tuple[int | str, ...]) -> bool:
    """Whether an error is of that kind of criterion that the planner has written, and not of one of the others."""
    given = fields
    for part in where:
        if isinstance(part, str) and part in _UNION:
            keys = given.keys() if isinstance(given, dict) else {"says"}
            meant = [name for name, key in _UNION.items() if key in keys]
            return not meant or part in meant
        try:
            given = given[part]
        except (KeyError, IndexError, TypeError):
            return True
    return True


def _in_words(fields: dict[str, Any], error: Any) -> Refusal:
    """One of pydantic's errors as the planner who wrote the file understands it."""
    where, kind = tuple(error["loc"]), error["type"]
    task, rest = "", where
    if where[:1] == ("tasks",) and len(where) > 1 and isinstance(where[1], int):
        given = fields["tasks"][where[1]]
        name = given.get("id") if isinstance(given, dict) else None
        task = f"task '{printable(str(name))}': " if isinstance(name, str) else f"task {where[1] + 1}: "
        rest = where[2:]
    names = [str(part) for part in rest if isinstance(part, str) and part not in _UNION]
    field = names[-1] if names else ""
    if kind == "extra_forbidden":
        return Refusal(f"{task}unknown field '{printable(field)}'{did_you_mean(field, _known(names))}")
    if kind == "missing":
        return Refusal(f"{task}'{field}' is missing", f"Write '{field}: ...'.")
    if kind == "list_type":
        return Refusal(f"{task}'{field}' must be a list", f"Write '{field}: [one, two]'.")
    if field in ("id", "plan") or "needs" in names:
        return Refusal(f"{task}'{printable(str(error['input']))}' can be no name", _ID_HELP)
    if kind == "too_short":
        return Refusal(f"{task}'{field}' is empty", "Write at least one there.")
    if kind == "string_pattern_mismatch":
        return Refusal(f"{task}'{field}' must be one line", "Put what is longer into 'goal'.")
    if field == "branch":
        return Refusal(
            f"git takes no branch called '{printable(str(error['input']))}'",
            "Letters, digits, '-', '_', '.' and '/', as in 'plan/add-voice'.",
        )
    if kind == "literal_error":
        return Refusal(f"{task}'{field}' must be {error['ctx']['expected']}")
    if not field:
        return Refusal(f"{task}this must be a mapping with 'id' and 'title'")
    return Refusal(f"{task}'{field}': {error['msg'][:1].lower()}{error['msg'][1:]}")


#: The kinds of criteria, each with the key that tells it.
_UNION = {"Command": "run", "GateCheck": "gate", "Sentence": "says"}


def _known(names: list[str]) -> list[str]:
    if "accept" in names:
        return [*Command.model_fields, *GateCheck.model_fields]
    if "waits_for" in names or "gate" in names:
        return list(GateCondition.model_fields)
    return [*Task.model_fields, *Plan.model_fields]
