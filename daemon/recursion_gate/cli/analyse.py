"""analyse: proposals from a conversation, by a command that thinks, or by rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import root_of
from .importing import instant_option
from .options import json_option, one_user, one_user_option
from .output import print_json, progress_bar, say, table

if TYPE_CHECKING:
    from ..sources.analyst import Analysis, Found

__all__ = ["analyse"]


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@one_user_option
@click.option("--rules", "by_rules", is_flag=True, help="Without a model: what people say of themselves, in English.")
@click.option("--who", metavar="NAME", help="Whose words count, as the conversation calls them.")
@click.option("--form", metavar="FORM", help="The form of the file, if it is not recognised.")
@click.option("--since", metavar="DATE", callback=instant_option, help="Only exchanges of this date or later.")
@click.option("--until", metavar="DATE", callback=instant_option, help="Only exchanges before this date.")
@click.option("--day-first/--month-first", default=None, help="What 3/4/2026 means, where the file has such dates.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stage at most N proposals.")
@click.option("--source", metavar="NAME", default="analyst", show_default=True, help="Who proposes.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(1),
    default=300,
    show_default=True,
    help="How long COMMAND has.",
)
@click.option("--budget", type=click.IntRange(min=1), metavar="N", help="At most N tokens of rules and Record.")
@click.option("--from-start", is_flag=True, help="Read all again; what was proposed is not proposed twice.")
@click.option("--dry-run", is_flag=True, help="Show what would be staged, and write nothing.")
@click.option("--show-prompt", is_flag=True, help="Print what COMMAND would be asked first, and ask nothing.")
@json_option
@click.pass_context
def analyse(
    ctx: click.Context,
    /,
    file: Path,
    command: tuple[str, ...],
    by_rules: bool,
    show_prompt: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Propose what a conversation says about a person: read it piece by piece, and stage what is found.

    FILE is a chat or a transcript ('import --forms' lists them). COMMAND is any program that reads a prompt and writes
    an answer: it gets the rules, the Record, what was rejected lately and why, and a piece of the conversation, and
    answers NONE or with what to propose. A wrong answer is sent back once. With --rules no model is needed.

    An exchange is proposed once, however often it is read, and a conversation that has grown is read on from where it
    was. Proposals wait at the gate with the exchange on their cards.

    \b
    Examples:
      recursion-gate analyse conversations.json --user demo --rules --dry-run
      recursion-gate analyse conversations.json --user demo -- llm -m my-model
      recursion-gate analyse lesson.txt --user demo --who Alex -- ./ask-my-model.sh
    """
    from ..sources.entry import WrongOption

    if by_rules == bool(command) and not show_prompt:
        raise click.UsageError("who thinks? A command behind --, or --rules without one.")
    try:
        analysis, found = _run(ctx, file, command, show_prompt, **given)
    except WrongOption as err:
        raise click.UsageError(f"{err}.") from None
    if found is None:
        return
    if as_json:
        print_json(_answer(analysis, found))
    else:
        _print(analysis, found)


def _run(
    ctx: click.Context, file: Path, command: tuple[str, ...], show_prompt: bool, **given: Any
) -> tuple[Analysis, Found | None]:
    from ..core.settings import load_settings
    from ..sources import analyst
    from ..sources.entry import Options
    from ..sources.file import SourceFile
    from ..sources.read_on import ReadOn, place_of
    from ..sources.registry import find, importer

    root = root_of(ctx)
    form, part = find(SourceFile(file), given["form"])
    options = Options(day_first=given["day_first"], since=given["since"], until=given["until"])
    analysis = analyst.Analysis(
        part,
        form,
        importer(form),
        one_user(root, given["user"]),
        options,
        source=given["source"],
        who=given["who"],
        limit=given["limit"],
        dry_run=given["dry_run"],
        budget=given["budget"],
    )
    if show_prompt:
        click.echo(analyst.first_prompt(analysis, root), nl=False)
        return analysis, None
    place = place_of(root, analysis.user, f"{analysis.source} {' '.join(command)}")
    read_on = ReadOn(place, fresh=given["from_start"])
    ask = analyst.asking(command, given["timeout"]) if command else None
    with progress_bar(f"reading {part.name}", 1 if command else 2_000_000) as progress:
        return analysis, analyst.analyse(analysis, root, load_settings(root), read_on, ask, progress)


def _answer(analysis: Analysis, found: Found) -> dict[str, Any]:
    return {
        "file": str(analysis.file.path),
        "form": analysis.form,
        "user": analysis.user,
        "dry_run": analysis.dry_run,
        "exchanges": found.exchanges,
        "pieces": found.pieces,
        "asked_again": found.asked_again,
        "staged": found.counts["new"],
        **{name: found.counts[name] for name in ("waits", "approved", "rejected")},
        "left_out": [{"why": why, "count": count} for why, count in found.reasons.items()],
        "drops": [str(path) for path in found.files],
        "candidates": [candidate.as_json() for candidate in found.staged],
    }


def _print(analysis: Analysis, found: Found) -> None:
    from ..core.text import count

    if analysis.dry_run and found.staged:
        rows = [(c.skill_tag, c.suggested_ix_section or "none", c.raw_text) for c in found.staged[:200]]
        table(rows, ("SKILL", "SECTION", "TEXT"))
    new = found.counts["new"]
    would = "would stage " if analysis.dry_run else ""
    say(
        f"{analysis.user}: {would}{count(new, 'proposal')} from {count(found.exchanges, 'new exchange')} "
        f"in {analysis.file.display} ({analysis.form})",
        fg="green" if new else None,
    )
    before = sum(found.counts[name] for name in ("waits", "approved", "rejected"))
    if before:
        click.echo(f"  {before:,} were proposed before")
    if found.asked_again:
        click.echo(f"  {count(found.asked_again, 'answer')} sent back once")
    for why, number in found.reasons.items():
        click.echo(f"  {count(number, 'exchange')} left out: {why}")
