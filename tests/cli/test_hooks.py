"""hooks check: what a saved message would give, before the sender sends one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from recursion_gate.cli import main
from recursion_gate.core.paths import Root

SETTINGS = """
[hooks.chores]
user = "alex"
secret_env = "NO_SUCH_VARIABLE"
text = "Did {data.chore}"
id = "event"
only = { type = "done" }
fields = { activity_type = "=quiz" }
"""


@pytest.fixture(autouse=True)
def _settings(root: Root) -> None:
    root.settings.write_text(SETTINGS)


def check(root: Root, body: str, *args: str, name: str = "chores") -> Result:
    return CliRunner().invoke(main, ["--root", str(root.path), "hooks", "check", name, "-", *args], input=body)


def test_it_prints_the_drop_and_writes_nothing(root: Root) -> None:
    done = check(root, '{"type": "done", "event": 1, "data": {"chore": "the dishes"}}')
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"raw_text": "Did the dishes", "source": "chores", "activity_type": "quiz"}
    assert "For alex: THINK, no section (evidence only). Known again by event." in done.stderr
    assert "suggests a line beside it" in done.stderr
    assert "Not usable yet: $NO_SUCH_VARIABLE has no secret" in done.stderr
    assert [path for path in root.place("alex").inbox.rglob("*") if path.is_file()] == []


def test_a_form_is_told_from_its_start(root: Root) -> None:
    done = check(root, "type=done&event=1&data.chore=the+dishes")
    assert json.loads(done.stdout)["raw_text"] == "Did the dishes"


@pytest.mark.parametrize(
    ("body", "name", "said"),
    [
        ('{"type": "done", "data": {"chore": "x"}}', "chores", "'event': the body has nothing there; it has 'type'"),
        ('{"type": "done", "event": 1, "data": {}}', "chores", "'data.chore': the body has nothing there"),
        ('{"type": "ping"}', "chores", "'type' in 'only': this message is answered and left"),
        ('{"type":', "chores", "not valid JSON"),
        ("", "chores", "not valid JSON"),
        ("{}", "chore", "there is no [hooks.chore] in recursion-gate.toml (there are: chores); did you mean 'chores'?"),
        ('{"type": "done", "event": 1, "data": {"chore": ""}, "x": 1}', "chores", ""),
        ('{"type": "done", "event": 1, "data": {"chore": "' + "x" * 30_000 + '"}}', "chores", "raw_text"),
        ("x" * 1_000_001, "chores", "larger than max_drop_bytes"),
    ],
)
def test_what_the_door_would_refuse_is_refused_with_the_reason(root: Root, body: str, name: str, said: str) -> None:
    done = check(root, body, name=name)
    if not said:  # an empty word in a text is none of our business
        assert done.exit_code == 0
        return
    assert done.exit_code == 1
    assert said in done.stderr
    assert done.stdout == ""


def test_a_file_is_read(root: Root, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    saved.write_text('{"type": "done", "event": 1, "data": {"chore": "the dishes"}}')
    done = CliRunner().invoke(main, ["--root", str(root.path), "hooks", "check", "chores", str(saved)])
    assert json.loads(done.stdout)["raw_text"] == "Did the dishes"
