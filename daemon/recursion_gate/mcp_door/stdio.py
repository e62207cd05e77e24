"""One caller, on standard input and output: what an agent's program starts and speaks to."""

from __future__ import annotations

import json
import signal
from typing import Any

import anyio
from anyio.abc import ObjectSendStream
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

from .caller import CALLER, Caller

__all__ = ["serve"]


def serve(server: MCPServer, caller: Caller) -> None:
    """Serve `caller` until its standard input ends. Standard output carries the protocol and nothing else."""

    async def run() -> None:
        CALLER.set(caller)
        # As MCPServer.run_stdio_async does it, which gives a line that it cannot read no answer: its caller would wait
        # for ever.
        engine = server._lowlevel_server
        async with stdio_server() as (lines, answers), anyio.create_task_group() as tasks:
            readable, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
            tasks.start_soon(_answer_what_cannot_be_read, lines, readable, answers)
            await engine.run(messages, answers, engine.create_initialization_options())
            tasks.cancel_scope.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # at once: a thread waits for the input, and a drop is whole or not there
    anyio.run(run)


async def _answer_what_cannot_be_read(
    lines: Any, readable: ObjectSendStream[SessionMessage | Exception], answers: Any
) -> None:
    """Pass on the messages of `lines`; answer what is none."""
    async with lines, readable:
        try:
            async for each in lines:
                if not isinstance(each, ValidationError):
                    await readable.send(each)
                elif (error := _error(each)) is not None:
                    await answers.send(SessionMessage(error))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):  # the server has ended
            pass


def _error(problem: ValidationError) -> JSONRPCError | None:
    """The answer to a line that is no message; None for an empty one. It has the id of the call where one can be found;
    the words name nothing of the line."""
    first = problem.errors(include_url=False, include_context=False)[0]
    if first["type"] != "json_invalid":  # JSON, but no message
        inputs = (each["input"] for each in problem.errors())
        whole = next((each for each in inputs if isinstance(each, dict) and "jsonrpc" in each), None)
        return _answer(_id_of(whole), INVALID_REQUEST, "this is no JSON-RPC 2.0 message")
    line = str(first["input"])
    if not line.strip():
        return None
    try:
        called = _id_of(json.loads(line))  # this reader takes half a character
    except (ValueError, RecursionError):
        called = None
    if called is None:
        return _answer(None, PARSE_ERROR, "this line is no JSON; a message is one line, in UTF-8")
    return _answer(
        called, INVALID_PARAMS, "a text holds half a character (a lone surrogate), or the call is nested too deeply"
    )


def _id_of(message: Any) -> int | str | None:
    """The id of a call, if it is one and its id can be sent back."""
    called = message.get("id") if isinstance(message, dict) and "method" in message else None
    if isinstance(called, str):
        return called if called.isprintable() else None  # half a character is not printable
    return called if isinstance(called, int) and not isinstance(called, bool) else None


def _answer(called: int | str | None, code: int, message: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=called, error=ErrorData(code=code, message=message))
