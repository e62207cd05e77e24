"""snapshot, record, edge, export, brief and import-archive: the read-only lane from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core.text import count
from ..core.words import CATEGORY_OF, SKILLS
from . import root_of
from .options import json_option, one_user_option, snapshot_of
from .output import one_line, print_json, say

if TYPE_CHECKING:
    from ..reading.brief import Alike, BriefAnswer
    from ..reading.snapshot import Snapshot

__all__ = ["brief", "edge", "export", "import_archive", "record", "snapshot"]

_WHOLE = 1_000_000


@click.command()
@one_user_option
@json_option
@click.pass_context
def snapshot(ctx: click.Context, user: str | None, as_json: bool) -> None:
    """Print gate, Record and receipts as of one moment, also while merges run.

    \b
    Examples:
      recursion-gate snapshot --user demo
      recursion-gate snapshot --user demo --json > demo.json
    """
    from ..reading.whole import whole

    taken = snapshot_of(ctx, user)
    if as_json:
        print_json(whole(taken).as_json())
        return
    click.echo(f"{taken.user} as of {_moment(taken)}")
    click.echo(f"{'gate'.ljust(26)}{count(len(taken.gate), 'candidate')}")
    for name, text in taken.texts.items():
        click.echo(f"{name.ljust(26)}{count(len(text.splitlines()), 'line')}")
    click.echo(f"{'receipts'.ljust(26)}{count(taken.seq, 'decision')}")


@click.command()
@one_user_option
@json_option
@click.option(
    "--at", type=click.IntRange(min=0), metavar="SEQ", help="As it was right after the receipt of this number."
)
@click.pass_context
def record(ctx: click.Context, user: str | None, as_json: bool, at: int | None) -> None:
    """Print the approved entries: knowledge, curiosity, personality, skills, evidence.

    The JSON has the shape of the companion-self app's GET /api/record, with more beside it. What was superseded or
    retracted is left out; 'history' tells of it.

    With --at it is the Record right after that receipt (0: before the first one), made from the receipts alone: what
    was edited by hand is not in it, nor what was forgotten since. Exits with 1 where there is no such receipt.

    \b
    Examples:
      recursion-gate record --user demo
      recursion-gate record --user demo --json | jq .knowledge
      recursion-gate record --user demo --at 12
    """
    from ..reading import record as reader
    from ..reading.rebuild import NOTE, as_of

    taken = snapshot_of(ctx, user)
    if as_json:
        print_json(reader.record(taken, at).as_json())
        return
    if at is not None:
        taken = as_of(taken, at)
    known = taken.record
    click.echo(f"{taken.user} as of {_moment(taken)}")
    for section, (name, entries) in zip(CATEGORY_OF, known.dimensions().items(), strict=True):
        _paragraph(f"{name.capitalize()} ({section})", [one_line(entry.raw, _WHOLE) for entry in entries])
    for skill, entries in known.skills.items():
        _paragraph(skill, [one_line(entry.raw, _WHOLE) for entry in entries])
    entries_count = count(len(known.evidence), "evidence entry", "evidence entries")
    click.echo(f"\n{entries_count}, {len(taken.gate):,} waiting" if at is None else f"\n{entries_count}\n{NOTE}")


@click.command()
@one_user_option
@json_option
@click.pass_context
def edge(ctx: click.Context, user: str | None, as_json: bool) -> None:
    """Print the next focus for THINK, WRITE, WORK and STEWARD, by rules from the Record.

    \b
    Examples:
      recursion-gate edge --user demo
      recursion-gate edge --user demo --json | jq -r .THINK
    """
    from ..reading import edge as reader

    answer = reader.edge(snapshot_of(ctx, user)).as_json()
    if as_json:
        print_json(answer)
    else:
        _print_edge(answer, answer["restsOn"])


@click.command()
@one_user_option
@json_option
@click.option(
    "--all", "file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Everything, as an archive."
)
@click.pass_context
def export(ctx: click.Context, user: str | None, as_json: bool, file: Path | None) -> None:
    """Print the curriculum profile, or write everything into an archive.

    The profile is always JSON. FILE must end in .tar.gz, .tgz or .zip; nobody but your account can read it. It is
    laid out as a root is, and 'import-archive' restores it elsewhere.

    \b
    Examples:
      recursion-gate export --user demo > profile.json
      recursion-gate export --user demo --all demo.tar.gz
    """
    if file is None:
        from ..reading import export as reader

        print_json(reader.export(snapshot_of(ctx, user)).as_json())
        return
    from ..archive import pack
    from ..disk.deliver import deliver

    if not file.name.lower().endswith(pack.ENDINGS):
        raise click.UsageError(f"{file} must end in {', '.join(pack.ENDINGS[:-1])} or {pack.ENDINGS[-1]}.")
    data, manifest = pack.pack(snapshot_of(ctx, user), file.name)
    # It may hold all there is about a person, and others may export into the same folder at this moment.
    try:
        deliver(file.absolute().parent, file.name, data, over=True, private=True)
    except OSError as err:
        raise OSError(err.errno, err.strerror, str(file)) from err  # not the temporary name
    if as_json:
        print_json({"file": str(file), "size": len(data), **manifest.as_json()})
        return
    for left in manifest.left_out:
        click.echo(f"left out: {left.path}: {left.why}", err=True)
    size = f"{count(len(manifest.files), 'file')}, {count(len(data), 'byte')}"
    click.echo(f"{file}: {manifest.user} as of receipt {manifest.seq}; {size}")


@click.command(name="import-archive")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_context
def import_archive(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Restore an archive of 'export --all', if its user does not exist yet.

    The archive is checked as 'verify' does before anything is written. The daemon may run meanwhile.

    \b
    Examples:
      recursion-gate --root ~/elsewhere import-archive demo.tar.gz
    """
    from ..archive import restore

    manifest = restore.restore(root_of(ctx), file).manifest
    if as_json:
        print_json(manifest.as_json())
        return
    waits = f"{count(manifest.seq, 'receipt')}, {manifest.pending_count:,} waiting"
    click.echo(f"user {manifest.user}: restored; {waits}")


