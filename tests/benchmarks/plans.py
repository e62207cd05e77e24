"""The workers' commands at a large plan: ``python -m tests.benchmarks.plans [--tasks 2000] [--runs 20]``.

Each command is a process of its own, as an agent runs it, beside an interpreter that does nothing; then the same calls
in one process that has never seen the plan.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from recursion_gate.core.paths import Root
from recursion_gate.plans import book, claims

from ..support.plans import Plans, codebase
from ..support.roots import make_root
from .rows import installed


def _times(what: Callable[[], object], runs: int) -> str:
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        what()
        taken.append(1000 * (time.perf_counter() - began))
    return f"median {statistics.median(taken):.0f} ms, {min(taken):.0f} to {max(taken):.0f} ms"


def _plan(root: Root, tasks: int) -> None:
    """A plan as planners write them: a goal, a scope and a criterion each, and a need for every second."""
    made = []
    for number in range(tasks):
        needs = [f"t{number - 1}"] if number % 2 else []
        goal = f"Do number {number}.\n\nIt is in `app/part-{number}`, and its tests are beside it."
        made.append(codebase(f"t{number}", f"/app/part-{number}/", needs=needs, goal=goal, accept=[{"run": "true"}]))
    Plans(root).add("p", *made, goal="Many tasks.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = make_root(Path(place) / "root", "alex")
        _plan(root, given.tasks)
        program = [str(Path(sys.executable).parent / "recursion-gate"), "--root", str(root.path)]
        environment = installed()

        def run(*command: str, ok: tuple[int, ...] = (0,)) -> Callable[[], object]:
            def call() -> None:
                done = subprocess.run(command, capture_output=True, env=environment, check=False)
                assert done.returncode in ok, done.stderr

            return call

        def fresh(what: Callable[[], object]) -> Callable[[], object]:
            def call() -> None:
                book._read.clear()
                what()

            return call

        print(f"{given.tasks:,} tasks, {(root.plans / 'p' / 'plan.yaml').stat().st_size / 1e3:,.0f} KB of YAML")
        rows: list[tuple[str, Callable[[], object]]] = [
            ("python -c pass", run(sys.executable, "-c", "pass")),
            ("recursion-gate --help", run(program[0], "--help")),
            ("task next", run(*program, "task", "next", "--worker", "ada")),
            (
                "task next, nothing in the lane",
                run(*program, "task", "next", "--worker", "a", "--lane", "staging", ok=(1,)),
            ),
            ("task show", run(*program, "task", "show", "p/t1")),
            ("task list --state ready", run(*program, "task", "list", "--state", "ready")),
            ("plan list", run(*program, "plan", "list")),
            ("in one process: next_task", fresh(lambda: claims.next_task(root, "bob"))),
            ("in one process, plan known: next_task", lambda: claims.next_task(root, "bob")),
        ]
        for name, call in rows:
            print(f"{name}: {_times(call, given.runs)}", flush=True)


if __name__ == "__main__":
    main()
