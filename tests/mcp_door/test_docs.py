"""README.md and docs/doors.md are true of the MCP door."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from recursion_gate.core.paths import Root

from ..support.docs import blocks
from ..support.mcp_client import Agent, over_stdio

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", TOP / "docs" / "doors.md"]


def servers(page: Path) -> list[list[str]]:
    """The command of each server in the configurations that a page shows."""
    found: list[list[str]] = []
    for language in ("json", "jsonc"):
        for block in blocks(page, language):
            given: dict[str, Any] = json.loads(block).get("mcpServers", {})
            found += [[each["command"], *each["args"]] for each in given.values() if "command" in each]
    for block in blocks(page, "toml"):
        given = tomllib.loads(block).get("mcp_servers", {})
        found += [[each["command"], *each["args"]] for each in given.values()]
    for line in re.findall(r"claude mcp add recursion-gate -- ([^`\n]+)", page.read_text("utf-8")):
        found.append(shlex.split(line))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_client_with_the_lines_of_the_page_proposes(page: Path, root: Root) -> None:
    commands = servers(page)
    assert len(commands) >= (1 if page.name == "README.md" else 3)
    for command in {tuple(each) for each in commands}:
        assert command[0] == "recursion-gate"
        args = [{"/srv/gate": str(root.path), "demo": "alex"}.get(each, each) for each in command[1:]]

        async def call(args: list[str] = args) -> Any:
            async with Client(
                StdioServerParameters(command=sys.executable, args=["-m", "recursion_gate", *args])
            ) as it:
                return await it.call_tool("propose_entry", {"text": "Set up as the page says."})

        made = anyio.run(call)
        assert made.structured_content["source"] == args[-1]


def test_the_page_has_each_tool_and_the_resources(agent: Agent, root: Root) -> None:
    page = PAGES[1].read_text("utf-8").partition("\n## MCP")[2].partition("\n## ")[0]
    page, _, planning = page.partition("\n### Plans and tasks")
    with over_stdio(root, "--plans") as planner:
        rows = "".join(re.findall(r"^\| (`.+?) \|", planning, re.MULTILINE))
        assert set(re.findall(r"`(\w+)`", rows)) == set(planner.tools()) - set(agent.tools())
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(agent.tools())
    for uri in ("recursion-gate://spec/schema", "recursion-gate://context/staging"):
        assert uri in page
        assert uri in agent.resources()
