"""voice: speak from the Record, and only from it."""

from __future__ import annotations

import click

from .options import json_option, one_user_option, snapshot_of
from .output import print_json

__all__ = ["voice"]


@click.group()
def voice() -> None:
    """Speak from the Record, and only from it.

    \b
    Examples:
      recursion-gate voice ask "What do dragons live on?" --user demo
      recursion-gate voice prompt --user demo
    """


@voice.command("prompt")
@one_user_option
@click.option("--budget", type=click.IntRange(min=1), metavar="N", help="At most N tokens: the oldest lines give way.")
@json_option
@click.pass_context
def _prompt(ctx: click.Context, user: str | None, budget: int | None, as_json: bool) -> None:
    """Print a prompt that keeps an assistant within the Record.

    \b
    Examples:
      recursion-gate voice prompt --user demo
      recursion-gate voice prompt --user demo --budget 4000 | wl-copy
    """
    from ..reading import voice as reader

    made = reader.prompt(snapshot_of(ctx, user), budget)
    if as_json:
        print_json(made.as_json())
    else:
        click.echo(made.prompt, nl=False)


@voice.command("ask")
@click.argument("question")
@one_user_option
@click.option("--most", metavar="N", type=click.IntRange(1), default=3, show_default=True, help="At most N lines.")
@json_option
@click.pass_context
def _ask(ctx: click.Context, question: str, user: str | None, most: int, as_json: bool) -> None:
    """Find the lines of the Record that answer QUESTION, with their evidence.

    Exit code 1, and "I don't know", where nothing in the Record answers. No model is asked, nothing leaves this
    computer: lines are found by their words.

    \b
    Examples:
      recursion-gate voice ask "What do dragons live on?" --user demo
      recursion-gate voice ask "Any stories about lighthouses?" --user demo --json
    """
    from ..reading import voice as reader

    answer = reader.ask(snapshot_of(ctx, user), question, most)
    if as_json:
        print_json(answer.as_json())
    else:
        click.echo(answer.answer)
    if not answer.known:
        ctx.exit(1)
