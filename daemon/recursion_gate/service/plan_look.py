"""When the daemon looks at the plans: they are of no user, and what they need is done between the users' turns.

Nothing of `plans` is imported where nobody plans.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.errors import AlreadyRunning
from ..core.paths import Root
from ..core.settings import Settings

if TYPE_CHECKING:
    from ..plans.keeper import Keeper

__all__ = ["PLANS", "PlanLook"]

log = logging.getLogger("recursion_gate")

#: Stands for the plans where a user's name is expected: no user is called so.
PLANS = "plans/"

#: A look takes at most this part of the time, so that a thousand claims a second hold up no user.
_PART = 5
_LEAST, _AFTER_ERROR = 0.02, 2.0


class PlanLook:
    """Looks at the plans of one root when it is told to, and when something ends by itself."""

    def __init__(self, root: Root, settings: Settings, check: Callable[[], object]) -> None:
        self._root, self._settings, self._check = root, settings, check
        self._keeper: Keeper | None = None
        self._earliest = 0.0
        self._trouble = ""
        #: The monotonic time of the next look; None: not before it is woken.
        self.due: float | None = None
        #: The monotonic time when a plan that may still be being written will count as complete.
        self.settles: float | None = None

    def wake(self) -> None:
        """Look soon."""
        self.due = self._earliest

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with a plan, by its name; "" names the plans as a whole."""
        found = dict(self._keeper.problems) if self._keeper else {}
        return {"": self._trouble, **found} if self._trouble else found

    def look_if_due(self) -> int:
        """Look, if it is time; gives how many things were done."""
        began = time.monotonic()
        if self.due is None or began < self.due:
            return 0
        self.due = None
        if self._keeper is None and not _has_entries(self._root):
            return 0
        done = 0
        try:
            if self._keeper is None:
                from ..plans.keeper import Keeper

                self._keeper = Keeper(self._root, self._settings, self._check)
            looked = self._keeper.look()
            done, due, self._trouble = looked.done, looked.due, ""
            self.settles = None if looked.settles is None else began + looked.settles + _LEAST
        except AlreadyRunning:
            raise
        except Exception as err:  # a fault here must not stop what is done for users
            what = str(err) if isinstance(err, OSError) else f"internal error ({type(err).__name__})"
            if what != self._trouble:
                log.error('event=plans-trouble why="%s"', what, exc_info=not isinstance(err, OSError))
            self._trouble, due = what, _AFTER_ERROR
        ended = time.monotonic()
        self._earliest = ended + max(_LEAST, _PART * (ended - began))
        if done:
            due = 0.0
        self.due = None if due is None else max(ended + due, self._earliest)
        return done


def _has_entries(root: Root) -> bool:
    try:
        with os.scandir(root.plans) as entries:
            return any(entries)
    except OSError:
        return False
