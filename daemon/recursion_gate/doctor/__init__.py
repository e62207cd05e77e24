"""`doctor`: what is wrong with a root, or soon may be, and what to do about it.

The checks are small functions in tables, `CHECKS` for the root and `USER_CHECKS` for each user; a new one is written
in one of the modules here (or a new one) and put into its table. A check gets the `Patient`, yields `Finding`s, and
writes nothing. What can be mended without harm carries a `fix`, which only `mend` calls.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ..audit import Finding, Findings, Severity
from ..layout import Place, Root
from . import lane_checks, machine, root_checks, user_checks
from .patient import Patient, examine

__all__ = ["CHECKS", "USER_CHECKS", "Patient", "doctor", "mend"]

CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
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
)

USER_CHECKS: tuple[Callable[[Patient, Place], Iterator[Finding]], ...] = (
    user_checks.folders,
    user_checks.gate,
    user_checks.receipts,
    user_checks.record_files,
    user_checks.waits_too_long,
    user_checks.refused,
)


def doctor(root: Root, users: Sequence[str] | None = None) -> list[Finding]:
    """What there is to say about `root`, the gravest first; with `users` only about these, and the root itself."""
    patient = examine(root, users)
    found = Findings()
    for check in CHECKS:
        _run(root, partial(check, patient), found, None)
    for user in patient.users:
        place = root.place(user)
        for user_check in USER_CHECKS:
            _run(root, partial(user_check, patient, place), found, user)
        for finding in _parked(patient, user, found.listed()):
            found.add(finding)
    return found.listed()


def _run(root: Root, check: Callable[[], Iterator[Finding]], found: Findings, user: str | None) -> None:
    try:
        for finding in check():
            found.add(finding)
    except OSError as err:
        path = Path(os.fsdecode(err.filename)) if err.filename else root.path
        shown = root.place(user or "").shown(path)
        told = f"cannot be looked at: {(err.strerror or str(err)).lower()}"
        # Another account than the daemon's may not look everywhere: that is as it should be, and no news.
        severity: Severity = "note" if isinstance(err, PermissionError) and not _is_owner(root) else "warning"
        found.add(Finding(severity, "unreadable", shown, told, "Run doctor under the daemon's account.", user))


def _is_owner(root: Root) -> bool:
    try:
        return os.name != "posix" or os.stat(root.homes).st_uid == os.geteuid()
    except OSError:
        return False


def _parked(patient: Patient, user: str, known: Iterable[Finding]) -> Iterator[Finding]:
    """What the daemon says it is stopped by, unless a check has found it as well."""
    why = patient.said.get("parked", {}).get(user) if patient.alive else None
    if why and not any(f.user == user and f.problem in why for f in known):
        yield Finding(
            "fault",
            "parked",
            f"users/{user}",
            f"the daemon has stopped the work on this user: {why}",
            "Remove the cause; the daemon then goes on by itself.",
            user,
        )


def mend(findings: Iterable[Finding]) -> list[Finding]:
    """Carry out the fixes of `findings`; gives those that were mended. Raises OSError."""
    mended = []
    for finding in findings:
        if finding.fix is not None:
            finding.fix()
            mended.append(finding)
    return mended
