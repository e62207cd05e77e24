"""Workers that race for tasks, are killed, come too late; scopes that overlap; a fleet on a real repository.

    python -m tests.torture.claims                          all parts
    python -m tests.torture.claims race --processes 100 --tasks 2000
    python -m tests.torture.claims kills --workers 12 --tasks 200
    python -m tests.torture.claims overlaps --plans 1000
    python -m tests.torture.claims stops
    python -m tests.torture.claims stale --races 1000
    python -m tests.torture.claims fleet --jobs 8 --tasks 40 --rest 2

Each task must be claimed once at a time and done once, under its last generation; no two tasks with a path in common
may be at work at once; each stop of daemon and worker must lead to a state that goes on; what a fleet merges must be
what one worker makes. Exits with 1 where that is not so.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from ..support import claiming
from ..support.claiming import Raced
from ..support.fleet import fleet, one_after_the_other, tasks_for
from ..support.plan_machine import COUNTS, PlanMachine
from ..support.roots import make_root

PARTS = ("race", "kills", "overlaps", "stops", "stale", "fleet")


def _overlaps(plans: int) -> Raced:
    warnings.simplefilter("ignore", DeprecationWarning)  # of the name by which every version of pathspec knows patterns
    raced, began = Raced(), time.monotonic()
    try:
        run_state_machine_as_test(
            PlanMachine,
            settings=settings(
                max_examples=max(1, plans // 3),
                stateful_step_count=40,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception as err:
        traceback.print_exc()
        raced.broken.append(type(err).__name__)
    raced.seconds, raced.counts = time.monotonic() - began, COUNTS
    return raced


def _fleet(folder: Path, jobs: int, tasks: int, rest: float) -> Raced:
    raced = Raced()
    one, many = fleet(folder, tasks, 1, rest), fleet(folder, tasks, jobs, rest)
    wanted = one_after_the_other(tasks_for(tasks))
    for name, made in (("one worker", one), (f"{jobs} workers", many)):
        print(f"  {name}: {made.done} tasks in {made.seconds:.1f} s, {made.failed} attempts failed")
        if made.tree != wanted:
            raced.broken.append(f"{name} made another tree")
        if made.done != tasks:
            raced.broken.append(f"{name} did {made.done} of {tasks}")
    print(f"  {one.seconds / many.seconds:.1f} times as fast")
    raced.seconds = one.seconds + many.seconds
    return raced


def _part(name: str, folder: Path, given: argparse.Namespace) -> Raced:
    dice = random.Random(given.seed)
    if name == "race":
        return claiming.race(make_root(folder / "root", "alex"), given.processes, given.tasks or 2_000)
    if name == "kills":
        return claiming.kills(make_root(folder / "root", "alex"), given.workers, given.tasks or 200, dice)
    if name == "overlaps":
        return _overlaps(given.plans)
    if name == "stops":
        return claiming.every_stop(folder)
    if name == "stale":
        return claiming.stale(folder, given.races, dice)
    return _fleet(folder, given.jobs, given.tasks or 40, given.rest)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="else all")
    for name, default in (("processes", 100), ("workers", 12), ("plans", 1_000), ("races", 1_000), ("jobs", 8)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--rest", type=float, default=2.0, help="seconds that a fleet's task takes beside git")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    broken = 0
    for name in given.parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name}:", flush=True)
            raced = _part(name, Path(folder), given)
        print(
            f"  {raced.seconds:,.1f} s",
            *(f"{count:,} {what}" for what, count in sorted(raced.counts.items())),
            sep=", ",
        )
        if name == "race":
            print(f"  {raced.counts['claims'] / raced.seconds:,.0f} claims a second")
        for problem in raced.broken[:20]:
            print(f"  BROKEN: {problem}")
        broken += len(raced.broken)
    print(f"promises broken: {broken}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
