"""Plans and tasks by MCP: what the tools do, who is given them, and what they never do for a caller far away."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import MCPError
from recursion_gate.core.paths import Root
from recursion_gate.mcp_door.caller import worker_of
from recursion_gate.plans.model import valid_worker

from ..support.daemon import Daemon, call
from ..support.door import Door
from ..support.mcp_client import Agent, over_http, over_stdio
from ..support.plans import Plans, codebase, reading
from ..support.roots import make_root, mounted
from ..support.world import World, tree, wait_for

TOOLS = {
    "list_plans",
    "show_plan",
    "check_plan",
    "add_plan",
    "next_task",
    "show_task",
    "renew_task",
    "finish_task",
    "fail_task",
    "release_task",
}
#: Those that write something, all of it in plans/.
WRITE = {"add_plan", "next_task", "renew_task", "finish_task", "fail_task", "release_task"}

PLAN = """\
goal: All of it
tasks:
  - {id: a, title: A, lane: reading, goal: Read it., accept: [It reads well.]}
  - {id: b, title: B, lane: reading, needs: [a]}
  - {id: c, title: C, lane: reading}
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return make_root(tmp_path / "root", "alex", "blake")


@pytest.fixture
def plans(root: Root) -> Plans:
    return Plans(root)


@pytest.fixture
def worker(root: Root) -> Iterator[Agent]:
    """An agent on stdio that was given plans."""
    with over_stdio(root, "--plans") as agent:
        yield agent


def test_a_planner_and_two_workers_go_through_a_plan_under_a_real_daemon(root: Root) -> None:
    with Daemon(root), Door(root, "--rate", "0") as door, over_stdio(root, "--plans", source="ada") as ada:
        added = ada.call("add_plan", name="p", text=PLAN)
        assert (added["plan"], added["tasks"], added["daemon"]) == ("p", 3, True)
        wait_for(lambda: (root.plans / "p/ready/c.md").exists() and (root.plans / "p/ready/a.md").exists(), 90)
        assert ada.call("list_plans")["plans"][0]["ready"] == 2
        with over_http(door.port, door.token("bob", plans=True)) as bob:
            first, second = ada.call("next_task"), bob.call("next_task")
            assert (first["id"], first["worker"], second["id"], second["worker"]) == ("p/a@1", "ada", "p/c@1", "bob")
            assert "Read it." in first["text"]
            assert bob.call("next_task")["id"] is None
            assert ada.call("renew_task", claim=first["id"], seconds=3_600)["ends"] > first["ends"]
            assert ada.call("finish_task", claim=first["id"], note="a is on the shelf.")["state"] == "done"
            wait_for(lambda: (root.plans / "p/ready/b.md").exists(), 90)
            third = bob.call("next_task", plan="p", lane="reading")
            assert third["id"] == "p/b@1"
            assert "a is on the shelf." in third["text"]
            assert bob.call("fail_task", claim=third["id"], why="There is no time.")["state"] == "failed"
            assert bob.call("release_task", claim=second["id"], note="begun")["state"] == "released"
            wait_for(lambda: (root.plans / "p/ready/b.1.md").exists() and (root.plans / "p/ready/c.1.md").exists(), 90)
            assert "There is no time." in ada.call("show_task", task="p/b")["text"]
            for name in ("p/b@2", "p/c@2"):
                assert bob.call("next_task")["id"] == name
                bob.call("finish_task", claim=name)
        shown = ada.call("show_plan", plan="p")
        assert {row["state"] for row in shown["list"]} == {"done"}
        assert ada.call("next_task")["message"] == "no task is ready: there is none to do."


