"""The application's shape: what is mounted on it passes the guard, and the people's page has a login of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from recursion_gate.clients import tokens
from recursion_gate.core.paths import Root
from recursion_gate.serve.app import create_app
from recursion_gate.serve.guard import grant_of
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..support.roots import make_root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return make_root(tmp_path / "root", "alex")


class OtherDoor:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"{grant_of(scope).name} at {scope['path']}")(scope, receive, send)


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("the page")


def ask(app: ASGIApp, path: str, **headers: str) -> httpx.Response:
    async def call() -> httpx.Response:
        transport: Any = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(call())


def test_another_door_that_is_mounted_gets_the_caller_and_nobody_without_a_token(root: Root) -> None:
    token = tokens.add(root, "tutor", ["alex"])
    app = create_app(root, ["agents"], mounts=[Route("/mcp", OtherDoor()), Mount("/below", OtherDoor())])
    for path in ("/mcp", "/below/", "/below/x"):
        assert ask(app, path).status_code == 401
        assert ask(app, path, Authorization=f"Bearer {token}").text.startswith("tutor at ")
    assert ask(app, "/mcp", Authorization=f"Bearer {token}", Origin="http://evil.example").status_code == 403


def test_the_peoples_page_needs_no_token_and_opens_nothing_else(root: Root) -> None:
    people = [Route("/", page), Mount("/", routes=[Route("/{rest:path}", page)])]
    app = create_app(root, ["agents", "readers"], mounts=[Route("/mcp", OtherDoor())], people=people)
    assert ask(app, "/").text == "the page"
    assert ask(app, "/", Host="evil.example").status_code == 403
    assert ask(app, "/", Origin="http://evil.example").status_code == 403
    for path in ("/api/record", "/api", "/mcp", "/mcp/x", "/api/nowhere"):
        assert ask(app, path).status_code == 401, path
    for path in ("//api/record", "/API/record", "/x/../api/record", "/.//api/record", "/api%2frecord"):
        assert ask(app, path).text in ("the page", "") or ask(app, path).status_code in (401, 404), path


def test_without_the_page_nothing_is_open(root: Root) -> None:
    app = create_app(root, ["agents"])
    assert [ask(app, path).status_code for path in ("/", "/index.html", "/api", "/api/health")] == [401, 401, 401, 200]
