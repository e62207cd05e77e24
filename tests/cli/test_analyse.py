"""analyse, as a person types it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from recursion_gate import cli
from recursion_gate.core.paths import Root

from ..support.world import World

SCRIPT = Path(__file__).parents[1] / "sources" / "scripted.py"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "t.txt"
    path.write_text("Alex: I learned that ice floats.\nTutor: Why?\nAlex: No idea.\nTutor: Think.\n")
    return path


def run(root: Root, *words: str) -> Result:
    return CliRunner().invoke(cli.main, ["--root", str(root.path), "analyse", *words], prog_name="recursion-gate")


def test_a_command_behind_two_dashes_is_asked(root: Root, talk: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "right", str(tmp_path / "calls")]
    done = run(root, str(talk), "--", *command)
    assert done.stdout == f"alex: 1 proposal from 2 new exchanges in {talk} (transcript)\n"
    world = World(root)
    world.reconcile()
    assert [candidate["raw_text"] for candidate in world.gate()] == ["Learned that ice floats."]
    assert run(root, str(talk), "--", *command).stdout.startswith("alex: 0 proposals from 0 new exchanges")
    again = run(root, str(talk), "--from-start", "--", *command)
    assert "1 were proposed before" in again.stdout


def test_rules_need_no_command(root: Root, talk: Path) -> None:
    done = run(root, str(talk), "--rules", "--dry-run")
    assert done.stdout.startswith('THINK\tIX-A\tSaid: "I learned that ice floats."\nalex: would stage 1 proposal')


def test_the_prompt_can_be_seen_before_anybody_is_asked(root: Root, talk: Path) -> None:
    done = run(root, str(talk), "--show-prompt")
    assert done.exit_code == 0
    assert "[1]\nAlex: I learned that ice floats." in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "who thinks?"),
        (["--rules", "--", "cat"], 2, "who thinks?"),
        (["--rules", "--who", "Bo"], 2, "nobody is called 'Bo'"),
        (["--rules", "--form", "csv"], 2, "is no conversation"),
        (["--", "/no/such/program"], 1, "cannot be started"),
        (["--", "false"], 1, "the analyst's command"),
    ],
)
def test_what_cannot_be_is_said(root: Root, talk: Path, words: list[str], code: int, message: str) -> None:
    done = run(root, str(talk), *words)
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
