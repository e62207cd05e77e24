"""The page's addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from ...clients.sessions import SessionFile
from ..door import Door
from . import activity, edit, inbox, live, plans, propose, record, several, signing_in, status, taking_back
from .page import HEADERS, Call, Page, action, signed_in

__all__ = ["people"]

_STATIC = Path(__file__).parent / "static"
_TYPES = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8",
          "icon.svg": "image/svg+xml"}  # fmt: skip


def people(door: Door, kept: SessionFile) -> tuple[Page, list[BaseRoute]]:
    """The page at `door`, whose sessions are `kept`, and the routes that `create_app` takes."""
    page = Page(door, kept)

    def show(path: str, handler: Any) -> Route:
        return Route(path, signed_in(page, handler), methods=["GET"])

    def act(path: str, handler: Any) -> Route:
        return Route(path, action(page, handler), methods=["POST"])

    return page, [
        Route("/static/{name}", _static, methods=["GET"]),
        Route("/sign-in", signing_in.sign_in(page), methods=["GET"]),
        Route("/sign-in", signing_in.pass_in(page), methods=["POST"]),
        act("/sign-out", signing_in.sign_out(page)),
        show("/", inbox.inbox),
        show("/card/{user}/{id}", inbox.card),
        act("/card/{user}/{id}/decide", inbox.decide),
        show("/card/{user}/{id}/edit", edit.edit),
        act("/card/{user}/{id}/edit", edit.edited),
        act("/undo", taking_back.undo),
        show("/several", several.several),
        act("/several", several.decide),
        Route("/events", live.events(page), methods=["GET"]),
        show("/propose", propose.form),
        act("/propose", propose.propose),
        show("/record", record.record),
        show("/brief", record.brief),
        show("/entry/{user}/{id}", record.entry),
        act("/entry/{user}/{id}/change", record.propose_change),
        show("/entry/{user}/{id}/forget", record.forget),
        act("/entry/{user}/{id}/forget", record.forget),
        show("/activity", activity.activity),
        show("/receipts", activity.receipts),
        act("/verify", activity.verify),
        show("/status", status.status),
        act("/put-back", status.put_back),
        show("/plans", plans.plans),
        act("/plans/problems/put-back", plans.put_back),
        show("/plans/{plan}", plans.plan),
        show("/plans/{plan}/picture.svg", plans.picture),
        show("/plans/{plan}/{task}", plans.task),
        act("/plans/{plan}/{task}/move", plans.move),
        show("/keys", _keys),
        _Elsewhere("/{path:path}", signed_in(page, _nothing), methods=["GET"]),
    ]


class _Elsewhere(Route):
    """Every other address, but for those of the doors beside the page, which answer in their own way."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"]
        if any(path == own or path.startswith(f"{own}/") for own in ("/api", "/mcp")):
            return Match.NONE, {}
        return super().matches(scope)


def _keys(call: Call) -> Response:
    return call.html("keys.html")


def _nothing(call: Call) -> Response:
    raise HTTPException(404)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _TYPES:
        raise HTTPException(404)
    headers = {**HEADERS, "Cache-Control": "max-age=300"}
    return Response((_STATIC / name).read_bytes(), headers=headers, media_type=_TYPES[name])
