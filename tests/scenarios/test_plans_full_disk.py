"""Plans on a full disk: nothing is claimed that could not be signed, nothing that was done is thrown away, nothing is
half there, and all goes on by itself once there is room (docs/plans.md)."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.plans import claims
from recursion_gate.plans.adding import add
from recursion_gate.plans.folder import PlanFolder
from recursion_gate.plans.work import Worker

from ..support.daemon import PROGRAM, Daemon, call
from ..support.mcp_client import over_stdio
from ..support.plans import Plans, codebase, reading
from ..support.repository import make_repository, tree_of
from ..support.roots import fill, make_root, mounted
from ..support.world import wait_for

PLAN = "tasks:\n  - {id: a, title: A, lane: reading}\n  - {id: b, title: B, lane: reading, needs: [a]}\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with mounted(tmp_path / "disk", "1m") as made:
        yield made


@pytest.fixture
def plans(disk: Path) -> Plans:
    """The plans of a root on the small disk."""
    return Plans(make_root(disk / "root", "alex"))


def test_nothing_is_claimed_and_it_is_no_attempt(disk: Path, plans: Plans) -> None:
    folder = plans.add("p", reading("a", max_attempts=1))
    filler = fill(disk)
    for _ in range(3):
        refused = call(plans.root, "task", "next", "--worker", "ada")
        assert (refused.returncode, "no space left on device" in refused.stderr) == (1, True)
    with over_stdio(plans.root, "--plans") as agent:
        assert "no room on the disk" in agent.refused("next_task")
        assert plans.standing("p") == {"ready": ["a.md"]}
        assert os.listdir(folder.claims) == []
        filler.unlink()
        assert agent.call("next_task")["id"] == "p/a@1"


def test_what_is_claimed_can_be_finished_once_there_is_room(disk: Path, plans: Plans) -> None:
    plans.add("p", reading("a"))
    claim = plans.claim()
    filler = fill(disk)
    for words in (["done"], ["fail", "--why", "x"], ["release"], ["renew"]):
        refused = call(plans.root, "task", words[0], claim.id, *words[1:])
        assert (refused.returncode, "no space left on device" in refused.stderr) == (1, True), words
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"]}
    filler.unlink()
    assert call(plans.root, "task", "done", claim.id).returncode == 0
    assert plans.standing("p") == {"done": ["a.1.md"]}


def test_a_plan_is_handed_over_whole_or_not_at_all(disk: Path, plans: Plans, tmp_path: Path) -> None:
    plans.root.plans.mkdir()
    file = tmp_path / "p.plan.yaml"
    file.write_text(PLAN)
    filler = fill(disk)
    refused = call(plans.root, "plan", "add", str(file))
    assert (refused.returncode, "no space left on device" in refused.stderr) == (1, True)
    assert os.listdir(plans.root.plans) == []
    filler.unlink()
    assert call(plans.root, "plan", "add", str(file)).returncode == 0


def test_a_plan_that_was_dropped_waits_for_room_and_is_unfolded_whole(disk: Path, plans: Plans) -> None:
    plans.root.plans.mkdir()
    hidden = plans.root.plans / ".p.tmp"
    hidden.write_text(PLAN)
    with Daemon(plans.root) as daemon:
        filler = fill(disk)
        hidden.rename(plans.root.plans / "p.plan.yaml")
        wait_for(lambda: "no space left" in call(plans.root, "status").stdout.lower())
        assert daemon.process is not None
        assert daemon.process.poll() is None
        assert not (plans.root.plans / "p").exists()
        assert (plans.root.plans / "p.plan.yaml").exists()
        filler.unlink()
        wait_for((plans.root.plans / "p/ready/a.md").exists)
        wait_for(lambda: not (plans.root.plans / "p.plan.yaml").exists())
    assert plans.standing("p") == {"ready": ["a.md"], "waiting": ["b.md"]}
    assert plans.refused() == {}
    assert "# A" in (plans.root.plans / "p/ready/a.md").read_text()


@pytest.mark.parametrize("lane", ["reading", "codebase"])
def test_a_worker_waits_for_room_and_its_work_is_kept(
    disk: Path, plans: Plans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lane: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    repo = make_repository(tmp_path / "repo")
    plans.add("p", reading("a") if lane == "reading" else codebase("a"), reading("b"))
    go, began = tmp_path / "go", tmp_path / "began"
    script = f"touch {began}; while ! test -e {go}; do sleep 0.05; done; mkdir -p a; echo x > a/x"
    command = [*PROGRAM, "--root", str(plans.root.path), "work", "--worker", "ada", "--repo", str(repo), "--plan", "p"]
    with subprocess.Popen(
        [*command, "--", "sh", "-c", script], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stderr is not None
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(worker.stderr or ()))
        reader.start()
        wait_for(began.exists)
        filler = fill(disk)
        go.touch()
        wait_for(lambda: any("event=waiting task=p/a@1" in line for line in said))
        assert plans.standing("p")["claimed"] == ["a.1.ada.md"]
        filler.unlink()
        assert worker.wait(120) == 0
        reader.join(30)
    assert plans.standing("p") == {"done": ["a.1.md", "b.1.md"]}
    assert sum("event=waiting" in line for line in said) == 1
    if lane == "codebase":
        assert tree_of(repo, "plan/p")["a/x"] == "x\n"


def test_a_worker_that_finds_the_disk_full_waits_too(disk: Path, plans: Plans) -> None:
    plans.add("p", reading("a"))
    told: list[str] = []
    worker = Worker(plans.root, "ada", ["true"], tell=lambda event, task, more: told.append(event))
    filler = fill(disk)
    thread = threading.Thread(target=worker.work)
    thread.start()
    wait_for(lambda: "waiting" in told)
    filler.unlink()
    thread.join(60)
    assert worker.done == ["p/a@1"]


# -- every call -------------------------------------------------------------------------------------------------------


class Full(atomic.Calls):
    """The real calls up to number `last`; from then on what needs room has none, until `is_over`."""

    NEEDS = frozenset({"open", "write", "fsync", "link", "rename_new", "mkdir"})

    def __init__(self, last: int) -> None:
        self.left, self.is_over, self.failed = last, False, 0

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__
        if name.startswith("_") or name in ("left", "is_over", "failed", "NEEDS"):
            return own(self, name)
        self.left -= 1
        if self.left < 0 and not self.is_over and name in own(self, "NEEDS"):
            self.failed += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "disk")
        return own(self, name)


def test_from_any_call_on_the_disk_may_be_full_for_a_while(tmp_path: Path) -> None:
    """Planner, daemon and worker, each trying three times in vain, then with room: done, once, at the first attempt."""
    for number in range(1, 10_000):
        full = Full(number)
        plans = Plans(make_root(tmp_path / f"{number}", "alex"))
        before = atomic.calls
        atomic.calls = full
        try:
            _story(plans, full)
        finally:
            atomic.calls = before
        at = f"from call {number} on"
        assert plans.standing("p") == {"done": ["a.1.md", "b.2.md"]}, at
        assert plans.refused() == {}, at
        assert "outcome: failed" in (plans.root.plans / "p/notes/b.1.md").read_text(), at
        its = PlanFolder(plans.root.plans / "p")
        assert [name for path in its.folders() for name in os.listdir(path) if name.startswith(".")] == [], at
        if not full.failed:
            assert number > 60
            return


def _story(plans: Plans, full: Full) -> None:
    root = plans.root
    _tried(full, lambda: add(root, PLAN.encode(), "p"))
    for task, outcome in (("a@1", "done"), ("b@1", "failed"), ("b@2", "done")):
        _tried(full, plans.look)
        _tried(full, lambda task=task: _claimed(root, task))  # type: ignore[misc]
        _tried(full, lambda task=task: claims.renew(claims.claim_of(root, f"p/{task}")))  # type: ignore[misc]
        _tried(full, lambda task=task, outcome=outcome: _finished(root, task, outcome))  # type: ignore[misc]


def _claimed(root: Root, task: str) -> None:
    found = claims.next_task(root, "ada")
    assert isinstance(found, claims.Claim)
    assert found.id == f"p/{task}"


def _finished(root: Root, task: str, outcome: Any) -> None:
    try:
        claims.finish(claims.claim_of(root, f"p/{task}"), outcome)
    except claims.Ended as err:  # the first try has moved it, and could not sync that
        if err.why != f"the task is {outcome}":
            raise


def _tried(full: Full, step: Callable[[], object]) -> None:
    for last in (False, False, False, True):
        full.is_over = full.is_over or last
        try:
            step()
            return
        except OSError:
            if last:
                raise
