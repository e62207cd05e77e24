"""Plans at a real root, for tests: drop one, let the daemon's part look, list what stands where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.plans import claims
from recursion_gate.plans.folder import STATES, SUFFIX, PlanFolder
from recursion_gate.plans.keeper import Keeper
from recursion_gate.plans.model import Plan, Task
from recursion_gate.plans.parse import dump

__all__ = ["Plans", "codebase", "reading"]


def codebase(name: str, *scope: str, needs: Sequence[str] = (), **more: Any) -> Task:
    """A task that may change `scope`; a folder of its own name unless told."""
    fields = {"title": name.title(), **more}
    return Task(id=name, scope=list(scope) or [f"/{name}/"], needs=list(needs), **fields)


def reading(name: str, needs: Sequence[str] = (), **more: Any) -> Task:
    """A task without a scope."""
    return Task(id=name, title=name.title(), lane="reading", needs=list(needs), **more)


class Plans:
    """The plans of a root, and the daemon's part, which looks when it is told to."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.keeper = Keeper(root, Settings(settle_seconds=0))

    def restart(self) -> None:
        """As after a stop of the daemon: nothing is remembered."""
        self.keeper = Keeper(self.root, Settings(settle_seconds=0))

    def add(self, name: str, *tasks: Task, **more: Any) -> PlanFolder:
        """Drop a plan, and let the daemon see it."""
        self.drop(f"{name}{SUFFIX}", dump(Plan(plan=name, tasks=list(tasks), **more)))
        self.look()
        return PlanFolder(self.root.plans / name)

    def drop(self, name: str, data: bytes | str) -> Path:
        """Put a file into ``plans/``, as any program can."""
        self.root.plans.mkdir(exist_ok=True)
        hidden = self.root.plans / f".{name}.tmp"
        hidden.write_bytes(data if isinstance(data, bytes) else data.encode())
        path = self.root.plans / name
        os.rename(hidden, path)
        return path

    def look(self) -> None:
        """Looks, until there is nothing more to do."""
        for _ in range(50):
            if not self.keeper.look().done:
                return
        raise AssertionError("there is no end to the work")

    def standing(self, plan: str) -> dict[str, list[str]]:
        """The names of the files in each state's folder that has any."""
        folder = PlanFolder(self.root.plans / plan)
        found = {state: sorted(os.listdir(folder.state(state))) for state in STATES}
        return {state: names for state, names in found.items() if names}

    def refused(self) -> dict[str, str]:
        """What lies in ``plans/problems/``, by name, with its reason."""
        folder = self.root.plans / "problems"
        names = sorted(os.listdir(folder)) if folder.exists() else []
        return {n: (folder / f"{n}.why.txt").read_text() for n in names if not n.endswith(".why.txt")}

    def claim(self, worker: str = "ada", **more: Any) -> claims.Claim:
        """Claim the next task; there must be one."""
        found = claims.next_task(self.root, worker, **more)
        assert isinstance(found, claims.Claim), found
        return found

    def nothing(self, worker: str = "ada", **more: Any) -> claims.Nothing:
        """Ask for a task where there must be none."""
        found = claims.next_task(self.root, worker, **more)
        assert isinstance(found, claims.Nothing), found.id
        return found
