"""pending, show, approve and reject: a person's lane from the command line."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any

import click

from ..core.paths import Root
from . import root_of
from .card import Hints, Rejected, kind_of, whole_card
from .options import Filter, LeftOut, filter_options, json_option, user_option, users_of
from .output import one_line, print_json, say, table

__all__ = ["approve", "complete_decided", "pending", "reject", "show"]


def _complete_id(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    from ..clients import decide
    from ..core.errors import GateError
    from ..core.paths import find_root

    try:
        root = find_root(ctx.find_root().params.get("root"))
        items = list(decide.waiting(root, root.users(), left_out=lambda user, why: None)) if root else []
    except (GateError, OSError):
        return []
    return [
        CompletionItem(w.candidate.id, help=one_line(w.candidate.raw_text, 50))
        for w in items
        if w.candidate.id.startswith(incomplete)
    ]


def complete_decided(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The ids of what was decided or waits, newest first, at most 100, and the ACT ids: without their texts, since a
    shell may keep what it was told."""
    from ..clients import decided
    from ..core.errors import GateError
    from ..core.paths import find_root

    try:
        root = find_root(ctx.find_root().params.get("root"))
        return decided.names(root, root.users(), incomplete, 100) if root else []
    except (GateError, OSError):
        return []


_id_argument = click.argument("candidate_id", metavar="ID", shell_complete=_complete_id)


@click.command()
@user_option
@filter_options
@json_option
@click.pass_context
def pending(ctx: click.Context, user: str | None, wanted: Filter, as_json: bool) -> None:
    """List the candidates that wait for a person, oldest first.

    A card that a person has edited is marked, and listed as it is now. One whose words were rejected before is marked
    with the date and the reason, and listed last. A user whose gate or cards cannot be read is
    left out, which is said on stderr; exits with 1 when that leaves nobody.

    \b
    Examples:
      recursion-gate pending
      recursion-gate pending --user demo --json
      recursion-gate pending --section knowledge --source quiz
    """
    from ..clients import decide
    from ..core.settings import load_settings

    root = root_of(ctx)
    users = users_of(root, user)
    left_out = LeftOut(users)
    rejected = Rejected()
    waits = decide.waiting(root, users, load_settings(root), left_out)
    items = rejected.last(w for w in waits if wanted.takes(w.now))
    if as_json:
        print_json([_as_json(w, rejected) for w in items])
    elif items or left_out or not sys.stdout.isatty():
        table((_row(w, rejected) for w in items), ("USER", "ID", "SKILL", "SECTION", "DATE", "TEXT"))
    else:
        click.echo("nothing waits" + wanted.given)
    if left_out.nothing_is_left:
        ctx.exit(1)


def _row(item: Any, rejected: Rejected) -> tuple[str, ...]:
    marks = [item.state] if item.state != "pending" else []
    if item.edited or item.problem:
        marks.append("edited: cannot be read" if item.problem else "edited")
    if kind := kind_of(item.now):
        marks.append(kind)
    if before := rejected.of(item):
        marks.append(one_line(before.message.replace("rejected on", "rejected before on"), 100))
    text = one_line(item.now.raw_text, 500)
    return (item.place.user, item.candidate.id, item.now.skill_tag, item.now.suggested_ix_section or "-",
            item.now.created_at[:10], f"({', '.join(marks)}) {text}" if marks else text)  # fmt: skip


def _as_json(item: Any, rejected: Rejected) -> dict[str, Any]:
    edited = bool(item.edited or item.problem)
    data = {"user": item.place.user, **item.now.as_json(), "card": _shown(item), "state": item.state, "edited": edited}
    data |= {"rejected_before": rejected.as_json(item)}
    return data | ({"problem": item.problem} if item.problem else {})


def _shown(item: Any) -> str | None:
    return item.place.display_path(item.card) if item.card else None


