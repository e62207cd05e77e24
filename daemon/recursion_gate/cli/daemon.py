"""run, once and status: the daemon, and what it says of itself."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from ..core.paths import Root
from ..core.text import printable
from . import root_of
from .options import json_option
from .output import one_line, print_json, say
from .progress import Log, Progress

if TYPE_CHECKING:
    from ..engine.reconcile import Reconciler

__all__ = ["once", "run", "status"]

_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


class _Lines(logging.Formatter):
    """Each line with its time and level; for the journal, which has a time of its own, with the priority as
    sd-daemon(3) writes it."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__("%(message)s")
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        if self._journal:
            start = f"<{_PRIORITY.get(record.levelname, 6)}>"
        else:
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            start = f"{at}.{int(record.msecs):03d}Z {record.levelname} "
        return "\n".join([start + line for line in super().format(record).split("\n")])


def _log_to_stderr(progress: Progress, *, verbose: bool, quiet: bool = False) -> None:
    handler = Log(progress)
    handler.setFormatter(_Lines(journal=bool(os.environ.get("JOURNAL_STREAM"))))
    logging.getLogger().addHandler(handler)
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    logging.getLogger("recursion_gate").setLevel(level)


#: The events that `once` counts, in this order.
_COUNTED = ("staged", "refused", "approved", "rejected", "undone", "forgotten", "returned", "planned")


@click.command()
@click.option("--poll", is_flag=True, help="Look every poll_seconds: for disks that tell of no file events.")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
@click.pass_context
def run(ctx: click.Context, poll: bool, verbose: bool) -> None:
    """Run the daemon, in the foreground.

    Stages what agents drop, carries out what a person decides, and logs one line an event on stderr. Ctrl-C or
    SIGTERM ends it after the work in hand. There can be only one at a root. On a terminal the last line says how much
    is left of a backlog.

    \b
    Examples:
      recursion-gate run
      recursion-gate --root /srv/recursion-gate run --poll
    """
    from ..core.settings import load_settings
    from ..permissions.lanes import check_account
    from ..service.daemon import Service

    root = root_of(ctx)
    with Progress() as progress:
        _log_to_stderr(progress, verbose=verbose)
        settings = load_settings(root)
        check_account(settings)
        Service(root, settings, poll=poll, progress=progress).run()


@click.command()
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Log each event on stderr.")
@click.pass_context
def once(ctx: click.Context, as_json: bool, verbose: bool) -> None:
    """Do all waiting work, then exit: for cron, CI and tests.

    The same work as 'run', from one look. Exits with 1 when something stops the work on a user. What may still be
    being written, or rests for grace_seconds, is left for the next call.

    \b
    Example:
      recursion-gate once && recursion-gate pending
    """
    from collections import Counter

    from ..core.settings import load_settings
    from ..permissions.lanes import check_account
    from ..service.once import once as do_once

    root = root_of(ctx)
    done: Counter[str] = Counter()
    with Progress() as progress:
        _log_to_stderr(progress, verbose=verbose, quiet=not verbose)
        settings = load_settings(root)
        check_account(settings)
        plans: dict[str, str] = {}
        reconciler = do_once(root, settings, lambda what: done.update([what]), progress, plans.__setitem__)
    _write_down(root, reconciler)

    def display_path(user: str, path: str) -> str:
        return printable(root.place(user).display_path(path))

    counts = {what: done[what] for what in _COUNTED if done[what]}
    if as_json:
        print_json(
            {
                "done": counts,
                "parked": reconciler.problems,
                "plans": plans,
                "resting": {u: [display_path(u, path) for path in paths] for u, paths in reconciler.resting.items()},
                "unsettled": {u: round(s, 1) for u, s in reconciler.unsettled.items()},
                "unknown": sorted(reconciler.unknown),
            }
        )
    else:
        click.echo(", ".join(f"{n:,} {what}" for what, n in counts.items()) or "nothing to do")
        for user, seconds in sorted(reconciler.unsettled.items()):
            left = [one_line(display_path(user, path), 200) for path in reconciler.resting.get(user, ())]
            what = ", ".join(left[:5]) + (f" and {len(left) - 5:,} more" if len(left) > 5 else "") or "something"
            say(f"left: {what}: still being written, or rests; look again in {seconds:.0f} s", f"{user}: ")
        for user, why in sorted(reconciler.problems.items()):
            say(f"{user}: parked: {why}", fg="red")
        for user, why in sorted(reconciler.behind().items()):
            say(f"{user}: {why}", fg="yellow")
        for plan, why in sorted(plans.items()):
            say(f"plan {plan}: parked: {why}" if plan else f"plans: {why}", fg="red")
    if reconciler.problems or plans:
        ctx.exit(1)


