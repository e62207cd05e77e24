"""`doctor`: each present or likely fault of a root, with a remedy.

May import: core, disk, formats, permissions, store, audit, admin, engine, plans.

The checks are small functions in two tables, `CHECKS` for the root and `USER_CHECKS` for each user; add a new one to a
module here and to its table. A check gets the `Context`, yields `Finding`s, and writes nothing. A fault that can be
repaired without harm carries a `fix`, which only `mend` calls. The diagnosis includes the findings of `verify`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..audit.findings import Finding, Findings
from ..audit.verify import verify
from ..core.errors import AlreadyRunning, Parked
from ..core.paths import Place, Root
from ..permissions.ownership import account
from . import inbox_checks, lane_checks, machine, plan_checks, root_checks, user_checks
from .context import Context, examine

__all__ = ["CHECKS", "USER_CHECKS", "Context", "doctor", "mend"]

CHECKS: tuple[Callable[[Context], Iterator[Finding]], ...] = (
    root_checks.settings,
    root_checks.folders,
    root_checks.users,
    root_checks.inboxes,
    root_checks.strays,
    root_checks.receipts_of_nobody,
    root_checks.daemon,
    machine.disk,
    machine.file_system,
    machine.watches,
    machine.writable_by_all,
    lane_checks.lanes,
    plan_checks.parked,
    plan_checks.folders,
    plan_checks.drops,
    plan_checks.claims,
    plan_checks.problems,
    plan_checks.failed,
    plan_checks.rights,
    plan_checks.left_trees,
)

USER_CHECKS: tuple[Callable[[Context, Place], Iterator[Finding]], ...] = (
    user_checks.folders,
    user_checks.gate,
    user_checks.receipts,
    user_checks.record_files,
    inbox_checks.not_ours,
    inbox_checks.waits_too_long,
    inbox_checks.left_alone,
    inbox_checks.problems,
)


def doctor(
    root: Root,
    users: Sequence[str] | None = None,
    *,
    prove: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Finding]:
    """The findings about `root`, the most severe first; with `users`, only about these and the root itself. Without
    `prove` the findings of `verify`, which reads each receipt, are left out; `progress` is that of `verify`.

    A note ``not-looked-at`` names a place that this account may not read, ``daemon-unknown`` says that it cannot tell
    whether the daemon runs: with one of these, no other finding does not mean that all is well.
    """
    context = examine(root, users)
    found = _Diagnosis(context)
    for check in CHECKS:
        found.run(partial(check, context), None)
    for user in context.users:
        place = root.place(user)
        for user_check in USER_CHECKS:
            found.run(partial(user_check, context, place), user)
    for proof in verify(root, context.users, progress=progress) if prove else ():
        for finding in proof.findings:
            if finding.code == "line-missing":
                finding = replace(finding, fix=partial(_put_back, context, proof.user))
            found.add_proof(finding)
    for user in context.users:
        for finding in _parked(context, user, found.listed()):
            found.add(finding)
    return found.listed()


class _Diagnosis(Findings):
    """The findings, each once; those about unreadable places name the outermost one."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        #: Codes and paths of the checks' findings.
        self._said: set[tuple[str, str]] = set()

    def add(self, finding: Finding) -> None:
        if finding.code == "not-looked-at":
            where = self._closed(finding.path)
            if (finding.code, where) in self._said:
                return
            finding = replace(finding, severity="note", path=where, remedy=_run_as(self._context))
        self._said.add((finding.code, finding.path))
        super().add(finding)

    def _closed(self, where: str) -> str:
        """The folder above `where` that this account may not pass, if there is one."""
        above = where
        while "/" in above:
            above = above.rpartition("/")[0]
            if not os.access(self._context.root.path / above, os.X_OK):
                where = above
        return where

    def add_proof(self, finding: Finding) -> None:
        """Add a finding of `verify`, unless a check has it already."""
        if finding.code == "cards-not-seen":
            finding = replace(finding, code="not-looked-at")
        if (finding.code, finding.path) not in self._said or finding.line is not None:
            self.add(finding)

    def run(self, check: Callable[[], Iterator[Finding]], user: str | None) -> None:
        root = self._context.root
        try:
            for finding in check():
                self.add(finding)
        except OSError as err:
            path = Path(os.fsdecode(err.filename)) if err.filename else root.path
            where = root.place(user or "").display_path(path)
            if isinstance(err, PermissionError) and not self._context.may_look:
                self.add(Finding("note", "not-looked-at", where, "this account may not look at it", "", user))
                return
            message = f"cannot be read: {(err.strerror or str(err)).lower()}"
            self.add(Finding("warning", "unreadable", where, message, _run_as(self._context), user))


def _run_as(context: Context) -> str:
    uid = context.daemon_uid
    if uid is None or uid == os.geteuid():
        return "Run doctor under an account that may read all of the root."
    return f"Run doctor as '{account(uid)}', the daemon's account, or as root."


def _parked(context: Context, user: str, known: Iterable[Finding]) -> Iterator[Finding]:
    """The daemon's own reason for parking the user, unless a check has found it too."""
    why = context.said.get("parked", {}).get(user) if context.alive else None
    if why and not any(f.user == user and f.problem in why for f in known):
        yield Finding(
            "fault",
            "parked",
            f"users/{user}",
            f"the daemon has stopped the work on this user: {why}",
            "Remove the cause; the daemon then goes on by itself.",
            user,
        )


def _put_back(context: Context, user: str) -> None:
    from .put_back import put_back

    if context.daemon_uid is not None and os.geteuid() != context.daemon_uid:
        raise PermissionError("only the daemon's account writes the Record")
    put_back(context.root, user, context.settings)


def mend(findings: Iterable[Finding]) -> list[Finding]:
    """Carry out the fixes of `findings`, as far as this account may; gives the mended ones. Raises OSError."""
    mended = []
    for finding in findings:
        if finding.fix is not None:
            with suppress(PermissionError, AlreadyRunning, Parked):  # the next run finds it again, with a remedy
                finding.fix()
                mended.append(finding)
    return mended
