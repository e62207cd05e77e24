"""The daemon's part: unfold plans, make tasks ready, take back claims that have ended.

`look` reads everything from the folders each time, decides, and carries out: it remembers nothing that it needs, so a
lost event, a restart and a first look are the same. It alone moves tasks back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ..core.clock import now
from ..core.paths import Root
from ..core.settings import Settings
from ..disk import atomic
from ..disk.untrusted import Mark
from .apply import apply, make_folders, set_aside
from .book import BadPlan, marks, parse_plan, read_plan
from .check import conflicts_of, findings
from .drops import take_drops
from .folder import PlanFolder, TaskName, plan_folders
from .gate_conditions import GateAnswers
from .model import Plan
from .observe import claim_end, observe
from .schedule import Conflicts, Observed, decide

__all__ = ["Keeper", "Looked", "usable_plan"]

log = logging.getLogger("recursion_gate")

#: While tasks wait for the gate, so many seconds lie between two questions: there is no event for that.
_ASK_GATE = 1.0

#: While claims last as long as a process, so many seconds lie between two looks at whether it lives.
_ASK_PROCESSES = 2.0


@dataclass(frozen=True, slots=True)
class Looked:
    """The result of a look."""

    #: How many things were done.
    done: int
    #: In how many seconds something ends by itself; None: nothing does.
    due: float | None
    #: In how many seconds a plan that may still be being written will count as complete.
    settles: float | None = None


def usable_plan(folder: PlanFolder, read: Callable[[PlanFolder], Plan] = read_plan) -> Plan:
    """The plan of a folder, as it is `read`, which the daemon can work on. Raises BadPlan, OSError."""
    plan = read(folder)
    if plan.plan != folder.name:
        raise BadPlan(f"plans/{folder.name}/plan.yaml", f"it names another plan, '{plan.plan}'", "Set it right.")
    if wrong := findings(plan, overlaps=False):
        raise BadPlan(f"plans/{folder.name}/plan.yaml", wrong[0], "Set it right.")
    return plan


class Keeper:
    """Keeps the plans of one root."""

    def __init__(self, root: Root, settings: Settings, check: Callable[[], object] = lambda: None) -> None:
        """`check` is called before anything is written: it raises where the daemon's place is no longer ours."""
        self._root, self._settings, self._check = root, settings, check
        self._plans: dict[str, tuple[tuple[Mark, ...], Plan]] = {}
        self._conflicts: tuple[object, Conflicts] = (None, {})
        self._gate = GateAnswers(root)
        #: What is wrong with a plan, by its name.
        self.problems: dict[str, str] = {}

    def look(self) -> Looked:
        """Do all that is to be done now. Raises OSError, AlreadyRunning."""
        self._check()
        done, settles = take_drops(self._root, self._settings)
        observed: dict[str, Observed] = {}
        problems: dict[str, str] = {}
        for folder in plan_folders(self._root):
            try:
                observed[folder.name] = self._observe(folder)
            except FileNotFoundError:
                if folder.plan.exists():
                    make_folders(folder)
                    done += 1
            except (BadPlan, OSError) as err:
                problems[folder.name] = str(err)
        self._say(problems)
        held = [name for name in problems if self._freeze(PlanFolder(self._root.plans / name))]
        self._gate.unmet = 0
        if observed:
            self._check()
            conflicts = None if held else self._overlaps(observed)
            done += apply(self._root, observed, decide(list(observed.values()), conflicts, self._gate.holds))
        dues = [settles, _ASK_GATE if self._gate.unmet else None, self._next_end(observed)]
        return Looked(done, min((each for each in dues if each is not None), default=None), settles)

    def _observe(self, folder: PlanFolder) -> Observed:
        its = marks(folder)
        known = self._plans.get(folder.name)
        if known is None or known[0] != its:
            plan = usable_plan(folder, parse_plan)
            known = self._plans[folder.name] = (its, plan)
        for path in folder.strangers():
            set_aside(self._root, path, f"{folder.name}-{path.name}", "this is the file of no task of the plan")
        seen = observe(folder, known[1])
        ids = {task.id for task in known[1].tasks}
        for task in seen.standings.keys() - ids:
            for standing in seen.standings[task]:
                set_aside(
                    self._root,
                    folder.state(standing.state) / standing.name.file,
                    f"{folder.name}-{standing.name.file}",
                    "this is the file of no task of the plan",
                )
        return seen

    def _freeze(self, folder: PlanFolder) -> bool:
        """Of a plan that cannot be read nothing is given out any more, since the scopes are unknown: its ready tasks
        wait, and so do those whose claim ends. Gives whether any is still claimed."""
        is_held = False
        with suppress(OSError):
            for standing in folder.listing(("ready", "claimed")):
                if standing.state == "claimed":
                    end = claim_end(folder, standing)
                    if end is not None and not end.has_ended:
                        is_held = True
                        continue
                with suppress(FileNotFoundError, FileExistsError):
                    to = TaskName(standing.name.task, standing.name.generation)
                    atomic.calls.rename_new(standing.path, str(folder.at("waiting", to)))
        return is_held

    def _overlaps(self, observed: dict[str, Observed]) -> Conflicts:
        """Which tasks' scopes overlap."""
        names = tuple((name, self._plans[name][0]) for name in sorted(observed))
        if self._conflicts[0] != names:
            self._conflicts = (names, conflicts_of({name: seen.plan.tasks for name, seen in observed.items()}))
        return self._conflicts[1]

    def _say(self, problems: dict[str, str]) -> None:
        for name, problem in problems.items():
            if self.problems.get(name) != problem:
                log.error('event=plan-parked plan=%s why="%s"', name, problem)
        for name in self.problems.keys() - problems.keys():
            log.info("event=plan-resumed plan=%s", name)
        self.problems = problems

    def _next_end(self, observed: dict[str, Observed]) -> float | None:
        at = now()
        ends = [end for each in observed.values() for end in each.ends.values()]
        left = [_ASK_PROCESSES] if any(end.is_watched for end in ends) else []
        left += [(end.at - at).total_seconds() for end in ends]
        return max(0.05, min(left)) if left else None
