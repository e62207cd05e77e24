"""All of it as one server of the SDK: what a caller sees is what it may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from inspect import cleandoc
from typing import Any

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ToolError, UnexpectedResourceError
from mcp.server.mcpserver.resources import FunctionResource
from mcp_types import CallToolResult, InputRequiredResult, Tool, ToolAnnotations
from pydantic import ValidationError

from ..spec.texts import NAMES
from .caller import CALLER, Desk
from .proposing import Proposing
from .reading import Reading
from .texts import INSTRUCTIONS, PACKS, Texts, role_of
from .words import in_words, of_arguments, unknown_argument

__all__ = ["SCHEME", "create_server"]

SCHEME = "recursion-gate"

_PROPOSES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def create_server(desk: Desk, parts: Iterable[str] = ("agents", "readers")) -> MCPServer:
    """The server at `desk`: with ``agents`` it proposes, with ``readers`` it reads. Its `CALLER` is set by whoever
    runs it."""
    server = _Server(
        SCHEME, instructions=INSTRUCTIONS, version=version("recursion-gate"), log_level="ERROR", subscriptions=False
    )
    proposing, reading, texts = Proposing(desk), Reading(desk), Texts(desk)
    if "agents" in parts:
        for tool in (proposing.propose_entry, proposing.propose_correction, proposing.propose_retraction):
            server.add_tool(tool, description=cleandoc(tool.__doc__ or ""), annotations=_PROPOSES)
            server.staging.add(tool.__name__)
        server.prompt("staging", "Propose what was learned", _STAGING)(_prompt(texts))
    server.add_tool(
        proposing.my_proposals, description=cleandoc(proposing.my_proposals.__doc__ or ""), annotations=_READS
    )
    if "readers" in parts:
        for each in (reading.read_record, reading.ask_record, reading.next_focus):
            server.add_tool(each, description=cleandoc(each.__doc__ or ""), annotations=_READS)
            server.reading.add(each.__name__)
    _add_resources(server, texts)
    return server


_STAGING = "The rules for an agent that proposes entries, and what became of its own proposals."


def _prompt(texts: Texts) -> Callable[..., Any]:
    async def staging(user: str = "") -> str:
        return await anyio.to_thread.run_sync(texts.staging, user)

    return staging


def _add_resources(server: MCPServer, texts: Texts) -> None:
    def add(uri: str, name: str, about: str, read: Callable[[], str]) -> None:
        async def content() -> str:
            return await anyio.to_thread.run_sync(read)

        server.add_resource(
            FunctionResource(uri=uri, name=name, description=about, mime_type="text/markdown", fn=content)
        )

    for name, about in NAMES.items():
        add(f"{SCHEME}://spec/{name}", f"Specification: {name}", about, partial(texts.spec, name))
    for role, (_, about) in PACKS.items():
        add(f"{SCHEME}://context/{role}", f"Context pack: {role}", about, partial(texts.pack, role))

    @server.resource(f"{SCHEME}://context/{{role}}/{{user}}", mime_type="text/markdown")
    async def context_of(role: str, user: str) -> str:
        """The context pack of a role (staging, reader, planner), where you are for several users."""
        return await anyio.to_thread.run_sync(lambda: texts.pack(role_of(role), user))


class _Server(MCPServer[Any]):
    """An `MCPServer` that shows each caller its own tools, and tells errors in the words of the program."""

    def __init__(self, *args: Any, **more: Any) -> None:
        #: The names of the tools for those who may propose, and for those who may read.
        self.staging: set[str] = set()
        self.reading: set[str] = set()
        super().__init__(*args, **more)

    async def list_tools(self) -> list[Tool]:
        caller = CALLER.get()
        hidden = (set() if caller.stage else self.staging) | (set() if caller.read else self.reading)
        return [tool for tool in await super().list_tools() if tool.name not in hidden]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        tools = {tool.name: tool for tool in await super().list_tools()}
        if name in tools:
            known = list(tools[name].input_schema["properties"])
            for given in arguments:
                if given not in known:  # the SDK would drop it: a misspelt 'user' would mean another one
                    raise ToolError(unknown_argument(given, known, CALLER.get().source))
        arguments = {given: value for given, value in arguments.items() if value is not None}
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as err:
            cause = err.__cause__
            if isinstance(cause, ValidationError):
                raise ToolError(of_arguments(cause)) from None
            words = in_words(cause) if isinstance(cause, Exception) else None
            if words is None:
                raise
            raise ToolError(words) from None

    async def read_resource(self, uri: Any, context: Context[Any, Any] | None = None) -> Any:
        try:
            return await super().read_resource(uri, context)
        except UnexpectedResourceError as err:
            words = in_words(err.__cause__) if isinstance(err.__cause__, Exception) else None
            if words is None:
                raise
            raise ResourceError(words) from None
