"""What can be wrong with a root as a whole: settings, folders, users, strays, the daemon."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from .. import __version__
from ..audit.findings import Finding
from ..core.errors import printable
from ..core.paths import Root, is_ignored, valid_user
from ..core.text import count
from ..disk import untrusted
from .context import Patient

__all__ = ["daemon", "folder", "folders", "inboxes", "receipts_of_nobody", "settings", "strays", "users"]

#: How long, in seconds beyond the periodic look, the daemon may be silent.
_SILENT = 90


def settings(patient: Patient) -> Iterator[Finding]:
    """The settings file can be used."""
    bad = patient.bad_settings
    if bad is not None:
        yield Finding("fault", "settings-bad", bad.path, bad.problem, "Correct it; the daemon does not start with it.")


def folder(root: Root, path: Path, user: str | None = None) -> Iterator[Finding]:
    """`path` is a folder, and a real one."""
    shown = root.place("").shown(path)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        remedy = "'recursion-gate doctor --fix' makes it."
        yield Finding(
            "warning", "folder-missing", shown, "this folder is missing", remedy, user, fix=partial(_make, path)
        )
        return
    if stat.S_ISDIR(mode):
        return
    word = untrusted.kind_of(mode)
    if stat.S_ISLNK(mode) and path.is_dir():
        told = "this is a symbolic link to a folder; who may change the link may exchange the folder"
        yield Finding("warning", "folder-is-link", shown, told, "Put the folder itself here.", user)
    else:
        told = f"a {word} stands where a folder should be"
        yield Finding("fault", "not-a-folder", shown, told, f"Move the {word} away, then run doctor --fix.", user)


def _make(path: Path) -> None:
    from ..disk import atomic

    atomic.make_folder(path)


def folders(patient: Patient) -> Iterator[Finding]:
    """``inbox/``, ``users/`` and ``receipts/`` are there."""
    root = patient.root
    for path in (root.inbox, root.homes, root.receipts):
        yield from folder(root, path)
    if root.homes.is_dir() and not root.template.is_dir():
        told = "there is no users/_template/, so a new user starts with an empty Record"
        yield Finding("note", "no-template", "users/_template", told, "'recursion-gate init' makes one.")


def users(patient: Patient) -> Iterator[Finding]:
    """There are users, and their folders have names that users can have."""
    root = patient.root
    entries = _listed(root.homes)
    if not patient.all_users:
        yield Finding("warning", "no-users", "users", "there are no users", "Add one: recursion-gate user add NAME")
    for entry in entries:
        if entry.name == root.template.name or entry.name.startswith(".") or not entry.is_dir():
            continue
        path = f"users/{printable(entry.name)}"
        if not valid_user(entry.name):
            told = "this folder cannot be a user's: its name has signs that no user's name may have"
            yield Finding("warning", "bad-user-name", path, told, "Rename it: letters, digits, '.', '_' and '-'.")
        elif entry.is_symlink():
            told = "this is a symbolic link, so it is not taken for a user"
            yield Finding("warning", "folder-is-link", path, told, "Put the folder itself here.")


def inboxes(patient: Patient) -> Iterator[Finding]:
    """Each folder in ``inbox/`` is a user's."""
    if not patient.all_known:
        return
    root = patient.root
    for entry in _listed(root.inbox):
        name = entry.name
        if name in patient.all_users or name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            continue
        files_in = sum(not is_ignored(n) for n in os.listdir(entry.path))
        told = f"there is no user of this name, so {count(files_in, 'file')} in it will not be looked at"
        near = next((u for u in patient.all_users if u.casefold() == name.casefold()), None)
        if near:
            remedy = f"Move what is in it to inbox/{near}/: names differ by upper and lower case."
        elif valid_user(name):
            remedy = f"Add the user: recursion-gate user add {name}"
        else:
            remedy = "Rename it: a user's name has letters, digits, '.', '_' and '-'."
        yield Finding("warning", "unknown-user", f"inbox/{printable(name)}", told, remedy)


def strays(patient: Patient) -> Iterator[Finding]:
    """No drop lies in ``inbox/`` itself."""
    for entry in _listed(patient.root.inbox):
        if entry.is_dir() or is_ignored(entry.name) or entry.name.upper().startswith("README"):
            continue
        told = "this file lies beside the users' folders, where nobody looks"
        remedy = "Move it into inbox/USER/."
        yield Finding("warning", "stray-drop", f"inbox/{printable(entry.name)}", told, remedy)


def receipts_of_nobody(patient: Patient) -> Iterator[Finding]:
    """Each folder in ``receipts/`` is a user's."""
    if not patient.all_known:
        return
    for entry in _listed(patient.root.receipts):
        if entry.is_dir() and entry.name not in patient.all_users and not entry.name.startswith("."):
            told = "receipts of a user that is not there; verify does not look at them"
            yield Finding("note", "receipts-of-nobody", f"receipts/{printable(entry.name)}", told)


def daemon(patient: Patient) -> Iterator[Finding]:
    """The daemon runs, speaks, and watches."""
    path = ".daemon"
    if patient.alive is None:
        told = "cannot tell whether the daemon runs: this account may not read its lock"
        yield Finding("note", "daemon-unknown", path, told, "Run doctor under the daemon's account.")
    elif patient.stuck:
        yield Finding("fault", "daemon-stuck", path, "a daemon holds the lock and does no work here", patient.stuck)
    elif not patient.alive:
        yield _not_running(patient)
    else:
        yield from _running(patient)


def _not_running(patient: Patient) -> Finding:
    states = ("dropped", "approved_not_carried_out", "rejected_not_carried_out")
    waits = sum(counts[state] for counts in patient.waiting.values() for state in states)
    remedy = "Start it: recursion-gate run (or, for one look only, recursion-gate once)."
    if waits:
        told = f"the daemon does not run, and {count(waits, 'file')} {'waits' if waits == 1 else 'wait'} for it"
        return Finding("warning", "daemon-not-running", ".daemon", told, remedy)
    return Finding("note", "daemon-not-running", ".daemon", "the daemon does not run; nothing waits for it", remedy)


def _running(patient: Patient) -> Iterator[Finding]:
    said, path = patient.said, ".daemon/status.json"
    if said.get("trouble"):
        yield Finding("fault", "root-away", path, f"the daemon says: {said['trouble']}", "Remove the cause.")
    if said.get("why") and said.get("watching") == "polling" and "asked for" not in said["why"]:
        yield Finding("warning", "polling", path, f"the daemon has no file events: {said['why']}", "Then restart it.")
    if said.get("version") not in (None, __version__):
        told = f"the daemon that runs is version {said['version']}, this program is {__version__}"
        yield Finding("warning", "daemon-old", path, told, "Restart the daemon.")
    silent = _seconds_since(said.get("seen"), patient.now)
    if silent is not None and silent > timedelta(seconds=3 * patient.settings.look_seconds + _SILENT):
        told = f"the daemon runs, but has said nothing for {int(silent.total_seconds()):,} seconds"
        yield Finding("fault", "daemon-silent", path, told, "Restart it; if it hangs again, report it with its log.")


def _seconds_since(instant: object, now: datetime) -> timedelta | None:
    try:
        return now - datetime.fromisoformat(str(instant))
    except (ValueError, TypeError):
        return None


def _listed(path: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, by name; nothing where there is none (which `folders` says)."""
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda e: e.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
