"""File events that fail: lost, too many, no room for them, watched folders that go away (promise 10).

The periodic look is put off to an hour, so that what is found here is found by other means.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.disk.lock import hold, is_held
from recursion_gate.service import daemon as service
from recursion_gate.service import watcher
from recursion_gate.service.watcher import Watch

from ..support.daemon import PROGRAM, Daemon, call
from ..support.roots import add_user
from ..support.world import PATIENCE, World, take_away, wait_for


def _watching(root: Root) -> str:
    return str(json.loads(root.status.read_bytes())["watching"])


@pytest.fixture
def rare(root: Root) -> Root:
    """A root whose daemon looks of its own accord once an hour, with a second user."""
    root.settings.write_text("look_seconds = 3600\npoll_seconds = 0.05\n")
    add_user(root, "sam")
    return root


# -- lost events ------------------------------------------------------------------------------------------------------


def _overflow(folder: Path) -> None:
    """Make more events than the kernel keeps for one who does not read them; nothing that is staged."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip(f"the kernel keeps {limit:,} events here")
    names = [folder / ".one", folder / ".two"]  # by turns: the same event twice in a row is kept once
    for number in range(limit + 100):
        os.close(os.open(names[number % 2], os.O_WRONLY | os.O_CREAT))


def test_after_a_queue_overflow_all_users_are_looked_at_and_events_come_again(rare: Root) -> None:
    alex, sam = World(rare), World(rare, user="sam")
    with Daemon(rare) as daemon:
        daemon.freeze()
        _overflow(alex.place.inbox)
        sam.drop("lost.json", {"id": "lost", "text": "Nobody tells of this one."})
        late = rare.inbox / "robin"  # and nobody tells that this folder is to be watched
        late.mkdir()
        add = rare.place("robin").home
        add.mkdir()
        daemon.thaw()
        wait_for(lambda: sam.gate_ids() == ["lost"])
        wait_for(lambda: "event=events-lost" in daemon.log())
        robin = World(rare, user="robin")
        wait_for(lambda: robin.place.pending.is_dir())
        for number in range(20):
            robin.drop(f"{number}.json", {"id": f"r{number}", "text": "Told of again."})
            wait_for(lambda number=number: f"r{number}" in robin.gate_ids())  # type: ignore[misc]


