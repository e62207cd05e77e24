"""The reading commands, as they are called: what they print, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from recursion_gate.cli import COMMANDS, main
from recursion_gate.core.paths import Root
from recursion_gate.schemas.registry import SCHEMAS
from recursion_gate.spec.context import ROLES

from ..support.docs import blocks, matches, samples, shell
from ..support.roots import add_user, make_root
from ..support.world import World, tree

#: The modules of the command line in which the reading commands are, and these commands with their parts.
_MODULES = ("reading", "voice", "context", "spec", "schemas")
READING = [
    ["snapshot"], ["record"], ["edge"], ["brief"], ["export"], ["export", "--all"], ["import-archive"],
    ["voice", "ask"], ["voice", "prompt"], ["context"], ["spec"], ["schema"],
]  # fmt: skip

HERE = Path(__file__).parents[2]
DOCS = HERE / "docs" / "reading.md"


@pytest.fixture
def world(root: Root) -> World:
    """Alex: two approved, two waiting."""
    world = World(root)
    for candidate_id, text, more in (
        ("c0", "Learned how tides work.", {}),
        ("c1", "Wrote about a lighthouse.", {"skill_tag": "WRITE", "suggested_ix_section": "IX-C"}),
        ("c2", "Learned how the tides work!", {"source": "analyst"}),
        ("c3", "Built a kite.", {"skill_tag": "WORK", "source": "quiz"}),
    ):
        world.stage(candidate_id, text, created_at="2026-11-24T10:00:00Z", **more)
    world.approve("c0")
    world.approve("c1")
    return world


def call(root: Root, *words: str) -> Result:
    return CliRunner().invoke(main, ["--root", str(root.path), *words], catch_exceptions=False)


def printed(root: Root, *words: str) -> Any:
    done = call(root, *words)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_each_reading_command_prints_the_json_that_its_schema_describes(world: World) -> None:
    for name in ("snapshot", "record", "edge", "export", "brief"):
        answer = printed(world.root, name, "--user", "alex", "--json")
        made = json.loads(call(world.root, "schema", name).stdout)
        assert set(answer) == set(made["properties"]), name


def test_snapshot_prints_gate_record_and_receipts_as_they_are_in_their_files(world: World) -> None:
    answer = printed(world.root, "snapshot", "--json")
    assert answer["gate"] == world.gate()
    assert {n: t.encode() for n, t in answer["record"].items()} == world.record()
    assert answer["receipts"] == world.receipts()
    assert answer["asOf"]["hash"] == world.receipts()[-1]["hash"]
    assert "2 candidates" in call(world.root, "snapshot").stdout


def test_record_prints_what_was_approved(world: World) -> None:
    told = call(world.root, "record").stdout
    ids = [r["evidence_id"] for r in world.receipts()]
    assert f"Knowledge (IX-A)\n  a seed line\n  Learned how tides work. — {ids[0]}\n" in told
    assert "2 evidence entries, 2 waiting" in told


def test_edge_prints_one_line_a_skill_with_its_evidence(world: World) -> None:
    ids = [r["evidence_id"] for r in world.receipts()]
    assert call(world.root, "edge").stdout == (
        f"THINK    Continue with: Learned how tides work.  ({ids[0]})\n"
        f'WRITE    Build on: "Wrote about a lighthouse."  ({ids[1]})\n'
        f'WORK     One small project, in your own way: "Wrote about a lighthouse."  ({ids[1]})\n'
        "STEWARD  Take care of one thing\n"
    )


def test_brief_fits_a_screen_and_names_what_to_look_at_twice(world: World) -> None:
    told = call(world.root, "brief").stdout
    assert told.startswith("alex: 2 waiting, the oldest since 2026-11-24\n")
    assert '"Learned how the tides work!" (c2)\n    "Learned how tides work." (Record: self-knowledge.md:6)' in told
    assert len(told.splitlines()) < 40
    assert "... and 1 more" in call(world.root, "brief", "--most", "1").stdout


def test_export_prints_the_curriculum_profile_as_json_either_way(world: World) -> None:
    plain, flagged = printed(world.root, "export"), printed(world.root, "export", "--json")
    assert plain.pop("exportDate") <= flagged.pop("exportDate")
    assert plain == flagged
    assert (plain["evidenceCount"], plain["screen_time_target_minutes"]) == (2, 120)


def test_export_all_and_import_archive_take_a_user_to_another_root(world: World, tmp_path: Path) -> None:
    other = make_root(tmp_path / "other")
    file = tmp_path / "alex.tar.gz"
    done = call(world.root, "export", "--user", "alex", "--all", str(file))
    assert done.exit_code == 0
    assert "alex as of receipt 2" in done.stdout
    done = call(other, "import-archive", str(file))
    assert (done.exit_code, done.stdout) == (0, "user alex: restored; 2 receipts, 2 waiting\n")
    assert call(other, "verify").exit_code == 0
    knowledge = printed(world.root, "record", "--json")["knowledge"]
    assert printed(other, "record", "--json")["knowledge"] == knowledge
    again = call(other, "import-archive", str(file))
    assert again.exit_code == 1
    assert "exists already" in again.output


def test_export_all_says_what_it_left_out_and_as_json_what_is_in_it(world: World, tmp_path: Path) -> None:
    (world.place.home / "photo.png").symlink_to("/nowhere")
    done = call(world.root, "export", "--all", str(tmp_path / "a.zip"))
    assert done.stderr == "left out: users/alex/photo.png: not a plain file\n"
    answer = printed(world.root, "export", "--all", str(tmp_path / "a.zip"), "--json")
    assert answer["leftOut"] == [{"path": "users/alex/photo.png", "why": "not a plain file"}]
    assert answer["seq"] == 2


def test_where_there_are_several_users_one_must_be_named(root: Root) -> None:
    add_user(root, "sam")
    done = call(root, "edge")
    assert done.exit_code == 2
    assert "which user? --user NAME; the users are: alex, sam." in done.output
    assert call(root, "edge", "--user", "sam").exit_code == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("record", "--user", "nobody"), 1, "there is no user 'nobody'. The users are: alex."),
        (("export", "--all", "alex.rar"), 2, "must end in .tar.gz, .tgz or .zip"),
        (("import-archive", "nowhere.zip"), 2, "does not exist"),
        (("schema", "drops"), 2, "there is no schema 'drops'. There are: drop, gate, receipt"),
        (("brief", "--most", "0"), 2, "0 is not in the range"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(root: Root, words: list[str], code: int, told: str) -> None:
    done = call(root, *words)
    assert done.exit_code == code
    assert told in done.output


def test_a_gate_that_does_not_parse_is_said_and_nothing_is_printed_for_it(world: World) -> None:
    world.place.gate.write_text("[{")
    for name in ("snapshot", "record", "edge", "brief", "export"):
        done = call(world.root, name)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "users/alex/recursion-gate.json: this is not a gate" in done.stderr


def test_a_record_file_that_is_no_text_is_said_on_stderr_and_the_rest_printed(world: World) -> None:
    (world.place.home / "self.md").write_bytes(b"caf\xe9")
    done = call(world.root, "edge")
    assert done.exit_code == 0
    assert "users/alex/self.md: this is not UTF-8" in done.stderr
    assert done.stdout.startswith("THINK    Continue with: ")


def test_schema_without_a_name_lists_them(root: Root) -> None:
    told = call(root, "schema").stdout
    assert [line.split()[0] for line in told.splitlines()] == list(SCHEMAS)
    assert list(printed(root, "schema", "--json")) == list(SCHEMAS)


def test_schema_needs_no_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in SCHEMAS:
        assert CliRunner().invoke(main, ["schema", name]).exit_code == 0


def test_the_reading_commands_leave_no_trace(world: World) -> None:
    before = tree(world.root.path, without=())
    more = {"context": ["reader"], "voice ask": ["How do tides work?"]}
    for words in READING:
        if words not in (["import-archive"], ["export", "--all"]):
            assert call(world.root, *words, *more.get(" ".join(words), [])).exit_code == 0
    assert tree(world.root.path, without=()) == before


# -- docs/reading.md --------------------------------------------------------------------------------------------------


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository's root with its demo user, as a fresh clone has it."""
    root = make_root(tmp_path / "demo")
    shutil.rmtree(root.homes)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "inbox", "users", "receipts"], cwd=HERE, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not in a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        (root.path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HERE / name, root.path / name)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return root.path


