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

#: The Inspector, and the Node.js that it needs where an older one is installed.
_INSPECTOR, _NODE, _NEEDED = "@modelcontextprotocol/inspector@2", "node@22", (22, 19)


@pytest.fixture(scope="module")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its program, in $RECURSION_GATE_INSPECTOR, or installed by npm into a folder of this run."""
    given = os.environ.get("RECURSION_GATE_INSPECTOR")
    if given:
        return Path(given)
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("npm is not here: the MCP Inspector cannot be installed")
    folder = tmp_path_factory.mktemp("inspector")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    old = tuple(map(int, said.strip().lstrip("v").split(".")[:2])) < _NEEDED
    wanted = ["install", "--no-audit", "--no-fund", "--prefix", str(folder), _INSPECTOR, *([_NODE] if old else [])]
    done = subprocess.run([npm, *wanted], capture_output=True, text=True, timeout=600, check=False)
    program = folder / "node_modules" / ".bin" / "mcp-inspector"
    if done.returncode or not program.exists():
        pytest.skip(f"npm could not install the MCP Inspector: {done.stderr.strip()[-200:]}")
    return program


def run(inspector: Path, target: list[str], method: str, *args: str) -> Any:
    done = call(inspector, target, method, *args)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def call(inspector: Path, target: list[str], method: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Its own Node.js comes first; it keeps its catalog in a home of its own."""
    own = {"PATH": f"{inspector.parent}:{os.environ['PATH']}", "HOME": str(inspector.parents[2])}
    return subprocess.run(
        [str(inspector), "--cli", *target, "--method", method, *args],
        env=os.environ | own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


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
    propose = ("tools/call", "--tool-name", "propose_entry", "--tool-arg")
    made = run(inspector, server, *propose, "text=Learned to whistle with the Inspector.")
    assert not made["isError"]
    refused = call(inspector, server, *propose, "text=x", "skil_tag=WORK")
    assert refused.returncode != 0
    assert json.loads(refused.stdout)["isError"]
    assert "did you mean 'skill_tag'?" in json.loads(refused.stdout)["content"][0]["text"]
    world.reconcile()
    assert made["structuredContent"]["id"] in world.gate_ids()


def test_over_http_it_proposes_and_reads_with_a_token_and_is_told_nothing_without(
    inspector: Path, door: Door, world: World
) -> None:
    target = [f"http://127.0.0.1:{door.port}/mcp", "--transport", "http"]
    header = ("--header", f"Authorization: Bearer {door.token('insp-http', read=True)}")
    tools = run(inspector, target, "tools/list", "--strict", *header)["tools"]  # strict: its schemas suit any client
    assert {"propose_entry", "my_proposals", "read_record"} <= {each["name"] for each in tools}
    call_tool = ("tools/call", "--tool-name")
    made = run(inspector, target, *call_tool, "propose_entry", "--tool-arg", "text=Over HTTP.", *header)
    world.reconcile()
    assert made["structuredContent"]["id"] in world.gate_ids()
    own = run(inspector, target, *call_tool, "my_proposals", *header)
    assert "Over HTTP." in json.dumps(own["structuredContent"])
    without = call(inspector, target, "tools/list")
    assert without.returncode != 0
    assert "propose_entry" not in without.stdout