def test_two_clients_that_race_claim_each_task_once(root: Root, plans: Plans) -> None:
    plans.add("p", *(reading(f"t{n}") for n in range(60)))
    taken: dict[str, list[str]] = {}
    failed: list[BaseException] = []
    together = threading.Barrier(3)

    def work(name: str, agent: Agent) -> None:
        try:
            together.wait(60)
            while (claim := agent.call("next_task"))["id"]:
                assert claim["worker"] == name
                taken.setdefault(name, []).append(claim["id"])
                agent.call("finish_task", claim=claim["id"])
        except BaseException as err:
            failed.append(err)

    with Door(root, "--rate", "0") as door:
        token, other = door.token("bob", plans=True), door.token("cid", plans=True)
        with (
            over_stdio(root, "--plans", source="ada") as ada,
            over_http(door.port, token) as bob,
            over_http(door.port, other) as cid,
        ):
            callers = {"ada": ada, "bob": bob, "cid": cid}
            workers = [threading.Thread(target=work, args=each) for each in callers.items()]
            for each in workers:
                each.start()
            for each in workers:
                each.join(120)
    assert failed == []
    claimed = [claim for claims in taken.values() for claim in claims]
    assert sorted(claimed) == sorted(f"p/t{n}@1" for n in range(60))
    assert len(taken) > 1  # they did race
    assert len(plans.standing("p")["done"]) == 60


def test_without_the_switch_there_are_no_such_tools(root: Root, plans: Plans) -> None:
    plans.add("p", reading("a"))
    with over_stdio(root) as agent:
        assert not TOOLS & set(agent.tools())
        for tool in TOOLS:
            assert "Unknown tool" in agent.refused(tool)
    with Door(root) as door, over_http(door.port, door.token("plain", read=True)) as other:
        assert not TOOLS & set(other.tools())
        for tool, arguments in ARGUMENTS.items():
            assert "plans are not for this token" in other.refused(tool, **arguments)
        with pytest.raises(MCPError, match="not for this token"):
            other.prompt("working")
        assert "working" not in other.prompts()
    assert plans.standing("p") == {"ready": ["a.md"]}


#: Arguments with which each tool does what it is for, where a plan `p` has `CLAIMED` tasks of the caller's.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "list_plans": {},
    "show_plan": {"plan": "p"},
    "check_plan": {"name": "q", "text": PLAN},
    "add_plan": {"name": "q", "text": PLAN},
    "next_task": {},
    "show_task": {"task": "p/t0"},
    "renew_task": {"claim": "p/t0@1"},
    "finish_task": {"claim": "p/t0@1", "note": "x"},
    "fail_task": {"claim": "p/t1@1", "why": "x"},
    "release_task": {"claim": "p/t2@1"},
}


@pytest.mark.parametrize("door", ["stdio", "http"])
def test_the_tools_write_in_plans_and_nowhere_else_and_answer_as_they_say(root: Root, plans: Plans, door: str) -> None:
    plans.add("p", *(reading(f"t{n}") for n in range(4)))
    opened = Door(root) if door == "http" else None
    assert set(ARGUMENTS) == TOOLS
    try:
        if opened is not None:
            opened.start()
            agent_at = over_http(opened.port, opened.token("claude", plans=True))
        else:
            agent_at = over_stdio(root, "--plans")
        with agent_at as agent:
            tools = agent.tools()
            assert set(tools) >= TOOLS
            for _ in range(3):
                agent.call("next_task")
            for name, arguments in ARGUMENTS.items():
                before = tree(root.path, without=(".doors",))
                answer = agent.call(name, **arguments)
                after = tree(root.path, without=(".doors",))
                assert list(Draft202012Validator(tools[name].output_schema).iter_errors(answer)) == [], name
                changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
                assert all(path.split("/")[0] == "plans" for path in changed), (name, changed)
                assert bool(changed) == (name in WRITE), (name, changed)
                assert tools[name].annotations.read_only_hint is (name not in WRITE)
                assert len(tools[name].description) > 100
                assert tools[name].output_schema["type"] == "object"
    finally:
        if opened is not None:
            opened.stop()


