"""What `plan`, `task`, `scope` and `work` print is what their schemas say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from recursion_gate.cli import main
from recursion_gate.core.paths import Root
from recursion_gate.schemas.plan_answers import PLAN_ANSWERS
from recursion_gate.schemas.registry import schema

from ..support.plans import Plans
from ..support.repository import make_repository

HERE = Path(__file__).parents[2]
_PLAN = """\
goal: All of it
tasks:
  - {id: a, title: A, scope: [/a/], accept: [Reads well., {run: "false"}]}
  - {id: b, title: B, lane: reading, needs: [a]}
  - {id: c, title: C, lane: reading}
  - {id: d, title: D, lane: reading}
"""


def _problems(name: str, data: Any) -> list[str]:
    return [f"{e.json_path}: {e.message}" for e in Draft202012Validator(schema(name)).iter_errors(data)]


def test_each_answer_is_what_its_schema_says(root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = Plans(root)
    file = tmp_path / "p.plan.yaml"
    file.write_text(_PLAN)
    monkeypatch.chdir(make_repository(tmp_path / "repo"))
    seen = set()

    def asked(name: str, *words: str, code: int = 0) -> Any:
        at = words.index("--") if "--" in words else len(words)
        done = CliRunner().invoke(
            main, ["--root", str(root.path), *words[:at], "--json", *words[at:]], catch_exceptions=False
        )
        assert done.exit_code == code, done.output
        answer = json.loads(done.stdout)
        assert _problems(name, answer) == []
        one = answer[0] if isinstance(answer, list) else answer
        for field in one.keys() - {"file", "failed"}:
            less = {k: v for k, v in one.items() if k != field}
            assert _problems(name, [less] if isinstance(answer, list) else less), f"{field} may be missing"
        seen.add(name)
        return answer

    assert asked("plan-check", "plan", "check", str(file))["tasks"] == 4
    asked("plan-add", "plan", "add", str(file))
    plans.look()
    assert asked("plan-check", "plan", "check", str(file), code=1)["problems"]
    claim = asked("task-next", "task", "next", "--worker", "ada")
    assert claim["id"] == "p/a@1"
    asked("task-renew", "task", "renew", claim["id"])
    assert asked("task-done", "task", "done", claim["id"], code=1)["state"] == "claimed"
    asked("scope-check", "scope", "check", "--task", claim["id"])
    Path("README").write_text("changed")
    assert asked("scope-check", "scope", "check", "--task", claim["id"], code=1)["outside"]
    asked("task-done", "task", "done", claim["id"], "--no-checks")
    other = asked("task-next", "task", "next", "--worker", "ada")["id"]
    asked("task-done", "task", "fail", other, "--why", "no luck")
    assert asked("work", "work", "--worker", "ada", "--no-wait", "--", "true")["done"] == ["p/d@1"]
    assert asked("task-next", "task", "next", "--worker", "ada", code=1)["id"] is None
    assert {row["state"] for row in asked("task-list", "task", "list")} == {"done", "failed", "waiting"}
    asked("task-show", "task", "show", "p/a")
    asked("plan-list", "plan", "list")
    asked("plan-show", "plan", "show", "p")
    assert seen == PLAN_ANSWERS.keys() - {"plan", "scope-apply"}


def test_the_plans_that_are_shown_are_what_the_schema_says() -> None:
    shown = [
        yaml.safe_load(_PLAN),
        *(yaml.safe_load(p.read_text()) for p in sorted(HERE.glob("fixtures/plans/*.yaml"))),
    ]
    assert len(shown) >= 3
    for plan in shown:
        assert _problems("plan", plan) == []
    assert _problems("plan", {"tasks": [{"id": "A", "title": "x"}]})
