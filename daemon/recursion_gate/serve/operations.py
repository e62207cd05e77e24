"""A route of the door as data: what serves it, and what the OpenAPI says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..core.text import did_you_mean, printable
from .problems import Problem

__all__ = ["Operation", "Parameter", "json_response", "routes"]

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter beside the body."""

    name: str
    where: Literal["query", "header", "path"]
    about: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    about: str
    #: Of each status that is no error: the words, and the schema: a model, or a JSON Schema.
    answers: Mapping[int, tuple[str, type[BaseModel] | Mapping[str, Any]]]
    #: The statuses of its own errors, beside those that each has.
    errors: Sequence[int] = ()
    parameters: Sequence[Parameter] = ()
    #: Of each media type that the body may have: its JSON Schema.
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needs_token: bool = True

    @property
    def name(self) -> str:
        """The operation's id."""
        name: str = getattr(self.handler, "__name__", "")
        return name


def routes(operations: Sequence[Operation]) -> list[Route]:
    """What Starlette serves them by."""
    return [Route(each.path, _checked(each), methods=[each.method], name=each.name) for each in operations]


def _checked(operation: Operation) -> Handler:
    """Its handler, for requests whose query is as described: a misspelt name, quietly dropped, would mean another
    user."""
    known = [parameter.name for parameter in operation.parameters if parameter.where == "query"]

    async def handle(request: Request) -> Response:
        names = [name for name, _ in request.query_params.multi_items()]
        for name in names:
            if name not in known:
                hint = did_you_mean(name[:60], known)
                raise Problem(400, f"unknown parameter '{printable(name[:60])}'{hint}", field="query")
            if names.count(name) > 1:
                raise Problem(400, f"'{name}' is given twice", field=name)
        return await operation.handler(request)

    return handle


def json_response(data: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A model as an answer, by its JSON names."""
    body = data.model_dump_json(by_alias=True)
    return Response(body, status, headers and dict(headers), "application/json")
