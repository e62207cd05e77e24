"""init, user and completion: everything that is done once."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ..core.paths import Root
from ..core.text import count
from . import root_of
from .options import json_option
from .output import print_json

__all__ = ["completion", "init", "user"]


def _names(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        _name(ctx, param, name)
    return names


def _name(ctx: click.Context, param: click.Parameter, name: str) -> str:
    """A name that a user can have; else wrong usage (exit code 2), before anything is made."""
    from ..admin.setup import BadName, check_name

    try:
        check_name(name)
    except BadName as err:
        raise click.UsageError(f"{err}.") from None
    return name


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--user", "users", metavar="NAME", multiple=True, callback=_names, help="Add this user. May be given again."
)
@click.option("--agents", metavar="GROUP", help="Who may drop, and nothing else.")
@click.option("--people", metavar="GROUP", help="Who may read, edit and move cards.")
@click.option("--readers", metavar="GROUP", help="Who may read the Record and the receipts.")
@click.option("--daemon", metavar="ACCOUNT", help="The account that the daemon runs under.")
@click.pass_context
def init(ctx: click.Context, /, folder: Path | None, users: tuple[str, ...], **given: str | None) -> None:
    """Make a root, or complete one; safe to repeat.

    Without DIR the root is --root, else $RECURSION_GATE_ROOT, else this folder. No file that is there is changed.

    With one of --agents, --people, --readers and --daemon the lanes become the rights of accounts: the owners and modes
    of all that is there are set so that nobody but the daemon's account can write gate, Record and receipts
    (docs/security.md), and recursion-gate.toml keeps whose they are. It takes root, or the daemon's account where all
    is its own already. What is not named is rg-agents, rg-people, rg-readers and recursion-gate, or as it was set
    before.

    \b
    Examples:
      recursion-gate init ~/companion --user alex
      recursion-gate init
      sudo recursion-gate init /srv/recursion-gate --agents rg-agents --people rg-people --readers rg-readers
    """
    from ..admin import setup
    from ..core.settings import load_settings
    from ..permissions import lanes

    where = folder or ctx.find_root().obj or os.environ.get("RECURSION_GATE_ROOT") or Path.cwd()
    root = Root(Path(where).absolute())
    _check_folder(root.path)
    owners = lanes.chosen(load_settings(root).lanes, given)
    made = setup.make_root(root)
    if owners is not None:
        setup.set_lanes(root, owners)
    click.echo(f"{root.path}: {'made' if made else 'complete'}")
    for name in users:
        if root.place(name).home.is_dir():
            click.echo(f"user {name}: there already")
        else:
            setup.add_user(root, name)
            click.echo(f"user {name}: added; agents drop into {root.place(name).inbox}/")


def _check_folder(path: Path) -> None:
    there = next(folder for folder in (path, *path.parents) if os.path.lexists(folder))
    if not there.is_dir():
        raise click.ClickException(f"{there} is a file, not a folder: name a folder for the root.")


@click.group()
def user() -> None:
    """Add or remove a user, or list the users there are.

    \b
    Examples:
      recursion-gate user add alex
      recursion-gate user remove alex
      recursion-gate user list
    """


@user.command("add")
@click.argument("name", callback=_name)
@click.option("--agents", metavar="GROUP", help="Whose agents may drop for this user; else those of all users.")
@click.option(
    "--record",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Start as a user of another instance: with the Record in DIR, and what waits at the gate there.",
)
@click.pass_context
def _add(ctx: click.Context, name: str, agents: str | None, record: Path | None) -> None:
    """Add a user from users/_template/.

    A daemon that runs takes the user up at once. The inbox may be there already: what was dropped into it is staged.
    With --record the files self*.md in DIR are copied byte for byte, what waits at the gate there is proposed here, and
    'history' knows what the receipts there tell (docs/sources.md). Nothing in DIR is changed.

    \b
    Examples:
      recursion-gate user add alex
      recursion-gate user add alex --record ~/companion-self/users/alex
      sudo recursion-gate --root /srv/recursion-gate user add alex --agents alex-agents
    """
    from ..admin import setup

    root = root_of(ctx)
    setup.add_user(root, name, agents=agents, record=record)
    click.echo(f"user {name}: added; agents drop into {root.place(name).inbox}/")
    if record is not None:
        _bring_what_waits(root, name, record)


def _bring_what_waits(root: Root, name: str, record: Path) -> None:
    """Propose what waits at the gate of the user whose Record was brought."""
    from ..core.errors import GateError
    from ..core.paths import GATE_NAME
    from ..sources.companion_self import RECORD_STAYS
    from ..store import seed_receipts
    from .importing import import_all

    known = len(seed_receipts.read(root.place(name)))
    if known:
        click.echo(f"  'history' knows {count(known, 'entry', 'entries')} from the receipts there")
    if not (record / GATE_NAME).is_file():
        return
    try:
        import_all(root, record, "companion-self", name, RECORD_STAYS)
    except (GateError, OSError) as err:
        raise click.ClickException(
            f"the user is added, but not what waits there: {err}\nThen: recursion-gate import {record} --user {name}"
        ) from err


@user.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also where entries or files still wait.")
@click.pass_context
def _remove(ctx: click.Context, name: str, yes: bool, force: bool) -> None:
    """Move a user's Record, inbox and receipts into removed/NAME-DATE/.

    Nothing is destroyed: moved back, the three folders are that user again. The name is free at once, also while the
    daemon runs. If the command was interrupted, call it again.

    \b
    Examples:
      recursion-gate user remove alex
      recursion-gate user remove alex --yes --force
    """
    from ..admin.remove import parts, remove_user

    root = root_of(ctx)
    if not yes:
        moved = ", ".join(str(path) for path in parts(root, name).values())
        click.confirm(f"Move {moved or 'what is left of ' + name} into {root.removed}/?", abort=True)
    click.echo(f"user {name}: removed; all is in {remove_user(root, name, force=force)}/")


@user.command("list")
@json_option
@click.pass_context
def _list(ctx: click.Context, as_json: bool) -> None:
    """List the users there are.

    \b
    Examples:
      recursion-gate user list
      recursion-gate user list --json
    """
    users = root_of(ctx).users()
    if as_json:
        print_json(users)
    else:
        for name in users:
            click.echo(name)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the set-up for completion in a shell.

    \b
    Examples:
      recursion-gate completion bash >> ~/.bashrc
      recursion-gate completion zsh >> ~/.zshrc
      recursion-gate completion fish > ~/.config/fish/completions/recursion-gate.fish
    """
    from click.shell_completion import get_completion_class

    from . import main

    made = get_completion_class(shell)
    if made is None:
        raise click.ClickException(f"no completion for {shell}")
    click.echo(made(main, {}, "recursion-gate", "_RECURSION_GATE_COMPLETE").source())
