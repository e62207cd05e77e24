"""scope: is every changed file within the scope of the task?"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import root_of
from .options import json_option
from .output import print_json, say

if TYPE_CHECKING:
    from ..plans.git import Repository

__all__ = ["scope"]

_repo_option = click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The repository; else that of here.",
)


@click.group(no_args_is_help=True)
def scope() -> None:
    """Hold a task's scope: check what changed, or give rights.

    \b
    Examples:
      recursion-gate scope check
      recursion-gate scope check --install --task add-voice/schema@1
    """


@scope.command()
@click.option("--task", "name", metavar="CLAIM", help="Whose scope; else $RECURSION_GATE_TASK, or that of --install.")
@click.option("--cached", is_flag=True, help="Only what the next commit changes.")
@click.option("--range", "between", metavar="A..B", help="What differs between two commits.")
@click.option("--install", is_flag=True, help="Make it the pre-commit hook here, and remember --task.")
@click.option("--hook", is_flag=True, hidden=True)
@_repo_option
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    name: str | None,
    cached: bool,
    between: str | None,
    install: bool,
    hook: bool,
    repo: Path | None,
    as_json: bool,
) -> None:
    """Is every changed file within the scope of the task?

    Compares the git work tree with HEAD, or with --cached the index, or with --range two commits. Names each file
    that is outside, and whose scope it is in. Exits with 1 where there is one.

    \b
    Examples:
      recursion-gate scope check --task add-voice/schema@1
      recursion-gate scope check --range main..HEAD
      recursion-gate scope check --install --task add-voice/schema@1
    """
    from ..plans.find import find_task
    from ..plans.git import repository
    from ..plans.scope_check import install as put_hook
    from ..plans.scope_check import outside, task_here

    root, where = root_of(ctx), repository(repo)
    if install:
        click.echo(put_hook(root, where, name, _program()))
        return
    name = name or os.environ.get("RECURSION_GATE_TASK") or task_here(where)
    if not name:
        if hook:  # a commit that is no task's
            return
        raise click.UsageError("which task? --task CLAIM, as 'task next' printed it.")
    folder, _, task, _ = find_task(root, name)
    files = _files(where, cached, between)
    found = outside(root, task, f"{folder.name}/{task.id}", files)
    if as_json:
        print_json(
            {
                "task": f"{folder.name}/{task.id}",
                "scope": task.scope,
                "changed": len(files),
                "outside": [{"file": each.file, "belongs_to": each.belongs_to} for each in found],
            }
        )
    else:
        for each in found:
            say(str(each), err=True)
        if not found and not hook:
            click.echo(f"{len(files):,} changed files, all in the scope of {folder.name}/{task.id}")
    if found:
        if not as_json:
            click.echo(f"The scope of {folder.name}/{task.id} is: {' '.join(task.scope)}", err=True)
        ctx.exit(1)


def _files(where: Repository, cached: bool, between: str | None) -> list[str]:
    if between is not None:
        one, dots, other = between.partition("..")
        if not dots:
            raise click.UsageError(f"--range '{between}' is not A..B.")
        return where.between(one or "HEAD", other.lstrip(".") or "HEAD")
    return where.staged() if cached else where.changed()


def _program() -> str:
    """How the hook calls this program."""
    found = shutil.which(sys.argv[0]) or shutil.which("recursion-gate")
    return os.path.abspath(found) if found else "recursion-gate"


@scope.command()
@click.argument("name", metavar="CLAIM")
@click.option("--account", metavar="NAME", help="The account of the claim's worker.")
@click.option("--back", is_flag=True, help="Take the rights back, whatever became of the claim.")
@_repo_option
@json_option
@click.pass_context
def apply(ctx: click.Context, name: str, account: str | None, back: bool, repo: Path | None, as_json: bool) -> None:
    """Let an account write what is in a claimed task's scope.

    For workers with accounts of their own, by access control lists on the work tree; run it as the tree's owner, or
    root. Says in which folders no file can be made, since the scope has only some of their names, and what else the
    account can write. --back puts all back as it was.

    \b
    Examples:
      recursion-gate scope apply add-voice/schema@1 --account ada
      recursion-gate scope apply add-voice/schema@1 --back
    """
    from ..plans.claims import claim_of
    from ..plans.find import find_task
    from ..plans.git import repository
    from ..plans.rights import apply_rights, take_back

    root = root_of(ctx)
    if back:
        folder, _, task, generation = find_task(root, name)
        if generation is None:
            raise click.UsageError(f"which claim? {folder.name}/{task.id}@GENERATION.")
        done = take_back(folder, task.id, generation)
    else:
        if account is None:
            raise click.UsageError("whose? --account NAME.")
        done = apply_rights(claim_of(root, name), repository(repo).top, account)
    if as_json:
        changed = {"paths": done.paths, "closed": done.closed, "beyond": done.beyond}
        print_json({"claim": name, "account": done.account, "back": back, **changed})
        return
    click.echo(
        f"{len(done.paths):,} files and folders: {done.account} {'no longer has' if back else 'has'} their rights"
    )
    for folder_name in done.closed[:20]:
        say(f"{folder_name}/: no file can be made here, since the scope has only some of its names", err=True)
    if done.beyond:
        some = ", ".join(done.beyond[:5]) + (" and more" if len(done.beyond) > 5 else "")
        say(
            f"{done.account} can also write {len(done.beyond):,} files and folders outside of the scope: {some}",
            err=True,
        )
