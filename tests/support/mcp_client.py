"""The official MCP client, for tests that are not asynchronous: on standard input and output, or over HTTP."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import TextContent, TextResourceContents
from recursion_gate.core.paths import Root

__all__ = ["Agent", "over_http", "over_stdio"]


class Agent:
    """A connected client."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self._portal, self.client = portal, client

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a tool gives; fails where it refuses."""
        result = self._portal.call(lambda: self.client.call_tool(tool, arguments))
        assert not result.is_error, result.content
        found: dict[str, Any] = result.structured_content
        assert json.loads(_text(result.content[0])) == found  # the same for clients that know no structure
        return found

    def refused(self, tool: str, **arguments: Any) -> str:
        """Why a tool refuses; fails where it does not."""
        result = self._portal.call(lambda: self.client.call_tool(tool, arguments))
        assert result.is_error, result
        return _text(result.content[0])

    def tools(self) -> dict[str, Any]:
        return {tool.name: tool for tool in self._portal.call(self.client.list_tools).tools}

    def resources(self) -> list[str]:
        return [str(each.uri) for each in self._portal.call(self.client.list_resources).resources]

    def resource(self, uri: str) -> str:
        """The text of a resource. Raises MCPError."""
        return _text(self._portal.call(lambda: self.client.read_resource(uri)).contents[0])

    def prompts(self) -> list[str]:
        return [each.name for each in self._portal.call(self.client.list_prompts).prompts]

    def prompt(self, name: str, **arguments: str) -> str:
        """The text of a prompt. Raises MCPError."""
        return _text(self._portal.call(lambda: self.client.get_prompt(name, arguments)).messages[0].content)


def _text(content: Any) -> str:
    assert isinstance(content, TextContent | TextResourceContents), content
    return content.text


@contextlib.contextmanager
def _connected(client: Client) -> Iterator[Agent]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client) as opened:
        yield Agent(portal, opened)


@contextlib.contextmanager
def over_stdio(
    root: Root | Path, *args: str, user: str = "alex", source: str = "claude", log: TextIO | None = None, **more: Any
) -> Iterator[Agent]:
    """A client of ``recursion-gate mcp``, which it starts as a process of its own."""
    path = root.path if isinstance(root, Root) else root
    command = ["-m", "recursion_gate", "--root", str(path), "mcp", "--user", user, "--source", source, *args]
    server = StdioServerParameters(command=sys.executable, args=command)
    with _connected(Client(stdio_client(server, errlog=log or sys.stderr), **more)) as agent:
        yield agent


@contextlib.contextmanager
def over_http(port: int, token: str | None, **more: Any) -> Iterator[Agent]:
    """A client of the address ``/mcp`` of a door on this port."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    http = create_mcp_http_client(headers)
    address = f"http://127.0.0.1:{port}/mcp"
    with _connected(Client(streamable_http_client(address, http_client=http), **more)) as agent:
        yield agent
