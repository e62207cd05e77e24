"""The readers' routes, in the shapes of the companion-self app: record, edge, export, gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..reading import edge, export, record
from ..reading.answer import Answer
from ..reading.edge import EdgeAnswer
from ..reading.export import ExportAnswer
from ..reading.record import RecordAnswer
from ..reading.snapshot import Snapshot, snapshot
from .agents import USER
from .door import Door, user_of
from .guard import grant_of
from .operations import Handler, Operation
from .problems import Problem

__all__ = ["operations"]

_ABOUT: dict[str, tuple[str, type[BaseModel]]] = {
    "record": ("The approved entries: knowledge, curiosity, personality, skills, evidence.", RecordAnswer),
    "edge": ("The next focus of each skill, by rules from the Record.", EdgeAnswer),
    "export": ("The curriculum profile.", ExportAnswer),
}
_READERS: dict[str, Callable[[Snapshot], Answer]] = {
    "record": record.record,
    "edge": edge.edge,
    "export": export.export,
}


def operations(door: Door) -> list[Operation]:
    """The readers' routes at `door`."""
    made = [_operation(door, name) for name in _ABOUT]

    def waiting(taken: Snapshot) -> bytes:
        return to_json([candidate.as_json() for candidate in taken.gate])

    listed: dict[str, Any] = {"type": "array", "items": {"$ref": "#/components/schemas/Candidate"}}
    about = "The candidates that wait for a person, in the order they were staged."
    gate = _handler(door, "gate", waiting)
    made.append(Operation("GET", "/api/recursion-gate", gate, about, {200: ("The gate.", listed)}, (400, 404), USER))
    return made


def _operation(door: Door, name: str) -> Operation:
    answer = _ABOUT[name]

    def read(taken: Snapshot) -> bytes:
        return to_json(_READERS[name](taken).as_json())

    return Operation("GET", f"/api/{name}", _handler(door, name, read), answer[0], {200: answer}, (400, 404), USER)


def _handler(door: Door, name: str, read: Callable[[Snapshot], bytes]) -> Handler:
    async def handle(request: Request) -> Response:
        grant = grant_of(request.scope)
        if not grant.read:
            raise Problem(403, "this token stages, and does not read", remedy="Make one with 'token add --read'.")
        user = user_of(grant, request.query_params, request.headers)
        body = await run_in_threadpool(lambda: read(snapshot(door.root, user)))
        extra = {"Content-Disposition": "attachment; filename=curriculum-profile.json"} if name == "export" else {}
        return Response(body, headers=extra | {"Cache-Control": "no-store"}, media_type="application/json")

    handle.__name__ = name
    return handle
