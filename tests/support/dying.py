"""Kill the program at a system call of one's choice, in process."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from recursion_gate.disk import atomic

__all__ = ["Dying", "Killed"]


class Killed(BaseException):
    """As if the process had been killed."""


class Dying(atomic.Calls):
    """The real calls, `left` of them; then whoever calls is dead. Where `only` is given, no other calls count."""

    def __init__(self, left: int, only: Collection[str] = ()) -> None:
        self.left, self._only = left, only

    def __getattribute__(self, name: str) -> Any:
        real = super().__getattribute__(name)
        if name.startswith("_") or name == "left" or (self._only and name not in self._only):
            return real

        def call(*args: Any, **more: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                if name == "close":  # the system does that for the dead
                    os.close(*args)
                raise Killed(name)
            return real(*args, **more)

        return call
