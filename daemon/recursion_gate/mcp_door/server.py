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
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, InputRequiredResult, Prompt, Tool, ToolAnnotations
from pydantic import ValidationError

from ..schemas.plan_answers import PLAN_ANSWERS
from ..spec.texts import NAMES
from .caller import CALLER, Desk
from .planning import Planning
from .proposing import Proposing
from .reading import Reading
from .texts import INSTRUCTIONS, PACKS, PLANS, Texts, role_of
from .words import in_words, of_arguments, unknown_argument

__all__ = ["SCHEME", "create_server"]

SCHEME = "recursion-gate"

_PROPOSES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_AGAIN = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
#: It may run commands of a plan, which may do anything.
_RUNS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True)


def create_server(desk: Desk, parts: Iterable[str] = ("agents", "readers")) -> MCPServer:
    """The server at `desk`: with ``agents`` it proposes, with ``readers`` it reads, with ``plans`` it has the tools for
    plans and tasks. Its `CALLER` is set by whoever runs it."""
    parts = frozenset(parts)
    told = f"{INSTRUCTIONS}\n{PLANS}" if "plans" in parts else INSTRUCTIONS
    server = _Server(
        SCHEME, instructions=told, version=version("recursion-gate"), log_level="ERROR", subscriptions=False
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
    if "plans" in parts:
        _add_planning(server, Planning(desk), texts)
    _add_resources(server, texts)
    return server


def _add_planning(server: _Server, planning: Planning, texts: Texts) -> None:
    """The tools for plans and tasks; each answers in the shape that its command prints with ``--json``."""
    tools: dict[str, tuple[Callable[..., Any], ToolAnnotations]] = {
        "plan-list": (planning.list_plans, _READS),
        "plan-show": (planning.show_plan, _READS),
        "plan-check": (planning.check_plan, _READS),
        "plan-add": (planning.add_plan, _AGAIN),
        "task-next": (planning.next_task, _PROPOSES),
        "task-show": (planning.show_task, _READS),
        "task-renew": (planning.renew_task, _AGAIN),
        "task-done": (planning.finish_task, _RUNS),
        "task-fail": (planning.fail_task, _PROPOSES),
        "task-release": (planning.release_task, _PROPOSES),
    }
    for answer, (tool, hints) in tools.items():
        server.add_tool(tool, description=cleandoc(tool.__doc__ or ""), annotations=hints)
        server.planning.add(tool.__name__)
        shape = PLAN_ANSWERS[_SHAPES.get(answer, answer)][1]()
        server.shapes[tool.__name__] = _as_object(shape)
    server.prompt("working", "Work on the tasks of a plan", _WORKING)(_working(texts))


#: The answers of these tools have another's shape.
_SHAPES = {"task-fail": "task-done", "task-release": "task-done"}

_WORKING = "How a worker goes from task to task: for an agent that may claim tasks."


def _as_object(shape: dict[str, Any]) -> dict[str, Any]:
    """A shape as a tool's answer may have it: an object."""
    if shape.get("type") == "array":
        fields = {"plans": {"type": "array", "items": shape["items"]}}
        return {"title": shape["title"], "type": "object", "properties": fields, "required": ["plans"]}
    return {"type": "object"} | shape


def _working(texts: Texts) -> Callable[..., Any]:
    async def working(plan: str = "") -> str:
        return await _in_thread(texts.working, plan)

    return working


async def _in_thread(prompt: Callable[[str], str], given: str) -> str:
    """A prompt's text. Raises MCPError, with the words of the program, where it is not for this caller."""
    try:
        return await anyio.to_thread.run_sync(prompt, given)
    except Exception as err:
        words = in_words(err)
        if words is None:
            raise
        raise MCPError(INVALID_PARAMS, words) from None


_STAGING = "The rules for an agent that proposes entries, and what became of its own proposals."


def _prompt(texts: Texts) -> Callable[..., Any]:
    async def staging(user: str = "") -> str:
        return await _in_thread(texts.staging, user)

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
        #: The names of the tools for those who may propose, who may read, and who were given plans.
        self.staging: set[str] = set()
        self.reading: set[str] = set()
        self.planning: set[str] = set()
        #: The JSON Schema of a tool's answer, where that is written down elsewhere than in its types.
        self.shapes: dict[str, dict[str, Any]] = {}
        super().__init__(*args, **more)

    async def list_tools(self) -> list[Tool]:
        caller = CALLER.get()
        hidden = (set() if caller.stage else self.staging) | (set() if caller.read else self.reading)
        hidden |= set() if caller.plans else self.planning
        return [
            tool.model_copy(update={"output_schema": self.shapes.get(tool.name, tool.output_schema)})
            for tool in await super().list_tools()
            if tool.name not in hidden
        ]

    async def list_prompts(self) -> list[Prompt]:
        hidden = set() if CALLER.get().plans else {"working"}
        return [prompt for prompt in await super().list_prompts() if prompt.name not in hidden]

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
