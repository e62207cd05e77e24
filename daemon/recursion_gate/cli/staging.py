"""stage: the agents' lane from the command line."""

from __future__ import annotations

import os
import sys

import click

from ..core.paths import Place
from . import root_of
from .options import one_user, one_user_option, section_choice, skill_choice

__all__ = ["stage"]


@click.command()
@click.argument("text")
@one_user_option
@skill_choice("THINK unless told.")
@section_choice("Follows from the words unless told.")
@click.option("--source", metavar="NAME", help="Which agent or tool proposes this.")
@click.option("--supersedes", metavar="ACT", help="The entry that this one corrects: its ACT id.")
@click.option("--retracts", metavar="ACT", help="The entry that no longer stands; TEXT says why.")
@click.pass_context
def stage(
    ctx: click.Context,
    text: str,
    user: str | None,
    skill: str | None,
    section: str | None,
    source: str | None,
    supersedes: str | None,
    retracts: str | None,
) -> None:
    """Propose an entry: write a drop into the inbox.

    TEXT says what was done, self-contained; '-' reads it from standard input. Prints the path of the drop. Nothing
    enters the Record before a person has approved it. If nearly the same was rejected, says so on stderr, with the
    date and the reason; it is staged all the same.

    \b
    Examples:
      recursion-gate stage "Read chapter 2 of Dragon Guide." --user demo
      recursion-gate stage "Moved to Lyon." --user demo --supersedes ACT-2026-11-24-btjdj2yx0cl8u4k0
      git log -1 --format=%s | recursion-gate stage - --user demo --skill WORK --source git
    """
    from ..clients import stage as agents
    from ..disk.lock import is_surely_free

    root = root_of(ctx)
    try:
        said = sys.stdin.read() if text == "-" else text
    except UnicodeDecodeError:
        raise click.UsageError("the text is not UTF-8.") from None
    if supersedes and retracts:
        raise click.UsageError("an entry is corrected (--supersedes) or retracted (--retracts), not both.")
    if not said.strip():
        raise click.UsageError("the text is empty: say what was done.")
    user = one_user(root, user)
    path = agents.stage(
        said.strip(),
        user=user,
        root=root.path,
        skill=skill,  # type: ignore[arg-type]
        section=section,  # type: ignore[arg-type]
        source=source or "command line",
        fields={name: act for name, act in (("supersedes", supersedes), ("retracts", retracts)) if act},
    )
    click.echo(path)
    if is_surely_free(root):
        click.echo("No daemon runs here: it is staged when one does ('recursion-gate run', or 'once').", err=True)
    _tell_of_a_rejection(root.place(user), said)


def _tell_of_a_rejection(place: Place, text: str) -> None:
    """Say on stderr that nearly the same was rejected, where there are receipts and this account may read them."""
    try:
        if not os.path.getsize(place.ledger):
            return
        from ..reading import rejected
        from .output import one_line

        found = rejected.like(text, place.ledger)
        if found is not None:
            told = one_line(found.message, 200)
            click.echo(f'It is proposed again: nearly the same was {told}. "{one_line(found.text, 160)}"', err=True)
    except Exception:  # the drop is written, and this is advice: whatever goes wrong here is nothing to the agent
        return