def test_what_the_docs_show_of_the_demo_user_is_what_is_printed(demo: Path) -> None:
    found = samples(DOCS)
    for sample in found:
        said = shell(sample.command, demo, dict(os.environ))
        assert matches(sample.expected, said), f"$ {sample.command}\n{said}"


def test_the_python_in_the_docs_runs(demo: Path) -> None:
    for sample in samples(DOCS)[:3]:
        shell(sample.command, demo, dict(os.environ))
    (code,) = blocks(DOCS, "python")
    done = subprocess.run([sys.executable, "-c", code], cwd=demo, capture_output=True, text=True, check=True)
    assert "Hates telling stories through sounds." in done.stdout
    assert "Continue with: Dragons in the Guide" in done.stdout


def test_the_docs_name_every_reading_command_and_show_its_output() -> None:
    text, shown = DOCS.read_text("utf-8"), [sample.command for sample in samples(DOCS)]
    assert {name for name, *_ in READING} == {n for n, (module, _) in COMMANDS.items() if module in _MODULES}
    for words in READING:
        assert f"`{' '.join(words)}" in text, words
        call = re.compile(rf"recursion-gate (--root \S+ )?{' '.join(words)}( |$)")
        assert any(call.match(command) for command in shown), words
    for role in ROLES:
        assert any(f"context {role} --list" in command for command in shown), role
