"""Faults of one user's inbox: files that the daemon may not move, that wait too long, or that it refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..audit.findings import Finding
from ..core.paths import STATES, Place, is_ignored
from ..core.text import count, printable
from ..disk.untrusted import kind_of, open_plain
from ..permissions import acl
from ..permissions.ownership import account, groups_of
from .context import Context

__all__ = ["left_alone", "may_write", "not_ours", "problems", "waits_too_long"]

#: How many seconds a drop or a decision may wait before there is a finding (at least; twice `patience_seconds`).
_LONG = 600
#: The most ignored files to name in one folder.
_NAMED_LIMIT = 10
_TAKE_AWAY = "It stays here, harmless, until its owner or root takes it away."


def not_ours(context: Context, place: Place) -> Iterator[Finding]:
    """The daemon may move every file out of the inbox and its folders."""
    uid = context.daemon_uid
    if uid is None or uid == 0:
        return
    for folder_path in (place.inbox, *(place.state(state) for state in STATES[:4])):
        try:
            st = os.lstat(folder_path)
            with os.scandir(folder_path) as entries:
                inside = sorted((e for e in entries if e.name not in STATES), key=lambda e: e.name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not may_write(folder_path, st, uid):
            message = f"the daemon's account, '{account(uid)}', may not take anything out of this folder"
            remedy = "Give it the right to write here."
            yield Finding("fault", "cannot-move", place.display_path(folder_path), message, remedy, place.user)
            continue
        for entry in inside:
            if (why := _why_not_ours(entry, st, uid)) is not None:
                where = printable(place.display_path(folder_path / entry.name))
                yield Finding("warning", "cannot-move", where, why, _TAKE_AWAY, place.user)


def _why_not_ours(entry: os.DirEntry[str], folder_st: os.stat_result, uid: int) -> str | None:
    """Why the account `uid` may not move this entry out of a folder that it may write; None where it may, or need
    not."""
    if is_ignored(entry.name):
        return None
    try:
        st = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    whose = f"which belongs to '{account(st.st_uid)}'"
    if folder_st.st_mode & stat.S_ISVTX and uid not in (st.st_uid, folder_st.st_uid):
        return f"the daemon may not move this {kind_of(st.st_mode)}, {whose}, out of a folder with the sticky bit"
    if not stat.S_ISDIR(st.st_mode):
        return None
    if os.path.ismount(entry.path):
        return "another disk is mounted here; the daemon cannot move it"
    # To move a folder elsewhere changes its "..", which needs write access to it (rename(2), EACCES).
    return None if may_write(entry.path, st, uid) else f"the daemon may not move this folder, {whose}"


def may_write(path: Path | str, st: os.stat_result, uid: int) -> bool:
    """Whether the account `uid` may make and remove names in this folder."""
    if uid == os.geteuid():
        return os.access(path, os.W_OK)
    if st.st_uid == uid:
        return bool(st.st_mode & stat.S_IWUSR)
    listed = acl.read(path, acl.ACCESS)
    group, users, groups = acl.writers(listed) if listed else (bool(st.st_mode & stat.S_IWGRP), [], [])
    gids = [st.st_gid, *groups] if group else groups
    return uid in users or bool({*gids} & {*groups_of(uid)}) or bool(st.st_mode & stat.S_IWOTH)


def waits_too_long(context: Context, place: Place) -> Iterator[Finding]:
    """Nothing has waited long for a daemon that runs."""
    if not context.alive:
        return  # `root_checks.daemon` counts what waits
    limit = context.now.timestamp() - max(_LONG, 2 * context.settings.patience_seconds)
    grace = limit - context.settings.grace_seconds
    yield from _old_files(context.daemon_uid, place, place.inbox, limit, "drop-waits", "has not been staged")
    for state in ("approved", "rejected"):
        yield from _old_files(
            context.daemon_uid, place, place.state(state), grace, "decision-waits", "has not been carried out"
        )
    yield from _old_files(context.daemon_uid, place, place.undo, limit, "undo-waits", "has not been carried out")


def _old_files(uid: int | None, place: Place, path: Path, limit: float, code: str, what: str) -> Iterator[Finding]:
    try:
        folder_st = os.stat(path)
        entries = [e for e in os.scandir(path) if e.name not in STATES and not is_ignored(e.name)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in sorted(entries, key=lambda e: e.name):
        st = entry.stat(follow_symlinks=False)
        if st.st_ctime > limit or (uid and _why_not_ours(entry, folder_st, uid)):  # `not_ours` names the latter
            continue
        since = datetime.fromtimestamp(st.st_ctime, UTC)
        message = f"this file has been here since {since:%Y-%m-%d %H:%M} UTC and {what}"
        if not st.st_mode & 0o044:
            remedy = "Only its owner can read it: chmod 644 it."
        else:
            remedy = (
                "'recursion-gate status' gives the reason: a program may have it open, or the daemon cannot move it."
            )
        where = printable(place.display_path(path / entry.name))
        yield Finding("warning", code, where, message, remedy, place.user)


def left_alone(context: Context, place: Place) -> Iterator[Finding]:
    """No file that the daemon ignores for its name, such as nano's backup, lies beside the cards."""
    for state in STATES[:4]:
        folder = place.state(state)
        try:
            names = sorted(name for name in os.listdir(folder) if is_ignored(name) and not name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names[:_NAMED_LIMIT]:
            message = "the daemon ignores a file of this name: an editor's or file manager's own, or not finished"
            remedy = "It decides nothing: delete it, or rename it if it is a card."
            yield Finding(
                "note", "left-alone", printable(place.display_path(folder / name)), message, remedy, place.user
            )


def problems(context: Context, place: Place) -> Iterator[Finding]:
    """Nothing lies in problems/."""
    try:
        with os.scandir(place.problems) as entries:
            names = [(e.stat(follow_symlinks=False).st_ctime, e.name) for e in entries if not is_ignored(e.name)]
    except (FileNotFoundError, NotADirectoryError):
        return
    refused = sorted(n for n in names if not n[1].endswith(".why.txt"))
    if not refused:
        return
    newest = refused[-1][1]
    were = "was" if len(refused) == 1 else "were"
    message = f"{count(len(refused), 'file')} {were} refused, the last one {printable(newest)}"
    why = _why(place.problems, newest)
    remedy = "NAME.why.txt beside each has the remedy. Correct the file and drop it again, or delete both."
    message = f"{message}: {why}" if why else message
    yield Finding("warning", "problems", place.display_path(place.problems), message, remedy, place.user)


def _why(folder_path: Path, name: str) -> str:
    """The reason in the note beside a refused file."""
    try:
        with open_plain(folder_path / f"{name}.why.txt") as file:
            lines = file.read(10_000).decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.removeprefix("Why:").strip() for line in lines if line.startswith("Why:")), "")
