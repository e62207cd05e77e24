"""Many workers on one plan, with real processes: the short forms of `tests.torture.claims`, and the seed's examples."""

from __future__ import annotations

import random
from pathlib import Path

from recursion_gate.core.paths import Root

from ..support.claiming import every_stop, kills, race, stale
from ..support.fleet import fleet, one_after_the_other, tasks_for


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
