"""Where drops go: an inbox that this account may write into."""

from __future__ import annotations

import errno
from typing import Protocol

from ..clients.propose import NotItsSource, propose
from ..clients.stage import NoInbox, NotAllowed
from ..core.errors import Refusal
from ..core.paths import Root, valid_user
from ..core.settings import load_settings
from ..formats.fields import PUT_BACK
from .entry import CORRECT, Later, Proposal

__all__ = ["Inbox", "Target"]

_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Target(Protocol):
    """Where an entry goes."""

    #: The most bytes of an entry.
    limit: int

    def take(self, proposal: Proposal, key: str) -> None:
        """Make it a drop: durable when this returns. The same key is the same candidate. Raises Refusal where the entry
        cannot be used, Later where it can be, but not now."""

    def close(self) -> None: ...


class Inbox:
    """The inbox of `user` at `root`. An entry stages under the source that it names, else under `default`; with
    `only` under that and no other. Raises NoInbox, BadSettings."""

    def __init__(self, root: Root, user: str, only: str | None, default: str) -> None:
        self._root, self._user, self._only, self._default = root, user, only, default
        self._settings = load_settings(root)
        self.limit = self._settings.max_drop_bytes
        if not valid_user(user) or not root.place(user).inbox.is_dir():  # the agents' lane may look at no more
            raise NoInbox(user, str(root.inbox / user))

    def take(self, proposal: Proposal, key: str) -> None:
        source = self._only
        if source is None:
            source = self._default if proposal.source is None else proposal.source
        try:
            propose(self._root, self._user, source, proposal.data, self._settings, None, key=key)
        except NotItsSource:
            raise Refusal(f"this feed stages under the source '{source}' and no other", "Leave 'source' out.") from None
        except Refusal as err:
            problem = err.problem.replace("the file is not", "the entry is not").replace("in one file", "in one entry")
            raise Refusal(problem, CORRECT if err.remedy == PUT_BACK else err.remedy) from None
        except (NoInbox, NotAllowed) as err:
            raise Later(str(err)) from None
        except OSError as err:
            full = "there is no room on the disk" if err.errno in _ROOM else f"the disk fails: {err.strerror}"
            raise Later(f"{full} ({err.filename})") from None

    def close(self) -> None:
        """Nothing is held open."""
