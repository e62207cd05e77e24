"""The workers' commands at a large plan: ``python -m tests.benchmarks.plans [--tasks 2000] [--runs 20]``.

Each command is a process of its own, as an agent runs it, beside an interpreter that does nothing: once with the plan
as the daemon has written it down, once without, when each call parses the YAML. Processor time, which other work on the
machine changes least, and the time on the clock.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from recursion_gate.core.paths import Root
from recursion_gate.plans.folder import PlanFolder

from ..support.plans import Plans, codebase
from ..support.roots import make_root
from .rows import installed


def _plan(root: Root, tasks: int) -> PlanFolder:
    """A plan as planners write them: a goal, a scope and a criterion each, and a need for every second."""
    made = []
    for number in range(tasks):
        needs = [f"t{number - 1}"] if number % 2 else []
        goal = f"Do number {number}.\n\nIt is in `app/part-{number}`, and its tests are beside it."
        made.append(codebase(f"t{number}", f"/app/part-{number}/", needs=needs, goal=goal, accept=[{"run": "true"}]))
    return Plans(root).add("p", *made, goal="Many tasks.")


def _used() -> float:
    """The processor seconds of all commands so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _row(name: str, command: Sequence[str], runs: int, environment: dict[str, str]) -> None:
    """Run a command so often, and print its medians."""
    used, taken = [], []
    for _ in range(runs):
        before, began = _used(), time.perf_counter()
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        taken.append(time.perf_counter() - began)
        used.append(_used() - before)
        assert done.returncode in (0, 1), done.stderr
    print(
        f"{name:55} processor {1000 * statistics.median(used):4.0f} ms ({1000 * min(used):.0f} to "
        f"{1000 * max(used):.0f}), clock {1000 * statistics.median(taken):4.0f} ms",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = make_root(Path(place) / "root", "alex")
        folder = _plan(root, given.tasks)
        print(f"{given.tasks:,} tasks, {folder.plan.stat().st_size / 1e3:,.0f} KB of YAML")
        program = [str(Path(sys.executable).parent / "recursion-gate"), "--root", str(root.path)]
        environment = installed()
        _row("python -c pass", [sys.executable, "-c", "pass"], given.runs, environment)
        _row("recursion-gate --help", [program[0], "--help"], given.runs, environment)
        small = make_root(Path(place) / "small", "alex")
        _plan(small, 2)
        few = [*program[:2], str(small.path), "task", "next", "--worker", "ada"]
        _row("task next --worker ada, 2 tasks", few, given.runs, environment)
        for how in ("written down", "parsed each time"):
            if how != "written down":
                folder.unfolded.unlink()
            for words in (
                "task next --worker ada",
                "task next --worker ada --lane staging",
                "task show p/t1",
                "plan list",
            ):
                _row(f"{words}, {how}", [*program, *words.split()], given.runs, environment)


if __name__ == "__main__":
    main()
