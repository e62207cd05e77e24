"""The agents' route: propose entries."""

from __future__ import annotations

import re
from typing import Literal

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..clients.propose import Prepared, Proposed, prepare
from ..clients.tokens import Grant
from ..schemas.registry import schema
from .door import Door, user_of
from .guard import grant_of
from .operations import Handler, Operation, Parameter
from .problems import Problem

__all__ = ["KEY", "USER", "operations", "propose"]

_JSON, _LINES = "application/json", "application/x-ndjson"
_FORMS: dict[str, Literal["json", "jsonl"]] = {_JSON: "json", _LINES: "jsonl", "application/jsonl": "jsonl"}
#: From so many bytes on a body takes longer to read than to write.
_LARGE = 16_384
_KEY = re.compile(r"[!-~]{1,200}")

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
        made = await propose(door, user, grant.source, data, form=form, key=key)
        return _created(made, form, door, user, grant)

    return [_described(propose_entries)]


async def propose(
    door: Door, user: str, source: str, data: bytes, *, form: Literal["json", "jsonl"] = "json", key: str | None = None
) -> Proposed:
    """Propose at `door`: on disk when this returns. Raises as `clients.propose.propose`."""

    def checked() -> Prepared:
        return prepare(door.root, user, source, data, door.settings, door.keys, form=form, key=key)

    if len(data) > _LARGE:  # others do not wait until it is read
        made = await run_in_threadpool(checked)
        return await door.writer.propose(lambda: made)
    return await door.writer.propose(checked)


def _described(propose_entries: Handler) -> Operation:
    drop = {k: v for k, v in schema("drop").items() if k != "$schema"}
    one = {"$ref": "#/components/schemas/Candidate"}
    one_or_many = {"oneOf": [one, {"type": "array", "items": one}]}
    return Operation(
        "POST",
        "/api/activity",
        propose_entries,
        "Propose an entry, or, as application/x-ndjson, many: all of them or none. Nothing enters the Record before a "
        "person approves it.",
        {201: ("On disk: the candidate as it will stand at the gate; of many, a list in their order.", one_or_many)},
        errors=(400, 404, 408, 413, 415, 422, 507),
        parameters=(*USER, KEY),
        bodies={_JSON: drop, _LINES: {"type": "string", "description": "One such object on each line."}},
    )


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
