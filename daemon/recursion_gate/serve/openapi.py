"""The OpenAPI 3.1 description of a door's routes, from the models that the routes themselves use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ..clients.fates import Fate
from ..core.model import Candidate
from .operations import Operation, Parameter
from .problems import MEDIA_TYPE, ProblemDetails

__all__ = ["openapi"]

_REF = "#/components/schemas/{model}"
#: The errors that each request may end with: the guard's, and the program's.
_ALWAYS, _WITH_TOKEN = (400, 403, 500, 503), (401, 429)
_ERRORS = {
    400: "The request cannot be understood.",
    401: "A token is missing, or unknown.",
    403: "Not allowed: to this token, to this account, or by this name or page.",
    404: "There is no such user, or no such address.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "Not JSON.",
    422: "The proposal cannot be staged: the reason, and the field.",
    429: "Too many requests of one token: see Retry-After.",
    500: "Internal error.",
    503: "Not possible now.",
    507: "The disk is full: nothing was taken.",
}


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """The description of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "recursion-gate",
            "version": version("recursion-gate"),
            "description": "Agents propose, a person decides: no address here approves, or writes anything but a drop.",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(operations: Sequence[Operation]) -> dict[str, Any]:
    models: dict[str, type[BaseModel]] = {each.__name__: each for each in (Candidate, Fate, ProblemDetails)}
    for operation in operations:
        for _, answer in operation.answers.values():
            if isinstance(answer, type):
                models[answer.__name__] = answer
    made = models_json_schema([(model, "serialization") for model in models.values()], ref_template=_REF)[1]
    found: dict[str, Any] = made["$defs"]
    return found


def _operation(each: Operation) -> dict[str, Any]:
    answers = {str(status): _answer(words, schema) for status, (words, schema) in each.answers.items()}
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=ProblemDetails.__name__)}}}
    errors = {*each.errors, *_ALWAYS, *(_WITH_TOKEN if each.needs_token else ())}
    answers |= {str(status): {"description": _ERRORS[status], "content": problem} for status in sorted(errors)}
    made: dict[str, Any] = {
        "operationId": each.name,
        "summary": each.about,
        "parameters": [_parameter(parameter) for parameter in each.parameters],
        "responses": answers,
        "security": [{"token": []}] if each.needs_token else [],
    }
    if each.bodies:
        content = {media_type: {"schema": schema} for media_type, schema in each.bodies.items()}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _answer(words: str, schema: type[BaseModel] | Mapping[str, Any]) -> dict[str, Any]:
    made = {"$ref": _REF.format(model=schema.__name__)} if isinstance(schema, type) else dict(schema)
    return {"description": words, "content": {"application/json": {"schema": made}}}


def _parameter(each: Parameter) -> dict[str, Any]:
    return {
        "name": each.name,
        "in": each.where,
        "description": each.about,
        "required": each.required,
        "schema": dict(each.schema),
    }
