"""`status`: what waits is counted at the gate, what cannot be seen is said, and a full disk is named."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.admin.status import overview
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.disk.lock import hold, holder, lock_holder

from ..support.accounts import throwaway_lanes
from ..support.daemon import Daemon, call
from ..support.roots import make_root, mounted
from ..support.world import World, wait_for


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def _waiting(root: Root) -> dict[str, Any]:
    counts: dict[str, Any] = json.loads(call(root, "status", "--json").stdout)["waiting"]["alex"]
    return {what: n for what, n in counts.items() if n}


def test_candidates_are_counted_and_not_files(world: World) -> None:
    for name in "abcde":
        world.stage(name)
    card = world.card("a")
    shutil.copy(card, card.with_name("a (1).md"))
    assert _waiting(world.root) == {"pending": 5}
    assert len(json.loads(call(world.root, "pending", "--json").stdout)) == 5


def test_what_is_decided_and_not_carried_out_no_longer_waits_for_a_person(world: World) -> None:
    for name in "abc":
        world.stage(name)
    card = world.move(world.card("a"), "approved")
    shutil.copy(card, card.with_name("a (1).md"))
    world.move(world.card("b"), "rejected")
    world.drop("d.json", {"text": "Not staged yet."})
    world.card("c").unlink()
    assert _waiting(world.root) == {
        "pending": 1, "dropped": 1, "approved_not_carried_out": 1, "rejected_not_carried_out": 1, "without_card": 1
    }  # fmt: skip


def test_a_card_that_is_carried_out_and_cannot_be_removed_is_not_said_to_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Immutable(atomic.Calls):
        def rename_new(self, old: str, new: str) -> None:
            if "/approved/" in old:
                raise OSError(errno.EPERM, "Operation not permitted", old)
            super().rename_new(old, new)

    monkeypatch.setattr(atomic, "calls", Immutable())
    world.stage("a")
    world.stage("b")
    world.approve("a")
    assert len(world.names("approved")) == 1
    assert _waiting(world.root) == {"pending": 1, "carried_out_but_cannot_be_removed": 1}


def test_a_gate_that_does_not_parse_is_parked_and_the_cards_are_counted(world: World) -> None:
    world.stage("a")
    world.stage("b")
    world.place.gate.write_text("garbage")
    seen = overview(world.root)
    assert seen["waiting"]["alex"]["pending"] == 2
    assert "users/alex/recursion-gate.json: this is not a gate" in seen["parked"]["alex"]
    assert "  parked: users/alex/recursion-gate.json: " in call(world.root, "status").stdout


def test_without_a_daemon_the_last_decisions_come_from_the_receipts(world: World) -> None:
    (world.root.path / ".daemon").mkdir(exist_ok=True)
    world.root.status.write_text(
        json.dumps({"pid": 1, "seen": "2026-01-01T00:00:00Z", "parked": {"alex": "long ago"},
                    "last": [{"at": "2026-01-01T00:00:00Z", "what": "staged", "user": "alex", "id": "old"}]})
    )  # fmt: skip
    for name in "ab":
        world.stage(name)
    assert call(world.root, "approve", "a").returncode == 0
    assert call(world.root, "once").returncode == 0
    told = json.loads(call(world.root, "status", "--json").stdout)
    assert [(e["what"], e["user"], e["id"]) for e in told["last"]] == [("approved", "alex", "a")]
    assert told["parked"] == {}
    text = call(world.root, "status").stdout
    assert "2026-01-01" not in text
    assert "long ago" not in text


def test_what_once_found_parked_stays_said_with_its_time(world: World) -> None:
    world.stage("a")
    (world.place.home / "self-evidence.md").write_bytes(b"caf\xe9\n")
    world.move(world.card("a"), "approved")
    done = call(world.root, "once")
    assert done.returncode == 1
    assert "alex: parked: users/alex/self-evidence.md" in done.stdout
    seen = overview(world.root)
    assert seen["daemon"]["seen"] in seen["parked"]["alex"]
    assert "  parked: users/alex/self-evidence.md" in call(world.root, "status").stdout


def test_a_live_daemon_names_who_is_parked_in_what_it_did_last(world: World) -> None:
    with Daemon(world.root):
        world.place.gate.write_text("garbage")
        world.drop("a.json", {"text": "x"})
        wait_for(lambda: "parked  alex  users/alex/recursion-gate.json" in call(world.root, "status").stdout)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who holds a lock")
def test_the_kernel_knows_who_holds_the_lock_where_the_file_does_not(root: Root) -> None:
    with hold(root):
        root.lock.write_text("")
        assert holder(root) is None
        assert lock_holder(root) == os.getpid()
        assert overview(root)["pid"] == os.getpid()
        done = call(root, "once")
        assert (done.returncode, f"process {os.getpid()} is already the daemon" in done.stderr) == (1, True)
    assert lock_holder(root) is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kilobytes."""
    with mounted(tmp_path / "disk", "200k") as disk:
        yield disk


