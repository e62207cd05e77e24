"""receipts, verify and doctor: what was decided, proof of it, and what is wrong with a root."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import root_of
from .output import (
    Filter,
    LeftOut,
    filter_options,
    json_option,
    one_line,
    print_json,
    say,
    table,
    user_option,
    users_of,
)

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from ..audit.findings import Finding
    from ..audit.verify import Anchor, Proof
    from ..core.model import Receipt

__all__ = ["doctor", "receipts", "verify"]

#: From how many bytes of receipts on a bar is shown.
_LARGE = 20_000_000
#: What `doctor` says where this account may not look.
_UNSEEN = {"not-looked-at", "daemon-unknown"}
_COLORS = {"fault": "red", "warning": "yellow", "edit": "cyan", "note": None}


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
    """List the decisions that were carried out, oldest first.

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
        found = _print_json_list({"user": who, **receipt.__dict__} for who, receipt in listed)
    else:
        rows = [_row(who, receipt) for who, receipt in listed]
        found = len(rows)
        if rows or left_out or not sys.stdout.isatty():
            table(rows, ("USER", "SEQ", "WHEN (UTC)", "DECISION", "BY", "ID", "TEXT"))
        else:
            click.echo("nothing was decided" + (f" on '{prefix}...'" if prefix else wanted.told or " yet"))
    if left_out.nothing_is_left or (prefix and not found):
        ctx.exit(1)


def _row(user: str, receipt: Receipt) -> tuple[str, ...]:
    by = f"{receipt.by or '-'} ({receipt.via})"
    when = receipt.at[:16].replace("T", " ")
    return user, str(receipt.seq), when, receipt.action, by, receipt.candidate_id, one_line(receipt.raw_text, 500)


def _print_json_list(items: Iterator[dict[str, Any]]) -> int:
    """A JSON array, printed as it comes: there may be a million. Gives how many there were."""
    start, count = "[\n", 0
    for count, item in enumerate(items, 1):  # noqa: B007
        click.echo(start + json.dumps(item, ensure_ascii=False), nl=False)
        start = ",\n"
    click.echo("\n]" if count else "[]")
    return count


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
    from ..audit.verify import head
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


