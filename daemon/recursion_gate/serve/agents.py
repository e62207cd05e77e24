"""The agents' routes: propose entries, and learn what became of them."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..clients.fates import Fate, fate, fates
from ..clients.propose import Proposed, propose
from ..clients.tokens import Grant
from ..schemas.registry import schema
from .door import Door, user_of
from .guard import grant_of
from .operations import Operation, Parameter, json_response
from .problems import Problem

__all__ = ["KEY", "USER", "operations"]

_JSON, _LINES = "application/json", "application/x-ndjson"
_FORMS: dict[str, Literal["json", "jsonl"]] = {_JSON: "json", _LINES: "jsonl", "application/jsonl": "jsonl"}
_KEY = re.compile(r"[!-~]{1,200}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MOST = 1_000
_ID_SCHEMA = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"}

USER = (
    Parameter("user", "query", "Whose; may be left out where the token is for one user."),
    Parameter("X-User-Id", "header", "The same."),
)
KEY = Parameter(
    "Idempotency-Key",
    "header",
    "A name of the caller's own for this proposal: the same key is the same candidate, however often and whenever it "
    "is sent. 1 to 200 visible ASCII characters.",
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
)


def operations(door: Door) -> list[Operation]:
    """The agents' routes at `door`."""

    async def propose_entries(request: Request) -> Response:
        grant = grant_of(request.scope)
        if not grant.stage:
            raise Problem(403, "this token reads, and does not stage")
        user = user_of(grant, request.query_params, request.headers)
        form, key = _form(request), _key(request)
        data = await request.body()
        made: Proposed = await run_in_threadpool(
            propose, door.root, user, grant.source, data, door.settings, door.keys, form=form, key=key
        )
        return _created(made, form, door, user, grant)

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
        return Response(to_json([each.model_dump() for each in found]), media_type=_JSON)

    return _described(propose_entries, candidate, candidates)


def _described(propose_entries: Any, candidate: Any, candidates: Any) -> list[Operation]:
    drop = {k: v for k, v in schema("drop").items() if k != "$schema"}
    path_id = Parameter("candidate_id", "path", "The candidate's id.", _ID_SCHEMA, required=True)
    source = Parameter("source", "query", "The source; the token's own unless it may read.")
    limit = {"type": "integer", "minimum": 1, "maximum": _MOST, "default": 100}
    one_or_many = {"oneOf": [{"$ref": "#/components/schemas/Candidate"}, _list("Candidate")]}
    return [
        Operation(
            "POST",
            "/api/activity",
            propose_entries,
            "Propose an entry, or, as application/x-ndjson, many: all of them or none. Nothing enters the Record "
            "before a person approves it.",
            {
                201: (
                    "On disk: the candidate as it will stand at the gate; of many, a list in their order.",
                    one_or_many,
                )
            },
            errors=(400, 404, 408, 413, 415, 422, 507),
            parameters=(*USER, KEY),
            bodies={_JSON: drop, _LINES: {"type": "string", "description": "One such object on each line."}},
        ),
        Operation(
            "GET",
            "/api/candidates/{candidate_id}",
            candidate,
            "What became of one's own proposal.",
            {200: ("What became of it.", Fate)},
            errors=(400, 404),
            parameters=(*USER, path_id),
        ),
        Operation(
            "GET",
            "/api/candidates",
            candidates,
            "What became of the proposals of a source: those decided, waiting and refused, the newest last in each.",
            {200: ("The proposals.", _list("Fate"))},
            errors=(400,),
            parameters=(*USER, source, Parameter("limit", "query", "The most of each kind.", limit)),
        ),
    ]


def _list(model: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{model}"}}


def _created(made: Proposed, form: str, door: Door, user: str, grant: Grant) -> Response:
    bodies = [each.as_json() for each in made.candidates]
    headers = door.notices()
    if made.again:
        headers["Idempotency-Replayed"] = "true"
    if form == "json":
        headers["Location"] = f"/api/candidates/{made.candidates[0].id}?user={user}"
    door.say("proposed", user=user, token=grant.name, drop=made.path.name, count=len(bodies))
    return Response(to_json(bodies if form == "jsonl" else bodies[0]), 201, headers, _JSON)


def _form(request: Request) -> Literal["json", "jsonl"]:
    """Raises Problem."""
    given = request.headers.get("content-type", "")
    form = _FORMS.get(given.partition(";")[0].strip().lower())
    if form is None:
        raise Problem(
            415,
            f"a proposal is {_JSON}, or {_LINES} for several",
            field="Content-Type",
            headers={"Accept": f"{_JSON}, {_LINES}"},
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "a body must not be compressed", field="Content-Encoding")
    return form


def _key(request: Request) -> str | None:
    """Raises Problem."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise Problem(400, "a key is 1 to 200 visible ASCII characters, given once", field="Idempotency-Key")
    return given[0]


def _number(given: str) -> int:
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given[:9]) <= _MOST:
        raise Problem(400, f"limit is a number from 1 to {_MOST:,}", field="limit")
    return int(given)