def _write_down(root: Root, reconciler: Reconciler) -> None:
    """Leave for `status` what a look has found, unless a daemon has begun since, which says more."""
    from .. import __version__
    from ..core.clock import now
    from ..core.errors import AlreadyRunning
    from ..core.model import instant
    from ..disk.lock import hold
    from ..service.status_file import StatusFile

    said = {"version": __version__, "seen": instant(now()), "parked": reconciler.problems}
    said |= {"behind": reconciler.behind(), "held": reconciler.held()}
    with suppress(AlreadyRunning), hold(root):
        file = StatusFile(root.status)
        file.put(said)
        file.close()


@click.command()
@json_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show the daemon's state, the waiting work and the last decisions.

    What waits is counted at the gate; what this account may not look at is said (in JSON: null). Where no daemon runs,
    the last decisions are taken from the receipts, and what was parked is as the last daemon, or 'once', left it.

    Exits with 0 when the daemon runs and works here, else with 1.

    \b
    Examples:
      recursion-gate status
      recursion-gate status --json | jq .waiting
    """
    from ..admin.status import decided_last, overview

    root = root_of(ctx)
    seen = overview(root)
    said = seen["daemon"].get("last") if seen["alive"] else None
    seen["last"] = (said or decided_last(root, list(seen["waiting"]), 5))[-5:]
    if as_json:
        unseen = seen.pop("unseen")
        seen["waiting"] = {
            user: {what: None if what in unseen.get(user, ()) else n for what, n in counts.items()}
            for user, counts in seen["waiting"].items()
        }
        print_json(seen)
    else:
        _print_status(seen)
    if not seen["alive"]:
        ctx.exit(1)


def _print_status(seen: dict[str, Any]) -> None:
    daemon = seen["daemon"]
    if seen["alive"]:
        since = f", since {daemon['started']}" if daemon.get("started") else ""
        click.secho(f"running (process {seen['pid'] or 'unknown'}{since})", fg="green")
        if daemon.get("why"):
            say(f"{daemon.get('watching', 'polling')}: {daemon['why']}", "  ")
        if not daemon:
            say("it could not write down anything about itself (.daemon/status.json)", "  ", fg="red")
    elif seen["stuck"]:
        say(f"process {seen['pid'] or 'unknown'} holds the lock, but does no work here: {seen['stuck']}", fg="red")
    elif seen["alive"] is None:
        say("cannot tell whether the daemon runs: its lock may not be read by this account")
    else:
        last = f"It was last seen at {daemon['seen']}. " if daemon.get("seen") else ""
        say(f"not running. {last}Start it with 'recursion-gate run'.", fg="red")
    for trouble in (seen["disk"], daemon.get("trouble") if seen["alive"] else ""):
        if trouble:
            say(f"trouble: {trouble}", "  ", fg="red")
    for plan, why in (daemon.get("plans") or {}).items() if seen["alive"] else ():
        say(f"plan {plan}: parked: {why}" if plan else f"plans: {why}", fg="red")
    for user, counts in seen["waiting"].items():
        _print_user(seen, user, counts)
    for name in seen["unknown"]:
        say(f"inbox/{name}/ belongs to no user: recursion-gate user add {name}", fg="yellow")
    if seen["last"]:
        click.echo("last:")
        for event in seen["last"]:
            about = event["id"] or seen["parked"].get(event["user"], "-")
            say(f"{event['at']}  {event['what']}  {event['user']}  {one_line(about, 300)}", "  ")


def _print_user(seen: dict[str, Any], user: str, counts: dict[str, int]) -> None:
    parts = [f"{n:,} {what.replace('_', ' ')}" for what, n in counts.items() if n]
    unseen = [what.replace("_", " ") for what in seen["unseen"].get(user, ())]
    blind = f"this account may not look at what is {', '.join(unseen)}" if unseen else ""
    message = ", ".join(parts) or ("" if unseen else "nothing waits")
    say("; ".join(filter(None, (message, blind))), f"{user}: ", "  ")
    for which, why in seen["daemon"].get("held", {}).get(user, {}).items():
        say(f"{which} {why}", "  ")
    if why := seen["daemon"].get("behind", {}).get(user):
        say(why, "  ", fg="yellow")
    for which, left in seen["resting"].get(user, {}).items():
        say(f"{which} rests for {left:.0f} s more (grace_seconds): until then it can be moved back", "  ")
    if user in seen["parked"]:
        say(f"parked: {seen['parked'][user]}", "  ", fg="red")