def test_the_answers_are_those_of_the_commands(root: Root, plans: Plans, worker: Agent) -> None:
    plans.add("p", reading("a"), reading("b", needs=["a"]), reading("c"))

    def printed(*words: str) -> Any:
        return json.loads(call(root, *words, "--json").stdout)

    mine, theirs = worker.call("next_task"), printed("task", "next", "--worker", "ada")
    assert mine.keys() == theirs.keys()
    assert worker.call("show_task", task="p/a") == printed("task", "show", "p/a")
    shown = worker.call("show_plan", plan="p")
    assert shown.pop("left_out") == 0
    assert shown | {"as_of": ""} == printed("plan", "show", "p") | {"as_of": ""}
    assert [each | {"as_of": ""} for each in worker.call("list_plans")["plans"]] == [
        each | {"as_of": ""} for each in printed("plan", "list")
    ]
    mine, theirs = worker.call("next_task"), printed("task", "next", "--worker", "ada")
    assert mine.keys() == theirs.keys()
    assert mine["message"].startswith("no task is ready (2 claimed, 1 waiting). Ask again in ")
    assert (mine["id"], mine["claimed"], mine["waiting"], mine["daemon"]) == (None, 2, 1, False)
    assert worker.call("renew_task", claim="p/a@1").keys() == printed("task", "renew", "p/c@1").keys()
    assert worker.call("finish_task", claim="p/a@1").keys() == printed("task", "done", "p/c@1").keys()


def test_a_long_plan_is_shown_in_parts(plans: Plans, worker: Agent) -> None:
    plans.add("p", *(reading(f"t{n}", needs=["t0"] if n else []) for n in range(120)))
    shown = worker.call("show_plan", plan="p")
    assert (len(shown["list"]), shown["left_out"], shown["waiting"]) == (50, 70, 119)
    ready = worker.call("show_plan", plan="p", state="ready")
    assert ([row["task"] for row in ready["list"]], ready["left_out"]) == (["t0"], 119)


def test_a_plan_that_is_wrong_is_said_with_all_that_is(worker: Agent, plans: Plans) -> None:
    scopes = {"a": "/x/", "b": "/x/y", "c": "/z/", "d": "/z/"}
    text = "tasks:\n" + "".join(f"  - {{id: {n}, title: T, scope: [{where}]}}\n" for n, where in scopes.items())
    checked = worker.call("check_plan", name="p", text=text)
    assert len(checked["problems"]) == 2
    said = worker.refused("add_plan", name="p", text=text)
    assert all(problem in said for problem in checked["problems"])
    assert "did you mean 'tasks'" in worker.refused("add_plan", name="p", text="task: []\ntasks: []")
    assert "can be no name" in worker.refused("add_plan", name="No Name", text=PLAN)
    assert "can be no name" in worker.refused("add_plan", name="../p", text=PLAN)
    assert "no plan can be called 'problems'" in worker.refused("add_plan", name="problems", text=PLAN)
    assert not plans.root.plans.exists() or os.listdir(plans.root.plans) == []


def test_the_same_plan_again_is_one_plan_before_and_after_the_daemon_has_it(worker: Agent, plans: Plans) -> None:
    first = worker.call("add_plan", name="p", text=PLAN)
    assert first == worker.call("add_plan", name="p", text=PLAN)
    assert os.listdir(plans.root.plans) == ["p.plan.yaml"]
    assert "waits for the daemon" in worker.refused("add_plan", name="p", text=PLAN.replace("All", "None"))
    plans.look()
    assert worker.call("add_plan", name="p", text=PLAN)["file"].endswith("plans/p/plan.yaml")
    assert "there is a plan 'p' already" in worker.refused("add_plan", name="p", text=PLAN.replace("All", "None"))
    grown = "grows: true\ntasks: [{id: d, title: D, lane: reading}]"
    worker.call("add_plan", name="p", text=grown)
    plans.look()
    assert worker.call("add_plan", name="p", text=grown)["file"].endswith("plans/p/plan.2.yaml")
    assert plans.standing("p") == {"ready": ["a.md", "c.md", "d.md"], "waiting": ["b.md"]}
    assert plans.refused() == {}


