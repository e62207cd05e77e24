"""Many workers on one plan, with real processes: the short forms of `tests.torture.claims`, and the seed's examples."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from recursion_gate.core.paths import Root

from ..support.claiming import every_stop, kills, race, stale
from ..support.daemon import Daemon, call
from ..support.fleet import fleet, one_after_the_other, tasks_for
from ..support.repository import make_repository, tree_of
from ..support.roots import make_root
from ..support.world import World, wait_for

FIXTURES = Path(__file__).parents[2] / "fixtures" / "plans"


def test_of_many_processes_one_gets_each_task(root: Root) -> None:
    raced = race(root, processes=12, tasks=150)
    assert raced.broken == []
    assert raced.counts["claims"] == 150


def test_workers_and_daemon_killed_at_random_do_each_task_once(root: Root) -> None:
    raced = kills(root, workers=4, tasks=8, dice=random.Random(2))
    assert raced.broken == []
    assert raced.counts["kills of workers"] > 0


def test_a_stale_worker_is_refused_in_every_race(tmp_path: Path) -> None:
    raced = stale(tmp_path, races=15, dice=random.Random(3))
    assert raced.broken == []
    assert raced.counts["taken back"] > 0


def test_a_stop_of_daemon_or_worker_at_any_call_leads_to_a_state_that_goes_on(tmp_path: Path) -> None:
    raced = every_stop(tmp_path, step=9)
    assert raced.broken == []
    assert raced.counts["stops"] > 15


def test_a_fleet_makes_the_tree_that_the_tasks_make_one_after_the_other(tmp_path: Path) -> None:
    made = fleet(tmp_path, tasks=12, jobs=4, rest=0)
    assert made.tree == one_after_the_other(tasks_for(12))
    assert (made.done, made.failed) == (12, 0)


# -- the seed's own examples ------------------------------------------------------------------------------------------


def _agent(folder: Path, script: str) -> str:
    path = folder / "agent.sh"
    path.write_text(f"#!/bin/sh\nset -e\n{script}")
    path.chmod(0o755)
    return str(path)


def test_the_seeds_two_tasks_run_side_by_side_and_are_merged(root: Root, tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "repo", **{"app__schema__record.js": "x\n", "app__public__index.html": "<p>\n"})
    agent = _agent(
        tmp_path,
        'touch "$SEEN/$RECURSION_GATE_WORKER"\n'
        'until [ "$(ls "$SEEN" | wc -l)" = 2 ]; do sleep 0.05; done  # the other is at work, too\n'
        "case $RECURSION_GATE_TASK in\n"
        "*schema*) mkdir -p docs; for f in app/schema/record.js docs/schema-record-api.md; do\n"
        "  echo skill_think >> $f; done;;\n"
        '*page*) echo "<b aria-label=x>" >> app/public/index.html;;\nesac\n',
    )
    (tmp_path / "seen").mkdir()
    env = {
        **os.environ,
        "SEEN": str(tmp_path / "seen"),
        "XDG_CACHE_HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    with Daemon(root):
        assert call(root, "plan", "add", str(FIXTURES / "two-tasks.plan.yaml")).returncode == 0
        wait_for(lambda: (root.plans / "two-tasks/ready/accessible-page.md").exists())
        words = ("--worker", "w", "--jobs", "2", "--timeout", "60", "--repo", str(repo), "--", agent)
        done = call(root, "work", *words, env=env, timeout=120)
        assert done.returncode == 0, done.stderr
    tree = tree_of(repo, "plan/two-tasks")
    assert "skill_think" in tree["docs/schema-record-api.md"]
    assert "aria-label" in tree["app/public/index.html"]


def test_the_seeds_pipeline_stages_in_parallel_waits_for_a_person_and_then_reads(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root", "demo")
    agent = _agent(
        tmp_path,
        f'rg() {{ {sys.executable} -m recursion_gate --root "$RECURSION_GATE_ROOT" "$@"; }}\n'
        "task=${RECURSION_GATE_TASK#*/}; task=${task%@*}\n"
        "case $task in\n"
        "conversation|calendar|manual) for n in 1 2 3; do\n"
        '  rg stage "Learned $task fact $n of many." --user demo --source $task; done;;\n'
        "edge|brief) rg $task --user demo --json;;\n"
        "export) rg export --user demo --json;;\nesac\n",
    )
    world = World(root, user="demo")
    with Daemon(root):
        assert call(root, "plan", "add", str(FIXTURES / "pipeline.plan.yaml")).returncode == 0
        ready = root.plans / "pipeline/ready"
        wait_for(lambda: ready.exists() and len(os.listdir(ready)) == 3)
        words = ("work", "--worker", "w", "--jobs", "3", "--no-wait", "--", agent)
        assert call(root, *words, timeout=120, cwd=tmp_path).returncode == 0
        brief = [root.plans / "pipeline" / name for name in ("ready/brief.md", "done/brief.1.md")]
        wait_for(lambda: any(path.exists() for path in brief))
        assert call(root, *words, timeout=120, cwd=tmp_path).returncode == 0
        assert sorted(os.listdir(root.plans / "pipeline/waiting")) == ["edge.md", "export.md"]
        assert len(world.gate()) == 9
        for card in sorted(world.place.pending.glob("*.md")):  # a person decides; no task of an agent does
            os.rename(card, world.place.approved / card.name)
        wait_for(lambda: len(os.listdir(root.plans / "pipeline/ready")) == 2)
        assert call(root, *words, timeout=120, cwd=tmp_path).returncode == 0
    done = os.listdir(root.plans / "pipeline/done")
    assert sorted(name.partition(".")[0] for name in done) == sorted(
        ["conversation", "calendar", "manual", "brief", "edge", "export"]
    )
    assert "Learned" in (root.plans / "pipeline/notes/export.1.md").read_text()
