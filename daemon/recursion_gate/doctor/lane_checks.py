"""Whether the operating system keeps agents, people and readers apart, as docs/security.md says."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ..audit.findings import Finding, Severity
from ..core.errors import GateError
from ..core.paths import Root
from .context import Context

__all__ = ["lanes"]


def lanes(context: Context) -> Iterator[Finding]:
    """Agents work under accounts that cannot write the Record (promises 3 and 6), and each folder has the owner and
    mode that the lanes give it."""
    if os.name != "posix":
        return
    if context.settings.lanes is None:
        yield from _convention(context)
        return
    from ..permissions.check import deviations

    try:
        for found in deviations(context.root, context.settings.lanes):
            where = "" if found.path == context.root.path else context.root.place("").display_path(found.path)
            if found.problem == "cannot be read by this account":
                yield Finding("note", "not-looked-at", where, "this account may not look at it", user=found.user)
                continue
            severity: Severity = "fault" if found.fix else "warning" if found.remedy else "note"
            yield Finding(severity, "lanes", where, found.problem, found.remedy, found.user, fix=found.fix)
    except GateError as err:
        yield Finding("fault", "lanes", context.root.settings.name, str(err), "See docs/security.md.")


def _convention(context: Context) -> Iterator[Finding]:
    same = [user for user in context.users if _one_account(context.root, user)]
    if same:
        whose = "" if len(same) == len(context.users) else f" (of {', '.join(same[:5])})"
        message = (
            f"agents write the inbox{whose} under the account that also owns the Record, so 'agents may stage, they "
            "may not merge' is a convention here: nothing in the system enforces it"
        )
        remedy = "If that matters, give daemon and agents accounts of their own: recursion-gate init --help"
        yield Finding("note", "one-account", "inbox", message, remedy)


def _one_account(root: Root, user: str) -> bool:
    """Whether only those who can write the Record can write into the inbox."""
    place = root.place(user)
    try:
        inbox, home = os.stat(place.inbox), os.stat(place.home)
    except OSError:
        return False
    if inbox.st_uid != home.st_uid or inbox.st_mode & stat.S_IWOTH:
        return False
    same_group = inbox.st_gid == home.st_gid and home.st_mode & stat.S_IWGRP
    return not inbox.st_mode & stat.S_IWGRP or bool(same_group)