@click.command()
@one_user_option
@json_option
@click.option(
    "--most", metavar="N", type=click.IntRange(1), default=10, show_default=True, help="At most N items in each list."
)
@click.pass_context
def brief(ctx: click.Context, user: str | None, as_json: bool, most: int) -> None:
    """Print a summary before a review, readable in a minute.

    Lists the waiting candidates, oldest first; near-duplicates and possible contradictions; the latest merges; and
    the next focus. It compares words and understands nothing: these are hints.

    \b
    Examples:
      recursion-gate brief --user demo
      recursion-gate brief --user demo --most 3
    """
    from ..reading import brief as reader

    answer = reader.brief(snapshot_of(ctx, user), most)
    if as_json:
        print_json(answer.as_json())
    else:
        _print_brief(answer)


# -- printing ---------------------------------------------------------------------------------------------------------


def _print_brief(answer: BriefAnswer) -> None:
    since = f", the oldest since {answer.waiting[0].created_at[:10]}" if answer.waiting else ""
    click.echo(f"{answer.user}: {answer.pending_count:,} waiting{since}")
    _paragraph(
        "Waiting, oldest first",
        [
            f"{w.created_at[:10]}  {w.skill_tag} {w.section or 'evidence only'}  {one_line(w.text, 70)}  ({w.id})"
            for w in answer.waiting
        ],
        answer.pending_count,
    )
    if len(answer.by_source) > 1 or answer.pending_count > len(answer.waiting):
        sources = [f"{s.count:,}  {one_line(s.source or '(no source)', 60)}" for s in answer.by_source[:10]]
        _paragraph("By source", sources, len(answer.by_source))
    _paragraph("Nearly the same", [_alike(a) for a in answer.near_duplicates], answer.near_duplicate_count)
    _paragraph("Possible conflicts", [_alike(a) for a in answer.possible_conflicts], answer.possible_conflict_count)
    _paragraph("Merged lately", [f"{m.at[:10]}  {one_line(m.text, 70)}" for m in answer.merged_lately])
    click.echo("\nNext")
    _print_edge(answer.edge.as_json(), answer.edge_rests_on.as_json(), "  ")


def _alike(alike: Alike) -> str:
    at = "waits too" if alike.other.at == "gate" else f"Record: {alike.other.file}:{alike.other.line}"
    this, other = one_line(alike.text, 60), one_line(alike.other.text, 60)
    return f'"{this}" ({alike.id})\n    "{other}" ({at}): {alike.why}'


def _paragraph(head: str, lines: Sequence[str], total: int = 0) -> None:
    """A heading and its lines; nothing if there are none."""
    if not lines:
        return
    click.echo(f"\n{head}")
    for line in lines:
        text, *more = line.split("\n")
        say(text, "  ", "      ")
        for other in more:  # the similar entry, indented on its own line
            say(other.strip(), "    ", "      ")
    if total > len(lines):
        click.echo(f"  ... and {total - len(lines):,} more")


def _print_edge(edge: dict[str, Any], rests_on: dict[str, list[str]], indent: str = "") -> None:
    for skill in SKILLS:
        ids = f"  ({', '.join(rests_on[skill])})" if rests_on[skill] else ""
        say(f"{edge[skill]}{ids}", f"{indent}{skill.ljust(7)}  ", " " * (len(indent) + 9))


def _moment(taken: Snapshot) -> str:
    return f"receipt {taken.seq} ({taken.head[:12]})" if taken.seq else "before the first receipt"
