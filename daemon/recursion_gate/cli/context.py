"""context: the instructions for an agent of a role."""

from __future__ import annotations

import click

from . import root_of
from .options import json_option, one_user, one_user_option
from .output import print_json

__all__ = ["context"]

_ROLES = ("staging", "reader", "merge", "planner")


@click.command()
@click.argument("role", type=click.Choice(_ROLES))
@one_user_option
@click.option(
    "--list", "listing", is_flag=True, help="List the parts with their sizes in tokens (an estimate), without the text."
)
@click.option("--budget", type=click.IntRange(min=1), metavar="N", help="At most N tokens: the oldest lines give way.")
@click.option(
    "--record/--no-record",
    default=None,
    help="With the live Record, or without. Else where the role needs it: reader and merge.",
)
@click.option("--source", metavar="NAME", help="With what became of the proposals of NAME: rejections, and what waits.")
@json_option
@click.pass_context
def context(
    ctx: click.Context,
    role: str,
    user: str | None,
    listing: bool,
    budget: int | None,
    record: bool | None,
    source: str | None,
    as_json: bool,
) -> None:
    """Print the instructions for an agent of a role: constraints, then schema, then task.

    With --budget the Record gives way from its oldest line on, the constraints, the schema and the task never.

    \b
    Examples:
      recursion-gate context staging --user demo --source quiz-agent
      recursion-gate context reader --user demo --budget 4000
      recursion-gate context merge --user demo --list
    """
    from ..spec import context as packs

    root = root_of(ctx)
    made = packs.pack(
        root, next(r for r in packs.ROLES if r == role), one_user(root, user), budget, record=record, source=source
    )
    if as_json:
        printed = made.as_json()
        if listing:
            for part in printed["parts"]:
                del part["text"]
        print_json(printed)
    elif listing:
        for each in made.parts:
            left = f"  ({each.left_out:,} left out)" if each.left_out else ""
            click.echo(f"{each.tokens:>7,}  {each.kind.ljust(11)}  {each.title}{left}")
        click.echo(f"{made.tokens:>7,}  tokens, estimated: {made.estimate}")
    else:
        click.echo(made.text, nl=False)
