"""The MCP Inspector's command line, a client that nobody here wrote, speaks to the server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.paths import Root

from ..support.door import Door
from ..support.world import World


@pytest.fixture(scope="module")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its program, in $RECURSION_GATE_INSPECTOR, or installed by npm into a folder of this run."""
    given = os.environ.get("RECURSION_GATE_INSPECTOR")
    if given:
        return Path(given)
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here: the MCP Inspector cannot be installed")
    folder = tmp_path_factory.mktemp("inspector")
    wanted = ["install", "--no-audit", "--no-fund", "--prefix", str(folder), "@modelcontextprotocol/inspector"]
    done = subprocess.run([npm, *wanted], capture_output=True, text=True, timeout=300, check=False)
    program = folder / "node_modules" / ".bin" / "mcp-inspector"
    if done.returncode or not program.exists():
        pytest.skip(f"npm could not install the MCP Inspector: {done.stderr.strip()[-200:]}")
    return program


def run(inspector: Path, target: list[str], method: str, *args: str) -> Any:
    done = subprocess.run(
        [str(inspector), "--cli", *target, "--method", method, *args],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_it_finds_tools_resources_and_the_prompt_and_proposes_on_stdio(
    inspector: Path, root: Root, world: World
) -> None:
    program = str(Path(sys.executable).with_name("recursion-gate"))
    server = [program, "--root", str(root.path), "mcp", "--user", "alex", "--source", "insp"]
    tools = {each["name"] for each in run(inspector, server, "tools/list")["tools"]}
    assert {"propose_entry", "my_proposals", "read_record"} <= tools
    assert len(run(inspector, server, "resources/list")["resources"]) == 8
    assert "staging" in str(run(inspector, server, "prompts/list"))
    found = run(inspector, server, "resources/read", "--uri", "recursion-gate://spec/identity-fork")
    assert "An agent may stage; it may not merge" in found["contents"][0]["text"]
    call = ("tools/call", "--tool-name", "propose_entry", "--tool-arg")
    made = run(inspector, server, *call, "text=Learned to whistle with the Inspector.")
    assert not made["isError"]
    refused = run(inspector, server, *call, "text=x", "skil_tag=WORK")
    assert refused["isError"]
    assert "did you mean 'skill_tag'?" in refused["content"][0]["text"]
    world.reconcile()
    assert made["structuredContent"]["id"] in world.gate_ids()


def test_it_proposes_over_http(inspector: Path, door: Door, world: World) -> None:
    told = subprocess.run([str(inspector), "--cli", "--help"], capture_output=True, text=True, timeout=60, check=False)
    if "--header" not in told.stdout:
        pytest.skip("this version of the MCP Inspector, the newest for this Node.js, sends no header, and so no token")
    target = [f"http://127.0.0.1:{door.port}/mcp", "--transport", "http"]
    header = ("--header", f"Authorization: Bearer {door.token('insp-http')}")
    made = run(
        inspector, target, "tools/call", "--tool-name", "propose_entry", "--tool-arg", "text=Over HTTP.", *header
    )
    world.reconcile()
    assert made["structuredContent"]["id"] in world.gate_ids()
