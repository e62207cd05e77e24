"""token: who may call the doors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import root_of
from .options import complete_user, json_option
from .output import print_json, table

if TYPE_CHECKING:
    from ..clients.tokens import Grant

__all__ = ["token"]


@click.group()
def token() -> None:
    """Make, list or remove the tokens of agents and readers.

    The doors ('serve') take a request with a token only.

    \b
    Examples:
      recursion-gate token add tutor --user demo
      recursion-gate token list
      recursion-gate token remove tutor
    """


@token.command()
@click.argument("name")
@click.option("--user", "users", metavar="NAME", multiple=True, required=True, shell_complete=complete_user,
              help="For whom it stages or reads; may be given again.")  # fmt: skip
@click.option("--source", metavar="NAME", help="The source that it stages under; the token's name unless told.")
@click.option("--read", is_flag=True, help="It may read gate, Record and decisions, too.")
@click.option("--read-only", is_flag=True, help="It may read, and not stage.")
@click.option("--plans", is_flag=True, help="By MCP it may also add plans, claim tasks and end them.")
@click.pass_context
def add(
    ctx: click.Context,
    name: str,
    users: tuple[str, ...],
    source: str | None,
    read: bool,
    read_only: bool,
    plans: bool,
) -> None:
    """Make a token. It is the last word printed, and is told this once.

    It stages for its users under its source, and reads only with --read or --read-only. With --plans it sees and works
    on the plans of the whole root, which are of no user.

    \b
    Examples:
      recursion-gate token add tutor --user demo --source quiz-agent
      recursion-gate token add dashboard --user demo --user alex --read-only
    """
    from ..clients import tokens

    made = tokens.add(root_of(ctx), name, users, source, stage=not read_only, read=read or read_only, plans=plans)
    click.echo(f"The token of '{name}', shown only now:", err=True)
    click.echo(made)


@token.command(name="list")
@json_option
@click.pass_context
def list_tokens(ctx: click.Context, as_json: bool) -> None:
    """List the tokens, without what they are.

    \b
    Examples:
      recursion-gate token list --json | jq -r '.[].name'
    """
    from ..clients import tokens

    grants = tokens.load(root_of(ctx))
    if as_json:
        print_json([each.model_dump(mode="json", exclude={"digest"}) for each in grants])
        return
    if not grants:
        click.echo("no tokens. Make one with 'recursion-gate token add NAME --user NAME'.")
    rows = [(each.name, ", ".join(each.users), each.source, _may(each), each.created_at[:10]) for each in grants]
    table(rows, ("NAME", "USERS", "SOURCE", "MAY", "SINCE"))


def _may(grant: Grant) -> str:
    words = (("stages", grant.stage), ("reads", grant.read), ("plans", grant.plans))
    return ", ".join(word for word, may in words if may)


@token.command()
@click.argument("name")
@click.pass_context
def remove(ctx: click.Context, name: str) -> None:
    """Remove a token: the doors refuse it from now on.

    \b
    Examples:
      recursion-gate token remove tutor
    """
    from ..clients import tokens

    tokens.remove(root_of(ctx), name)
    click.echo(f"token '{name}': removed")
