"""history: the story of one entry."""

from __future__ import annotations

from typing import Any

import click

from .options import json_option, one_user_option, snapshot_of
from .output import one_line, print_json, say

__all__ = ["history"]


@click.command()
@click.argument("entry", metavar="ACT")
@one_user_option
@json_option
@click.pass_context
def history(ctx: click.Context, entry: str, user: str | None, as_json: bool) -> None:
    """Tell where an entry comes from and what became of it.

    ACT is an entry's ACT id, or the id of a candidate: proposed by whom and with which context; each decision, taken
    back ones included, with its moment, the account and the edits; what it superseded or retracted, and what
    superseded or retracted it; which of its lines stand in the Record; and which later entries rest on it. Of a
    forgotten entry: that there was one, and who had it forgotten when. Exits with 1 where there is no such entry.

    \b
    Examples:
      recursion-gate history ACT-2026-11-24-btjdj2yx0cl8u4k0
      recursion-gate history kite-1 --user demo --json
    """
    from ..reading import history as reader

    found = reader.history(snapshot_of(ctx, user), entry)
    if as_json:
        print_json(found.as_json())
        return
    _print(found)


def _print(found: Any) -> None:
    proposed = found.proposed
    state = {"superseded": " was superseded", "retracted": " was retracted", "forgotten": " was forgotten"}
    say(f"{found.evidence_id or found.candidate_id} ({found.user}){state.get(found.state, '')}", bold=True)
    if proposed is not None:
        source = one_line(proposed.source or "somebody", 60)
        say(f"{proposed.created_at}  proposed by {source} as {found.candidate_id}")
        say(one_line(proposed.text, 2_000), "  ")
        for name, value in proposed.context.items():
            say(f"{name}: {one_line(value if isinstance(value, str) else str(value), 300)}", "  > ", "  > ")
    for decided in found.decisions:
        _print_decision(decided)
    for there in found.before:
        say(f"{there.merged_at}  merged as {there.candidate_id}, where the Record was brought from")
    if found.decided is None and not found.before:
        say("It waits at the gate: nobody has decided yet." if not found.decisions else "It waits at the gate again.")
    for other, what in ((found.supersedes, "it supersedes"), (found.retracts, "it retracts")):
        if other is not None:
            say(f"{what} {_named(other)}", "  ")
    for line in found.lines:
        where = f"{line.file}:{line.number}" if line.stands else line.file
        say(f"{where}: {line.line}" + ("" if line.stands else "  (no longer there)"), "  ")
    for number, later in enumerate(found.gone):
        what = found.state if number == 0 else "and that was taken out or corrected"
        say(f"{later.at}  {what} by {_named(later)}")
    for later in found.linked:
        say(f"{later.at}  {later.candidate_id} links to it (receipt {later.seq}): {one_line(later.text or '', 300)}")


def _print_decision(decided: Any) -> None:
    who = f" by {one_line(decided.by, 60)}" if decided.by else ""
    why = f": {one_line(decided.reason, 300)}" if decided.reason else ""
    what = "taken back" if decided.action == "undone" else decided.action
    of = f", of receipt {decided.undoes}" if decided.undoes else ""
    say(f"{decided.at}  {what}{who} ({decided.via}, receipt {decided.seq}{of}){why}")
    for edit in decided.edited:
        say(f"edited {edit.field}: {one_line(str(edit.was), 300)} -> {one_line(str(edit.now), 300)}", "  ")


def _named(other: Any) -> str:
    text = "(forgotten)" if other.text is None else one_line(other.text, 300)
    return f"{other.evidence_id or other.candidate_id} (receipt {other.seq}): {text}"
