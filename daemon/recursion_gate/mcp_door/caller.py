"""Who calls: for which users, under which source, and what for."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ..clients.keys import Keys
from ..core.paths import Place, Root
from ..core.settings import Settings
from ..core.text import printable
from ..plans.model import valid_worker
from .words import NotPossible

__all__ = ["CALLER", "Caller", "Desk", "worker_of"]


@dataclass(frozen=True, slots=True)
class Caller:
    """What one caller may do. On stdio the account's rights come on top: the disk itself refuses."""

    users: tuple[str, ...]
    #: What it proposes is under this source, and no other.
    source: str
    stage: bool = True
    read: bool = True
    #: Whether it may add plans, claim tasks and end them, as `worker`.
    plans: bool = False
    worker: str = ""
    #: Whether the commands of a plan may be run for it, here: on stdio the worker's own computer is this one.
    runs_commands: bool = False


def worker_of(name: str) -> str:
    """The worker that a caller of this name is: the name itself where a worker may have it, else what of it a worker
    may have, and a digest, so that no two callers are one worker."""
    if valid_worker(name):
        return name
    kept = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:31].rstrip("-_")
    return f"{kept or 'worker'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


#: The caller of the request that is being worked on.
CALLER: ContextVar[Caller] = ContextVar("CALLER")


def _say_nothing(event: str, **fields: Any) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Desk:
    """What the tools work at."""

    root: Root
    settings: Settings = field(default_factory=Settings)
    keys: Keys = field(default_factory=Keys)
    #: Writes one line of the log: an event and its fields.
    say: Callable[..., None] = _say_nothing

    def place(self, user: str) -> Place:
        """The place of `user`, or of the only user that the caller is for. Raises NotPossible."""
        users = CALLER.get().users
        if not user and len(users) == 1:
            return self.root.place(users[0])
        if not user:
            raise NotPossible(f"which user? You may name one of: {', '.join(users)}")
        if user not in users:
            raise NotPossible(f"you are not for the user '{printable(user[:60])}', but for: {', '.join(users)}")
        return self.root.place(user)


def log(event: str, **fields: Any) -> None:
    """One line on standard error: ``event=proposed user=demo``. Never the text of a proposal."""
    words = " ".join(f"{name}={printable(str(value))[:300]}" for name, value in {"event": event, **fields}.items())
    print(words, file=sys.stderr, flush=True)
