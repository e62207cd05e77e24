"""The door as one ASGI application: the parts that were asked for, behind the guard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Lifespan

from ..core.paths import Root
from . import agents, fates, hooks, readers
from .door import Door
from .guard import Guard
from .openapi import openapi
from .operations import Operation, json_response, routes
from .problems import HANDLERS

__all__ = ["PARTS", "Part", "create_app"]

Part = Literal["agents", "readers", "people"]
PARTS: tuple[Part, ...] = ("agents", "readers", "people")

_HEALTH = "/api/health"


class Health(BaseModel):
    """That the door is there, and whether a daemon is."""

    model_config = ConfigDict(title="Health")

    ok: bool
    version: str
    parts: list[str] = Field(description="Of agents, readers, people: those that this door serves.")
    daemon: Literal["running", "none", "unknown"] = Field(description="unknown: this account cannot tell.")


def create_app(
    root: Root,
    parts: Iterable[Part],
    *,
    door: Door | None = None,
    mounts: Sequence[Mount | Route] = (),
    people: Sequence[BaseRoute] = (),
    lifespan: Lifespan[Starlette] | None = None,
) -> ASGIApp:
    """The door at `root` with these parts; `door` has its limits and keys, if they are not to be the usual ones.

    `mounts` are other doors that take the same tokens (MCP), each a ``Route("/mcp", endpoint=AN_ASGI_OBJECT)`` or, for
    all below it, a ``Mount``: their requests have passed the guard, and `guard.grant_of(scope)` is the caller. `people`
    are the routes of the people's page, which stand at ``/`` and have a login of their own: of them only Host, Origin
    and body are checked. `lifespan` is run around it all.
    """
    door = door or Door(root, frozenset(parts))
    operations = [_health(door)]
    if "agents" in door.parts:
        operations += agents.operations(door)
    if "readers" in door.parts:
        operations += readers.operations(door)
    if door.parts & {"agents", "readers"}:
        operations += fates.operations(door)
    operations.append(_description(operations))
    hooked = [hooks.route(door)] if "agents" in door.parts else []
    app = Starlette(
        routes=[*routes(operations), *hooked, *mounts, *people], exception_handlers=HANDLERS, lifespan=lifespan
    )
    app.router.redirect_slashes = False
    guarded = ("/api", *(mount.path for mount in mounts))

    def is_open(path: str) -> bool:
        if path == _HEALTH or (hooked and path.startswith(hooks.PATH)):  # a hook has a secret of its own
            return True
        return bool(people) and not any(path == each or path.startswith(f"{each}/") for each in guarded)

    return Guard(app, door, is_open)


def _health(door: Door) -> Operation:
    async def health(request: Request) -> Response:
        daemon = door.daemon()
        return json_response(
            Health(ok=True, version=version("recursion-gate"), parts=sorted(door.parts), daemon=daemon)
        )

    about = "Whether the door is there. The one address without a token."
    return Operation("GET", _HEALTH, health, about, {200: ("It is.", Health)}, needs_token=False)


def _description(operations: Sequence[Operation]) -> Operation:
    async def description(request: Request) -> Response:
        return Response(body, media_type="application/json")

    about = "This description."
    own = Operation("GET", "/api/openapi.json", description, about, {200: ("OpenAPI 3.1.", {"type": "object"})})
    body = to_json(openapi([*operations, own]))
    return own