def test_a_daemon_first_started_on_a_full_disk_is_named_and_so_is_the_disk(small_disk: Path, tmp_path: Path) -> None:
    root = make_root(small_disk / "root", "alex")
    root.daemon.mkdir()
    (root.daemon / "log").symlink_to(tmp_path / "log")  # the log of the test needs room
    with open(small_disk / "filler", "wb", buffering=0) as filler:
        while True:
            try:
                filler.write(bytes(4096))
            except OSError:
                break
    with Daemon(root, wait=False) as daemon:
        assert daemon.process is not None
        wait_for(lambda: "event=ready" in daemon.log())
        text = call(root, "status").stdout
        assert f"running (process {daemon.process.pid})" in text
        assert "the disk is full" in text
        second = call(root, "run")
        assert second.returncode == 1
        assert f"process {daemon.process.pid} is already the daemon" in second.stderr
        assert 'event=no-status why="no space left on device"' in daemon.log()
        staged = call(root, "stage", "Something.", "--user", "alex")
        assert staged.returncode == 1
        told = "no space left on device. Make room there, then do it again."
        assert staged.stderr == f"Error: {root.place('alex').inbox}: {told}\n"
        pid = daemon.process.pid
        (small_disk / "filler").unlink()
        assert call(root, "stage", "Something.", "--user", "alex").returncode == 0
        wait_for(lambda: json.loads(call(root, "status", "--json").stdout)["daemon"].get("pid") == pid)


def test_an_account_that_may_not_look_is_told_so() -> None:
    with throwaway_lanes() as lanes:
        root, place = lanes.root, lanes.place
        assert lanes.agent.call(root, "stage", "One.", "--user", "alex").returncode == 0
        assert lanes.daemon.call(root, "once").returncode == 0
        seen = {
            who: json.loads(account.call(root, "status", "--json").stdout)["waiting"][place.user]
            for who, account in (("agent", lanes.agent), ("reader", lanes.reader), ("joe", lanes.joe))
        }
        assert set(seen["agent"].values()) == {None}
        assert (seen["reader"]["pending"], seen["reader"]["dropped"]) == (1, None)
        assert (seen["joe"]["pending"], seen["joe"]["dropped"]) == (1, 0)  # by the cards: no reader
        told = lanes.agent.call(root, "status").stdout
        assert "nothing waits" not in told
        assert f"{place.user}: this account may not look at what is dropped" in told
        assert lanes.agent.call(root, "doctor").returncode in (0, 1)


def test_a_daemon_that_is_paused_is_not_called_running(root: Root) -> None:
    with Daemon(root) as daemon:
        assert daemon.process is not None
        assert call(root, "status").stdout.startswith("running")
        daemon.process.send_signal(signal.SIGSTOP)
        os.waitpid(daemon.process.pid, os.WUNTRACED)
        told = call(root, "status")
        assert told.returncode == 1
        assert "does no work here: it was paused (SIGSTOP)" in told.stdout
        assert "running" not in told.stdout
        seen = json.loads(call(root, "status", "--json").stdout)
        assert (seen["alive"], seen["pid"]) == (False, daemon.process.pid)
        assert "daemon-stuck" in call(root, "doctor", "--json").stdout
        daemon.process.send_signal(signal.SIGCONT)


def test_a_daemon_whose_root_was_moved_away_is_not_called_running(root: Root) -> None:
    moved = Root(root.path.with_name("moved"))
    with Daemon(root) as daemon:
        root.path.rename(moved.path)
        told = call(moved, "status")
        assert told.returncode == 1
        assert f"it works on {root.path}, and this folder was moved here" in told.stdout
        moved.path.rename(root.path)
        assert call(root, "status").returncode == 0
        assert daemon.process is not None


def test_a_daemon_that_has_said_nothing_for_long_is_not_called_running(root: Root) -> None:
    with Daemon(root):
        wait_for(lambda: overview(root)["daemon"].get("seen"))
        os.utime(root.status, (0, 0))
        assert "it has done nothing for" in overview(root)["stuck"]


def test_the_grace_time_that_a_decision_rests_for_is_shown(world: World) -> None:
    world.root.settings.write_text("grace_seconds = 60\n")
    world.stage("a")
    assert call(world.root, "approve", "a").returncode == 0
    told = call(world.root, "status")
    assert re.search(r"^  a rests for [1-6]?\d s more \(grace_seconds\)", told.stdout, re.MULTILINE)
    assert 0 < json.loads(call(world.root, "status", "--json").stdout)["resting"]["alex"]["a"] <= 60
