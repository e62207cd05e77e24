"""What the README shows is what happens: its samples are run in a fresh copy of the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from recursion_gate.core.paths import RECORD_FILES, Root

from ..support.daemon import Daemon, call
from ..support.docs import blocks, matches, samples, shell
from ..support.world import World, wait_for

HERE = Path(__file__).parents[2]
README = HERE / "README.md"


@pytest.fixture
def copy(tmp_path: Path) -> Root:
    """This repository as a fresh clone has it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=HERE, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not in a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(("inbox/", "users/", "receipts/")):
            target = tmp_path / "copy" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HERE / name, target)
    return Root(tmp_path / "copy")


def _env() -> dict[str, str]:
    return os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def _idle(root: Root) -> bool:
    """Whether nothing is left to be staged or carried out, and every candidate has its card."""
    counts = json.loads(call(root, "status", "--json").stdout)["waiting"]["demo"]
    waits = {k: v for k, v in counts.items() if k not in ("pending", "problems")}
    return not any(waits.values()) and len(World(root, user="demo").gate()) == counts["pending"]


def test_the_five_minutes_go_as_the_readme_shows(copy: Root) -> None:
    before = World(copy, user="demo").record()
    found = samples(README)
    assert len(found) >= 8
    with Daemon(copy):
        for sample in found:
            said = shell(sample.command, copy.path, _env())
            assert matches(sample.expected, said), f"$ {sample.command}\n{said}"
            wait_for(lambda: _idle(copy))
    after = World(copy, user="demo").record()
    assert {n for n in RECORD_FILES if after[n] != before[n]} == {
        "self-evidence.md",
        "self-knowledge.md",
        "self-skill-think.md",
    }


def test_the_one_liners_for_agents_stage_what_they_say(copy: Root) -> None:
    world = World(copy, user="demo")
    (one,) = [b for b in blocks(README, "sh") if "birdhouse" in b]
    shell(one, copy.path, _env())
    (python,) = blocks(README, "python")
    subprocess.run([sys.executable, "-c", python], cwd=copy.path, check=True)
    expected = {"Built a birdhouse.", "Asked why leaves turn red."}
    if shutil.which("node"):
        (script,) = blocks(README, "js")
        subprocess.run(["node", "-e", script], cwd=copy.path, check=True)
        expected.add("Wrote a poem about rain.")
    (sample,) = blocks(README, "json")
    world.drop("sample.json", sample)
    expected.add(json.loads(sample)["raw_text"])
    world.reconcile()
    assert {c["raw_text"] for c in world.gate()} == expected
    assert world.names("problems") == []


def test_the_picture_of_an_approval_shows_what_the_program_does(tmp_path: Path) -> None:
    drawn = tmp_path / "approve.svg"
    subprocess.run([sys.executable, HERE / "docs" / "pictures" / "approve.py", drawn], check=True)
    assert drawn.read_text("utf-8") == (HERE / "docs" / "pictures" / "approve.svg").read_text("utf-8")


def test_the_readme_names_only_files_that_are_there() -> None:
    import re

    for path in [README, *sorted((HERE / "docs").glob("*.md")), HERE / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_set_up_is_what_the_project_runs_itself() -> None:
    ci = (HERE / ".ci" / "run").read_text()
    install, run, tests = (block.splitlines() for block in blocks(README, "sh")[:3])
    assert run == [".venv/bin/recursion-gate run"]
    for command in (*install, *tests):
        assert command in ci.replace(" --quiet", "")


def test_a_root_of_ones_own_starts_as_the_readme_shows(tmp_path: Path) -> None:
    (block,) = [b for b in blocks(README, "sh") if "init" in b]
    make, run = block.splitlines()
    env = _env() | {"HOME": str(tmp_path)}
    shell(make, tmp_path, env)
    root = Root(tmp_path / "recursion-gate")
    assert root.users() == ["alex"]
    # `once` in place of `run`, which would not end
    assert shell(run.removesuffix(" run") + " once", tmp_path, env) == "nothing to do\n"


def test_the_template_of_the_repository_is_the_one_in_the_package() -> None:
    for name in RECORD_FILES:
        inside = HERE / "daemon" / "recursion_gate" / "template" / name
        assert (HERE / "users" / "_template" / name).read_bytes() == inside.read_bytes()