def _anchors(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> list[Anchor]:
    from ..audit.verify import anchors_in

    anchors = []
    for value in values:
        try:
            if value == "-":
                anchors += anchors_in(sys.stdin.read())
            elif Path(value).exists():
                anchors += anchors_in(Path(value).read_text("utf-8"))
            else:
                anchors += _anchor(value)
        except (OSError, ValueError) as err:
            told = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
            raise click.BadParameter(f"{value[:80]}: {told}") from None
    return anchors


def _anchor(value: str) -> list[Anchor]:
    from ..audit.verify import anchors_in

    try:
        return anchors_in(value)
    except ValueError:
        raise ValueError("neither a file nor a hash of 64 digits") from None


@click.command()
@user_option
@click.option(
    "--head",
    "anchors",
    metavar="HEAD",
    multiple=True,
    callback=_anchors,
    help="A receipt that must be in the chain: HASH, USER:HASH, or a file that 'receipts head' printed ('-': stdin).",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for edits by hand, too.")
@json_option
@click.pass_context
def verify(ctx: click.Context, user: str | None, anchors: list[Anchor], strict: bool, as_json: bool) -> None:
    """Prove that Record, gate and receipts agree.

    Reads only, also while the daemon works. Checks that the chain of receipts is whole, byte for byte; that the lines
    of each receipt stand in the Record once; that no line looks approved and has no receipt; that nothing was decided
    twice or waits though it was decided. What a person has edited by hand is told apart and is no fault.

    Exits with 1 when it finds a fault. What each finding means, and what nobody can tell: docs/verify.md.

    \b
    Examples:
      recursion-gate verify
      recursion-gate verify --user demo --head /media/stick/heads
    """
    from ..audit.verify import verify as run

    root = root_of(ctx)
    users = users_of(root, user)
    with _progress() as progress:
        proofs = run(root, users, anchors, progress)
    findings = [f for proof in proofs for f in proof.findings]
    bad = {"fault", "edit"} if strict else {"fault"}
    holds = not any(f.severity in bad for f in findings)
    if as_json:
        print_json(
            {
                "holds": holds,
                "users": [proof.as_json() for proof in proofs],
                "findings": [f.as_json() for f in findings],
            }
        )
    else:
        for proof in proofs:
            _print_findings(proof.findings)
            _print_proof(proof)
    if not holds:
        ctx.exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, where it takes long enough to wonder; nothing in a pipe."""
    with ExitStack() as stack:
        bars: list[ProgressBar[int]] = []

        def progress(done: int, total: int) -> None:
            if total < _LARGE or not sys.stderr.isatty():
                return
            if not bars:
                made = click.progressbar(length=total, label="reading the receipts", file=sys.stderr)
                bars.append(stack.enter_context(made))
            bars[0].update(max(0, done - bars[0].pos))

        yield progress


def _print_proof(proof: Proof) -> None:
    from ..core.text import count

    faults = sum(f.severity == "fault" for f in proof.findings)
    told = (
        f"{count(proof.receipts, 'receipt')} ({proof.approved:,} approved, {proof.rejected:,} rejected), "
        f"{count(proof.lines, 'line')} in the Record"
    )
    if proof.pending is not None:
        told += f", {proof.pending:,} at the gate"
    if faults:
        click.secho(f"{proof.user}: {count(faults, 'fault')}. {told}", fg="red")
    else:
        click.secho(f"{proof.user}: holds. {told}", fg="green")
        if proof.seq:
            click.echo(f"  last receipt: {proof.seq} {proof.head}")


def _print_findings(findings: Sequence[Finding]) -> None:
    """One paragraph each, the word for how grave it is in front."""
    for f in findings:
        click.echo(click.style(f.severity.ljust(8), fg=_COLORS[f.severity], bold=True) + (f.where or "this machine"))
        say(one_line(f.problem, 300), " " * 8, " " * 8)
        if f.remedy:
            say(f.remedy, " " * 8 + "-> ", " " * 11)


@click.command()
@user_option
@json_option
@click.option(
    "--fix",
    is_flag=True,
    help="Mend what can be mended without harm: make folders that are missing and, where the settings name lanes, set "
    "owners, modes and access control lists; with the daemon stopped, put back into the Record the approved lines that "
    "are missing there. Run it as root or under the daemon's account.",
)
@click.pass_context
def doctor(ctx: click.Context, user: str | None, as_json: bool, fix: bool) -> None:
    """Tell what is wrong with this root, and what to do.

    Looks at settings, folders, the gate, what was refused, waits too long or cannot be moved, the daemon, rights, disk
    and clock, and at all that 'recursion-gate verify' looks at: each receipt, each line of the Record. Writes nothing
    without --fix.

    Exits with 1 when there is something to be done, or when this account may not look at everything.

    \b
    Examples:
      recursion-gate doctor
      recursion-gate doctor --fix
      recursion-gate doctor --json | jq '.findings[] | select(.severity == "fault")'
    """
    from ..doctor import doctor as run
    from ..doctor import mend

    root = _found_root(ctx)
    users = users_of(root, user) if user else None
    mended: list[Finding] = []
    for again in range(2 if fix else 0):  # what one repair makes, another may have to complete
        mended += mend(run(root, users, prove=not again))
    with _progress() as progress:
        findings = run(root, users, progress=progress)
    unseen = sum(f.code in _UNSEEN for f in findings)
    healthy = not unseen and not any(f.severity in ("fault", "warning") for f in findings)
    if as_json:
        print_json(
            {
                "healthy": healthy,
                "findings": [f.as_json() for f in findings],
                "mended": [f.as_json() for f in mended],
            }
        )
    else:
        for f in mended:
            click.secho(f"mended  {f.where}: {f.problem}", fg="green")
        _print_findings(findings)
        click.secho(_verdict(findings, unseen), fg="green" if healthy else "red")
    if not healthy:
        ctx.exit(1)


def _found_root(ctx: click.Context) -> Any:
    """The root, also where its folders are missing: that is for the doctor to say."""
    from ..core.errors import NoRoot
    from ..core.paths import find_root

    root = find_root(ctx.find_root().obj)
    if root is None:
        raise NoRoot
    if not root.path.is_dir():
        return root_of(ctx)
    return root


def _verdict(findings: Sequence[Finding], unseen: int) -> str:
    from ..audit.findings import SEVERITIES
    from ..core.text import count

    counts = {s: sum(f.severity == s for f in findings) for s in SEVERITIES}
    told = ", ".join(count(n, s) for s, n in counts.items() if n)
    act = counts["fault"] + counts["warning"]
    verdict = "Something is to be done" if act else "Not everything could be looked at" if unseen else "All is well"
    if act and unseen:
        told += "; not everything could be looked at"
    return f"{verdict}{': ' if told else '.'}{told}"
