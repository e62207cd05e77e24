"""receipts: the decisions that were carried out, and the end of each chain."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from . import root_of
from .card import kind_of
from .options import Filter, LeftOut, filter_options, json_option, user_option, users_of
from .output import one_line, print_json, print_json_list, table

if TYPE_CHECKING:
    from ..core.receipt import Receipt

__all__ = ["receipts"]


class _Receipts(click.Group):
    """A listing by itself, and a group for `head`."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS]")
        formatter.write_usage(ctx.command_path, "head [--user NAME] [--json]", prefix="       ")


@click.group(cls=_Receipts, invoke_without_command=True)
@user_option
@filter_options
@json_option
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the N newest.")
@click.option("--id", "prefix", metavar="ID", help="Only of candidates whose id begins so.")
@click.pass_context
def receipts(
    ctx: click.Context, user: str | None, wanted: Filter, as_json: bool, last: int | None, prefix: str | None
) -> None:
    """List the decisions that were carried out, oldest first, and those that were taken back or forgotten.

    Where a user's receipts do not parse, those that cannot be reached are left out, which is said on stderr; exits
    with 1 when that is so for all users that were asked for.

    'recursion-gate receipts head' prints the number and hash of each user's last receipt: keep them elsewhere, and
    'recursion-gate verify --head FILE' finds out if receipts were cut off since.

    \b
    Examples:
      recursion-gate receipts --last 10
      recursion-gate receipts --user demo --id cand-1764 --json
      recursion-gate receipts head > /media/stick/heads
    """
    if ctx.invoked_subcommand is not None:
        if user or as_json or last or prefix or wanted:
            raise click.UsageError(f"options of '{ctx.invoked_subcommand}' come after its name")
        return
    from ..store import history

    root = root_of(ctx)
    users = users_of(root, user)
    left_out = LeftOut(users)
    takes = wanted.takes if wanted else None
    listed = history.decisions(root, users, last=last, prefix=prefix or "", takes=takes, left_out=left_out)
    if as_json:
        found = print_json_list({"user": who, **receipt.as_json()} for who, receipt in listed)
    else:
        rows = [_row(who, receipt) for who, receipt in listed]
        found = len(rows)
        if rows or left_out or not sys.stdout.isatty():
            table(rows, ("USER", "SEQ", "WHEN (UTC)", "DECISION", "BY", "ID", "TEXT"))
        else:
            click.echo("nothing was decided" + (f" on '{prefix}...'" if prefix else wanted.given or " yet"))
    if left_out.nothing_is_left or (prefix and not found):
        ctx.exit(1)


def _row(user: str, receipt: Receipt) -> tuple[str, ...]:
    by = f"{receipt.by or '-'} ({receipt.via})"
    when = receipt.at[:16].replace("T", " ")
    text = "(forgotten)" if receipt.is_erased else one_line(receipt.raw_text, 500)
    if kind := kind_of(receipt):
        text = f"({kind}) {text}"
    return user, str(receipt.seq), when, receipt.action, by, receipt.candidate_id, text


@receipts.command("head")
@user_option
@json_option
@click.pass_context
def _head(ctx: click.Context, user: str | None, as_json: bool) -> None:
    """Print the number and hash of each user's last receipt.

    Keep them where nobody who can write here can write (on paper, in a mail to yourself). The chain of receipts
    cannot be cut shorter or made anew without 'recursion-gate verify --head' finding it. A user whose receipts cannot
    be read is left out, which is said on stderr; exits with 1 then.

    \b
    Examples:
      recursion-gate receipts head --user demo
      recursion-gate receipts head > /media/stick/heads
      recursion-gate verify --head /media/stick/heads
    """
    from ..audit.anchors import head
    from ..core.errors import Parked

    root = root_of(ctx)
    users = users_of(root, user)
    left_out = LeftOut(users)
    heads = []
    for name in users:
        try:
            heads.append(head(root.place(name)))
        except (Parked, OSError) as err:
            left_out(name, err)
    if as_json:
        print_json([{"user": h.user, "seq": h.seq, "hash": h.hash, "at": h.at} for h in heads])
    else:
        for h in heads:
            click.echo(f"{h.user} {h.seq} {h.hash}")
    if left_out:
        ctx.exit(1)
