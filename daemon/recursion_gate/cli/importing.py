"""import: a file of another program as drops."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import root_of
from .options import json_option, one_user, one_user_option
from .output import one_line, print_json, progress_bar, say, table

if TYPE_CHECKING:
    from ..core.paths import Root
    from ..sources.run import Line, Report, Request

__all__ = ["import_", "import_all", "instant_option"]

#: So many entries a dry run shows, on a terminal and as JSON.
_SHOWN, _LISTED = 200, 10_000
#: Of a file of so many bytes and more the progress is shown: each row of it is checked.
_LARGE = 500_000
_HEADS = ("STATE", "DATE", "SKILL", "SECTION", "TEXT")


def instant_option(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A date as an instant."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"'{value}' is no date: write 2026-11-24, or 2026-11-24T16:30.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path), required=False)
@one_user_option
@click.option("--form", metavar="FORM", help="The form of the file, if it is not recognised: see --forms.")
@click.option(
    "--map",
    "mapping",
    metavar="FIELD=COLUMN",
    multiple=True,
    help="Make a field of a column or a key: text=Task, 'text={Task} in {Room}', skill_tag==WORK (these very words).",
)
@click.option("--since", metavar="DATE", callback=instant_option, help="Only entries of this date or later.")
@click.option("--until", metavar="DATE", callback=instant_option, help="Only entries before this date.")
@click.option("--day-first/--month-first", default=None, help="What 3/4/2026 means, where the file has such dates.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stage at most N entries.")
@click.option("--source", metavar="NAME", help="Who proposes, as the cards say it; the form unless told.")
@click.option("--again", is_flag=True, help="Propose once more what was rejected.")
@click.option("--dry-run", is_flag=True, help="Show what would be staged, and write nothing.")
@click.option("--forms", is_flag=True, help="List the forms that can be imported.")
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    /,
    file: Path | None,
    user: str | None,
    form: str | None,
    mapping: tuple[str, ...],
    forms: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Propose what is in a file of another program: write its entries into the inbox as drops.

    The form is recognised. Importing twice stages nothing twice: an export that has grown adds only what is new, and
    what was rejected is not proposed again without --again. docs/sources.md has the forms, each with an example.

    \b
    Examples:
      recursion-gate import goodreads_library_export.csv --user demo --dry-run
      recursion-gate import chores.csv --user demo --map text=Task --map skill_tag==WORK
      recursion-gate import family.ics --user demo --since 2026-09-01
    """
    from ..sources.entry import WrongOption

    if forms:
        _print_forms(as_json)
        return
    if file is None:
        raise click.UsageError("which file? 'recursion-gate import --forms' lists the forms.")
    try:
        request, report, lines = _run(ctx, file, user, form, mapping, **given)
    except WrongOption as err:
        raise click.UsageError(f"{err}.") from None
    if as_json:
        print_json(_answer(request, report, lines))
    else:
        _print(request, report, lines)


def import_all(root: Root, file: Path, form: str, user: str, unsaid: str = "") -> None:
    """Import a file of this form as it is, and say what came of it, but for one reason to leave something out. Raises
    GateError, OSError."""
    from ..core.settings import load_settings
    from ..sources.entry import Options
    from ..sources.file import SourceFile
    from ..sources.run import Request, import_file

    request = Request(SourceFile(file), form, user, Options())
    report = import_file(request, root, load_settings(root))
    report.reasons.pop(unsaid, None)
    _print(request, report, [])


def _run(
    ctx: click.Context, file: Path, user: str | None, form: str | None, mapping: tuple[str, ...], **given: Any
) -> tuple[Request, Report, list[Line]]:
    from ..core.settings import load_settings
    from ..sources.entry import Options
    from ..sources.file import SourceFile
    from ..sources.mapping import parse_map
    from ..sources.registry import find
    from ..sources.run import Request, import_file

    root = root_of(ctx)
    options = Options(map=parse_map(mapping), day_first=given["day_first"], since=given["since"], until=given["until"])
    name, part = find(SourceFile(file), form)
    request = Request(
        part,
        name,
        one_user(root, user),
        options,
        source=given["source"] or "",
        limit=given["limit"],
        again=given["again"],
        dry_run=given["dry_run"],
    )
    lines: list[Line] = []

    def each(line: Line) -> None:
        if request.dry_run and len(lines) < _LISTED:
            lines.append(line)

    with progress_bar(f"reading {part.name}", _LARGE) as progress:
        report = import_file(request, root, load_settings(root), progress, each)
    return request, report, lines


