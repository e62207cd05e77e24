"""forget: have an entry erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import root_of
from .carrying_out import CarryingOut, wait_option
from .deciding import complete_decided
from .keys import line
from .options import LeftOut, json_option, user_option, users_of
from .output import one_line, print_json, say
from .undo import carried_out

if TYPE_CHECKING:
    from ..clients.decided import Decided
    from ..clients.forget import Reach

__all__ = ["forget"]

#: How many of the last characters of its id a person types.
_LAST = 4


@click.command()
@click.argument("entry", metavar="ID", shell_complete=complete_decided)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@user_option
@wait_option
@json_option
@click.pass_context
def forget(ctx: click.Context, entry: str, yes: bool, user: str | None, wait: float, as_json: bool) -> None:
    """Erase an entry, for good.

    ID is an ACT id or a candidate's id, also of what waits or was rejected; it may be shortened. The text goes from
    the Record, the gate, the receipts, the cards and the daemon's own files. What stays is that there was an entry, and
    when it was forgotten; 'verify' holds. Nothing brings it back: to have an entry no longer count, 'retract' it.

    Asks twice: the second time for the last characters of the id. Says what is out of reach, such as backups. Exits
    with 1 when nothing is forgotten, or not yet.

    Where no daemon runs, and this account may, the work is done at once, as 'recursion-gate once' does it.

    \b
    Examples:
      recursion-gate forget ACT-2026-11-24-btjdj2yx0cl8u4k0
      recursion-gate forget p436yg2 --yes
    """
    from ..clients import decided
    from ..clients import forget as client
    from ..clients.person import check_person
    from ..core.errors import Refusal
    from ..core.settings import load_settings

    check_person()
    if as_json and not yes:
        raise click.UsageError("--json asks nothing: add --yes.")
    root = root_of(ctx)
    settings = load_settings(root)
    users = users_of(root, user)
    found = decided.find(root, users, entry, LeftOut(users))
    try:
        reach = client.reach(found)
        if not as_json:
            _print(found, reach, text=not yes)
        if not yes and not _is_meant(found):
            raise click.ClickException("nothing was forgotten.")
        path = client.forget(found)
    except Refusal as err:
        raise click.ClickException(f"{err.problem}. {err.remedy}".strip()) from err
    done = carried_out(CarryingOut(root, settings, wait), found, path, "it is forgotten", quiet=as_json)
    if as_json:
        print_json(
            {"user": found.place.user, "id": found.candidate_id, "evidence_id": found.act, "goes": reach.goes,
             "stays": reach.stays, "done": done}
        )  # fmt: skip
    elif done:
        click.secho(f"{found.name} is forgotten", fg="green")
    if not done:
        ctx.exit(1)


def _print(found: Decided, reach: Reach, *, text: bool) -> None:
    last = found.receipt
    what = "it waits" if found.waits is not None else f"{last.action} on {last.at[:10]}" if last else "unknown"
    say(f"{found.name}, of {found.place.user}: {what}", bold=True)
    if text:
        say(one_line(found.text, 500), "> ", "> ")
    click.echo("This goes, for good:")
    for each in reach.goes:
        say(each, "  - ", "    ", fg="red")
    click.echo("This is out of reach:")
    for each in reach.stays:
        say(each, "  * ", "    ")


def _is_meant(found: Decided) -> bool:
    """Ask twice."""
    if (line("Forget it? Type yes") or "").lower() not in ("y", "yes"):
        return False
    end = found.name[-_LAST:]
    typed = line(f"Nothing brings it back. Type the last {len(end)} characters of its id, {found.name}")
    if typed is None:
        return False
    if typed != end:
        say("those are not its last characters", fg="red")
        return False
    return True