@click.command()
@_id_argument
@user_option
@json_option
@click.pass_context
def show(ctx: click.Context, candidate_id: str, user: str | None, as_json: bool) -> None:
    """Show one candidate and the lines that approving it adds and takes out.

    ID may be shortened as long as it is unambiguous. An edited card is shown as it is now, with the lines that it adds
    now (those below a card's marker line are of the entry as it was staged). Lines that begin with '> ' are the
    proposer's words.

    \b
    Example:
      recursion-gate show p436yg2
    """
    from ..core.settings import load_settings

    root = root_of(ctx)
    settings = load_settings(root)
    item = _find(root, user, candidate_id, settings)
    if item.problem:
        raise click.ClickException(
            f"{_shown(item)}: {item.problem}. Mend the card, or delete it: a clean one comes back."
        )
    candidate = item.now
    found = Hints().on(item)
    taken_back = _taken_back(item)
    if as_json:
        effect = item.effect(candidate)
        adds, goes, gone = ([{"file": a.file, "heading": a.heading, "line": a.line} for a in these] for these in (
            [a for a in effect if a.comes], [a for a in effect if a.goes],
            [a for a in effect if a.by_hand == "removed"]))  # fmt: skip
        edited = candidate.as_json() if candidate != item.candidate else None
        print_json(
            {"user": item.place.user, "candidate": item.candidate.as_json(), "edited": edited, "adds": adds,
             "goes": goes, "gone": gone, "card": _shown(item), "state": item.state,
             "hints": [hint.as_json() for hint in found], "rejected_before": Rejected().as_json(item),
             "taken_back": taken_back}
        )  # fmt: skip
        return
    if taken_back:
        say(f"waits again: its decision was taken back on {taken_back[:10]}", fg="yellow")
    click.echo(whole_card(item, candidate, found))


def _taken_back(item: Any) -> str | None:
    """When the last decision on a waiting candidate was taken back; None where there is none, or this account may not
    look."""
    from ..clients import decided
    from ..core.errors import GateError

    try:
        receipt = decided.find(Root(item.place.root), [item.place.user], item.candidate.id).receipt
    except (GateError, OSError):
        return None
    return receipt.at if receipt is not None and receipt.action == "undone" else None


def _find(root: Root, user: str | None, candidate_id: str, settings: Any) -> Any:
    """The candidate that an ID means, among the users whose gates can be read."""
    from ..clients import decide

    users = users_of(root, user)
    return decide.find(root, users, candidate_id, settings, LeftOut(users))


def _decide(ctx: click.Context, candidate_id: str, user: str | None, action: Any, reason: str | None) -> None:
    from ..clients import decide
    from ..core.errors import Refusal
    from ..core.settings import load_settings

    root = root_of(ctx)
    item = _find(root, user, candidate_id, load_settings(root))
    try:
        decide.decide(item, action, reason=reason)
    except Refusal as err:
        raise click.ClickException(f"{item.candidate.id}: {err.problem}. {err.remedy}".strip()) from err
    click.echo(f"{item.candidate.id}: {action}{_carried_out(root, item)}")


def _carried_out(root: Root, item: Any) -> str:
    """Wait a moment for the daemon; the outcome in words."""
    from ..core.errors import Parked
    from ..disk.lock import is_held
    from ..store.gate import Gate

    if is_held(root) is False:
        return "; it is carried out when the daemon runs next ('recursion-gate run', or 'once')"
    until = time.monotonic() + 2
    with suppress(Parked, OSError):
        while time.monotonic() < until:
            if item.candidate.id not in Gate.load(item.place):
                return " and carried out"
            time.sleep(0.02)
    return "; the daemon has not carried it out yet: 'recursion-gate status' gives the reason"


@click.command()
@_id_argument
@click.option("--reason", metavar="TEXT", help="Why; it is kept in the receipt.")
@user_option
@click.pass_context
def approve(ctx: click.Context, candidate_id: str, reason: str | None, user: str | None) -> None:
    """Approve one candidate: move its card into approved/.

    One id at a time, on purpose: each entry is a decision of its own. ID may be shortened.

    \b
    Example:
      recursion-gate approve p436yg2
    """
    _decide(ctx, candidate_id, user, "approved", reason)


@click.command()
@_id_argument
@click.option("--reason", metavar="TEXT", help="Why; it is kept in the receipt.")
@user_option
@click.pass_context
def reject(ctx: click.Context, candidate_id: str, reason: str | None, user: str | None) -> None:
    """Reject one candidate: move its card into rejected/.

    One id at a time. The Record stays as it is; a receipt says what was rejected. ID may be shortened.

    \b
    Example:
      recursion-gate reject p436yg2 --reason "Said twice."
    """
    _decide(ctx, candidate_id, user, "rejected", reason)
