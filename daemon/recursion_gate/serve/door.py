"""What all parts of the door share: the root, the tokens, the keys, the limits, and the log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..clients.keys import Keys
from ..clients.tokens import Grant, Tokens
from ..core import text
from ..core.paths import Root
from ..core.settings import Settings
from ..disk.lock import is_held, is_surely_free
from .pace import Pace
from .problems import Problem
from .writer import Writer

__all__ = ["NOTICE", "NO_DAEMON", "Door", "Limits", "user_of"]

#: The header of an answer that has something to say beside it.
NOTICE = "Recursion-Gate-Notice"
NO_DAEMON = "no daemon runs here: it is staged when one does"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may take of the door."""

    #: Requests a second of one token, over time, and at once. 0: any number.
    rate: float = 200.0
    burst: float = 1_000.0
    #: Requests of one token that are being worked on.
    at_once: int = 16
    #: Seconds for the head of a request, and for each part of its body.
    patience: float = 10.0
    #: Seconds for a whole body.
    body_seconds: float = 60.0
    #: The most connections; where there are more, the one that has waited longest to send its head is closed.
    connections: int = 5_000


@dataclass(slots=True)
class Door:
    """One door at one root."""

    root: Root
    parts: frozenset[str]
    settings: Settings = field(default_factory=Settings)
    limits: Limits = field(default_factory=Limits)
    #: Names, beside those of this computer, under which the door is called, without a port.
    hosts: frozenset[str] = frozenset()
    keys: Keys = field(default_factory=Keys)
    writer: Writer = field(default_factory=Writer)
    tokens: Tokens = field(init=False)
    pace: Pace = field(init=False)
    _daemon: tuple[float, bool] = field(init=False, default=(-1e9, True))

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.root)
        self.pace = Pace(self.limits.rate, self.limits.burst, self.limits.at_once)

    @property
    def max_body(self) -> int:
        """The largest body, in bytes: that of a drop."""
        return self.settings.max_drop_bytes

    def notices(self) -> dict[str, str]:
        """The headers of an answer to a proposal: whether nobody is there to stage it. Asked once a second."""
        asked, free = self._daemon
        if time.monotonic() - asked > 1:
            free = is_surely_free(self.root)
            self._daemon = (time.monotonic(), free)
        return {NOTICE: NO_DAEMON} if free else {}

    def daemon(self) -> Literal["running", "none", "unknown"]:
        """Whether a daemon runs: ``running``, ``none`` or ``unknown``."""
        held = is_held(self.root)
        return "unknown" if held is None else "running" if held else "none"

    def say(self, event: str, **fields: Any) -> None:
        """One line of the log. Never a token, never the text of a proposal."""
        print(text.event(event, **fields), file=sys.stderr, flush=True)


def user_of(grant: Grant, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The user that a request is about: ``?user=`` or ``X-User-Id``; the token's, where it has one only. Raises
    Problem."""
    named = {name for name in (query.get("user"), headers.get("x-user-id")) if name is not None}
    if len(named) > 1:
        raise Problem(400, "?user= and X-User-Id name different users", field="user")
    if not named:
        if len(grant.users) == 1:
            return grant.users[0]
        raise Problem(400, f"which user? This token is for {', '.join(grant.users)}", field="user", remedy="?user=NAME")
    user = named.pop()
    if user not in grant.users:
        raise Problem(403, "this token is not for that user", field="user")
    return user
