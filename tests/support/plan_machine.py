"""Plans, workers and the daemon's part as a state machine, held against a small model (contract: promise 12).

The model knows where each task stands, who has it under which generation, and, by trying all paths of a small tree,
which scopes have one in common; what a look must lead to follows from that. Folders, files, renames and claims are the
real ones; the clock is ours. Workers and the daemon are killed at any call that changes something.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pathspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from recursion_gate.disk import atomic
from recursion_gate.plans import claims
from recursion_gate.plans.folder import PlanFolder, TaskName
from recursion_gate.plans.model import Plan, Task
from recursion_gate.plans.parse import dump
from recursion_gate.plans.records import read_record

from .dying import Dying, Killed
from .plans import Plans
from .roots import make_root

__all__ = ["COUNTS", "PlanMachine", "random_tasks"]

#: What was done in all examples, for a report.
COUNTS: Counter[str] = Counter()

#: Of the random scopes below, all that they can have in common is among these.
_PATHS = [
    "/".join(parts)
    for depth in (1, 2, 3)
    for parts in itertools.product(*([["a", "b", "c"], ["x", "y", "a.md", "z.md"], ["x", "z.md"]][:depth]))
]
_PATTERNS = ["/a/", "/b/", "/a/x/", "/a/x/z.md", "/a/y/", "/b/*.md", "/a/*.md", "/c/y", "/*/x/", "**/z.md", "!/a/x/"]


def _paths(scope: list[str]) -> set[str]:
    if not scope:
        return set()
    found = pathspec.PathSpec.from_lines("gitwildmatch", scope)
    return {path for path in _PATHS if found.match_file(path)}


def random_tasks(dice: random.Random) -> list[Task]:
    """The tasks of a plan in which two with a path in common have an order, as the check wants it."""
    tasks: list[Task] = []
    before: dict[str, set[str]] = {}
    for number in range(dice.randint(1, 6)):
        name = f"t{number}"
        lane = dice.choice(["codebase", "codebase", "codebase", "reading"])
        scope = dice.sample(_PATTERNS, dice.randint(1, 2)) if lane == "codebase" else []
        if lane == "codebase" and (scope[0].startswith("!") or not _paths(scope)):
            scope = ["/a/"]
        needs = {task.id for task in tasks if dice.random() < 0.2}
        needs |= {task.id for task in tasks if _paths(task.scope) & _paths(scope)}
        before[name] = needs.union(*(before[need] for need in needs))
        tasks.append(
            Task(id=name, title=name, lane=lane, scope=scope, needs=sorted(needs), max_attempts=dice.randint(1, 3))  # type: ignore[arg-type]
        )
    return tasks


@dataclass(slots=True)
class _Stand:
    """A task of the model."""

    task: Task
    paths: set[str]
    state: str = "waiting"
    generation: int = 0
    worker: str | None = None
    ends: datetime | None = None
    attempts: int = 0
    again: bool = False


@dataclass(slots=True)
class _Model:
    """All tasks, by plan and id."""

    tasks: dict[tuple[str, str], _Stand] = field(default_factory=dict)

    def look(self, now: datetime) -> None:
        """What one look of the daemon leads to: what it takes back holds its scope until the next look, and what is
        tried again comes behind all that waits."""
        held = [e for e in self.tasks.values() if e.state in ("ready", "claimed")]
        ended = [e for e in held if e.state == "claimed" and e.ends is not None and now >= e.ends]
        again = [e for e in self.tasks.values() if e.state == "failed" and e.again and e.attempts < e.task.max_attempts]
        for (plan, _), each in sorted(self.tasks.items(), key=lambda item: item[0][0]):
            if (
                each.state == "waiting"
                and all(self.tasks[plan, need].state == "done" for need in each.task.needs)
                and not any(each.paths & other.paths for other in held)
            ):
                each.state, each.again = "ready", False
                held.append(each)
        for each in ended:
            each.attempts += 1
            each.state = "failed" if each.attempts >= each.task.max_attempts else "ready"
            each.again, each.worker = each.state == "failed", None
        for each in again:
            each.state, each.again = "waiting", False


class PlanMachine(RuleBasedStateMachine):
    """One example: a root of its own, plans, workers, kills."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(
            tempfile.mkdtemp(prefix="plans-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        )
        self.plans = Plans(make_root(self.folder / "root"))
        self.model = _Model()
        self.open: list[claims.Claim] = []
        self.now = datetime(2026, 11, 26, tzinfo=UTC)
        self.known = True  # whether the model knows all: not between a kill and the next look
        self._set_clock()
        COUNTS["examples"] += 1

    def teardown(self) -> None:
        os.environ.pop("RECURSION_GATE_NOW", None)
        shutil.rmtree(self.folder)

    def _set_clock(self) -> None:
        os.environ["RECURSION_GATE_NOW"] = self.now.isoformat()

    # -- planners -----------------------------------------------------------------------------------------------------

    @initialize(seed=st.integers(0, 2**32))
    def first(self, seed: int) -> None:
        self.plan(seed)

    @precondition(lambda self: len({plan for plan, _ in self.model.tasks}) < 4)
    @rule(seed=st.integers(0, 2**32))
    def plan(self, seed: int) -> None:
        name = f"p{len({plan for plan, _ in self.model.tasks})}"
        tasks = random_tasks(random.Random(seed))
        self.plans.drop(f"{name}.plan.yaml", dump(Plan(plan=name, tasks=tasks)))
        for task in tasks:
            self.model.tasks[name, task.id] = _Stand(task, _paths(task.scope))
        COUNTS["plans"] += 1
        COUNTS["tasks"] += len(tasks)
        self.look()

    # -- the daemon ---------------------------------------------------------------------------------------------------

    @rule()
    def look(self) -> None:
        self.plans.look()
        assert self.plans.refused() == {}
        self.model.look(self.now)
        for _ in range(10):  # one look may make others' turn come
            self.model.look(self.now)
        self.known = True
        COUNTS["looks"] += 1

    @rule()
    def restart(self) -> None:
        self.plans.restart()

    @rule(call=st.integers(1, 40))
    def killed_daemon(self, call: int) -> None:
        before = atomic.calls
        atomic.calls = Dying(call)
        try:
            self.plans.look()
        except Killed:
            COUNTS["kills of the daemon"] += 1
        finally:
            atomic.calls = before
            self.plans.restart()
        self._take_over()
        self.look()

    def _take_over(self) -> None:
        """What a look that was cut short has done of what it does: the model goes on from there."""
        for plan in {p for p, _ in self.model.tasks}:
            for standing in PlanFolder(self.plans.root.plans / plan).listing():
                each = self.model.tasks[plan, standing.name.task]
                if standing.state == each.state:
                    continue
                ended = each.state == "claimed" and each.ends is not None and self.now >= each.ends
                if each.state == "claimed":
                    assert ended, "an open claim was taken back"
                    each.attempts += 1
                    each.again, each.worker = standing.state == "failed", None
                    assert standing.state in ("ready", "failed", "waiting")
                else:
                    moved = [("failed", "waiting"), ("failed", "ready"), ("waiting", "ready")]
                    assert (each.state, standing.state) in moved
                    assert each.state != "failed" or (each.again and each.attempts < each.task.max_attempts)
                    each.again = False
                each.state = standing.state

    # -- workers ------------------------------------------------------------------------------------------------------

    @rule(worker=st.sampled_from(["ada", "bob", "cid"]), seconds=st.sampled_from([10, 100]))
    def claim(self, worker: str, seconds: int) -> None:
        found = claims.next_task(self.plans.root, worker, seconds=seconds)
        ready = [each for each in self.model.tasks.values() if each.state == "ready"]
        if isinstance(found, claims.Nothing):
            assert not ready, "a ready task was not given out"
            return
        each = self.model.tasks[found.folder.name, found.task.id]
        assert each in ready
        each.state, each.worker, each.again = "claimed", worker, False
        each.generation += 1
        assert found.record.generation == each.generation
        each.ends = self.now + timedelta(seconds=seconds)
        self.open.append(found)
        COUNTS["claims"] += 1

    @rule(call=st.integers(1, 12), worker=st.sampled_from(["ada", "bob"]))
    def killed_at_claim(self, call: int, worker: str) -> None:
        before = atomic.calls
        atomic.calls = Dying(call)
        try:
            found = claims.next_task(self.plans.root, worker, seconds=10)
        except Killed:
            found = None
            COUNTS["kills of workers"] += 1
        finally:
            atomic.calls = before
        for folder in (PlanFolder(self.plans.root.plans / plan) for plan in {p for p, _ in self.model.tasks}):
            for standing in folder.listing(("claimed",)):
                each = self.model.tasks[folder.name, standing.name.task]
                if each.state == "claimed":
                    continue
                each.state, each.worker, each.generation = "claimed", worker, standing.name.generation
                each.again = False
                record = read_record(folder.claim(standing.name.task, standing.name.generation))
                if record is None:  # half a minute after the rename it ends: files have the real clock
                    os.rename(standing.path, folder.at("ready", TaskName(standing.name.task, each.generation)))
                    each.state, each.worker = "ready", None
                    each.attempts += 1  # without a note
                else:
                    each.ends = record.ends
        if isinstance(found, claims.Claim):
            self.open.append(found)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), outcome=st.sampled_from(["done", "done", "failed", "released", "renew"]))
    def finish(self, data: st.DataObject, outcome: Any) -> None:
        claim = data.draw(st.sampled_from(self.open))
        each = self.model.tasks[claim.folder.name, claim.task.id]
        mine = (each.state, each.generation, each.worker) == ("claimed", claim.record.generation, claim.record.worker)
        is_open = mine and each.ends is not None and self.now < each.ends
        try:
            if outcome == "renew":
                renewed = claims.renew(claim)
                self.open[self.open.index(claim)] = renewed
                each.ends = renewed.record.ends
            else:
                claims.finish(claim, outcome)
        except claims.Ended:
            assert not is_open, "an open claim was refused"
            COUNTS["stale refused"] += 1
            return
        assert is_open, "a stale worker was let through"
        if outcome != "renew":
            each.state = "done" if outcome == "done" else "failed"
            each.again, each.worker = outcome != "done", None
            each.attempts += outcome == "failed"
            self.open.remove(claim)
        COUNTS[outcome] += 1

    @rule(seconds=st.sampled_from([1, 9, 11, 120]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self._set_clock()

    # -- people -------------------------------------------------------------------------------------------------------

    @rule(data=st.data(), state=st.sampled_from(["waiting", "failed", "done", "ready"]))
    def moved_by_hand(self, data: st.DataObject, state: Any) -> None:
        (plan, task), each = data.draw(st.sampled_from(sorted(self.model.tasks.items(), key=lambda item: item[0])))
        folder = PlanFolder(self.plans.root.plans / plan)
        (standing,) = [s for s in folder.listing() if s.name.task == task]
        if state == "ready" and each.state != "claimed":
            return  # the daemon puts that right at its next look, but a worker may be first
        os.rename(standing.path, folder.at(state, TaskName(task, standing.name.generation)))
        was = each.state
        if was == "claimed":
            each.attempts += 1  # no note says what became of it
        each.state, each.worker = state, None
        COUNTS["moved by hand"] += 1

    # -- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def each_task_stands_once_and_where_the_model_has_it(self) -> None:
        for plan in {p for p, _ in self.model.tasks}:
            found = PlanFolder(self.plans.root.plans / plan).listing()
            assert len({s.name.task for s in found}) == len(found)
            states = {s.name.task: (s.state, s.name.generation, s.name.worker) for s in found}
            wanted = {
                t: (e.state, e.generation, e.worker if e.state == "claimed" else None)
                for (p, t), e in self.model.tasks.items()
                if p == plan
            }
            assert states == wanted

    @invariant()
    def no_two_at_work_have_a_path_in_common(self) -> None:
        held = [each.paths for each in self.model.tasks.values() if each.state in ("ready", "claimed")]
        for one, other in itertools.combinations(held, 2):
            COUNTS["pairs at work"] += 1
            assert not one & other
