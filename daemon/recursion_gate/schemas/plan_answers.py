"""The JSON Schemas of a plan and of what ``plan``, ``task``, ``scope`` and ``work`` print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plans.folder import STATES
from ..plans.model import LANES, Plan

__all__ = ["PLAN_ANSWERS"]

_Json = dict[str, Any]
_TEXT: _Json = {"type": "string"}
_MAYBE: _Json = {"type": ["string", "null"]}
_COUNT: _Json = {"type": "integer", "minimum": 0}
_TEXTS: _Json = {"type": "array", "items": _TEXT}
_LANE: _Json = {"enum": list(LANES)}
_STATE: _Json = {"enum": [*STATES, "missing"], "description": "missing: its file is gone; the daemon makes it again."}
_DAEMON: _Json = {"type": "boolean", "description": "false: surely none runs, and it alone makes tasks ready."}
_INSTANT: _Json = {"type": ["string", "null"], "description": "ISO 8601."}


def _object(title: str, about: str, fields: _Json, maybe: tuple[str, ...] = ()) -> _Json:
    return {
        "title": title,
        "description": about,
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name not in maybe],
        "additionalProperties": False,
    }


def _plan() -> _Json:
    made = Plan.model_json_schema() | {"description": "A plan: NAME.plan.yaml (docs/plans.md)."}
    made["required"] = ["tasks"]  # the file's name is the plan's
    criteria = made["$defs"]["Task"]["properties"]["accept"]["items"]
    criteria["anyOf"] = [_TEXT | {"description": "A sentence for a person."}, *criteria["anyOf"]]
    return made


_ROW: _Json = {
    "plan": _TEXT,
    "task": _TEXT,
    "id": _TEXT | {"description": "PLAN/TASK, with @GENERATION where it is claimed."},
    "title": _TEXT,
    "lane": _LANE,
    "scope": _TEXTS,
    "needs": _TEXTS,
    "state": _STATE,
    "generation": _COUNT,
    "worker": _MAYBE,
    "since": _INSTANT,
    "ends": _INSTANT,
    "why": _TEXT | {"description": "What it waits for, or why it failed; empty where there is nothing to say."},
}

_HEAD: _Json = {
    "plan": _TEXT,
    "goal": _TEXT,
    "tasks": _COUNT,
    **dict.fromkeys(STATES, _COUNT),
    "problem": _TEXT | {"description": "Why the plan cannot be used; empty where it can."},
    "as_of": _TEXT,
}


def _check() -> _Json:
    fields = {"file": _TEXT, "plan": _MAYBE, "problems": _TEXTS, "tasks": _COUNT}
    return _object("PlanCheckAnswer", "What is wrong with a plan.", fields)


def _add() -> _Json:
    fields = {"plan": _TEXT, "tasks": _COUNT, "file": _TEXT, "daemon": _DAEMON}
    return _object("PlanAddAnswer", "Where the plan lies.", fields)


def _list() -> _Json:
    item = _object("PlanRow", "A plan, and how many of its tasks stand where.", _HEAD)
    return {"title": "PlanListAnswer", "description": "The plans.", "type": "array", "items": item}


def _show() -> _Json:
    row = _object("TaskRow", "Where a task stands.", _ROW)
    left = _COUNT | {"description": "Over MCP: so many tasks were left out, for the limit or the state asked for."}
    fields = {**_HEAD, "branch": _TEXT, "list": {"type": "array", "items": row}, "left_out": left}
    return _object("PlanShowAnswer", "A plan and its tasks, in its order.", fields, maybe=("left_out",))


def _tasks() -> _Json:
    row = _object("TaskRow", "Where a task stands.", _ROW)
    return {"title": "TaskListAnswer", "description": "Tasks.", "type": "array", "items": row}


def _task() -> _Json:
    fields = {**_ROW, "goal": _TEXT, "accept": _TEXTS, "text": _TEXT}
    return _object("TaskShowAnswer", "One task; `text` is its card, in Markdown.", fields)


def _next() -> _Json:
    claim = {
        "id": _TEXT | {"description": "The claim, for 'task renew', 'done', 'fail' and 'release'."},
        "plan": _TEXT,
        "task": _TEXT,
        "generation": _COUNT,
        "worker": _TEXT,
        "ends": _TEXT,
        "title": _TEXT,
        "lane": _LANE,
        "scope": _TEXTS,
        "context": _TEXT,
        "user": _MAYBE,
        "accept": _TEXTS,
        "branch": _TEXT,
        "text": _TEXT,
        "file": _TEXT,
    }
    nothing = {
        "id": {"type": "null"},
        "message": _TEXT | {"description": "Why there is none, and when to ask again."},
        "retry": {"type": ["number", "null"], "description": "In so many seconds a claim ends."},
        **dict.fromkeys(("waiting", "claimed", "ready", "failed", "coming"), _COUNT),
        "daemon": _DAEMON,
        "problems": _TEXTS,
    }
    one, other = _object("Claim", "The task that was claimed.", claim), _object("Nothing", "None is ready.", nothing)
    return {"title": "TaskNextAnswer", "description": "A claim, or that there is none.", "anyOf": [one, other]}


def _renew() -> _Json:
    return _object("TaskRenewAnswer", "Until when the claim lasts.", {"id": _TEXT, "ends": _TEXT})


def _finished() -> _Json:
    fields = {
        "id": _TEXT,
        "state": {"enum": ["done", "failed", "released", "claimed"]},
        "file": _TEXT,
        "failed": _TEXTS,
    }
    about = "What became of the claim. claimed: what is in `failed` is not met, and it is open yet."
    return _object("TaskDoneAnswer", about, fields, maybe=("file", "failed"))


def _scope() -> _Json:
    file = _object("OutsideFile", "A changed file outside of the scope.", {"file": _TEXT, "belongs_to": _TEXTS})
    fields = {"task": _TEXT, "scope": _TEXTS, "changed": _COUNT, "outside": {"type": "array", "items": file}}
    return _object("ScopeCheckAnswer", "Which changed files are outside of a task's scope.", fields)


def _rights() -> _Json:
    fields = {"claim": _TEXT, "account": _TEXT, "back": {"type": "boolean"}}
    fields |= dict.fromkeys(("paths", "closed", "beyond"), _TEXTS)
    about = "paths: what was changed; closed: folders in which no file can be made; beyond: what else it can write."
    return _object("ScopeApplyAnswer", about, fields)


def _work() -> _Json:
    fields = {"worker": _TEXT, "done": _TEXTS, "failed": _TEXTS, "stopped": {"type": "boolean"}}
    return _object("WorkAnswer", "The claims that were done, and those that failed.", fields)


#: name: (what has this shape, its schema).
PLAN_ANSWERS: dict[str, tuple[str, Callable[[], _Json]]] = {
    "plan": ("plans/NAME.plan.yaml", _plan),
    "plan-check": ("what 'plan check --json' prints", _check),
    "plan-add": ("what 'plan add --json' prints", _add),
    "plan-list": ("what 'plan list --json' prints", _list),
    "plan-show": ("what 'plan show --json' prints", _show),
    "task-next": ("what 'task next --json' prints", _next),
    "task-renew": ("what 'task renew --json' prints", _renew),
    "task-done": ("what 'task done --json' prints; 'fail' and 'release', too", _finished),
    "task-list": ("what 'task list --json' prints", _tasks),
    "task-show": ("what 'task show --json' prints", _task),
    "scope-check": ("what 'scope check --json' prints", _scope),
    "scope-apply": ("what 'scope apply --json' prints", _rights),
    "work": ("what 'work --json' prints", _work),
}
