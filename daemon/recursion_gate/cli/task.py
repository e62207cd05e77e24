"""task: claim a task, keep it, finish it; list and show tasks."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from . import root_of
from .options import json_option
from .output import print_json, say
from .plan import print_tasks

if TYPE_CHECKING:
    from ..plans.claims import Claim, Nothing

__all__ = ["task"]

_LANES = ("staging", "reading", "codebase")
_WHICH = "The claim, as 'task next' printed it: PLAN/TASK@GENERATION. Else $RECURSION_GATE_TASK."


@click.group(no_args_is_help=True)
def task() -> None:
    """Claim a task, and finish it.

    Of any number of workers exactly one gets a task. Its claim lasts for a time, and can be renewed; once it is over,
    the task goes to another worker, and the first is told so at its next call.

    \b
    Example of a worker's round:
      recursion-gate task next --worker ada           prints PLAN/TASK@1, and the task
      recursion-gate task renew PLAN/TASK@1           every few minutes
      recursion-gate task done PLAN/TASK@1 --note "The schema is in app/schema/voice.json."
    """


@task.command("next")
@click.option("--worker", metavar="NAME", required=True, envvar="RECURSION_GATE_WORKER", help="Who claims it.")
@click.option("--plan", "plan_name", metavar="PLAN", help="Only tasks of this plan.")
@click.option("--lane", type=click.Choice(_LANES), help="Only tasks of this lane.")
@click.option(
    "--for", "seconds", type=click.FloatRange(1, 604_800), metavar="SECONDS", help="For so long; 900 unless told."
)
@click.option(
    "--pid", metavar="N", type=click.IntRange(1), help="The claim also ends when this process is gone ($$ in a shell)."
)
@json_option
@click.pass_context
def next_(
    ctx: click.Context,
    worker: str,
    plan_name: str | None,
    lane: str | None,
    seconds: float | None,
    pid: int | None,
    as_json: bool,
) -> None:
    """Claim the first ready task: prints its id, then the task.

    Exits with 1 where none is ready, and says when to ask again. Needs no daemon, but only the daemon makes tasks
    ready.

    \b
    Examples:
      recursion-gate task next --worker ada
      recursion-gate task next --worker ada --plan add-voice --lane codebase --json
    """
    from ..plans import claims
    from ..plans.answers import card_of, claim_answer

    found = claims.next_task(
        root_of(ctx),
        worker,
        plan=plan_name,
        lanes=[known for known in claims.LANES if lane in (None, known)],
        seconds=seconds or claims.SECONDS,
        pid=pid,
    )
    if isinstance(found, claims.Nothing):
        _say_nothing(ctx, found, as_json)
        ctx.exit(1)
    elif as_json:
        print_json(claim_answer(found))
    else:
        click.echo(found.id)
        click.echo(card_of(found))


def _say_nothing(ctx: click.Context, found: Nothing, as_json: bool) -> None:
    from ..plans.answers import nothing_answer

    answer = nothing_answer(root_of(ctx), found)
    if as_json:
        print_json(answer)
        return
    for problem in found.problems:
        say(problem, err=True)
    click.echo(found.message, err=True)
    if not answer["daemon"] and (found.waiting or found.coming):
        click.echo("No daemon runs here, and it alone makes tasks ready ('recursion-gate run', or 'once').", err=True)


def _which(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    value = value or os.environ.get("RECURSION_GATE_TASK")
    if not value:
        raise click.UsageError("which claim? PLAN/TASK@GENERATION, as 'task next' printed it.")
    return value


_claim_argument = click.argument("claim", metavar="[CLAIM]", required=False, callback=_which)
_worker_option = click.option("--worker", metavar="NAME", help="Refuse unless the claim is this worker's.")


@task.command()
@_claim_argument
@_worker_option
@click.option("--for", "seconds", type=click.FloatRange(1, 604_800), metavar="SECONDS", help="For so long from now on.")
@json_option
@click.pass_context
def renew(ctx: click.Context, claim: str, worker: str | None, seconds: float | None, as_json: bool) -> None:
    """Keep a claim for its whole time from now on. Exits with 1 where it is over.

    \b
    Example:
      recursion-gate task renew add-voice/schema@1 --for 3600
    """
    from ..plans import claims
    from ..plans.answers import renewed_answer

    answer = renewed_answer(claims.renew(claims.claim_of(root_of(ctx), claim, worker), seconds))
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['id']} until {answer['ends']}")


@task.command()
@_claim_argument
@_worker_option
@click.option("--note", default="", metavar="TEXT", help="For those who come after; '-' reads standard input.")
@click.option("--no-checks", is_flag=True, help="Do not run the task's commands: they were run.")
@json_option
@click.pass_context
def done(ctx: click.Context, claim: str, worker: str | None, note: str, no_checks: bool, as_json: bool) -> None:
    """Finish a task: runs its 'accept' commands here, and asks the gate; then it is done.

    Where a command fails the task stays claimed, and the exit status is 1. Sentences are a person's to judge.

    \b
    Example:
      recursion-gate task done add-voice/schema@1 --note "The schema is in app/schema/voice.json."
    """
    from ..plans import claims
    from ..plans.finishing import finish_checked

    root = root_of(ctx)
    found = claims.claim_of(root, claim, worker)
    answer = finish_checked(root, found, sys.stdin.read() if note == "-" else note, checks=not no_checks)
    if as_json:
        print_json(answer)
    elif answer["state"] == "done":
        click.echo(answer["file"])
    else:
        for each in answer["failed"]:
            say(each, err=True)
        raise click.ClickException(f"{found.id} is not done: it is still yours. Mend it, or 'task fail'.")
    if answer["state"] != "done":
        ctx.exit(1)


@task.command()
@_claim_argument
@_worker_option
@click.option("--why", required=True, metavar="TEXT", help="What went wrong, for the next who tries.")
@json_option
@click.pass_context
def fail(ctx: click.Context, claim: str, worker: str | None, why: str, as_json: bool) -> None:
    """Give a task up. Others may try it again, until it has failed so often that it waits for a person.

    \b
    Example:
      recursion-gate task fail add-voice/schema@1 --why "The tests need a network."
    """
    from ..plans import claims

    _finish(claims.claim_of(root_of(ctx), claim, worker), "failed", why, as_json)


@task.command()
@_claim_argument
@_worker_option
@click.option("--note", default="", metavar="TEXT", help="For the next worker.")
@json_option
@click.pass_context
def release(ctx: click.Context, claim: str, worker: str | None, note: str, as_json: bool) -> None:
    """Give a task back, without counting it as an attempt. The daemon makes it ready again.

    \b
    Example:
      recursion-gate task release add-voice/schema@1
    """
    from ..plans import claims

    _finish(claims.claim_of(root_of(ctx), claim, worker), "released", note, as_json)


def _finish(claim: Claim, outcome: Any, text: str, as_json: bool) -> None:
    from ..plans.finishing import end

    answer = end(claim, outcome, sys.stdin.read() if text == "-" else text)
    if as_json:
        print_json(answer)
    else:
        click.echo(answer["file"])


@task.command("list")
@click.option("--plan", "plan_name", metavar="PLAN", help="Only tasks of this plan.")
@click.option("--lane", type=click.Choice(_LANES), help="Only tasks of this lane.")
@click.option(
    "--state", type=click.Choice(("waiting", "ready", "claimed", "done", "failed")), help="Only tasks in this state."
)
@click.option("--worker", metavar="NAME", help="Only those that NAME has, or had last.")
@json_option
@click.pass_context
def list_tasks(
    ctx: click.Context, plan_name: str | None, lane: str | None, state: str | None, worker: str | None, as_json: bool
) -> None:
    """List tasks: where each stands, who has it until when, what it waits for.

    \b
    Examples:
      recursion-gate task list --state claimed
      recursion-gate task list --plan add-voice --json
    """
    from ..plans.book import BadPlan, read_plan
    from ..plans.find import plans_named
    from ..plans.overview import task_rows

    rows: list[dict[str, Any]] = []
    for folder in plans_named(root_of(ctx), plan_name):
        try:
            rows += task_rows(folder, read_plan(folder))
        except BadPlan as err:
            click.echo(str(err), err=True)
    asked = {"lane": lane, "state": state, "worker": worker}
    rows = [row for row in rows if all(value in (None, row[name]) for name, value in asked.items())]
    if as_json:
        print_json(rows)
    else:
        print_tasks(rows)


@task.command()
@click.argument("name", metavar="TASK")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show a task: its card, with the notes of those before it and of earlier attempts.

    \b
    Example:
      recursion-gate task show add-voice/schema
    """
    from ..plans.answers import task_answer

    row = task_answer(root_of(ctx), name)
    if as_json:
        print_json(row)
        return
    has = f" by {row['worker']} until {row['ends']}" if row["state"] == "claimed" else ""
    say(f"{row['id']}: {row['state']}{has}" + (f" ({row['why']})" if row["why"] else ""), bold=True)
    click.echo(row["text"])
