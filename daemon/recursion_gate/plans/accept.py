"""When a task is done: its commands, and what it asks of the gate."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from ..core.paths import Root
from .gate_conditions import GateAnswers
from .model import Command, GateCheck, GateCondition, Task
from .processes import run

__all__ = ["PATIENCE", "unmet"]

#: So much of a command's last output is told.
_TAIL = 2_000

#: The daemon has so many seconds to stage what a task has dropped.
PATIENCE = 10.0


def unmet(
    root: Root,
    task: Task,
    where: Path | None = None,
    *,
    tick: Callable[[], str | None] = lambda: None,
    patience: float = PATIENCE,
) -> list[str]:
    """The criteria of `task` that a program can check and that are not met, in words; the commands run in `where`. The
    gate is asked again for so many seconds (`patience`). `tick` is called now and then, and ends it by giving a reason.
    Raises OSError."""
    found = []
    for criterion in task.accept:
        if isinstance(criterion, Command):
            done = run(["/bin/sh", "-c", criterion.run], where=where, timeout=criterion.timeout, tick=tick)
            if done.status != 0:
                said = f":\n{done.tail(_TAIL)}" if done.output.strip() else ""
                found.append(f"`{criterion.run}` {done.ended}{said}")
        elif isinstance(criterion, GateCheck):
            place = root.place(criterion.gate.user)
            if not os.access(place.home, os.R_OK | os.X_OK) and os.path.isdir(place.inbox):
                found.append(f"this account may not read the gate: whether {criterion.gate} is for another to say")
            elif not _holds(root, criterion.gate, tick, patience):
                found.append(f"the gate does not hold: {criterion.gate}")
    return found


def _holds(root: Root, condition: GateCondition, tick: Callable[[], str | None], patience: float) -> bool:
    answers = GateAnswers(root)
    until = time.monotonic() + patience
    while not answers.holds(condition):
        if time.monotonic() > until or tick() is not None:
            return False
        time.sleep(0.1)
    return True
