"""How commands print: plain text for people, JSON for programs, never both."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from ..layout import Root

__all__ = ["json_option", "one_line", "print_json", "table", "user_option", "users_of"]

_F = TypeVar("_F", bound=Callable[..., Any])


def json_option(command: _F) -> _F:
    """``--json``, as every listing takes it."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def complete_user(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from ..layout import find_root

    try:
        root = find_root(ctx.find_root().params.get("root"))
        return [u for u in root.users() if u.startswith(incomplete)] if root else []
    except OSError:
        return []


def user_option(command: _F) -> _F:
    """``--user NAME``; completed by the shell."""
    return click.option("--user", metavar="NAME", help="Only this user. Else all users.", shell_complete=complete_user)(
        command
    )


def users_of(root: Root, user: str | None) -> list[str]:
    """`user` alone, or all users. Raises click.ClickException when there is no such user."""
    users = root.users()
    if user is None:
        return users
    if user not in users:
        raise click.ClickException(
            f"there is no user '{user}'. The users are: {', '.join(users) or 'none yet'}. "
            f"Add one with 'recursion-gate user add {user}'."
        )
    return [user]


def print_json(data: Any) -> None:
    """`data` as JSON, indented by two."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def one_line(text: str, most: int) -> str:
    """`text` on one line of at most `most` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def table(rows: Iterable[Sequence[str]], heads: Sequence[str]) -> None:
    """Columns on a terminal, the last one cut to its width; tabs in a pipe, nothing cut."""
    lines = [list(row) for row in rows]
    if not sys.stdout.isatty():
        for line in lines:
            click.echo("\t".join(line))
        return
    widths = [max(len(line[i]) for line in [list(heads), *lines]) for i in range(len(heads))]
    room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(heads) - 1)
    click.secho("  ".join(h.ljust(w) for h, w in zip(heads, widths, strict=True)).rstrip(), bold=True)
    for line in lines:
        line[-1] = one_line(line[-1], max(room, 20))
        click.echo("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
