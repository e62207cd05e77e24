"""pending, show, approve, reject and review: a person's lane from the command line."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from ..layout import Root
from . import root_of
from .output import json_option, one_line, print_json, table, user_option, users_of

__all__ = ["approve", "pending", "reject", "review", "show"]


def _complete_id(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    from .. import deciding
    from ..errors import GateError
    from ..layout import find_root

    try:
        root = find_root(ctx.find_root().params.get("root"))
        items = list(deciding.waiting(root, root.users())) if root else []
    except (GateError, OSError):
        return []
    return [
        CompletionItem(w.candidate.id, help=one_line(w.candidate.raw_text, 50))
        for w in items
        if w.candidate.id.startswith(incomplete)
    ]


_id_argument = click.argument("candidate_id", metavar="ID", shell_complete=_complete_id)


@click.command()
@user_option
@json_option
@click.pass_context
def pending(ctx: click.Context, user: str | None, as_json: bool) -> None:
    """List what waits for a person, oldest first.

    \b
    Examples:
      recursion-gate pending
      recursion-gate pending --user demo --json
    """
    from .. import deciding

    root = root_of(ctx)
    items = list(deciding.waiting(root, users_of(root, user)))
    if as_json:
        print_json(
            [{"user": w.place.user, **w.candidate.as_json(), "card": _shown(w), "state": w.state} for w in items]
        )
        return
    if not items and sys.stdout.isatty():
        click.echo("nothing waits")
        return
    table(
        [
            (w.place.user, w.candidate.id, w.candidate.skill_tag, w.candidate.suggested_ix_section or "-",
             w.candidate.created_at[:10], one_line(w.candidate.raw_text, 500))
            for w in items
        ],
        ("USER", "ID", "SKILL", "SECTION", "DATE", "TEXT"),
    )  # fmt: skip


def _shown(item: Any) -> str | None:
    return item.place.shown(item.card) if item.card else None


@click.command()
@_id_argument
@user_option
@json_option
@click.pass_context
def show(ctx: click.Context, candidate_id: str, user: str | None, as_json: bool) -> None:
    """Show one candidate and what approving it would add.

    ID may be shortened, as long as it is clear which is meant. What a person has edited in the card is shown.

    \b
    Example:
      recursion-gate show p436yg2
    """
    from .. import deciding
    from ..settings import load_settings

    root = root_of(ctx)
    item = deciding.find(root, users_of(root, user), candidate_id)
    candidate = item.as_edited(load_settings(root))
    if as_json:
        adds = [{"file": a.file, "heading": a.heading, "line": a.line} for a in item.effect(candidate)]
        edited = candidate.as_json() if candidate != item.candidate else None
        print_json(
            {"user": item.place.user, "candidate": item.candidate.as_json(), "edited": edited, "adds": adds,
             "card": _shown(item), "state": item.state}
        )  # fmt: skip
        return
    _print_card(item, candidate)


def _print_card(item: Any, candidate: Any) -> None:
    from ..record import clean

    # An agent's text must not be able to move the cursor and so hide what is approved.
    source = one_line(candidate.source or "-", 200)
    section = candidate.suggested_ix_section
    where = f"{section} ({candidate.mind_category})" if section else "evidence only"
    edited = "  (edited)" if candidate != item.candidate else ""
    click.secho(f"{candidate.id}{edited}", bold=True)
    click.echo(f"{item.place.user} · {candidate.skill_tag} · {where} · {candidate.created_at} · from {source}")
    if candidate.link_to_evidence_id:
        click.echo(f"links to {candidate.link_to_evidence_id}")
    click.echo(f"\n{clean(candidate.raw_text)}\n")
    for line in item.diff(candidate):
        if line.startswith(("---", "@@")):
            continue
        if line.startswith("+++"):
            click.secho(line[4:], bold=True)
        else:
            click.secho(line, fg="green" if line.startswith("+") else None, dim=not line.startswith("+"))


def _decide(ctx: click.Context, candidate_id: str, user: str | None, action: Any, reason: str | None) -> None:
    from .. import deciding
    from ..errors import Refusal

    root = root_of(ctx)
    item = deciding.find(root, users_of(root, user), candidate_id)
    try:
        deciding.decide(item, action, reason=reason)
    except Refusal as err:
        raise click.ClickException(f"{item.candidate.id}: {err.problem}. {err.remedy}".strip()) from err
    click.echo(f"{item.candidate.id}: {action}{_carried_out(root, item)}")


def _carried_out(root: Root, item: Any) -> str:
    """Wait a moment for the daemon, and say what became of it."""
    from ..gate import Gate
    from ..lock import is_held

    if is_held(root) is False:
        return "; it is carried out when the daemon runs next ('recursion-gate run', or 'once')"
    until = time.monotonic() + 2
    while time.monotonic() < until:
        if item.candidate.id not in Gate.load(item.place):
            return " and carried out"
        time.sleep(0.02)
    return "; the daemon has not carried it out yet: 'recursion-gate status' tells what it waits for"


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


_KEYS = "[a]pprove  [r]eject  [e]dit  [s]kip  [q]uit  [?]"
_HELP = """
  a   approve: the green lines enter the Record
  r   reject: the Record stays as it is; you may give a reason
  e   edit the card in $EDITOR, then look at it again
  s   skip: it stays where it is
  q   quit
