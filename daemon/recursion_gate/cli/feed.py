"""feed: the queue's door (docs/doors.md, "A queue")."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import root_of
from .options import json_option, one_user, one_user_option
from .output import print_json

if TYPE_CHECKING:
    from ..feed.inbox import Target

__all__ = ["feed"]


def _name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A name that a person can see, on one line."""
    if value is not None and (not value.strip() or not value.isprintable() or len(value) > 200):
        raise click.BadParameter("1 to 200 visible characters on one line are needed.")
    return value


@click.command()
@click.argument("url", metavar="URL")
@click.option("--stream", metavar="NAME", callback=_name, required=True, help="The stream to read.")
@one_user_option
@click.option(
    "--group", metavar="NAME", callback=_name, default="recursion-gate", show_default=True, help="The consumer group."
)
@click.option("--consumer", metavar="NAME", callback=_name, help="The name in the group; this computer's unless told.")
@click.option(
    "--source",
    metavar="NAME",
    callback=_name,
    help="Stage under this source only; else what each entry names, or the stream.",
)
@click.option("--idle", metavar="SECONDS", type=click.FloatRange(0.1, 86_400), default=60, show_default=True,
              help="Claim what another consumer has not acknowledged for so long.")  # fmt: skip
@click.option("--to", metavar="URL", help="The HTTP door ('serve') of a root that is elsewhere.")
@click.option("--token-file", metavar="FILE", type=click.Path(path_type=Path), help="The token for --to.")
@click.option("--delete", is_flag=True, help="Delete entries from the stream once they are taken.")
@click.option("--once", is_flag=True, help="Take what is there, then exit.")
@json_option
@click.pass_context
def feed(
    ctx: click.Context,
    url: str,
    stream: str,
    user: str | None,
    group: str,
    consumer: str | None,
    source: str | None,
    idle: float,
    to: str | None,
    token_file: Path | None,
    delete: bool,
    once: bool,
    as_json: bool,
) -> None:
    """Take entries from a Redis Stream into the inbox.

    An entry is acknowledged once its drop is on disk. What cannot be used goes to the stream NAME:problems, with the
    reason. While Redis, the disk or the door is not there, it waits. A password can be in $REDISCLI_AUTH.

    \b
    Examples:
      recursion-gate feed redis://localhost --stream entries --user demo
      recursion-gate feed redis://localhost --stream entries --once --json
      recursion-gate feed redis://queue.lan --stream entries --to https://notes.example.org --token-file token
    """
    if (to is None) != (token_file is None):
        raise click.UsageError("--to URL and --token-file FILE go together.")
    if to is not None and source is not None:
        raise click.UsageError("with --to the source is the token's: leave --source out.")
    try:
        from ..feed.loop import Feed
        from ..feed.stream import Stream, default_consumer
    except ModuleNotFoundError as err:
        raise _missing(err) from err

    target = _target(ctx, user, source, stream, to, token_file)
    queue = Stream(
        url, stream, group, consumer or default_consumer(), idle=idle, password=os.environ.get("REDISCLI_AUTH")
    )
    done = Feed(queue, target, idle=idle, delete=delete).run(once=once)
    if as_json:
        print_json(done.as_json())
    elif once:
        problems = f"; {done.refused:,} refused: see {stream}:problems" if done.refused else ""
        click.echo(f"{done.taken:,} taken{problems}")
    if done.stopped:
        raise click.ClickException(f"not all was taken: {done.stopped}")


def _target(
    ctx: click.Context, user: str | None, source: str | None, stream: str, to: str | None, token_file: Path | None
) -> Target:
    if to is None or token_file is None:
        from ..feed.inbox import Inbox

        root = root_of(ctx)
        return Inbox(root, one_user(root, user), source, stream)
    try:
        from ..feed.over_http import OverHttp
    except ModuleNotFoundError as err:
        raise _missing(err) from err
    return OverHttp(to, token_file, user)


def _missing(err: ModuleNotFoundError) -> click.ClickException:
    return click.ClickException(
        f"feed needs the extra 'redis' ({err.name} is missing): pip install 'recursion-gate[redis]'"
    )
