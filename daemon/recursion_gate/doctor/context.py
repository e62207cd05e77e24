"""The input of all checks: the root, its users, the daemon's report on itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..admin.status import overview
from ..core.errors import BadSettings
from ..core.paths import Root, valid_user
from ..core.settings import Settings, load_settings

__all__ = ["Context", "examine"]


@dataclass(frozen=True, slots=True)
class Context:
    """One root under examination. Reading it never fails: an unreadable part is empty, and a check says so."""

    root: Root
    #: The users to examine, and all users.
    users: tuple[str, ...]
    all_users: tuple[str, ...]
    #: Whether those are all users: an account that may not list ``users/`` knows only inboxes.
    all_known: bool
    settings: Settings
    #: Why the settings file cannot be used; None when it can.
    bad_settings: BadSettings | None
    #: Whether the daemon runs; None where this cannot be determined.
    alive: bool | None
    #: Why a daemon that holds the lock does no work here; "" where it does work.
    stuck: str
    #: Its last report on itself (`service`).
    said: dict[str, Any]
    #: How many files are in which state, by user (`overview`).
    waiting: dict[str, dict[str, int]]
    now: datetime
    #: The daemon's account: that of the lanes, else the owner of ``users/``; None where accounts have
    #: no numbers, or it cannot be seen.
    daemon_uid: int | None

    @property
    def may_look(self) -> bool:
        """Whether this account should be able to look everywhere."""
        return self.daemon_uid is None or os.geteuid() in (0, self.daemon_uid)


def examine(root: Root, users: Sequence[str] | None = None) -> Context:
    """Read `root`; with `users` the checks look only at these."""
    settings, bad = Settings(), None
    try:
        settings = load_settings(root)
    except BadSettings as err:
        bad = err
    all_users: tuple[str, ...] = ()
    all_known = True
    try:
        all_users = tuple(root.users())
    except PermissionError:
        all_known = False
        with suppress(OSError):
            all_users = tuple(n for n in root.inboxes() if valid_user(n) and os.path.isdir(root.place(n).pending))
    except OSError:
        pass
    try:
        seen = overview(root)
    except OSError:
        seen = {"alive": None, "stuck": "", "daemon": {}, "waiting": {}}
    said = seen["daemon"] if isinstance(seen["daemon"], dict) else {}
    return Context(
        root=root,
        users=all_users if users is None else tuple(users),
        all_users=all_users,
        all_known=all_known,
        settings=settings,
        bad_settings=bad,
        alive=seen["alive"],
        stuck=seen["stuck"],
        said=said,
        waiting=seen["waiting"],
        now=datetime.now(UTC),
        daemon_uid=_owner(root, settings),
    )


def _owner(root: Root, settings: Settings) -> int | None:
    if os.name != "posix":
        return None
    if settings.lanes is not None:
        import pwd

        with suppress(KeyError):
            return pwd.getpwnam(settings.lanes.daemon).pw_uid
    with suppress(OSError):
        return os.stat(root.homes).st_uid
    return None
