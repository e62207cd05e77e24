"""people: who may sign in to the people's page."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import root_of
from .options import json_option
from .output import print_json, table

__all__ = ["people"]


@click.group()
def people() -> None:
    """Make, list, sign out or remove the accounts of the people's page.

    Without accounts 'serve' prints a link that signs in whoever runs it.

    \b
    Examples:
      recursion-gate people add anna
      recursion-gate people list
      recursion-gate people sign-out anna
      recursion-gate people remove anna
    """


@people.command()
@click.argument("name")
@click.pass_context
def add(ctx: click.Context, name: str) -> None:
    """Make an account. NAME is who receipts say has decided.

    Asks for a passphrase, twice; reads it from standard input where that is no terminal.

    \b
    Examples:
      recursion-gate people add anna
      pass show gate/anna | recursion-gate people add anna
    """
    from ..clients import people as accounts
    from ..clients.person import check_person

    check_person()
    if sys.stdin.isatty():
        passphrase = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    else:
        passphrase = sys.stdin.readline().rstrip("\r\n")
    accounts.add(root_of(ctx), name, passphrase)
    click.echo(f"account '{name}': made")


@people.command(name="list")
@json_option
@click.pass_context
def list_people(ctx: click.Context, as_json: bool) -> None:
    """List the accounts.

    \b
    Examples:
      recursion-gate people list --json | jq -r '.[].name'
    """
    from ..clients import people as accounts

    found = accounts.load(root_of(ctx))
    if as_json:
        print_json([{"name": each.name, "created_at": each.created_at} for each in found])
        return
    if not found:
        click.echo("no accounts: 'serve' prints a link that signs in. Make one with 'recursion-gate people add NAME'.")
    table([(each.name, each.created_at[:10]) for each in found], ("NAME", "SINCE"))


@people.command()
@click.argument("name")
@click.pass_context
def remove(ctx: click.Context, name: str) -> None:
    """Remove an account: its sessions end at once. What it has decided stays.

    \b
    Examples:
      recursion-gate people remove anna
    """
    from ..clients import people as accounts
    from ..clients.person import check_person

    check_person()
    accounts.remove(root_of(ctx), name)
    click.echo(f"account '{name}': removed")


@people.command(name="sign-out")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everybody", is_flag=True, help="Everybody, also who came in by the link of 'serve'.")
@click.option("--state", metavar="DIR", type=click.Path(path_type=Path), help="As 'serve' was told; else .doors/.")
@click.pass_context
def sign_out(ctx: click.Context, names: tuple[str, ...], everybody: bool, state: Path | None) -> None:
    """End all sessions of some people, or of everybody: they must sign in again, in each browser.

    For a browser that was lost or borrowed. It counts at once, whether 'serve' runs or not.

    \b
    Examples:
      recursion-gate people sign-out anna
      recursion-gate people sign-out --all
    """
    from ..clients import people as accounts
    from ..clients import sessions
    from ..clients.person import check_person

    if bool(names) == everybody:
        raise click.UsageError("Name those whose sessions are to end, or give --all.")
    check_person()
    root = root_of(ctx)
    done = accounts.sign_out(root, None if everybody else names) if names or accounts.load(root) else []
    for name in done:
        click.echo(f"account '{name}': signed out")
    if everybody:
        folder = state or root.doors
        if sessions.end_all(folder):
            click.echo("all sessions have ended")
        elif not done:
            raise click.ClickException(f"no session is kept in {folder}: a 'serve' that keeps them in memory ends them "
                                       "when it ends; if it was told --state, give the same here")  # fmt: skip
