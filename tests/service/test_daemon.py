"""The daemon as it runs: events, timers, users that come, a stop, a second one (promises 6, 10)."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.service import daemon as daemon_module
from recursion_gate.service.daemon import Service
from recursion_gate.service.watcher import Watch

from ..support.daemon import Daemon, call, run_here
from ..support.roots import add_user
from ..support.world import World, take_away, tree, wait_for


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def _status(root: Root) -> dict[str, object]:
    data: dict[str, object] = json.loads(root.status.read_bytes())
    return data


def test_a_live_daemon_stages_what_is_written_or_moved_in_and_merges_what_is_moved(
    world: World, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"id": "moved", "text": "I learned to juggle."}')
    with Daemon(world.root) as daemon:
        world.place.inbox.joinpath("written.json").write_text('{"id": "written", "text": "I learned to sew."}')
        os.rename(outside, world.place.inbox / "moved.json")
        wait_for(lambda: set(world.gate_ids()) == {"written", "moved"} and len(world.names("pending")) == 2)
        world.move(world.card("moved"), "approved")
        world.move(world.card("written"), "rejected")
        wait_for(lambda: len(world.receipts()) == 2 and not world.gate())
        wait_for(lambda: not world.names("approved") and not world.names("rejected"))
        assert daemon.stop() == 0
    assert {r["candidate_id"]: r["action"] for r in world.receipts()} == {"moved": "approved", "written": "rejected"}
    assert "raw_text" not in daemon.log()
    assert "juggle" not in daemon.log()


def test_a_second_daemon_refuses_to_start_and_names_the_first(world: World) -> None:
    with Daemon(world.root) as daemon:
        assert daemon.process is not None
        for command in ("run", "once"):
            second = call(world.root, command)
            assert second.returncode == 1
            assert f"process {daemon.process.pid} is already the daemon" in second.stderr
    assert call(world.root, "once").returncode == 0


def test_a_killed_daemon_leaves_no_lock_behind(world: World) -> None:
    daemon = Daemon(world.root).start()
    daemon.kill()
    with Daemon(world.root):
        assert call(world.root, "status").returncode == 0
    assert call(world.root, "status").returncode == 1


def test_a_user_that_appears_while_it_runs_is_taken_up(world: World) -> None:
    inbox = world.root.inbox / "robin"
    with Daemon(world.root) as daemon:
        inbox.mkdir()
        (inbox / "early.json").write_text('{"id": "early", "text": "Before there was a user."}')
        wait_for(lambda: "recursion-gate user add robin" in daemon.log())
        assert call(world.root, "user", "add", "robin").returncode == 0
        robin = World(world.root, user="robin")
        wait_for(lambda: robin.gate_ids() == ["early"])
        robin.place.inbox.joinpath("late.json").write_text('{"id": "late", "text": "After."}')
        wait_for(lambda: robin.gate_ids() == ["early", "late"])


def test_folders_deleted_and_made_again_under_it_are_seen(root: Root) -> None:
    root.settings.write_text("look_seconds = 0.2\n")
    world = World(root)
    with Daemon(root):
        world.drop("a.json", {"id": "a", "text": "x"})
        wait_for(lambda: world.gate_ids() == ["a"] and world.names("pending"))
        take_away(root.inbox)
        root.inbox.mkdir(exist_ok=True)
        wait_for(lambda: world.names("pending"))
        world.drop("b.json", {"id": "b", "text": "x"})
        wait_for(lambda: world.gate_ids() == ["a", "b"])


def test_without_file_events_polling_does_the_same(root: Root) -> None:
    root.settings.write_text("poll_seconds = 0.05\n")
    world = World(root)
    with Daemon(root, "--poll"):
        assert _status(root)["watching"] == "polling"
        world.drop("a.json", {"id": "a", "text": "x"})
        wait_for(lambda: world.gate_ids() == ["a"])
        world.move(wait_for(lambda: world.cards("a"))[0], "approved")
        wait_for(lambda: len(world.receipts()) == 1)


def test_when_watches_are_used_up_it_polls_and_says_so(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(self: Watch) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Watch, "start", no_room)
    world = World(root, Settings(poll_seconds=0.05))
    world.drop("a.json", {"id": "a", "text": "x"})
    run_here(Service(root, world.settings), lambda: wait_for(lambda: world.gate_ids() == ["a"]))
    status = _status(root)
    assert status["watching"] == "polling"
    assert "max_user_watches" in str(status["why"])


def test_events_that_never_come_cost_only_the_delay(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.settings.write_text("look_seconds = 0.1\n")
    world = World(root)
    # A plain file system event source that tells of nothing at all: what is left is the periodic look.
    monkeypatch.setattr(Watch, "note", lambda self, path, gone=False: None)
    world.drop("a.json", {"id": "a", "text": "x"})

    def story() -> None:
        wait_for(lambda: world.gate_ids() == ["a"])
        world.drop("b.json", {"id": "b", "text": "y"})
        wait_for(lambda: world.gate_ids() == ["a", "b"])

    run_here(Service(root, Settings(look_seconds=0.1)), story)


def test_a_stop_lets_the_work_in_hand_finish(world: World) -> None:
    with Daemon(world.root) as daemon:
        for number in range(200):
            world.drop(f"{number}.json", {"id": f"c{number}", "text": f"Number {number}."})
        # Not every name: the one that a card has while it is written is none yet.
        wait_for(lambda: len(list(world.place.pending.glob("[!.]*"))) == 200)
        for path in sorted(world.place.pending.glob("[!.]*")):
            world.move(path, "approved")
        assert daemon.stop() == 0
    receipts = {r["candidate_id"] for r in world.receipts()}
    assert receipts.isdisjoint(world.gate_ids())
    assert len(receipts) + len(world.gate()) == 200
    world.reconcile()
    assert len(world.receipts()) == 200


def test_the_service_manager_is_told_when_it_is_ready_alive_and_stopping(root: Root, tmp_path: Path) -> None:
    world = World(root)
    world.drop("a.json", {"id": "a", "text": "There before the start."})
    address = str(tmp_path / "notify")
    told: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address)
        server.setblocking(False)

        def heard(what: str) -> bool:
            try:
                while True:
                    told.extend(server.recv(4096).decode().split("\n"))
                    if "READY=1" in told and len(at_ready) == 0:
                        at_ready.append(world.gate_ids())
            except BlockingIOError:
                return told.count(what) > before

        at_ready: list[list[str]] = []
        before = 0
        with Daemon(root, env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"}) as daemon:
            wait_for(lambda: heard("READY=1"))
            assert at_ready == [["a"]]
            before = told.count("WATCHDOG=1")
            wait_for(lambda: heard("WATCHDOG=1"))
            before = 0
            daemon.stop()
            wait_for(lambda: heard("STOPPING=1"))


def test_a_root_that_goes_away_and_comes_back_is_taken_up_again(root: Root) -> None:
    root.settings.write_text("look_seconds = 0.1\npoll_seconds = 0.1\n")
    world = World(root)
    with Daemon(root) as daemon:
        away = root.path / "away"
        root.inbox.rename(away)
        wait_for(lambda: "event=root-away" in daemon.log())
        away.rename(root.inbox)
        wait_for(lambda: "event=root-back" in daemon.log())
        world.drop("a.json", {"id": "a", "text": "x"})
        wait_for(lambda: world.gate_ids() == ["a"])


def test_an_idle_daemon_writes_nothing(root: Root) -> None:
    world = World(root)
    with Daemon(root):
        world.drop("a.json", {"id": "a", "text": "x"})
        wait_for(lambda: world.names("pending") and "staged" in root.status.read_text())
        before, status = tree(root.path), root.status.stat().st_mtime_ns
        time.sleep(0.5)  # idle for a while is what is looked at here
        assert tree(root.path) == before
        assert root.status.stat().st_mtime_ns - status < 2_000_000_000


def test_gates_are_checked_only_while_something_waits(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "_CHECK_GATES", 0.01)
    world, checks, check = World(root), [0], Reconciler.changed_by_others

    def counting(self: Reconciler) -> list[str]:
        checks[0] += 1
        return check(self)

    monkeypatch.setattr(Reconciler, "changed_by_others", counting)

    def story() -> None:
        time.sleep(0.3)  # an idle daemon is what is looked at here
        assert checks == [0]
        world.drop("a.json", {"id": "a", "text": "x"})
        wait_for(lambda: world.gate_ids() == ["a"] and checks[0] > 2)

    run_here(Service(root, Settings()), story)


def test_after_a_flood_it_listens_again_and_nothing_is_missed(root: Root) -> None:
    world = World(root)
    with Daemon(root) as daemon:
        for number in range(600):
            world.drop(f"{number}.json", {"id": f"c{number}", "text": f"Number {number}."})
        wait_for(lambda: len(world.gate()) == 600)
        for number in range(20):  # some of these fall into the time in which it goes over from the one to the other
            world.drop(f"late{number}.json", {"id": f"late{number}", "text": f"Late {number}."})
            wait_for(lambda expected=601 + number: len(world.gate()) == expected)  # type: ignore[misc]
        world.move(wait_for(lambda: world.cards("late19"))[0], "approved")
        wait_for(lambda: len(world.receipts()) == 1)
        threads = Path(f"/proc/{daemon.process.pid if daemon.process else 0}/task")
        if threads.is_dir():  # the watch has threads of its own
            wait_for(lambda: len(list(threads.iterdir())) > 1)


def test_a_flood_at_one_inbox_does_not_hold_up_another(root: Root) -> None:
    root.settings.write_text("max_per_turn = 50\n")
    add_user(root, "sam")
    alex, sam = World(root), World(root, user="sam")
    for number in range(3000):
        alex.drop(f"{number}.json", {"text": f"Number {number}."})
    with Daemon(root, wait=False) as daemon:
        wait_for(lambda: len(alex.gate()) > 100)
        sam.drop("one.json", {"id": "one", "text": "Just one."})
        wait_for(lambda: sam.gate_ids() == ["one"])
        staged = sam.place.gate.stat().st_mtime_ns
        assert daemon.stop() == 0
    before = [card for card in alex.place.pending.glob("*.md") if card.stat().st_mtime_ns < staged]
    assert len(before) < 3000, "the other's flood was over already"


def test_with_its_lock_gone_a_daemon_does_nothing_beside_another(root: Root) -> None:
    world = World(root)
    root.settings.write_text("look_seconds = 60\n")
    with Daemon(root) as first:
        root.lock.unlink()
        with Daemon(root):
            world.drop("a.json", {"id": "a", "text": "One of you."})
            wait_for(lambda: world.names("pending"))
            wait_for(lambda: first.process is not None and first.process.poll() is not None)
    assert world.gate_ids() == ["a"]
