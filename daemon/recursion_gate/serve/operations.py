"""A route of the door as data: what serves it, and what the OpenAPI says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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
    found: dict[str, list[Operation]] = {}
    for each in operations:
        found.setdefault(each.path, []).append(each)
    return [
        Route(path, each.handler, methods=[each.method], name=each.name) for path, all in found.items() for each in all
    ]


def json_response(data: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A model as an answer, by its JSON names."""
    body = data.model_dump_json(by_alias=True)
    return Response(body, status, headers and dict(headers), "application/json")
