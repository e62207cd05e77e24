"""What an archive holds: all of one user, the same bytes for the same state, nothing that is not whole."""

from __future__ import annotations

import json
import os
import stat
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from recursion_gate.archive import restore
from recursion_gate.archive.pack import BadArchive, pack
from recursion_gate.archive.unpack import unpack
from recursion_gate.cli import main, reading
from recursion_gate.disk import atomic
from recursion_gate.formats import gate_json
from recursion_gate.reading import snapshot
from recursion_gate.store import gate

from ..support.roots import add_user, make_root
from ..support.world import PATIENCE, World
from .conftest import of_user, packed


def test_the_archive_can_be_unpacked_into_a_root_without_this_program(world: World, tmp_path: Path) -> None:
    other = make_root(tmp_path / "other")
    with tarfile.open(packed(world, tmp_path / "a.tgz")) as tar:
        tar.extractall(other.path, filter="data")
    assert of_user(other) == of_user(world.root)
    schema = json.loads((other.path / "schemas" / "receipt.schema.json").read_bytes())
    assert "candidate_id" in schema["properties"]
    assert "alex" in (other.path / "README.txt").read_text()


@pytest.mark.parametrize("name", ["alex.tar.gz", "alex.zip"])
def test_the_same_state_gives_the_same_bytes(world: World, name: str) -> None:
    first, _ = pack(snapshot.snapshot(world.root, "alex"), name)
    for path in sorted(world.place.home.rglob("*")):
        os.utime(path, (1, 1))
    assert pack(snapshot.snapshot(world.root, "alex"), name)[0] == first


def test_the_gate_in_an_archive_is_what_the_daemon_writes(world: World, tmp_path: Path) -> None:
    for _ in range(3):
        files = unpack(packed(world, tmp_path / "a.zip")).files
        assert files["users/alex/recursion-gate.json"] == world.place.gate.read_bytes()
        assert files["users/alex/recursion-gate.json"] == gate_json.dump(list(gate.Gate.load(world.place)))
        for candidate_id in world.gate_ids():
            world.reject(candidate_id)


def test_an_archive_made_while_a_merge_is_cut_short_is_that_after_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    world.move(world.card("c2"), "approved")
    with monkeypatch.context() as patch:
        patch.setattr(atomic.calls, "rename", stop)
        with pytest.raises(Stopped):
            world.reconcile()
    path = packed(world, tmp_path / "a.zip")
    world.restart()
    world.reconcile()
    other = make_root(tmp_path / "other")
    restore.restore(other, path)
    assert of_user(other) == of_user(world.root)


def test_what_cannot_be_taken_along_is_left_out_and_said(world: World, tmp_path: Path) -> None:
    (world.place.home / "photo.png").symlink_to("/etc/hostname")
    os.mkfifo(world.place.home / "pipe")
    (world.place.home / "new\nline.md").write_text("x")
    (world.place.home / "back\\slash.md").write_text("x")
    (world.place.home / ".hidden").write_text("x")
    _, manifest = pack(snapshot.snapshot(world.root, "alex"), ".zip")
    assert sorted((left.path, left.why) for left in manifest.left_out) == [
        ("users/alex/back\\slash.md", "its name is not valid on every system"),
        ("users/alex/new?line.md", "its name is not valid on every system"),
        ("users/alex/photo.png", "not a plain file"),
        ("users/alex/pipe", "not a plain file"),
    ]


def test_a_record_that_is_no_text_is_not_exported_as_if_it_were(world: World) -> None:
    (world.place.home / "self.md").write_bytes(b"caf\xe9")
    with pytest.raises(BadArchive, match=r"users/alex/self.md: this is not UTF-8"):
        pack(snapshot.snapshot(world.root, "alex"), ".zip")


def test_exports_at_the_same_time_into_one_folder_keep_apart(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All begin to write before the first has its name: with one temporary name a folder they swapped their bytes."""
    users = ["alex", "bo", "cy", "di"]
    for user in users[1:]:
        add_user(world.root, user)
    folder = tmp_path / "out"
    folder.mkdir()
    together = threading.Barrier(len(users))
    rename = atomic.Calls.rename

    def late(self: atomic.Calls, old: str, new: str) -> None:
        together.wait(PATIENCE)
        rename(self, old, new)

    monkeypatch.setattr(atomic.Calls, "rename", late)

    def one(user: str) -> None:
        args = ["--user", user, "--all", str(folder / f"{user}.zip")]
        reading.export.main(args, "export", standalone_mode=False, obj=str(world.root.path))

    with ThreadPoolExecutor(len(users)) as pool:
        for done in [pool.submit(one, user) for user in users]:
            done.result()
    assert sorted(p.name for p in folder.iterdir()) == [f"{user}.zip" for user in users]
    assert [unpack(folder / f"{user}.zip").manifest.user for user in users] == users


def test_an_export_can_be_read_by_its_maker_only_from_its_first_byte_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    write = atomic.Calls.write

    def seen(self: atomic.Calls, fd: int, data: bytes | memoryview) -> int:
        modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
        return write(self, fd, data)

    monkeypatch.setattr(atomic.Calls, "write", seen)
    (tmp_path / "a.zip").write_bytes(b"an older one, open to all")
    (tmp_path / "a.zip").chmod(0o644)
    done = CliRunner().invoke(
        main, ["--root", str(world.root.path), "export", "--user", "alex", "--all", str(tmp_path / "a.zip")]
    )
    assert done.exit_code == 0
    assert set(modes) == {0o600}
    assert stat.S_IMODE((tmp_path / "a.zip").stat().st_mode) == 0o600
