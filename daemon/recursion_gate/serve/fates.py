"""What became of one's own proposals: at each door, as far as its account may look."""

from __future__ import annotations

import re

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..clients.fates import Fate, fate, fates
from .agents import USER
from .door import Door, user_of
from .guard import grant_of
from .operations import Handler, Operation, Parameter, json_response
from .problems import Problem

__all__ = ["operations"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MOST = 1_000


def operations(door: Door) -> list[Operation]:
    """The routes at `door`."""

    async def candidate(request: Request) -> Response:
        grant = grant_of(request.scope)
        user = user_of(grant, request.query_params, request.headers)
        given: str = request.path_params["candidate_id"]
        if not _ID.fullmatch(given):
            raise Problem(404, "this is no candidate's id", field="id")
        return json_response(await run_in_threadpool(fate, door.root.place(user), given, grant.source, door.keys))

    async def candidates(request: Request) -> Response:
        grant = grant_of(request.scope)
        user = user_of(grant, request.query_params, request.headers)
        source = request.query_params.get("source", grant.source)
        if source != grant.source and not grant.read:
            raise Problem(403, "this token is for another source", field="source")
        most = _number(request.query_params.get("limit", "100"))
        found = await run_in_threadpool(fates, door.root.place(user), source, most)
        return Response(to_json([each.model_dump() for each in found]), media_type="application/json")

    return [_one(candidate), _many(candidates)]


def _one(handler: Handler) -> Operation:
    known = {"type": "string", "pattern": f"^{_ID.pattern}$"}
    return Operation(
        "GET",
        "/api/candidates/{candidate_id}",
        handler,
        "What became of one's own proposal.",
        {200: ("What became of it.", Fate)},
        errors=(404,),
        parameters=(*USER, Parameter("candidate_id", "path", "The candidate's id.", known, required=True)),
    )


def _many(handler: Handler) -> Operation:
    source = Parameter("source", "query", "The source; the token's own unless it may read.")
    limit = {"type": "integer", "minimum": 1, "maximum": _MOST, "default": 100}
    return Operation(
        "GET",
        "/api/candidates",
        handler,
        "What became of the proposals of a source: those decided, waiting and refused, the newest last in each.",
        {200: ("The proposals.", {"type": "array", "items": {"$ref": "#/components/schemas/Fate"}})},
        parameters=(*USER, source, Parameter("limit", "query", "The most of each kind.", limit)),
    )


def _number(given: str) -> int:
    """Raises Problem."""
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given[:9]) <= _MOST:
        raise Problem(400, f"limit is a number from 1 to {_MOST:,}", field="limit")
    return int(given)