def test_a_reader_of_events_that_has_died_is_replaced_at_the_next_look(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """watchdog 7.1's dies when a folder was moved away, another took its place, and both were removed since."""
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    told: list[str] = []
    watch = Watch(root, told.append)
    watch.start()
    try:
        assert watch.works()
        inbox, aside = root.inbox / "alex", root.path / "aside"
        inbox.rename(aside)
        inbox.mkdir()
        wait_for(lambda: told)
        inbox.rmdir()
        aside.rmdir()
        told.clear()

        def seen() -> bool:
            if not watch.works():
                watch.start()
            (root.inbox / "sam").mkdir(exist_ok=True)
            (root.inbox / "sam").rmdir()
            return "sam" in told

        wait_for(seen)
    finally:
        watch.stop()


def _watches() -> set[object]:
    """The inotify instances of this process, and the threads of those who read them."""
    fds = Path("/proc/self/fd").iterdir()
    open_now = {fd for fd in fds if os.path.lexists(fd) and os.readlink(fd) == "anon_inode:inotify"}
    return {*open_now, *(t for t in threading.enumerate() if type(t).__module__.startswith("watchdog"))}


def test_a_watch_that_was_stopped_leaves_no_thread_and_no_descriptor(root: Root) -> None:
    wait_for(lambda: not _watches())  # those of the tests before
    threads, descriptors = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    watch = Watch(root, lambda user: None)
    for _ in range(5):
        watch.start()
    assert _watches()
    watch.stop()
    shutil.rmtree(root.homes)
    for _ in range(5):
        with pytest.raises(FileNotFoundError):
            watch.start()
    wait_for(lambda: not set(threading.enumerate()) - threads)
    wait_for(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)
    assert not _watches()


def test_a_watch_is_placed_only_when_the_one_before_it_has_given_up_its_room(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else folders are tried while there is none, and the check for room then finds that of the old watch."""
    order: list[str] = []

    class Slow(watcher.Observer):  # type: ignore[misc, name-defined]
        def start(self) -> None:
            order.append("placed")
            super().start()

        def stop(self) -> None:
            time.sleep(0.2)  # watchdog's own may take half a second
            super().stop()
            order.append("ended")

    monkeypatch.setattr(watcher, "Observer", Slow)
    watch = Watch(root, lambda user: None)
    watch.start()
    watch.start()
    watch.close()
    assert order == ["placed", "ended", "placed", "ended"]


# -- no room ----------------------------------------------------------------------------------------------------------


def _limited(what: str, most: int) -> list[str]:
    """The program, in a user namespace of its own in which there may be so many inotify watches or instances."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("unshare and nsenter (util-linux) are not here")
    limits = f"echo {most} > /proc/sys/user/max_inotify_{what}"
    made = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    if subprocess.run([*made, limits], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces here")
    return [*made, f'{limits} && exec "$@"', "sh", *PROGRAM]


def _allow(daemon: Daemon, what: str, most: int) -> None:
    assert daemon.process is not None
    enter = ["nsenter", "--user", "--preserve-credentials", "-t", str(daemon.process.pid)]
    subprocess.run([*enter, "sh", "-c", f"echo {most} > /proc/sys/user/max_inotify_{what}"], check=True)


@pytest.mark.parametrize(
    ("what", "most"), [("instances", 0), ("watches", 0), ("watches", 3)], ids=["no instance", "no watch", "too few"]
)
def test_without_room_for_watches_it_polls_says_so_and_listens_again_when_there_is(
    root: Root, what: str, most: int
) -> None:
    root.settings.write_text("look_seconds = 0.3\npoll_seconds = 0.05\n")
    add_user(root, "sam")
    worlds = [World(root), World(root, user="sam")]
    with Daemon(root, program=_limited(what, most)) as daemon:
        wait_for(lambda: _watching(root) == "polling")
        assert f"max_user_{what}" in json.loads(root.status.read_bytes())["why"]
        for world in worlds:
            world.drop("a.json", {"id": "a", "text": "x"})
            wait_for(lambda world=world: world.gate_ids() == ["a"])  # type: ignore[misc]
        assert daemon.log().count("event=polling") == 1
        _allow(daemon, what, 1000)
        wait_for(lambda: "event=listening" in daemon.log())
        wait_for(lambda: _watching(root) == "events")


def test_a_user_for_whom_there_is_no_watch_left_is_found_by_polling(root: Root) -> None:
    root.settings.write_text("look_seconds = 0.3\npoll_seconds = 0.05\n")
    World(root).reconcile()
    # inbox/, users/, the root, alex's inbox and its five folders, and one to see that there is room
    with Daemon(root, program=_limited("watches", 10)) as daemon:
        wait_for(lambda: root.status.exists() and _watching(root) == "events")
        before = daemon.log().count("event=polling")
        add_user(root, "sam")
        wait_for(lambda: daemon.log().count("event=polling") > before)
        sam = World(root, user="sam")
        sam.drop("a.json", {"id": "a", "text": "x"})
        wait_for(lambda: sam.gate_ids() == ["a"])


# -- folders that go away ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["inbox", "users"])
def test_a_folder_moved_away_and_back_is_seen_at_once(rare: Root, which: str) -> None:
    world = World(rare)
    folder, away = rare.path / which, rare.path / "away"
    with Daemon(rare) as daemon:
        folder.rename(away)
        wait_for(lambda: "event=root-away" in daemon.log())
        away.rename(folder)
        wait_for(lambda: "event=root-back" in daemon.log())
        world.drop("a.json", {"id": "a", "text": "x"})
        wait_for(lambda: world.gate_ids() == ["a"])


def test_a_users_inbox_replaced_by_another_is_watched(rare: Root) -> None:
    world = World(rare)
    with Daemon(rare):
        wait_for(world.place.pending.is_dir)
        for number in range(3):
            world.place.inbox.rename(rare.path / f"old-{number}")
            world.place.inbox.mkdir(exist_ok=True)  # the daemon may have been faster
            wait_for(world.place.pending.is_dir)
            if number % 2:
                shutil.rmtree(rare.path / f"old-{number}")
            world.drop(f"{number}.json", {"id": f"c{number}", "text": "x"})
            wait_for(lambda number=number: f"c{number}" in world.gate_ids())  # type: ignore[misc]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount")
def test_another_disk_mounted_over_the_inbox_and_taken_away_again(root: Root) -> None:
    root.settings.write_text("look_seconds = 0.1\n")
    world = World(root)
    with Daemon(root):
        world.drop("before.json", {"id": "before", "text": "x"})
        wait_for(lambda: world.gate_ids() == ["before"])
        mounted = subprocess.run(["mount", "-t", "tmpfs", "none", str(root.inbox)], capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip("no mounts here")
        try:
            world.place.inbox.mkdir(exist_ok=True)
            wait_for(lambda: world.names("pending"))  # the card comes again
            world.drop("on-it.json", {"id": "on-it", "text": "x"})
            wait_for(lambda: world.gate_ids() == ["before", "on-it"])
        finally:
            subprocess.run(["umount", "--lazy", str(root.inbox)], check=True)
        wait_for(lambda: len(world.names("pending")) == 2)
        world.drop("after.json", {"id": "after", "text": "x"})
        wait_for(lambda: world.gate_ids() == ["before", "on-it", "after"])


def test_with_its_lock_deleted_it_takes_it_anew_before_another_daemon_can(rare: Root) -> None:
    with Daemon(rare) as daemon:
        assert daemon.process is not None
        for _ in range(3):
            log = daemon.log()
            take_away(rare.daemon)
            wait_for(lambda: is_held(rare))
            (rare.daemon / "log").write_text(log)
            second = call(rare, "once")
            assert second.returncode == 1
            assert f"process {daemon.process.pid} is already the daemon" in second.stderr


def test_a_daemon_whose_place_another_has_taken_ends(root: Root) -> None:
    root.settings.write_text("look_seconds = 0.1\n")
    daemon = Daemon(root).start()
    assert daemon.process is not None
    daemon.freeze()
    take_away(root.daemon)
    with hold(root):
        daemon.thaw()
        assert daemon.process.wait(PATIENCE) == 1


# -- a start in the middle of it --------------------------------------------------------------------------------------


def test_a_daemon_that_starts_in_a_flood_is_ready_before_it_ends(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(root)
    running = service.Service(root, Settings(max_per_turn=1))
    staged: list[int] = []

    def told(*lines: str) -> None:
        if "READY=1" in lines:
            staged.append(len(world.gate()))
            running.stop()

    monkeypatch.setattr(service, "notify", told)
    monkeypatch.setattr(service, "_READY_BY", 0.0)
    for number in range(50):
        world.drop(f"{number}.json", {"id": f"c{number}", "text": "x"})
    running.run()
    assert len(staged) == 1
    assert 0 < staged[0] < 50


def test_a_gate_that_is_emptied_under_a_running_daemon_is_noticed_soon(root: Root) -> None:
    world = World(root)
    root.settings.write_text("look_seconds = 600\n")
    with Daemon(root):
        world.drop("a.json", {"id": "a", "text": "Looked at the moon."})
        wait_for(lambda: world.names("pending"))
        world.place.gate.write_text("[]\n")
        wait_for(lambda: world.gate_ids() == ["a"])
