"""Errors as problem details (RFC 9457): what happened, in which field, and what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ..clients.propose import KeyTaken, NotItsSource
from ..clients.stage import NoInbox, NotAllowed
from ..core.errors import GateError, Parked, Refusal
from ..formats.fields import FIELDS, PUT_BACK
from ..reading.snapshot import NoUser
from ..sources.webhook import NotMapped
from .pace import TooFast

__all__ = ["HANDLERS", "MEDIA_TYPE", "Problem", "ProblemDetails", "of", "too_fast"]

MEDIA_TYPE = "application/problem+json"

_TITLES = {
    400: "The request cannot be understood",
    401: "A token or a signature is needed",
    403: "Not allowed",
    404: "Not found",
    405: "Not a method of this address",
    408: "The request took too long",
    411: "Its length is missing",
    413: "The body is too large",
    415: "Not a form that this door takes",
    422: "The proposal cannot be staged",
    429: "Too many requests",
    500: "Internal error",
    503: "Not possible now",
    507: "The disk is full",
}
_FIELD = re.compile(rf"(?:line \d+: )?(?:unknown field '(.{{1,60}}?)'|'?({'|'.join(FIELDS)})'?(?=\b))")
_ROOM = {errno.ENOSPC, errno.EDQUOT}


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(default="about:blank", description="The title says it all.")
    title: str = Field(description="The kind of problem; always the same for a status.")
    status: int
    detail: str = Field(description="What happened, for whoever called.")
    field: str | None = Field(default=None, description="The field of the proposal, or of the request, that is meant.")
    remedy: str | None = Field(default=None, description="What to do about it.")


class Problem(Exception):
    """An error that a request ends with."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        field: str | None = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.details = ProblemDetails(
            title=_TITLES.get(status, "Not possible"), status=status, detail=detail, field=field, remedy=remedy or None
        )
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer: without what is not known."""
        body = self.details.model_dump_json(exclude_none=True)
        return Response(body, self.details.status, self.headers, MEDIA_TYPE)


def too_fast(error: TooFast, who: str) -> Problem:
    """That `who` has called more often than it may."""
    wait = {"Retry-After": str(error.seconds)}
    return Problem(429, f"more requests than {who} may make: wait {error.seconds} s", headers=wait)


def of(error: Exception) -> Problem | None:
    """An error of the program as a problem; None where it is no such error."""
    match error:
        case Problem():
            return error
        case KeyTaken():
            return Problem(422, str(error), field="Idempotency-Key" if error.what == "key" else "id")
        case NotItsSource():
            return Problem(403, str(error), field="source")
        case NotMapped():
            return Problem(422, str(error), field=error.path, remedy="Correct this path in the hook's settings.")
        case Refusal():
            remedy = "Correct it, and send it again." if error.remedy == PUT_BACK else error.remedy
            return Problem(422, error.in_full, field=_field(error.problem), remedy=remedy)
        case NoInbox() | NoUser():
            return Problem(404, "there is no such user here", field="user")
        case NotAllowed():
            return Problem(403, "the account of this door may not drop for that user", field="user")
        case Parked():
            return Problem(503, f"{error.path}: {error.problem}", remedy="A person has to mend it: see 'doctor'.")
        case PermissionError():
            return Problem(403, "the account of this door may not read that", remedy="Ask the readers' door.")
        case OSError():
            if error.errno in _ROOM:
                return Problem(507, "there is no room on the disk: nothing was taken", remedy="Try again later.")
            return Problem(503, f"the disk fails: {error.strerror}", remedy="Try again later.")
        case GateError():
            return Problem(422, str(error))
    return None


def _field(problem: str) -> str | None:
    found = _FIELD.match(problem)
    return (found[1] or found[2]) if found else None


async def _program(request: Request, error: Exception) -> Response:
    problem = of(error)
    if problem is None:
        raise error
    return problem.response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "there is nothing at this address", 405: "this address takes other methods"}
    return Problem(
        error.status_code, words.get(error.status_code, error.detail), headers=error.headers or {}
    ).response()


async def _fault(request: Request, error: Exception) -> Response:
    return Problem(500, f"internal error ({type(error).__name__}); see the door's log").response()


async def _gone(request: Request, error: Exception) -> Response:
    """The client has gone away in the middle of its body: nobody reads the answer, and it is no fault of ours."""
    return Response(status_code=400)


#: For Starlette: which error is told how.
HANDLERS: dict[Any, Any] = {
    Problem: _program,
    GateError: _program,
    OSError: _program,
    HTTPException: _http,
    ClientDisconnect: _gone,
    Exception: _fault,
}
