"""What the reading commands share: which user is meant, and a snapshot of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import root_of
from .output import complete_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.paths import Root
    from ..reading.snapshot import Snapshot

__all__ = ["one_user", "one_user_option", "snapshot_of"]

_F = TypeVar("_F", bound="Callable[..., Any]")


def one_user_option(command: _F) -> _F:
    """``--user NAME``, which may be left out where there is one user."""
    return click.option(
        "--user", metavar="NAME", help="Of this user; not needed where there is only one.", shell_complete=complete_user
    )(command)


def one_user(root: Root, user: str | None) -> str:
    """`user`, or the only one there is. Raises click.UsageError when it is not clear which."""
    if user is not None:
        return user
    users = root.users()
    if len(users) != 1:
        hint = f"--user NAME; the users are: {', '.join(users)}" if users else "'recursion-gate user add NAME'"
        raise click.UsageError(f"which user? {hint}.")
    return users[0]


def snapshot_of(ctx: click.Context, user: str | None) -> Snapshot:
    """The user that is meant, as of now; what is wrong with its files is said on stderr."""
    from ..reading import snapshot

    root = root_of(ctx)
    taken = snapshot.snapshot(root, one_user(root, user))
    for problem in taken.problems:
        click.echo(problem, err=True)
    return taken
