"""Faults of a root as a whole: settings, folders, users, strays, the daemon."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from .. import __version__
from ..audit.findings import Finding
from ..core.paths import Root, is_ignored, valid_user
from ..core.text import count, printable
from ..disk import untrusted
from .context import Context

__all__ = ["daemon", "folder", "folders", "inboxes", "receipts_of_nobody", "settings", "strays", "users"]

#: How many seconds the daemon may be silent, beyond three periodic full scans.
_SILENT = 90


def settings(context: Context) -> Iterator[Finding]:
    """The settings file can be used."""
    bad = context.bad_settings
    if bad is not None:
        yield Finding("fault", "settings-bad", bad.path, bad.problem, "Correct it; the daemon does not start with it.")


def folder(root: Root, path: Path, user: str | None = None) -> Iterator[Finding]:
    """`path` is a folder, and a real one."""
    where = root.place("").display_path(path)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        remedy = "'recursion-gate doctor --fix' makes it."
        yield Finding(
            "warning", "folder-missing", where, "this folder is missing", remedy, user, fix=partial(_make, path)
        )
        return
    if stat.S_ISDIR(mode):
        return
    word = untrusted.kind_of(mode)
    if stat.S_ISLNK(mode) and path.is_dir():
        message = "this is a symbolic link to a folder; whoever may change the link may replace the folder"
        yield Finding("warning", "folder-is-link", where, message, "Put the folder itself here.", user)
    else:
        message = f"a {word} stands where a folder should be"
        yield Finding("fault", "not-a-folder", where, message, f"Move the {word} away, then run doctor --fix.", user)


def _make(path: Path) -> None:
    from ..disk import atomic

    atomic.make_folder(path)


def folders(context: Context) -> Iterator[Finding]:
    """``inbox/``, ``users/`` and ``receipts/`` are there."""
    root = context.root
    for path in (root.inbox, root.homes, root.receipts):
        yield from folder(root, path)
    if root.homes.is_dir() and not root.template.is_dir():
        message = "there is no users/_template/, so a new user starts with an empty Record"
        yield Finding("note", "no-template", "users/_template", message, "'recursion-gate init' makes one.")


def users(context: Context) -> Iterator[Finding]:
    """There are users, and their folders have names that users can have."""
    root = context.root
    entries = _listed(root.homes)
    if not context.all_users:
        yield Finding("warning", "no-users", "users", "there are no users", "Add one: recursion-gate user add NAME")
    for entry in entries:
        if entry.name == root.template.name or entry.name.startswith(".") or not entry.is_dir():
            continue
        path = f"users/{printable(entry.name)}"
        if not valid_user(entry.name):
            message = "this folder cannot be a user's: its name has characters that a user name may not have"
            yield Finding("warning", "bad-user-name", path, message, "Rename it: letters, digits, '.', '_' and '-'.")
        elif entry.is_symlink():
            message = "this is a symbolic link, so it does not count as a user"
            yield Finding("warning", "folder-is-link", path, message, "Put the folder itself here.")


def inboxes(context: Context) -> Iterator[Finding]:
    """Each folder in ``inbox/`` is a user's."""
    if not context.all_known:
        return
    root = context.root
    for entry in _listed(root.inbox):
        name = entry.name
        if name in context.all_users or name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            continue
        files_in = sum(not is_ignored(n) for n in os.listdir(entry.path))
        message = "there is no user of this name"
        message += f", so the daemon ignores {count(files_in, 'file')} in it" if files_in else ""
        near = next((u for u in context.all_users if u.casefold() == name.casefold()), None)
        if near:
            remedy = f"Move its files to inbox/{near}/: upper and lower case differ."
        elif valid_user(name):
            remedy = f"Add the user: recursion-gate user add {name}"
        else:
            remedy = "Rename it: a user's name has letters, digits, '.', '_' and '-'."
        yield Finding("warning", "unknown-user", f"inbox/{printable(name)}", message, remedy)


def strays(context: Context) -> Iterator[Finding]:
    """No drop lies in ``inbox/`` itself."""
    for entry in _listed(context.root.inbox):
        if entry.is_dir() or is_ignored(entry.name) or entry.name.upper().startswith("README"):
            continue
        message = "this file lies beside the users' folders, where the daemon does not look"
        remedy = "Move it into inbox/USER/."
        yield Finding("warning", "stray-drop", f"inbox/{printable(entry.name)}", message, remedy)


def receipts_of_nobody(context: Context) -> Iterator[Finding]:
    """Each folder in ``receipts/`` is a user's."""
    if not context.all_known:
        return
    for entry in _listed(context.root.receipts):
        if entry.is_dir() and entry.name not in context.all_users and not entry.name.startswith("."):
            message = "receipts of a user who does not exist; verify does not read them"
            yield Finding("note", "receipts-of-nobody", f"receipts/{printable(entry.name)}", message)


def daemon(context: Context) -> Iterator[Finding]:
    """The daemon runs, reports, and has file events."""
    path = ".daemon"
    if context.root.lock.is_symlink():
        message = "the lock is a symbolic link, which the daemon refuses to follow"
        yield Finding("fault", "lock-is-a-link", f"{path}/lock", message, "Remove the link; the daemon makes its lock.")
    elif context.alive is None:
        message = "cannot tell whether the daemon runs: this account may not read its lock"
        yield Finding("note", "daemon-unknown", path, message, "Run doctor under the daemon's account.")
    elif context.stuck:
        yield Finding("fault", "daemon-stuck", path, "a daemon holds the lock and does no work here", context.stuck)
    elif not context.alive:
        yield _not_running(context)
    else:
        yield from _running(context)


def _not_running(context: Context) -> Finding:
    states = ("dropped", "approved_not_carried_out", "rejected_not_carried_out", "undo_not_carried_out")
    waits = sum(counts[state] for counts in context.waiting.values() for state in states)
    remedy = "Start it: recursion-gate run (or, for one look only, recursion-gate once)."
    if waits:
        message = f"the daemon does not run, and {count(waits, 'file')} {'waits' if waits == 1 else 'wait'} for it"
        return Finding("warning", "daemon-not-running", ".daemon", message, remedy)
    return Finding("note", "daemon-not-running", ".daemon", "the daemon does not run; nothing waits for it", remedy)


def _running(context: Context) -> Iterator[Finding]:
    said, path = context.said, ".daemon/status.json"
    if said.get("trouble"):
        yield Finding("fault", "root-away", path, f"the daemon says: {said['trouble']}", "Remove the cause.")
    if said.get("why") and said.get("watching") == "polling" and "asked for" not in said["why"]:
        yield Finding("warning", "polling", path, f"the daemon has no file events: {said['why']}", "Then restart it.")
    if said.get("version") not in (None, __version__):
        message = f"the daemon that runs is version {said['version']}, this program is {__version__}"
        yield Finding("warning", "daemon-old", path, message, "Restart the daemon.")
    silent = _seconds_since(said.get("seen"), context.now)
    if silent is not None and silent > timedelta(seconds=3 * context.settings.look_seconds + _SILENT):
        message = f"the daemon runs, but has not reported for {int(silent.total_seconds()):,} seconds"
        yield Finding("fault", "daemon-silent", path, message, "Restart it; if it hangs again, report it with its log.")


def _seconds_since(instant: object, now: datetime) -> timedelta | None:
    try:
        return now - datetime.fromisoformat(str(instant))
    except (ValueError, TypeError):
        return None


def _listed(path: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, by name; none where it is missing (which `folders` reports)."""
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda e: e.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
