"""schema: the JSON Schemas, for those who write drops or read what we print."""

from __future__ import annotations

from typing import Any

import click

from .options import json_option
from .output import print_json

__all__ = ["schema"]


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from ..schemas.registry import SCHEMAS

    return [name for name in SCHEMAS if name.startswith(incomplete)]


@click.command()
@click.argument("name", metavar="[NAME]", required=False, shell_complete=_complete)
@json_option
def schema(name: str | None, as_json: bool) -> None:
    """Print a JSON Schema, NAME; without NAME, list them all.

    \b
    Examples:
      recursion-gate schema
      recursion-gate schema drop > drop.schema.json
    """
    from ..schemas import registry

    if name is None:
        about = {each: what for each, (what, _) in registry.SCHEMAS.items()}
        if as_json:
            print_json(about)
            return
        for each, what in about.items():
            click.echo(f"{each.ljust(max(map(len, about)))}  {what}")
        return
    if name not in registry.SCHEMAS:
        raise click.UsageError(f"there is no schema '{name}'. There are: {', '.join(registry.SCHEMAS)}.")
    made: dict[str, Any] = registry.schema(name)
    print_json(made)
