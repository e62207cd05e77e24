"""work: a worker that claims tasks and runs a command for each."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import root_of
from .options import json_option
from .output import one_line, print_json

if TYPE_CHECKING:
    from ..core.paths import Root
    from ..plans.claims import Nothing
    from ..plans.git import Repository
    from ..plans.work import Worker

__all__ = ["work"]

_LANES = ("staging", "reading", "codebase")


@click.command(context_settings={"ignore_unknown_options": False})
@click.option("--worker", metavar="NAME", envvar="RECURSION_GATE_WORKER", help="Who works; else the host's name.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, metavar="N", help="So many tasks at once.")
@click.option("--plan", "plan_name", metavar="PLAN", help="Only tasks of this plan.")
@click.option("--lane", type=click.Choice(_LANES), help="Only tasks of this lane.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 604_800),
    default=3_600,
    show_default=True,
    metavar="SECONDS",
    help="The command gets so long for a task; then it is ended, and the task has failed.",
)
@click.option("--no-wait", is_flag=True, help="End as soon as no task is ready.")
@click.option("--max", "limit", type=click.IntRange(1), metavar="N", help="End after N tasks.")
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The git repository of codebase tasks; else that of here.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what the command prints.")
@json_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def work(
    ctx: click.Context,
    worker: str | None,
    jobs: int,
    plan_name: str | None,
    lane: str | None,
    timeout: float,
    no_wait: bool,
    limit: int | None,
    repo: Path | None,
    verbose: bool,
    as_json: bool,
    command: tuple[str, ...],
) -> None:
    """Claim tasks, and run COMMAND for each.

    COMMAND gets the task on standard input, and its claim in $RECURSION_GATE_TASK. A codebase task has a git work
    tree and a branch of its own. Where COMMAND exits with 0, all it changed is within the scope and what 'accept'
    asks holds, the task is done, and merged into the plan's branch; else it has failed. The claim is renewed meanwhile.

    First it removes the work trees of workers that were killed, but for those that hold what is not committed: these
    it names. Ends when no task is left that could get ready. Exits with 1 where a task failed, or waits for a person.
    Ctrl-C gives the task back.

    \b
    Examples:
      recursion-gate work --worker ada -- my-agent --print
      recursion-gate work --worker ci --jobs 4 --plan add-voice --timeout 900 -- ./agent.sh
    """
    from ..plans.claims import LANES, BadWorker
    from ..plans.model import valid_worker
    from ..plans.work import Worker, tidy

    root, command = root_of(ctx), _found(command)
    name = worker or "".join(c if c.isascii() and c.isalnum() else "-" for c in socket.gethostname())[:30].strip("-")
    if not valid_worker(name):
        raise BadWorker(name)
    repository = _repository(repo, lane)
    lanes = [known for known in LANES if lane in (None, known) and (repository is not None or known != "codebase")]
    if repository is not None:
        tidy(root, repository, _tell)
    elif lane is None and _has_codebase(root, plan_name):
        _tell("no-repository", "", "codebase tasks are left to others: start in a git repository, or name it: --repo")
    stop, tell = threading.Event(), _Once()
    workers = [
        Worker(
            root,
            name if jobs == 1 else f"{name}-{number}",
            command,
            repository,
            plan=plan_name,
            lanes=lanes,
            timeout=timeout,
            wait=not no_wait,
            limit=limit,
            tell=tell,
            echo=sys.stdout.fileno() if verbose and not as_json else None,
            stop=stop,
        )
        for number in range(1, jobs + 1)
    ]
    left = _run(workers, stop)
    done = [task for each in workers for task in each.done]
    failed = [task for each in workers for task in each.failed]
    if as_json:
        print_json({"worker": name, "done": done, "failed": failed, "stopped": stop.is_set()})
    else:
        rest = f"; {left.message}" if left and left.there_are else ""
        click.echo(f"{len(done)} done, {len(failed)} failed{rest}")
    if stop.is_set():
        ctx.exit(130)
    if failed or (left is not None and (left.failed or left.waiting) and not no_wait and limit is None):
        ctx.exit(1)


def _found(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command as it can be called from a task's work tree: a path is one from here, where there is such a file;
    else it may be one of the tree."""
    path = shutil.which(command[0])
    if path is None and os.sep not in command[0]:
        raise click.UsageError(f"there is no command '{command[0]}' here. What is behind '--' is run for each task.")
    return (os.path.abspath(path) if path is not None and os.sep in command[0] else command[0], *command[1:])


def _has_codebase(root: Root, plan: str | None) -> bool:
    from ..plans.book import BadPlan, read_plan
    from ..plans.find import plans_named

    for folder in plans_named(root, plan):
        with contextlib.suppress(BadPlan):
            if any(task.lane == "codebase" for task in read_plan(folder).tasks):
                return True
    return False


def _repository(repo: Path | None, lane: str | None) -> Repository | None:
    """The repository for codebase tasks; None where there is none here, and none is needed."""
    from ..plans.git import GitError, repository

    try:
        found = repository(repo)
        found.check_version()
    except GitError:
        if repo is not None or lane == "codebase":
            raise
        return None
    return found


def _run(workers: list[Worker], stop: threading.Event) -> Nothing | None:
    """Let all workers work, each in a thread of its own; signals end them. Gives what is left."""
    left: list[Nothing | None] = []
    errors: list[BaseException] = []

    def one(worker: Worker) -> None:
        try:
            left.append(worker.work())
        except BaseException as err:
            errors.append(err)
            stop.set()

    def interrupt(*_: object) -> None:
        stop.set()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    threads = [threading.Thread(target=one, args=[worker]) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # a join without a limit would keep signals from being handled
                thread.join(0.2)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if errors:
        raise errors[0]
    return left[-1] if left else None


class _Once:
    """Tells what happens, but not twice in a row what workers wait for."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, event: str, task: str, more: str) -> None:
        is_known = event == "waiting" and more == self._last
        self._last = more if event == "waiting" else ""
        if not is_known:
            _tell(event, task, more)


_COLOURS = {"done": "green", "failed": "red", "lost": "red", "not-merged": "red", "tree-kept": "yellow"}


def _tell(event: str, task: str, more: str) -> None:
    """A line an event: for people on a terminal, in key=value elsewhere."""
    if sys.stderr.isatty():
        colour = _COLOURS.get(event)
        text = f"{time.strftime('%H:%M:%S')}  {event:<12} {task}" + (f"  {one_line(more, 200)}" if more else "")
        click.secho(text, err=True, fg=colour)
    else:
        rest = f' more="{one_line(more, 500)}"' if more else ""
        click.echo(f"event={event} task={task} pid={os.getpid()}{rest}", err=True)
