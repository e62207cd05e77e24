"""A small block of YAML that others wrote, as texts, lists and objects. Without anchors: a few lines of them can stand
for gigabytes."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["BadYaml", "read"]

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_CHARS, _DEPTH = 50_000, 20


class BadYaml(ValueError):
    """The block is no such YAML; the message says why."""


def read(text: str) -> dict[str, Any]:
    """The object in `text`, every value a text as it was typed, a list or an object. Raises BadYaml."""
    if len(text) > _CHARS:
        raise BadYaml(f"it has more than {_CHARS:,} characters")
    depth = 0
    try:
        for token in yaml.scan(text, Loader=_Loader):
            if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken):
                raise BadYaml("it has anchors or tags")
            depth += isinstance(
                token,
                yaml.BlockMappingStartToken
                | yaml.BlockSequenceStartToken
                | yaml.FlowMappingStartToken
                | yaml.FlowSequenceStartToken,
            )
            depth -= isinstance(token, yaml.BlockEndToken | yaml.FlowMappingEndToken | yaml.FlowSequenceEndToken)
            if depth > _DEPTH:
                raise BadYaml("it is nested too deeply")
        value = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise BadYaml(str(err) if isinstance(err, BadYaml) else _first_line(err)) from None
    if not isinstance(value, dict):
        raise BadYaml("it is no object")
    return {str(name): each for name, each in value.items()}


def _first_line(err: Exception) -> str:
    mark = getattr(err, "problem_mark", None)
    problem = getattr(err, "problem", None) or str(err).split("\n")[0]
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)
