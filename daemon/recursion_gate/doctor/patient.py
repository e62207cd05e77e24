"""What all checks look at: the root, its users, what the daemon says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import BadSettings
from ..layout import Root
from ..overview import overview
from ..settings import Settings, load_settings

__all__ = ["Patient", "examine"]


@dataclass(frozen=True, slots=True)
class Patient:
    """One root, as it is examined. Reading it never fails: what cannot be read is empty, and a check says so."""

    root: Root
    #: The users to examine, and all there are.
    users: tuple[str, ...]
    all_users: tuple[str, ...]
    settings: Settings
    #: Why the settings file cannot be used; None when it can.
    bad_settings: BadSettings | None
    #: Whether the daemon runs; None where it cannot be told.
    alive: bool | None
    #: What it said of itself last (`service`).
    said: dict[str, Any]
    #: How many files are in which state, by user (`overview`).
    waiting: dict[str, dict[str, int]]
    now: datetime


def examine(root: Root, users: Sequence[str] | None = None) -> Patient:
    """The patient `root`; with `users` only these are examined."""
    settings, bad = Settings(), None
    try:
        settings = load_settings(root)
    except BadSettings as err:
        bad = err
    try:
        all_users = tuple(root.users())
        seen = overview(root)
    except OSError:
        all_users, seen = (), {"alive": None, "daemon": {}, "waiting": {}}
    said = seen["daemon"] if isinstance(seen["daemon"], dict) else {}
    return Patient(
        root=root,
        users=all_users if users is None else tuple(users),
        all_users=all_users,
        settings=settings,
        bad_settings=bad,
        alive=seen["alive"],
        said=said,
        waiting=seen["waiting"],
        now=datetime.now(UTC),
    )
