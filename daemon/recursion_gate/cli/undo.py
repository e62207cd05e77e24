"""undo: take a decision back."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from ..core.paths import Root
from . import root_of
from .card import change_lines
from .carrying_out import CarryingOut, wait_option
from .deciding import complete_decided
from .options import LeftOut, json_option, user_option, users_of
from .output import one_line, print_json, say, wrapped

if TYPE_CHECKING:
    from ..clients.decided import Decided

__all__ = ["undo"]


@click.command()
@click.argument("entry", metavar="[ID]", required=False, shell_complete=complete_decided)
@click.option("--last", is_flag=True, help="The newest decision that still stands.")
@user_option
@wait_option
@json_option
@click.pass_context
def undo(ctx: click.Context, entry: str | None, last: bool, user: str | None, wait: float, as_json: bool) -> None:
    """Take a decision back.

    ID is a candidate's id or an ACT id; it may be shortened. The lines that an approval put into the Record go, what a
    correction or retraction took out comes back, and the entry waits in pending/ again. What was written by hand
    elsewhere in the Record stays. A decision that is not carried out yet is taken back at once.

    An approval that a later entry links to, or that a later one corrects or retracts, is not taken back: take that
    one back first. Exits with 1 when nothing is taken back.

    Where no daemon runs, and this account may, the work is done at once, as 'recursion-gate once' does it.

    \b
    Examples:
      recursion-gate undo --last
      recursion-gate undo p436yg2
      recursion-gate undo ACT-2026-11-24-btjdj2yx0cl8u4k0 --user demo
    """
    from ..clients import decided, take_back
    from ..clients.person import check_person
    from ..core.errors import Refusal
    from ..core.settings import load_settings

    check_person()
    if bool(entry) == last:
        raise click.UsageError("name one ID, or --last.")
    root = root_of(ctx)
    settings = load_settings(root)
    users = users_of(root, user)
    left_out = LeftOut(users)
    if _take_out(root, users, entry, settings, as_json):
        return
    found = decided.find(root, users, entry, left_out) if entry else decided.last(root, users, left_out)
    if found is None:
        raise click.ClickException("there is no decision to take back.")
    try:
        receipt = found.check_undo()
        change = list(take_back.diff(found, receipt))
        if not as_json:
            _print(found, receipt, change)
        path = take_back.take_back(found)
    except Refusal as err:
        remedy = "" if err.remedy == "Delete this file." else err.remedy
        raise click.ClickException(f"{err.problem}. {remedy}".strip()) from err
    done = carried_out(CarryingOut(root, settings, wait), found, path, "it is taken back", quiet=as_json)
    if as_json:
        print_json(
            {"user": found.place.user, "id": found.candidate_id, "evidence_id": receipt.evidence_id,
             "decision": receipt.action, "at": receipt.at, "text": receipt.raw_text, "diff": change, "done": done}
        )  # fmt: skip
    elif done:
        click.secho(f"{found.candidate_id} waits again", fg="green")


def carried_out(work: CarryingOut, found: Decided, path: Any, what: str, *, quiet: bool) -> bool:
    """Wait until the request at `path` is carried out; says where it is not. Raises click.ClickException where it was
    refused."""
    from ..clients import requests

    try:
        gone = work.until(found.place, lambda: None if path.exists() else True, what)
    except KeyboardInterrupt:
        gone, work.why = (
            None,
            "it is carried out all the same; to prevent that, delete " + found.place.display_path(path),
        )
    refused = requests.refusal(found.place, path)
    if refused is not None:
        raise click.ClickException(f"{refused.problem}. {refused.remedy}".strip())
    if gone is None and not quiet:
        say(f"asked for; {work.why}", fg="yellow")
    return gone is not None


def _print(found: Decided, receipt: Any, change: list[str]) -> None:
    who = f" by {one_line(receipt.by, 60)}" if receipt.by else ""
    why = f" ({one_line(receipt.reason, 200)})" if receipt.reason else ""
    say(f"takes back: {receipt.message}{who}{why}, for {found.place.user}")
    say(one_line(receipt.raw_text, 500), "> ", "> ")
    for line in change_lines(change):
        click.echo(line)
    if not change:
        say("The Record stays as it is.")


def _take_out(root: Root, users: list[str], given: str | None, settings: Any, as_json: bool) -> bool:
    """Take a decision back that is not carried out yet: that of `given`, or the newest; False where there is none."""
    from ..clients import decide, decided, take_back
    from ..core.errors import Refusal
    from ..disk.lock import is_held

    items = [w for w in decide.waiting(root, users, settings, lambda user, why: None) if w.state != "pending"]
    if given:
        items = [w for w in items if decided.means(given, w.candidate.id)]
        items = [w for w in items if w.candidate.id == given] or items
        if len(items) > 1:
            raise decide.NoSuchCandidate(given, f"could be {len(items)} candidates. Give more of it, or --user.")
    newest, since = None, 0
    for item in items:
        with suppress(OSError, Refusal):
            ctime = item.look()[1].stat.st_ctime_ns
            newest, since = (item, ctime) if ctime > since else (newest, since)
    if newest is None:
        return False
    was, text = newest.state, newest.now.raw_text
    try:
        if not take_back.take_out(newest, runs=bool(is_held(root)), rests=settings.grace_seconds > 0):
            return False
    except Refusal as err:
        raise click.ClickException(wrapped(f"{newest.candidate.id}: {err.problem}. {err.remedy}")) from err
    if as_json:
        print_json(
            {"user": newest.place.user, "id": newest.candidate.id, "evidence_id": None, "decision": was, "at": None,
             "text": text, "diff": [], "done": True}
        )  # fmt: skip
    else:
        say(f"takes back: {was}, not carried out yet, for {newest.place.user}")
        say(one_line(text, 500), "> ", "> ")
        click.secho(f"{newest.candidate.id} waits again", fg="green")
    return True