def test_a_plan_in_json_is_taken_too(worker: Agent, plans: Plans) -> None:
    worker.call("add_plan", name="p", text=json.dumps({"tasks": [{"id": "a", "title": "A", "lane": "reading"}]}))
    plans.look()
    assert plans.standing("p") == {"ready": ["a.md"]}


def test_on_stdio_the_commands_of_accept_run_where_the_server_runs(root: Root, plans: Plans, tmp_path: Path) -> None:
    plans.add("p", reading("a", accept=[{"run": f"test -e {tmp_path}/made"}]))
    with over_stdio(root, "--plans") as worker:
        claim = worker.call("next_task")["id"]
        answer = worker.call("finish_task", claim=claim)
        assert answer["state"] == "claimed"
        assert "exited with 1" in answer["failed"][0]
        (tmp_path / "made").touch()
        assert worker.call("finish_task", claim=claim)["state"] == "done"


def test_a_claim_is_renewed_while_its_commands_run(root: Root, plans: Plans) -> None:
    from recursion_gate.plans.claims import claim_of
    from recursion_gate.plans.finishing import finish_checked

    plans.add("p", reading("a", accept=[{"run": "sleep 2"}]))
    claim = plans.claim(seconds=1.2)
    assert finish_checked(root, claim_of(root, claim.id))["state"] == "done"


