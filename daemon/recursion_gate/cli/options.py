"""Options that several commands share, and the users, snapshot and filter that they mean."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ..core.words import CATEGORY_OF, SKILLS
from . import root_of
from .trouble import in_words

if TYPE_CHECKING:
    from ..core.paths import Root
    from ..reading.snapshot import Snapshot

__all__ = [
    "Filter",
    "LeftOut",
    "complete_user",
    "filter_options",
    "json_option",
    "one_user",
    "one_user_option",
    "section_choice",
    "skill_choice",
    "snapshot_of",
    "user_option",
    "users_of",
]

_F = TypeVar("_F", bound=Callable[..., Any])


def json_option(command: _F) -> _F:
    """``--json``, for every command that prints data."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def skill_choice(help: str) -> Callable[[_F], _F]:
    """``--skill``, of a command that makes an entry."""
    return click.option("--skill", type=click.Choice(SKILLS, case_sensitive=False), help=help)


def section_choice(help: str) -> Callable[[_F], _F]:
    """``--section``, of a command that makes an entry."""
    return click.option(
        "--section",
        type=click.Choice([*CATEGORY_OF, "none"], case_sensitive=False),
        help=f"IX-A knowledge, IX-B curiosity, IX-C personality, none: evidence only. {help}",
    )


# -- users ------------------------------------------------------------------------------------------------------------


def complete_user(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The users whose name begins with `incomplete`, for the shell."""
    from ..core.paths import find_root

    try:
        root = find_root(ctx.find_root().params.get("root"))
        return [u for u in root.users() if u.startswith(incomplete)] if root else []
    except OSError:
        return []


def _user_option(help: str) -> Callable[[_F], _F]:
    return click.option("--user", metavar="NAME", help=help, shell_complete=complete_user)


#: ``--user NAME`` of a command on all users, or one: see `users_of`.
user_option = _user_option("Only this user; otherwise all users.")
#: ``--user NAME`` of a command on one user: see `one_user`.
one_user_option = _user_option("User name; optional if there is only one.")


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


def one_user(root: Root, user: str | None) -> str:
    """`user`, or the only user. Raises click.UsageError where there are several, or none, or where this account may not
    list them, as an agent's."""
    if user is not None:
        return user
    try:
        users = root.users()
    except OSError:
        raise click.UsageError("which user? --user NAME; this account may not list the users.") from None
    if len(users) != 1:
        hint = f"--user NAME; the users are: {', '.join(users)}" if users else "'recursion-gate user add NAME'"
        raise click.UsageError(f"which user? {hint}.")
    return users[0]


def snapshot_of(ctx: click.Context, user: str | None) -> Snapshot:
    """A snapshot of `user`, or of the only user; prints on stderr which of the files cannot be used, and why."""
    from ..reading import snapshot

    root = root_of(ctx)
    taken = snapshot.snapshot(root, one_user(root, user))
    for problem in taken.problems:
        click.echo(problem, err=True)
    return taken


class LeftOut:
    """Says on stderr which user a command leaves out, and why; the others go on (contract: "The gate")."""

    def __init__(self, users: Sequence[str]) -> None:
        self._asked, self._out = users, list[str]()

    def __call__(self, user: str, why: Exception) -> None:
        if user not in self._out:
            self._out.append(user)
            click.echo(f"{user} is left out: {in_words(why)}", err=True)

    def __bool__(self) -> bool:
        return bool(self._out)

    @property
    def nothing_is_left(self) -> bool:
        """Whether every user that was asked for is left out."""
        return bool(self._out) and len(self._out) == len(self._asked)


# -- filters ----------------------------------------------------------------------------------------------------------


class Filter:
    """The entries that a listing shows: those from a source, of a skill, in a section."""

    def __init__(self, source: str | None, skill: str | None, section: str | None) -> None:
        self._source, self._skill, self._section = (source or "").casefold(), skill, section
        asked = {"--source": source, "--skill": skill, "--section": section}
        #: The options given, to be put after "nothing waits"; empty for all entries.
        self.given = "".join(f" {name} {value}" for name, value in asked.items() if value)

    def __bool__(self) -> bool:
        return bool(self.given)

    def takes(self, entry: Any) -> bool:
        """Whether `entry`, a candidate or a receipt, is shown."""
        return (
            self._source in (entry.source or "").casefold()
            and self._skill in (None, entry.skill_tag)
            and self._section in (None, entry.suggested_ix_section or "none")
        )


def _meant(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A skill or a section in the program's own spelling."""
    is_section = param.name == "section"
    if value is None or (is_section and value.lower() == "none"):
        return value and "none"
    from ..core.model import SECTION_SPELLINGS, SKILL_SPELLINGS, meant

    spellings = SECTION_SPELLINGS if is_section else SKILL_SPELLINGS
    found = meant(value, spellings)
    if found is None:
        more = ", none (evidence only)" if is_section else ""
        raise click.BadParameter(f"'{value}' is none of {', '.join(spellings)}{more}.")
    return found


def filter_options(command: _F) -> _F:
    """``--source``, ``--skill``, ``--section``, given to the command as one `Filter`, `wanted`."""

    @click.option("--source", metavar="TEXT", help="Only entries whose source contains TEXT.")
    @click.option("--skill", metavar="SKILL", callback=_meant, help="Only THINK, WRITE, WORK or STEWARD.")
    @click.option(
        "--section", metavar="SECTION", callback=_meant, help="Only IX-A, IX-B, IX-C (knowledge, ...) or none."
    )
    @functools.wraps(command)
    def filtered(*args: Any, source: str | None, skill: str | None, section: str | None, **more: Any) -> Any:
        return command(*args, wanted=Filter(source, skill, section), **more)

    return cast(_F, filtered)
