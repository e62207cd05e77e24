"""spec: the specification that agents and people share."""

from __future__ import annotations

import click

from .options import json_option
from .output import print_json

__all__ = ["spec"]


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from ..spec.texts import NAMES

    return [name for name in ["all", *NAMES] if name.startswith(incomplete)]


@click.command()
@click.argument("name", metavar="[NAME]", required=False, shell_complete=_complete)
@json_option
def spec(name: str | None, as_json: bool) -> None:
    """Print the specification: one part, or all.

    Without NAME the parts and the version are listed. It needs no root.

    \b
    Examples:
      recursion-gate spec
      recursion-gate spec constraints
      recursion-gate spec all > specification.md
    """
    from ..spec import texts as text

    asked = text.parts() if name in (None, "all") else [text.part(str(name))]
    if as_json:
        listed = [
            {"name": p.name, "about": p.about, "sha256": p.sha256} | ({"text": p.text} if name else {}) for p in asked
        ]
        print_json({"version": text.VERSION, "parts": listed})
    elif name is None:
        click.echo(f"Specification {text.VERSION}")
        for each in asked:
            click.echo(f"{each.name.ljust(13)}  {each.about}")
    else:
        click.echo("\n".join(each.text for each in asked), nl=False)
