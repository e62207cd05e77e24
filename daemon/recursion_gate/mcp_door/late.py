"""MCP at an address of the HTTP door, loaded by the first call: the SDK takes as much memory as the door itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from .caller import Caller, Desk

if TYPE_CHECKING:
    from .http import Endpoint

__all__ = ["LateEndpoint", "is_installed"]


_NOT_THERE = JSONResponse(
    {
        "type": "about:blank",
        "title": "MCP cannot be served here",
        "status": 503,
        "detail": "the package 'mcp' of this door cannot be loaded; its log says why",
        "remedy": "The person who runs it: pip install --upgrade 'recursion-gate[mcp]', then start it again.",
    },
    status_code=503,
    media_type="application/problem+json",
)


def is_installed() -> bool:
    """Whether the SDK is there, in a version that has what is needed."""
    return find_spec("mcp") is not None and find_spec("mcp_types") is not None


class LateEndpoint:
    """ASGI: the `Endpoint` at `desk`, made when it is called for the first time. To be run within `lifespan`."""

    def __init__(self, desk: Desk, parts: frozenset[str], caller_of: Callable[[Scope], Caller], max_body: int) -> None:
        self._desk, self._parts, self._caller_of, self._max_body = desk, parts, caller_of, max_body
        self._called, self._ready = anyio.Event(), anyio.Event()
        self._endpoint: Endpoint | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._endpoint is None:
            self._called.set()
            await self._ready.wait()
        answer = self._endpoint or _NOT_THERE
        await answer(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """What has to run around the requests."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._run)
            yield
            group.cancel_scope.cancel()

    async def _run(self) -> None:
        await self._called.wait()
        try:
            endpoint = await anyio.to_thread.run_sync(self._load)
        except Exception as err:  # a package that is there in part, or too old: the door's other addresses go on
            self._desk.say("mcp_unusable", why=f"{type(err).__name__}: {err}")
            self._ready.set()
            return
        async with endpoint.lifespan(None):
            self._endpoint = endpoint
            self._ready.set()
            await anyio.sleep_forever()

    def _load(self) -> Endpoint:
        from .http import Endpoint
        from .server import create_server

        return Endpoint(create_server(self._desk, self._parts), self._caller_of, self._max_body)
