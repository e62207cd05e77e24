"""One caller, on standard input and output: what an agent's program starts and speaks to."""

from __future__ import annotations

import signal

import anyio
from mcp.server import MCPServer

from .caller import CALLER, Caller

__all__ = ["serve"]


def serve(server: MCPServer, caller: Caller) -> None:
    """Serve `caller` until its standard input ends. Standard output carries the protocol and nothing else."""

    async def run() -> None:
        CALLER.set(caller)
        await server.run_stdio_async()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # at once: a thread waits for the input, and a drop is whole or not there
    anyio.run(run)
