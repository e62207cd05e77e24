"""What `status` shows: whether the daemon is alive, what waits where, what it did last. Reads only."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .layout import STATES, Root, is_ignored
from .lock import is_held

__all__ = ["overview"]


def overview(root: Root) -> dict[str, Any]:
    """The state of `root`: ``alive`` (None where it cannot be told), ``daemon`` (what it said of itself last),
    ``waiting`` (how many files are in which state, by user) and ``unknown`` (inbox folders of no user).

    Raises OSError when the root cannot be listed.
    """
    try:
        users = root.users()
    except PermissionError:  # who may only decide cannot list users/
        users = root.inboxes()
    try:
        said = json.loads(root.status.read_bytes())
    except (OSError, ValueError):
        said = {}
    try:
        unknown = [name for name in root.inboxes() if name not in set(users)]
    except OSError:
        unknown = []
    return {
        "root": str(root.path),
        "alive": is_held(root),
        "daemon": said,
        "waiting": {user: _waiting(root, user) for user in users},
        "unknown": unknown,
    }


def _waiting(root: Root, user: str) -> dict[str, int]:
    place = root.place(user)
    counts = {"pending": _count(place.pending), "dropped": _count(place.inbox, skip=STATES)}
    counts |= {f"{name}_not_carried_out": _count(place.state(name)) for name in ("approved", "rejected")}
    counts["refused"] = sum(not n.endswith(".why.txt") for n in _names(place.refused))
    return counts


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not is_ignored(name)]
    except OSError:
        return []


def _count(folder: Path, skip: tuple[str, ...] = ()) -> int:
    return sum(name not in skip for name in _names(folder))
