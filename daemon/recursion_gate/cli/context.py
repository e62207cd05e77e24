"""context: the instructions for an agent of a role."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from . import root_of
from .options import json_option, one_user, one_user_option
from .output import print_json

if TYPE_CHECKING:
    from ..core.paths import Root

__all__ = ["context"]

_ROLES = ("staging", "reader", "merge", "planner", "worker")


@click.command()
@click.argument("role", type=click.Choice(_ROLES))
@one_user_option
@click.option(
    "--list", "listing", is_flag=True, help="List the parts with their sizes in tokens (an estimate), without the text."
)
@click.option("--budget", type=click.IntRange(min=1), metavar="N", help="At most N tokens: the oldest lines give way.")
@click.option(
    "--record/--no-record",
    default=None,
    help="With the live Record, or without. Else where the role needs it: reader and merge.",
)
@click.option("--source", metavar="NAME", help="With what became of the proposals of NAME: rejections, and what waits.")
@click.option("--task", "task_name", metavar="TASK", help="Of a worker: PLAN/TASK, with @GENERATION if it is claimed.")
@json_option
@click.pass_context
def context(
    ctx: click.Context,
    role: str,
    user: str | None,
    listing: bool,
    budget: int | None,
    record: bool | None,
    source: str | None,
    task_name: str | None,
    as_json: bool,
) -> None:
    """Print the instructions for an agent of a role: constraints, then schema, then task.

    With --budget the Record gives way from its oldest line on, the constraints, the schema and the task never.

    \b
    Examples:
      recursion-gate context staging --user demo --source quiz-agent
      recursion-gate context reader --user demo --budget 4000
      recursion-gate context merge --user demo --list
      recursion-gate context worker --task add-voice/schema@1
    """
    from ..spec import context as packs

    root = root_of(ctx)
    task = None
    if role == "worker" or task_name is not None:
        role, user, task = _of_task(root, role, user, task_name)
    made = packs.pack(
        root,
        next(r for r in packs.ROLES if r == role),
        one_user(root, user),
        budget,
        record=record,
        source=source,
        task=task,
    )
    if as_json:
        printed = made.as_json()
        if listing:
            for part in printed["parts"]:
                del part["text"]
        print_json(printed)
    elif listing:
        for each in made.parts:
            left = f"  ({each.left_out:,} left out)" if each.left_out else ""
            click.echo(f"{each.tokens:>7,}  {each.kind.ljust(11)}  {each.title}{left}")
        click.echo(f"{made.tokens:>7,}  tokens, estimated: {made.estimate}")
    else:
        click.echo(made.text, nl=False)


def _of_task(root: Root, role: str, user: str | None, name: str | None) -> tuple[str, str | None, tuple[str, str]]:
    """The role and the user that a task names, and its claim and card."""
    from ..plans.answers import task_answer
    from ..plans.find import find_task

    name = name or os.environ.get("RECURSION_GATE_TASK")
    if role != "worker" or name is None:
        raise click.UsageError("a worker's pack is 'context worker --task PLAN/TASK'.")
    folder, _, task, generation = find_task(root, name)
    answer = task_answer(root, f"{folder.name}/{task.id}")
    number = generation if generation is not None else answer["generation"]
    return task.role, user or task.user, (f"{folder.name}/{task.id}@{number}", answer["text"])
