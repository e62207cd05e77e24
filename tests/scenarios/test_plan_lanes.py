"""Plans where each lane has an account of its own: agents plan and work, people move tasks, nobody else passes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from recursion_gate.clients import tokens

from ..support.accounts import Lanes, throwaway_lanes
from ..support.door import Door
from ..support.mcp_client import over_http
from ..support.world import wait_for


@pytest.fixture(scope="module")
def lanes() -> Iterator[Lanes]:
    with throwaway_lanes() as made:
        yield made


def test_agents_plan_and_work_people_move_tasks_and_others_stay_out(lanes: Lanes) -> None:
    root, plan = lanes.root, lanes.root.plans / "p"
    text = "tasks:\n  - {id: a, title: A, lane: reading, accept: [{gate: {user: alex}}]}\n"
    text += "  - {id: b, title: B, lane: reading, needs: [a]}\n  - {id: c, title: C, lane: reading}\n"
    script = 'printf "%s" "$1" > "$2/.x.tmp" && mv "$2/.x.tmp" "$2/p.plan.yaml"'
    assert lanes.agent.sh(script, text, root.plans, umask=0o077).returncode == 0
    with lanes.running():
        wait_for(lambda: (plan / "ready/a.md").exists() and (plan / "ready/c.md").exists())
        for who in (lanes.nobody, lanes.reader, lanes.stranger):
            assert who.sh('ls "$1"', root.plans).returncode != 0
            assert who.call(root, "task", "next", "--worker", "eve").returncode == 1
        first = json.loads(lanes.agent.call(root, "task", "next", "--worker", "ada", "--json", umask=0o077).stdout)
        second = json.loads(lanes.other.call(root, "task", "next", "--worker", "bob", "--json", umask=0o077).stdout)
        assert (first["id"], second["id"]) == ("p/a@1", "p/c@1")
        refused = lanes.agent.call(root, "task", "done", "p/a@1")
        assert "this account may not read the gate" in refused.stderr
        done = lanes.agent.call(root, "task", "done", "p/a@1", "--no-checks", "--note", "a is done", umask=0o077)
        assert done.returncode == 0, done.stderr
        wait_for(lambda: (plan / "ready/b.md").exists())
        assert "a is done" in lanes.other.sh('cat "$1"', plan / "ready/b.md").stdout
        assert lanes.maria.sh('mv "$1"/claimed/c.* "$1/failed/c.1.md"', plan).returncode == 0
        stale = lanes.other.call(root, "task", "done", "p/c@1")
        assert (stale.returncode, "the task is failed" in stale.stderr) == (1, True)


def test_by_the_agents_door_and_mcp_too_and_others_go_on_with_what_it_makes(lanes: Lanes) -> None:
    root, plan = lanes.root, lanes.root.plans / "q"
    text = "tasks:\n  - {id: a, title: A, lane: reading}\n"
    text += "  - {id: g, title: G, lane: reading, accept: [{gate: {user: alex}}]}\n"
    token = tokens.add(root, "far", ["alex"], plans=True)
    command, run_as = lanes.agent.program.command, lanes.agent.options()
    with lanes.running(), Door(root, "--only", "agents", program=command, run_as=run_as) as door:
        with over_http(door.port, token) as far:
            far.call("add_plan", name="q", text=text)
            wait_for(lambda: (plan / "ready/a.md").exists() and (plan / "ready/g.md").exists())
            claim = far.call("next_task", plan="q")
            assert (claim["id"], claim["worker"]) == ("q/a@1", "far")
            for who in (lanes.other, lanes.maria):
                assert "# A" in who.sh('cat "$1"', plan / "claimed/a.1.far.md").stdout
                assert '"worker": "far"' in who.sh('cat "$1"', plan / "claims/a.1.json").stdout
            assert far.call("finish_task", claim=claim["id"], note="It is on the shelf.")["state"] == "done"
            assert "on the shelf" in lanes.other.sh('cat "$1"', plan / "notes/a.1.md").stdout
            second = far.call("next_task", plan="q")["id"]
            answer = far.call("finish_task", claim=second)
            assert answer["state"] == "claimed"
            assert "may not read the gate" in answer["failed"][0]
        assert lanes.maria.sh('mv "$1"/claimed/g.* "$1/done/g.1.md"', plan).returncode == 0
