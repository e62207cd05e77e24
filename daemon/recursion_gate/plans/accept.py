"""When a task is done: its commands, and what it asks of the gate."""

from __future__ import annotations

from pathlib import Path

from ..core.paths import Root
from .gate_conditions import GateAnswers
from .model import Command, GateCheck, Task
from .processes import run

__all__ = ["unmet"]

#: So much of a command's last output is told.
_TAIL = 2_000


def unmet(root: Root, task: Task, where: Path | None = None) -> list[str]:
    """The criteria of `task` that a program can check and that are not met, in words; the commands run in `where`.
    Raises OSError."""
    found = []
    for criterion in task.accept:
        if isinstance(criterion, Command):
            done = run(["/bin/sh", "-c", criterion.run], where=where, timeout=criterion.timeout)
            if done.status != 0:
                said = f":\n{done.tail(_TAIL)}" if done.output.strip() else ""
                found.append(f"`{criterion.run}` {done.ended}{said}")
        elif isinstance(criterion, GateCheck) and not GateAnswers(root).holds(criterion.gate):
            found.append(f"the gate does not hold: {criterion.gate}")
    return found