def test_over_http_no_command_is_taken_and_none_is_run(root: Root, plans: Plans, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    plans.add("p", reading("a", accept=[{"run": f"touch {mark}"}]), reading("b"))
    with Door(root) as door, over_http(door.port, door.token("far", plans=True)) as far:
        assert far.call("next_task")["id"] == "p/b@1"
        nothing = far.call("next_task")
        assert nothing["id"] is None
        assert "ready, but for others" in nothing["message"]
        with over_stdio(root, "--plans", source="far") as near:  # the same worker, on this computer
            claim = near.call("next_task")["id"]
        assert "over HTTP none is run" in far.refused("finish_task", claim=claim)
        text = f"tasks:\n  - {{id: x, title: X, lane: reading, accept: [{{run: 'touch {mark}'}}]}}\n"
        for given, says in ((text, "may hold no command"), (f"branch: release\n{PLAN}", "may not name a branch")):
            assert says in far.call("check_plan", name="q", text=given)["problems"][0]
            assert says in far.refused("add_plan", name="q", text=given)
    assert not mark.exists()
    assert plans.standing("p") == {"claimed": ["a.1.far.md", "b.1.far.md"]}
    assert not (root.plans / "q.plan.yaml").exists()


def test_a_token_asks_no_gate_but_those_of_its_users(root: Root) -> None:
    asks = "tasks: [{id: a, title: A, lane: reading, waits_for: [{user: blake}]}]"
    accepts = "tasks: [{id: a, title: A, lane: reading, accept: [{gate: {user: blake}}]}]"
    packs = "tasks: [{id: a, title: A, lane: reading, user: blake}]"
    with Door(root) as door, over_http(door.port, door.token("far", plans=True)) as far:
        for text in (asks, accepts, packs):
            assert "you are not for the user 'blake'" in far.refused("add_plan", name="p", text=text)
            assert "not for" not in json.dumps(far.call("add_plan", name="p", text=text.replace("blake", "alex")))
            os.unlink(root.plans / "p.plan.yaml")


def test_another_callers_claim_cannot_be_ended(root: Root, plans: Plans, worker: Agent) -> None:
    plans.add("p", codebase("a"))
    claim = worker.call("next_task")["id"]
    with Door(root) as door, over_http(door.port, door.token("eve", plans=True)) as eve:
        for tool, more in (("renew_task", {}), ("finish_task", {}), ("fail_task", {"why": "x"}), ("release_task", {})):
            assert "it is claude's" in eve.refused(tool, claim=claim, **more)
    assert plans.standing("p") == {"claimed": ["a.1.claude.md"]}


def test_a_claim_that_is_over_is_said_at_the_next_call(plans: Plans, worker: Agent) -> None:
    folder = plans.add("p", reading("a"))
    claim = worker.call("next_task")["id"]
    os.rename(folder.path / "claimed/a.1.claude.md", folder.path / "ready/a.1.md")
    for tool, more in (("renew_task", {}), ("finish_task", {}), ("fail_task", {"why": "x"}), ("release_task", {})):
        assert "is over" in worker.refused(tool, claim=claim, **more)
    assert "write PLAN/TASK@GENERATION" in worker.refused("finish_task", claim="p/a@x")
    assert "there is no plan 'p/../..'" in worker.refused("show_task", task="p/../../x")
    assert "there is no plan '../p'" in worker.refused("show_plan", plan="../p")


def test_a_worker_is_named_by_the_environment_or_its_source(root: Root, plans: Plans) -> None:
    plans.add("p", reading("a"), reading("b"))
    with over_stdio(root, "--plans", "--worker", "ada-7") as agent:
        assert agent.call("next_task")["worker"] == "ada-7"
    with over_stdio(root, "--plans", source="Übung 日本") as agent:
        assert agent.call("next_task")["worker"] == worker_of("Übung 日本")
    done = call(root, "mcp", "--user", "alex", "--source", "x", "--plans", "--worker", "a/b", input="")
    assert done.returncode == 1
    assert "no worker can be called 'a/b'" in done.stderr


@pytest.mark.parametrize("name", ["claude", "ci.2", "日本", "-", "a" * 200, "quiz agent", "a/b", "x\u202ey"])
def test_every_source_gives_a_worker_of_its_own(name: str) -> None:
    assert valid_worker(worker_of(name))
    assert worker_of(name) == worker_of(name)
    assert worker_of(name) != worker_of(name + "2")


def test_the_prompt_tells_a_worker_its_round(worker: Agent) -> None:
    said = worker.prompt("working", plan="add-voice")
    for words in ("the worker 'claude'", "plan 'add-voice'", "next_task", "finish_task", "renew_task", "never yours"):
        assert words in said


def test_where_nothing_may_be_written_in_plans_that_is_said(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "2m") as disk:
        root = make_root(disk / "root", "alex")
        Plans(root).add("p", reading("a"))
        with over_stdio(root, "--plans") as agent:
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            try:
                assert agent.call("list_plans")["plans"][0]["ready"] == 1
                for tool, arguments in (("next_task", {}), ("add_plan", {"name": "q", "text": PLAN})):
                    assert "may not read or write plans/" in agent.refused(tool, **arguments)
            finally:
                subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
            assert agent.call("next_task")["id"] == "p/a@1"


@pytest.mark.parametrize("door", ["stdio", "http"])
def test_what_the_gate_must_hold_is_asked_before_a_task_is_done(root: Root, plans: Plans, door: str) -> None:
    plans.add("p", reading("a", accept=[{"gate": {"user": "alex"}}]))
    with Door(root) as opened:
        far = over_http(opened.port, opened.token("far", plans=True))
        with far if door == "http" else over_stdio(root, "--plans", source="far") as agent:
            claim = agent.call("next_task")["id"]
            answer = agent.call("finish_task", claim=claim)
            assert answer["state"] == "claimed"
            assert "the gate does not hold: 1 candidate of alex" in answer["failed"][0]
            agent.call("propose_entry", text="Read it all.")
            World(root).reconcile()
            assert agent.call("finish_task", claim=claim)["state"] == "done"


def test_the_log_names_claims_and_no_text(root: Root, plans: Plans, tmp_path: Path) -> None:
    plans.add("p", reading("a", goal="A secret goal."))
    with open(tmp_path / "log", "w+") as log:
        with over_stdio(root, "--plans", log=log) as agent:
            agent.call("finish_task", claim=agent.call("next_task")["id"], note="A secret note.")
            agent.call("add_plan", name="q", text=PLAN)
        said = (tmp_path / "log").read_text()
    assert "event=task_claimed claim=p/a@1 worker=claude" in said
    assert "event=task_done claim=p/a@1" in said
    assert "event=plan_added plan=q source=claude" in said
    assert "secret" not in said
