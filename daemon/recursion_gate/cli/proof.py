"""verify and doctor: the proof of all decisions, and the problems of a root."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import root_of
from .options import json_option, user_option, users_of
from .output import one_line, print_json, progress_bar, say

if TYPE_CHECKING:
    from ..audit.anchors import Anchor
    from ..audit.findings import Finding, Proof

__all__ = ["doctor", "verify"]

#: The findings of `doctor` that say that this account may not look.
_UNSEEN = {"not-looked-at", "daemon-unknown"}
_COLORS = {"fault": "red", "warning": "yellow", "edit": "cyan", "note": None}


def _anchors(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> list[Anchor]:
    from ..audit.anchors import anchors_in

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
            message = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
            raise click.BadParameter(f"{value[:80]}: {message}") from None
    return anchors


def _anchor(value: str) -> list[Anchor]:
    from ..audit.anchors import anchors_in

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
    twice or waits though it was decided. Edits by hand are listed apart and are no fault.

    Exits with 1 if it finds a fault. docs/verify.md explains each finding, and the limits of the proof.

    \b
    Examples:
      recursion-gate verify
      recursion-gate verify --user demo --head /media/stick/heads
    """
    from ..audit.verify import verify as run

    root = root_of(ctx)
    users = users_of(root, user)
    with progress_bar("reading the receipts") as progress:
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


def _print_proof(proof: Proof) -> None:
    from ..core.text import count

    faults = sum(f.severity == "fault" for f in proof.findings)
    message = (
        f"{count(proof.receipts, 'receipt')} ({proof.approved:,} approved, {proof.rejected:,} rejected{_more(proof)}), "
        f"{count(proof.lines, 'line')} in the Record"
    )
    if proof.pending is not None:
        message += f", {proof.pending:,} at the gate"
    if faults:
        click.secho(f"{proof.user}: {count(faults, 'fault')}. {message}", fg="red")
    else:
        click.secho(f"{proof.user}: holds. {message}", fg="green")
        if proof.seq:
            click.echo(f"  last receipt: {proof.seq} {proof.head}")


def _more(proof: Proof) -> str:
    more = ((proof.undone, "taken back"), (proof.forgotten, "forgotten"))
    return "".join(f", {n:,} {what}" for n, what in more if n)


def _print_findings(findings: Sequence[Finding]) -> None:
    """One paragraph each, its severity in front."""
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
    """Report problems of this root and their remedies.

    Looks at settings, folders, the gate, what was refused, waits too long or cannot be moved, the daemon, rights, disk
    and clock, plans and what their workers have left, and at all that 'recursion-gate verify' looks at: each receipt,
    each line of the Record. Writes nothing without --fix.

    Exits with 1 if something has to be done, or if this account may not look at everything.

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
    with progress_bar("reading the receipts") as progress:
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
    message = ", ".join(count(n, s) for s, n in counts.items() if n)
    act = counts["fault"] + counts["warning"]
    verdict = "There is something to do" if act else "Not everything could be read" if unseen else "All is well"
    if act and unseen:
        message += "; not everything could be looked at"
    return f"{verdict}{': ' if message else '.'}{message}"