"""


@click.command()
@user_option
@click.pass_context
def review(ctx: click.Context, user: str | None) -> None:
    """Go through what waits, card by card.

    Shows one candidate at a time with the lines that approving would add, and takes single keys: a approve, r reject,
    e edit in $EDITOR, s skip, q quit.

    \b
    Example:
      recursion-gate review --user demo
    """
    from .. import deciding
    from ..settings import load_settings

    root = root_of(ctx)
    settings = load_settings(root)
    items = [w for w in deciding.waiting(root, users_of(root, user)) if w.state == "pending"]
    counts = {"approved": 0, "rejected": 0, "skipped": 0}
    for number, item in enumerate(items):
        click.echo()
        click.secho(f"── {len(items) - number} left " + "─" * 50, dim=True)
        done = _review_one(item, settings)
        if done == "quit":
            break
        counts[done] += 1
    click.echo()
    if not items:
        click.echo("nothing waits")
        return
    click.echo(", ".join(f"{n} {what}" for what, n in counts.items()) + f", {len(items) - sum(counts.values())} left")
    _hint(root, counts)


def _hint(root: Root, counts: dict[str, int]) -> None:
    from ..lock import is_held

    if counts["approved"] + counts["rejected"] and is_held(root) is False:
        click.echo("No daemon runs: 'recursion-gate run' or 'once' carries out what you decided.")


def _review_one(item: Any, settings: Any) -> str:
    from .. import deciding
    from ..errors import Refusal

    show_it, shown = True, None
    while True:
        try:
            if show_it:
                show_it = False
                data = item.data() if item.card else None
                shown = deciding.digest(data) if data else None  # what is decided on is what was seen
                _print_card(item, item.as_edited(settings, data))
                click.echo()
            key = _ask()
            if key == "a":
                deciding.decide(item, "approved", shown=shown)
                click.secho("approved", fg="green")
                return "approved"
            if key == "r":
                reason = click.prompt("reason (or Enter)", default="", show_default=False)
                deciding.decide(item, "rejected", shown=shown, reason=reason)
                click.secho("rejected", fg="red")
                return "rejected"
            if key == "e":
                edited = click.edit(item.data().decode("utf-8-sig"), extension=".md")
                if edited is not None:
                    deciding.save_edit(item, edited, settings, shown=shown)
                show_it = True
            elif key == "s":
                return "skipped"
            elif key == "q":
                return "quit"
            elif key == "?":
                click.echo(_HELP)
        except Refusal as err:
            click.secho(f"{err.problem}. {err.remedy}", fg="red")
            show_it = isinstance(err, deciding.Changed)
        except FileNotFoundError:
            click.echo("its card was moved away meanwhile")
            return "skipped"


def _ask() -> str:
    """One key; from a pipe, one line. The end of the input quits."""
    click.secho(_KEYS + " ", bold=True, nl=False)
    if sys.stdin.isatty():
        key = click.getchar(echo=False)
        click.echo()
        return "q" if key in ("\x03", "\x04", "\x1b") else key.lower()
    line = sys.stdin.readline()
    click.echo()
    return line.strip()[:1].lower() if line else "q"
