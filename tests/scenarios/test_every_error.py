"""Every error of the disk, at every call: the daemon lives, says what is wrong, loses nothing, rests between tries,
and goes on by itself when the cause is gone (contract: promises 8, 9; "The gate"). All stories and all errors are a
command: `python -m tests.torture.errors`."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.paths import Root

from ..support.daemon import Daemon, call
from ..support.roots import add_user, fill, make_root, mounted
from ..support.world import World, wait_for
from ..torture.errors import ERRNOS, each_call, each_look
from ..torture.harness import chapters, memory, stopped_clock
from ..torture.stories import STORIES


@pytest.fixture
def folder() -> Iterator[Path]:
    with stopped_clock(), memory() as made:
        yield made


@pytest.mark.parametrize("name", ERRNOS)
def test_any_call_may_fail_once(name: str, folder: Path) -> None:
    for chapter in chapters(STORIES["three"], folder / "story"):
        count = each_call(chapter, folder / "run", name, lasting=False)
        assert not count.broken, "\n".join(count.broken)
        assert count.points > 20


@pytest.mark.parametrize("name", ERRNOS)
def test_from_any_call_on_the_disk_may_fail_for_a_while(name: str, folder: Path) -> None:
    for chapter in chapters(STORIES["one"], folder / "story"):
        count = each_call(chapter, folder / "run", name, lasting=True)
        assert not count.broken, "\n".join(count.broken)
        assert count.points


@pytest.mark.parametrize("name", ["EIO", "EMFILE", "EACCES"])
def test_any_look_may_fail(name: str, folder: Path) -> None:
    for chapter in chapters(STORIES["one"], folder / "story"):
        count = each_look(chapter, folder / "run", name)
        assert not count.broken, "\n".join(count.broken)
        assert count.points > 20


@pytest.mark.parametrize("name", ["EIO", "EACCES", "EROFS"])
def test_refusing_and_returning_may_fail_too(name: str, folder: Path) -> None:
    for story in ("refused", "contradiction", "broken-card"):
        for chapter in chapters(STORIES[story], folder / story):
            for lasting in (False, True):
                count = each_call(chapter, folder / "run", name, lasting=lasting)
                assert not count.broken, "\n".join(count.broken)


@pytest.mark.parametrize("story", ["undo", "retract", "forget-approved"])
def test_taking_back_retracting_and_forgetting_may_fail_too(story: str, folder: Path) -> None:
    for chapter in chapters(STORIES[story], folder / story)[1:]:
        for name, lasting in (("ENOSPC", True), ("EIO", False), ("EACCES", True)):
            count = each_call(chapter, folder / "run", name, lasting=lasting)
            assert not count.broken, "\n".join(count.broken)


# -- the real program -------------------------------------------------------------------------------------------------


def _status(root: Root) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(call(root, "status", "--json").stdout)
    return told


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with mounted(tmp_path / "disk", "1m") as disk:
        yield disk


def test_on_a_full_disk_it_lives_says_so_loses_nothing_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    root = make_root(small_disk / "root", "alex", "sam")
    world = World(root)
    with Daemon(root) as daemon:
        world.drop("a.json", {"id": "a", "text": "I learned to wait."})
        wait_for(lambda: world.names("pending") and not world.names())
        world.drop(".coming-too", {"id": "b", "text": "I learned to share."})
        filler = fill(small_disk)
        before = world.record()
        (world.place.inbox / ".coming-too").rename(world.place.inbox / "b.json")  # takes no room
        world.move(world.card("a"), "approved")
        parked = wait_for(lambda: _status(root)["daemon"].get("parked", {}).get("alex"))
        assert "no space left on device" in parked
        assert "users/alex" in parked
        assert daemon.process is not None
        assert daemon.process.poll() is None
        assert (world.gate_ids(), world.record(), world.receipts()) == (["a"], before, [])
        assert world.names() == ["b.json"]
        filler.unlink()
        wait_for(lambda: world.gate_ids() == ["b"] and len(world.receipts()) == 1)
        wait_for(lambda: not _status(root)["daemon"]["parked"])
        wait_for(lambda: world.names("approved") == world.names() == [])
        assert daemon.log().count("event=parked user=alex") <= 3, "it tries without rest"
    assert call(root, "verify").returncode == 0


def test_it_starts_on_a_full_disk_and_waits_for_room(small_disk: Path) -> None:
    root = make_root(small_disk / "root", "alex")
    world = World(root)
    with Daemon(root):
        world.drop("a.json", {"id": "a", "text": "I learned to wait."})
        wait_for(lambda: world.names("pending"))
    world.move(world.card("a"), "approved")
    filler = fill(small_disk)
    with open(root.daemon / "log", "a"), Daemon(root):
        wait_for(lambda: "no space left" in _status(root)["daemon"].get("parked", {}).get("alex", ""))
        filler.unlink()
        wait_for(lambda: world.gate_ids() == [] and len(world.receipts()) == 1)
    assert call(root, "verify").returncode == 0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux changes the limits of another process")
def test_without_an_open_file_to_spare_it_lives_says_so_and_goes_on_when_there_is_one(root: Root) -> None:
    world = World(root)
    with Daemon(root) as daemon:
        world.drop("a.json", {"id": "a", "text": "I learned to wait."})
        wait_for(lambda: world.names("pending"))
        assert daemon.process is not None
        pid = daemon.process.pid
        was = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        # Those that it always has open, not one that it has opened for a moment.
        samples = [{int(fd) for fd in os.listdir(f"/proc/{pid}/fd")} for _ in range(1_000)]
        taken = set.intersection(*samples)
        free = next(fd for fd in range(1024) if fd not in taken)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, was[1]))
        world.drop("b.json", {"id": "b", "text": "I learned to share."})
        told = wait_for(lambda: _status(root)["daemon"].get("parked", {}).get("alex"))
        assert "too many open files" in told
        resource.prlimit(pid, resource.RLIMIT_NOFILE, was)
        wait_for(lambda: world.gate_ids() == ["a", "b"])
        wait_for(lambda: not _status(root)["daemon"]["parked"])


def test_users_whose_files_do_not_parse_are_parked_and_the_others_go_on(root: Root) -> None:
    root.settings.write_text("look_seconds = 0.1\n")
    users = {name: add_user(root, name) for name in ("gates", "records", "receipts")}
    worlds = {name: World(root, user=name) for name in ("alex", *users)}
    for world in worlds.values():
        world.drop("a.json", {"id": "a", "text": "I learned to wait.", "skill_tag": "THINK"})
        world.drop("b.json", {"id": "b", "text": "I learned to share."})
    assert call(root, "once").returncode == 0
    for world in worlds.values():
        world.move(world.card("a"), "approved")
    assert call(root, "once").returncode == 0
    broken = {
        "gates": (users["gates"].gate, b"[\n  {"),
        "records": (users["records"].home / "self-skill-think.md", b"# THINK\n\n\xff\xfe\n"),
        "receipts": (users["receipts"].ledger, b'{"seq": 1}\n'),
    }
    whole = {name: path.read_bytes() for name, (path, _) in broken.items()}
    for path, data in broken.values():
        path.write_bytes(data)
    with Daemon(root):
        for world in worlds.values():
            world.move(world.card("b"), "approved")
        wait_for(lambda: worlds["alex"].gate() == [])
        parked = wait_for(lambda: (p := _status(root)["daemon"]["parked"]) and len(p) == 3 and p)
        for name, (path, data) in broken.items():
            assert os.path.relpath(path, root.path) in parked[name]
            assert path.read_bytes() == data, "what does not parse is not overwritten"
            assert worlds[name].names("approved"), "a decision was carried out on it"
        for name, (path, _) in broken.items():
            path.write_bytes(whole[name])
        wait_for(lambda: all(world.gate() == [] for world in worlds.values()))
        wait_for(lambda: not _status(root)["daemon"]["parked"])
    assert call(root, "verify").returncode == 0
