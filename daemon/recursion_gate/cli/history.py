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

    ACT is an entry's ACT id, or the id of a candidate: proposed by whom and with which context, edited how, decided
    when and by whom, which lines it put into the Record and whether they still stand, and which later entries rest on
    it. Exits with 1 where there is no such entry.

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
    proposed, decided = found.proposed, found.decided
    say(f"{found.evidence_id or found.candidate_id} ({found.user})", bold=True)
    say(f"{proposed.created_at}  proposed by {one_line(proposed.source or 'somebody', 60)} as {found.candidate_id}")
    say(one_line(proposed.text, 2_000), "  ")
    for name, value in proposed.context.items():
        say(f"{name}: {one_line(value if isinstance(value, str) else str(value), 300)}", "  > ", "  > ")
    if decided is None:
        say("It waits at the gate: nobody has decided yet.")
        return
    who = f" by {one_line(decided.by, 60)}" if decided.by else ""
    why = f": {one_line(decided.reason, 300)}" if decided.reason else ""
    say(f"{decided.at}  {decided.action}{who} ({decided.via}, receipt {decided.seq}){why}")
    for edit in found.edited:
        say(f"edited {edit.field}: {one_line(str(edit.was), 300)} -> {one_line(str(edit.now), 300)}", "  ")
    for line in found.lines:
        say(f"{line.file}: {line.line}" + ("" if line.stands else "  (no longer there as it was written)"), "  ")
    for later in found.linked:
        say(f"{later.at}  {later.candidate_id} links to it (receipt {later.seq}): {one_line(later.text, 300)}")
