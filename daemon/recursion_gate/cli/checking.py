"""check: regression cases."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from .options import json_option
from .output import print_json

__all__ = ["check"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
@click.option("--accept", is_flag=True, help="Write what the program did into expected/, for you to read and keep.")
@click.pass_context
def check(ctx: click.Context, folder: Path, as_json: bool, accept: bool) -> None:
    """Run regression cases on this program.

    DIR is a case, or holds cases: folders with a steps.txt, as fixtures/README.md describes. Each is played in a
    temporary root of its own; no real root is touched. DIR and its folders may hold samples of imports, too: files
    with their drops in FILE.drops.jsonl beside them (docs/sources.md). Exits with 1 when something is not as
    expected, and prints how it differs; with 2 when there is no case in DIR.

    \b
    Examples:
      recursion-gate check fixtures
      recursion-gate check my-cases/reading-goes-to-knowledge
      recursion-gate check my-cases --accept && git diff my-cases
    """
    from ..regression import runner, samples
    from ..regression.cases import find_cases

    logging.getLogger("recursion_gate").addHandler(logging.NullHandler())  # what it says in a case is the case's matter
    folders, imports = find_cases(folder), samples.find_samples(folder)
    if not folders and not imports:
        raise click.UsageError(f"there is no case in {folder}: no folder there holds a steps.txt.")
    played = [(f, runner.check(f)) for f in folders]
    imported = [(sample, samples.check_sample(sample)) for sample in imports]
    if accept:
        for where, result in played:
            runner.accept(where, result.differences)
        for where, result in imported:
            samples.accept_sample(where, result)
    results = played + imported
    failed = [r for _, r in results if r.problem or (r.differences and not accept)]
    if as_json:
        print_json({"cases": len(results), "failed": [{"case": r.name, "difference": r.report} for r in failed]})
    else:
        for result in failed:
            click.secho(f"{result.name}:", bold=True)
            click.echo(result.report)
        accepted = sum(bool(r.differences) for _, r in results) if accept else 0
        click.echo(_told(len(results), len(failed), accepted))
    if failed:
        ctx.exit(1)


def _told(count: int, failed: int, accepted: int) -> str:
    said = f"{count} case{'s' if count != 1 else ''}, "
    if accepted:
        said += f"{accepted} accepted as it is now: read what changed in expected/, "
    return said + (f"{failed} not as expected" if failed else "all as expected")
