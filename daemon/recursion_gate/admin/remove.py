"""Remove a user: move the user's folders out of the way, into one dated folder. Nothing is destroyed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..core.clock import now
from ..core.model import instant
from ..core.paths import Place, Root, is_ignored
from ..core.text import count
from ..disk import atomic
from ..disk.hand_over import hand_over
from ..store.gate import Gate
from .setup import BadUser

__all__ = ["parts", "remove_user", "waiting"]


def parts(root: Root, name: str) -> dict[str, Path]:
    """The folders of a user, in the order in which they go: without the first the daemon leaves the rest alone."""
    place = root.place(name)
    found = {"users": place.home, "inbox": place.inbox, "receipts": place.receipts}
    return {part: path for part, path in found.items() if os.path.lexists(path)}


def waiting(root: Root, name: str) -> str:
    """How much waits for this user, in words; "" for nothing. Raises Parked, OSError."""
    place = root.place(name)
    entries, files = len(Gate.load(place)), sum(1 for _ in _undone(place))
    parts = [count(entries, "entry", "entries") + " at the gate"] * bool(entries)
    parts += [count(files, "file") + " in the inbox"] * bool(files)
    return " and ".join(parts)


def _undone(place: Place) -> list[Path]:
    """Drops, and cards that are decided but not carried out."""
    folders = (place.inbox, place.approved, place.rejected)
    there = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return [path for path in there if not is_ignored(path.name) and not (path.parent == place.inbox and path.is_dir())]


def remove_user(root: Root, name: str, *, force: bool = False) -> Path:
    """Move the Record, the inbox and the receipts of the user `name` into ``removed/NAME-DATE/`` and give that folder.
    What a stop has left half moved is completed by the next call. `force`: also where something waits. Raises BadUser,
    Parked, OSError."""
    there = parts(root, name)
    half = _half_moved(root, name)
    if half is None and not root.is_user(name):
        raise BadUser(name, "is no user; 'recursion-gate user list' names them")
    if half is None and not force and (what := waiting(root, name)):
        raise BadUser(name, f"is not removed: {what}. Decide first, or remove the user all the same with --force")
    target = half or _new_folder(root, name)
    atomic.make_folder(target)
    for part, path in there.items():
        atomic.move(path, target / part)
        atomic.sync_folder(target)
        atomic.sync_folder(path.parent)
    return target


def _new_folder(root: Root, name: str) -> Path:
    if not os.path.lexists(root.removed):
        atomic.make_folder(root.removed)
        # What people and agents could read under the old names they need not find here.
        hand_over(root.removed, -1, os.stat(root.removed).st_gid, 0o700, {})
        atomic.sync_folder(root.path)
    day = instant(now())[:10]
    names = (f"{name}-{day}{f'-{number}' if number > 1 else ''}" for number in range(1, 10_000))
    return next(path for each in names if not os.path.lexists(path := root.removed / each) or not any(path.iterdir()))


def _half_moved(root: Root, name: str) -> Path | None:
    """The folder that holds this user's Record, but not all that is still in its old place."""
    if os.path.lexists(root.place(name).home) or not root.removed.is_dir():
        return None
    left = parts(root, name)
    of_the_user = re.compile(re.escape(name) + r"-\d{4}-\d\d-\d\d(-\d+)?")
    found = [path for path in root.removed.iterdir() if of_the_user.fullmatch(path.name) and (path / "users").is_dir()]
    fits = [path for path in found if left and not any((path / part).exists() for part in left)]
    return max(fits, key=lambda path: path.stat().st_ctime_ns, default=None)
