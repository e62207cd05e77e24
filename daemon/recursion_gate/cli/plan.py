"""plan: check, add, show and list plans."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import root_of
from .options import json_option
from .output import one_line, print_json, say, table

if TYPE_CHECKING:
    from ..core.paths import Root
    from ..plans.folder import PlanFolder

__all__ = ["plan"]

#: So many seconds 'plan add' waits until the daemon has taken a plan, so that the next command finds its tasks.
_PATIENCE = 5.0


@click.group(no_args_is_help=True)
def plan() -> None:
    """Split work into tasks: check, add, show, list plans.

    A plan is a YAML file with a goal and tasks (docs/plans.md). The daemon makes a file of each task, in
    plans/PLAN/waiting/; the folder that it is in is its state.

    \b
    Examples:
      recursion-gate plan check add-voice.plan.yaml
      recursion-gate plan add add-voice.plan.yaml
    """


@plan.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_context
def check(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Say what is wrong with a plan, and write nothing.

    Circles, unknown tasks, and scopes that overlap without an order between their tasks, each with a path that both
    match. Exits with 1 where something is wrong. Needs no root.

    \b
    Example:
      recursion-gate plan check add-voice.plan.yaml
    """
    from ..core.paths import find_root
    from ..plans.answers import check_answer
    from ..plans.parse import name_of

    root = find_root(ctx.find_root().obj)
    answer = check_answer(root, _read(file), name_of(file.name), str(file))
    if as_json:
        print_json(answer)
    elif answer["problems"]:
        for problem in answer["problems"]:
            say(problem, f"{file}: ")
    else:
        click.echo(f"{answer['plan']}: {answer['tasks']} tasks, nothing is wrong")
    if answer["problems"]:
        ctx.exit(1)


def _read(file: Path) -> bytes:
    """The file, or so much of it that it is seen to be too large."""
    from ..plans.book import MAX_BYTES

    with open(file, "rb") as opened:
        return opened.read(MAX_BYTES + 1)


@plan.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_context
def add(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Add a plan, or tasks to one that is there ('grows: true').

    Checks it first, as 'plan check' does; then puts it into plans/ for the daemon, and waits a moment until that has
    made its tasks. Prints where it lies.

    \b
    Example:
      recursion-gate plan add add-voice.plan.yaml
    """
    from ..core.errors import Refusal
    from ..plans.adding import add as add_plan
    from ..plans.adding import taken
    from ..plans.answers import added_answer
    from ..plans.parse import name_of

    root = root_of(ctx)
    try:
        added = add_plan(root, _read(file), name_of(file.name))
        answer = added_answer(root, added)
        if answer["daemon"]:
            answer = added_answer(root, taken(root, added, _PATIENCE))
    except Refusal as err:
        raise click.ClickException(f"{file}: {err}" + (f". {err.remedy}" if err.remedy else "")) from None
    if as_json:
        print_json(answer)
    else:
        click.echo(answer["file"])
    if not answer["daemon"]:
        click.echo("No daemon runs here: it gets its tasks when one does ('recursion-gate run', or 'once').", err=True)


@plan.command("list")
@json_option
@click.pass_context
def list_plans(ctx: click.Context, as_json: bool) -> None:
    """List the plans, and how many of their tasks stand where.

    \b
    Example:
      recursion-gate plan list --json
    """
    from ..plans.folder import STATES, plan_folders
    from ..plans.overview import plan_row

    rows = [plan_row(folder) for folder in plan_folders(root_of(ctx))]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("There is no plan. 'recursion-gate plan add FILE' adds one.", err=True)
    table(
        [
            [row["plan"], *(str(row[state]) for state in STATES), one_line(row["problem"] or row["goal"], 200)]
            for row in rows
        ],
        ("PLAN", *(state.upper() for state in STATES), "GOAL"),
    )


@plan.command()
@click.argument("name", metavar="[PLAN]", required=False)
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a picture of it.")
@click.option("--live", is_flag=True, help="Show it again whenever something changes, until Ctrl-C.")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str | None, svg: Path | None, live: bool, as_json: bool) -> None:
    """Show a plan: its tasks in order, who has which since when, and what the others wait for.

    PLAN may be left out where there is only one.

    \b
    Examples:
      recursion-gate plan show
      recursion-gate plan show add-voice --svg add-voice.svg
      recursion-gate plan show --live
    """
    from ..plans.answers import plan_answer

    folder = one_plan(root_of(ctx), name)
    answer = plan_answer(folder)
    if svg is not None:
        from ..plans.book import read_plan
        from ..plans.picture import svg as picture

        svg.write_text(picture(answer["plan"], read_plan(folder).goal, answer["list"]), "utf-8")
        if not as_json:
            click.echo(svg)
            return
    if live and not as_json:
        _live(folder)
        return
    if as_json:
        print_json(answer)
        return
    _print(folder)


def _print(folder: PlanFolder) -> None:
    from ..plans.book import read_plan
    from ..plans.overview import plan_row, task_rows

    made = read_plan(folder)
    if sys.stdout.isatty():
        say(f"{made.plan}: {one_line(made.goal, 300)}" if made.goal.strip() else made.plan, bold=True)
    print_tasks(task_rows(folder, made), plan_row(folder))


def _live(folder: PlanFolder) -> None:
    """Show the plan again whenever a task has moved. The folders are looked at twice a second: that needs no
    watches."""
    import time

    before: object = None
    while True:
        now = [(s.state, s.name) for s in folder.listing()]
        if now != before:
            before = now
            if sys.stdout.isatty():
                click.clear()
            _print(folder)
        time.sleep(0.5)


def print_tasks(rows: list[dict[str, Any]], head: dict[str, Any] | None = None) -> None:
    """Tasks as a table."""
    table(
        [
            [
                row["id"],
                row["state"],
                row["lane"],
                row["worker"] or "-",
                row["since"] or "-",
                one_line(_about(row), 300),
            ]
            for row in rows
        ],
        ("TASK", "STATE", "LANE", "WORKER", "SINCE", "ABOUT"),
    )
    if head is not None and sys.stdout.isatty():
        counts = ", ".join(f"{head[s]} {s}" for s in ("done", "claimed", "ready", "waiting", "failed") if head[s])
        click.echo(counts)


def _about(row: dict[str, Any]) -> str:
    return f"{row['title']} ({row['why']})" if row["why"] else str(row["title"])


def one_plan(root: Root, name: str | None) -> PlanFolder:
    """The plan of that name, or the only one. Raises NoTask, click.UsageError."""
    from ..plans.find import plans_named
    from ..plans.folder import plan_folders

    if name is not None:
        return plans_named(root, name)[0]
    folders = plan_folders(root)
    if len(folders) != 1:
        there_are = f"the plans are: {', '.join(f.name for f in folders)}" if folders else "there is none yet"
        raise click.UsageError(f"which plan? {there_are}.")
    return folders[0]
