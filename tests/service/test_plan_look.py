"""The daemon and `once` look at the plans between the users' turns."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.plans import claims, keeper
from recursion_gate.plans.records import read_record
from recursion_gate.service.daemon import Service
from recursion_gate.service.once import once

from ..support.daemon import PROGRAM, Daemon, call, run_here
from ..support.plans import Plans, reading
from ..support.world import World, wait_for


@pytest.mark.parametrize("poll", [False, True])
def test_a_running_daemon_unfolds_a_plan_makes_tasks_ready_and_takes_back_claims(root: Root, poll: bool) -> None:
    plans = Plans(root)
    settings = Settings(poll_seconds=0.05) if poll else Settings(look_seconds=600)

    def story() -> None:
        plans.drop("p.plan.yaml", "tasks:\n  - {id: a, title: A, scope: [/a/]}\n"
                   "  - {id: b, title: B, lane: reading, needs: [a]}\n")  # fmt: skip
        ready, waiting = root.plans / "p/ready", root.plans / "p/waiting"
        wait_for(lambda: ready.exists() and os.listdir(ready) == ["a.md"])
        claims.finish(plans.claim(), "done")
        wait_for(lambda: os.listdir(ready) == ["b.md"] and not os.listdir(waiting))
        plans.claim(seconds=1)
        wait_for(lambda: os.listdir(ready) == ["b.1.md"])

    run_here(Service(root, settings, poll=poll), story)


def test_the_first_plan_in_a_root_is_taken_without_a_warning(root: Root) -> None:
    """That plans/ appears is no loss of events; the folder is watched from then on."""
    plans = Plans(root)
    assert not root.plans.exists()
    with Daemon(root) as daemon:
        wait_for(lambda: "event=ready" in daemon.log())
        for name in ("p", "q"):
            plans.drop(f"{name}.plan.yaml", "tasks: [{id: a, title: A, lane: reading}]")
            wait_for(lambda name=name: (root.plans / name / "ready/a.md").exists())  # type: ignore[misc]
        assert "WARNING" not in daemon.log()
        assert "events-lost" not in daemon.log()


def test_once_does_what_the_plans_need_and_then_stops(root: Root) -> None:
    plans = Plans(root)
    plans.drop("p.plan.yaml", "tasks: [{id: a, title: A, scope: [/a/]}]")
    done: list[str] = []
    once(root, Settings(), done.append)
    assert plans.standing("p") == {"ready": ["a.md"]}
    assert done == ["planned", "planned"]
    (root.plans / "p/plan.yaml").write_text("[")
    problems: dict[str, str] = {}
    once(root, Settings(), plan_problem=problems.__setitem__)
    assert list(problems) == ["p"]


def test_a_fault_in_the_plans_stops_nothing_that_is_done_for_users(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = Plans(root)
    plans.drop("p.plan.yaml", "tasks: [{id: a, title: A, scope: [/a/]}]")

    def broken(*_: object) -> None:
        raise KeyError("a fault of the program")

    monkeypatch.setattr(keeper, "take_drops", broken)
    world = World(root)
    service = Service(root, Settings())

    def story() -> None:
        world.drop("a.txt", "Just written.")
        wait_for(lambda: len(world.gate()) == 1)
        wait_for(lambda: b"internal error (KeyError)" in root.status.read_bytes())

    run_here(service, story)


def test_where_nobody_plans_nothing_of_plans_is_imported(root: Root) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from recursion_gate.core.paths import Root; from recursion_gate.core.settings import Settings\n"
        "from recursion_gate.service.once import once\n"
        "once(Root(__import__('pathlib').Path(sys.argv[1])), Settings())\n"
        "print([m for m in sys.modules if m.startswith('recursion_gate.plans')])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root.path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not Path(root.plans).exists()


def test_status_says_which_plan_is_parked_and_a_killed_workers_task_is_taken_back_soon(root: Root) -> None:
    plans = Plans(root)
    folder = plans.add("p", reading("a"), reading("b"))
    with Daemon(root):
        command = [*PROGRAM, "--root", str(root.path), "work", "--worker", "ada", "--max", "1", "--", "sleep", "15"]
        worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for(lambda: read_record(folder.claim("a", 1)))  # what is written before it has its name is no claim yet
        worker.kill()
        worker.wait()
        wait_for(lambda: "a.1.md" in os.listdir(folder.state("ready")))
        folder.plan.write_text("tasks: [")
        wait_for(lambda: "plan p: parked: plans/p/plan.yaml" in call(root, "status").stdout)