def _print_forms(as_json: bool) -> None:
    from ..sources.registry import forms

    known = forms()
    if as_json:
        print_json([{"form": name, "about": each.ABOUT} for name, each in known.items()])
    else:
        table([(name, each.ABOUT) for name, each in known.items()], ("FORM", "ABOUT"))


def _answer(request: Request, report: Report, lines: list[Line]) -> dict[str, Any]:
    return {
        "file": str(request.file.path),
        "form": request.form,
        "user": request.user,
        "dry_run": request.dry_run,
        "staged": report.counts["new"],
        "suggested": report.suggested,
        **{name: report.counts[name] for name in ("waits", "approved", "rejected")},
        "left_out": [{"why": why, "count": count, "first": at} for why, (count, at) in report.reasons.items()],
        "stopped": report.stopped,
        "drops": [str(path) for path in report.files],
        "entries": [_entry(line) for line in lines],
    }


def _entry(line: Line) -> dict[str, Any]:
    candidate = line.candidate.as_json() if line.candidate else None
    return {"outcome": line.outcome, "where": line.where, "why": line.why, "candidate": candidate}


def _print(request: Request, report: Report, lines: list[Line]) -> None:
    from ..core.text import count

    if request.dry_run:
        shown = [line for line in lines if line.candidate is not None][:_SHOWN]
        if shown:
            table([_row(line) for line in shown], _HEADS)
        hidden = sum(report.counts.values()) - len(shown) - sum(n for n, _ in report.reasons.values())
        if hidden > 0:
            click.echo(f"... and {hidden:,} more")
    new = report.counts["new"]
    done = f"would stage {count(new, 'entry', 'entries')}" if request.dry_run else f"{count(new, 'entry', 'entries')}"
    where = "" if request.dry_run else f" in {count(len(report.files), 'drop')}"
    more = f" and {len(request.file.more):,} more" if request.file.more else ""
    said = f"{request.user}: {done}{where}, from {request.file.display}{more} ({request.form})"
    say(said, fg="green" if new else None)
    if report.suggested:
        click.echo(f"  with {count(report.suggested, 'line')} that they suggest, each decided by itself")
    known = {"waits": "wait already", "approved": "were approved before", "rejected": "were rejected before"}
    known["forgotten"] = "were forgotten on request"
    for outcome, words in known.items():
        if report.counts[outcome]:  # type: ignore[index]
            more = " (--again proposes them once more)" if outcome == "rejected" else ""
            click.echo(f"  {report.counts[outcome]:,} {words}{more}")  # type: ignore[index]
    for why, (number, first) in report.reasons.items():
        click.echo(f"  {number:,} left out: {one_line(why, 200)}" + (f" (first: {first})" if first else ""))
    if report.legacy:
        click.echo(f"  {count(report.legacy, 'byte')} that are not UTF-8 were read as Windows-1252", err=True)
    if report.unseen:
        click.echo(
            f"  this account may not read {' and '.join(report.unseen)}: the daemon leaves out what it knows", err=True
        )
    if report.stopped:
        click.echo(f"  stopped: {report.stopped}")


def _row(line: Line) -> tuple[str, ...]:
    candidate = line.candidate
    assert candidate is not None
    return (
        line.outcome if line.outcome != "new" else "stage",
        candidate.created_at[:10] if candidate.created_at[:4] != "1970" else "-",
        candidate.skill_tag,
        candidate.suggested_ix_section or "none",
        one_line(candidate.raw_text, 300) + (f"  [{line.why}]" if line.why else ""),
    )
