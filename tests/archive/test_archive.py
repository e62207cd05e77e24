"""An archive takes a user elsewhere, whole; what is not whole, or leads out of its place, is refused before a write."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from recursion_gate.admin.setup import BadUser
from recursion_gate.archive import restore
from recursion_gate.archive.pack import BadArchive, pack
from recursion_gate.archive.unpack import unpack
from recursion_gate.audit.verify import verify
from recursion_gate.cli import main, reading
from recursion_gate.core.errors import GateError, Parked
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.formats import gate_json
from recursion_gate.permissions.lanes import BadLanes
from recursion_gate.reading import snapshot
from recursion_gate.store import gate

from ..support.roots import add_user, make_root
from ..support.world import World, tree


@pytest.fixture
def world(root: Root) -> World:
    """Alex: one approved, one rejected, two waiting, a note of their own."""
    world = World(root)
    world.stage("c0", "Learned how tides work.")
    world.stage("c1", "Nothing much.")
    world.stage("c2", "Built a kite.", skill_tag="WORK", meta={"where": "garden"})
    world.stage("c3", "“Wrote” a letter — to grandma.", skill_tag="WRITE")
    world.approve("c0")
    world.reject("c1")
    (world.place.home / "notes").mkdir()
    (world.place.home / "notes" / "What: next?.md").write_text("More kites.\n")
    return world


def packed(world: World, path: Path) -> Path:
    data, _ = pack(snapshot.snapshot(world.root, "alex"), path.name)
    path.write_bytes(data)
    return path


def of_user(root: Root) -> dict[str, bytes]:
    return {p: d for p, d in tree(root.path).items() if p.startswith(("users/alex/", "receipts/alex/"))}


@pytest.mark.parametrize("name", ["alex.tar.gz", "alex.zip"])
def test_an_archive_restores_the_same_files_elsewhere_and_they_verify(world: World, tmp_path: Path, name: str) -> None:
    other = make_root(tmp_path / "other", "sam")
    restored = restore.restore(other, packed(world, tmp_path / name))
    assert restored.manifest.seq == 2
    assert of_user(other) == of_user(world.root)
    (proof,) = verify(other, ["alex"])
    assert [f for f in proof.findings if f.severity != "note"] == []
    assert (proof.receipts, proof.pending) == (2, 2)


@pytest.mark.parametrize("name", ["alex.tar.gz", "alex.zip"])
def test_the_daemon_goes_on_with_a_restored_user_as_if_nothing_had_been(
    world: World, tmp_path: Path, name: str
) -> None:
    other = World(make_root(tmp_path / "other"))
    restore.restore(other.root, packed(world, tmp_path / name))
    for each in (other, world):
        each.keep()
        each.approve("c3")
    assert other.record() == world.record()
    assert other.receipts()[2]["prev_hash"] == world.receipts()[1]["hash"]
    assert other.gate_ids() == ["c2"]
    other.drop("again.json", {"id": "c0", "raw_text": "Learned how tides work."})
    other.keep()
    assert other.gate_ids() == ["c2"], "what was decided before the journey stays decided"


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
            world.keep()
    path = packed(world, tmp_path / "a.zip")
    world.restart()
    world.keep()
    other = make_root(tmp_path / "other")
    restore.restore(other, path)
    assert of_user(other) == of_user(world.root)


def test_a_user_of_whom_nothing_was_decided_yet_can_be_taken_along(root: Root, tmp_path: Path) -> None:
    world = World(root)
    world.stage("c0")
    other = make_root(tmp_path / "other")
    restore.restore(other, packed(world, tmp_path / "a.zip"))
    assert of_user(other) == of_user(root)


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


# -- refusing ---------------------------------------------------------------------------------------------------------


def test_a_user_who_is_there_is_not_overwritten(world: World, tmp_path: Path) -> None:
    before = tree(world.root.path)
    with pytest.raises(BadUser, match="exists already"):
        restore.restore(world.root, packed(world, tmp_path / "a.zip"))
    assert tree(world.root.path) == before
    other = make_root(tmp_path / "other", "Alex")
    with pytest.raises(BadUser, match="exists already"):
        restore.restore(other, tmp_path / "a.zip")


def test_receipts_of_another_alex_are_not_overwritten(world: World, tmp_path: Path) -> None:
    other = make_root(tmp_path / "other")
    place = other.place("alex")
    place.receipts.mkdir(parents=True)
    place.ledger.write_bytes(b"{}\n")
    before = tree(other.path)
    with pytest.raises(BadUser, match=r"move receipts/alex/merge-receipts.jsonl away"):
        restore.restore(other, packed(world, tmp_path / "a.zip"))
    assert tree(other.path) == before


def test_an_import_that_is_killed_leaves_no_user_and_can_be_done_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        pass

    other = make_root(tmp_path / "other")
    path = packed(world, tmp_path / "a.zip")
    rename, left = atomic.calls.rename, 0

    def stop(old: str, new: str) -> None:
        nonlocal left
        if str(other.path) in new:
            left -= 1
            if left < 0:
                raise Stopped
        rename(old, new)

    for kill_at in range(100):
        left = kill_at
        with monkeypatch.context() as patch:
            patch.setattr(atomic.calls, "rename", stop)
            try:
                restore.restore(other, path)
                break
            except Stopped:
                assert other.users() == []
    assert kill_at > 10
    assert of_user(other) == of_user(world.root)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _tar(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for info, data in entries:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def _link(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("users/alex/self.md")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


_HOSTILE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "no archive": ("not a readable .tar.gz or .zip", lambda p: _write(p, b"hello")),
    "nothing": ("not a readable .tar.gz or .zip", lambda p: _write(p, b"")),
    "another archive": ("no manifest.json", lambda p: _tar(p, (tarfile.TarInfo("x.txt"), b"x"))),
    "no manifest": ("manifest.json is malformed", lambda p: _tar(p, (tarfile.TarInfo("manifest.json"), b"{}"))),
    "upward": ("not an allowed path", lambda p: _tar(p, (tarfile.TarInfo("users/alex/../../x"), b"x"))),
    "absolute": ("not an allowed path", lambda p: _tar(p, (tarfile.TarInfo("/etc/cron.d/x"), b"x"))),
    "backslash": ("not an allowed path", lambda p: _tar(p, (tarfile.TarInfo("users\\..\\x"), b"x"))),
    "symbolic link": ("not a plain file", lambda p: _tar(p, (_link(tarfile.SYMTYPE), b""))),
    "hard link": ("not a plain file", lambda p: _tar(p, (_link(tarfile.LNKTYPE), b""))),
    "device": ("not a plain file", lambda p: _tar(p, (_link(tarfile.CHRTYPE), b""))),
    "twice": ("twice", lambda p: _tar(p, (tarfile.TarInfo("users/a"), b"x"), (tarfile.TarInfo("users/A"), b"y"))),
}


@pytest.mark.parametrize("trick", _HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_is_written(root: Root, tmp_path: Path, trick: str) -> None:
    problem, make = _HOSTILE[trick]
    make(tmp_path / "hostile.tar.gz")
    before = tree(tmp_path)
    with pytest.raises(BadArchive, match=problem):
        restore.restore(root, tmp_path / "hostile.tar.gz")
    assert tree(tmp_path) == before


def _again(source: Path, target: Path, change: Callable[[dict[str, bytes]], None], *, fix: bool = True) -> Path:
    """The archive `source` with some files changed, and, with `fix`, a manifest that fits."""
    with zipfile.ZipFile(source) as old:
        files = {name: old.read(name) for name in old.namelist()}
    change(files)
    if fix:
        import hashlib

        manifest = json.loads(files["manifest.json"])
        manifest["files"] = {
            p: {"size": len(d), "sha256": hashlib.sha256(d).hexdigest()}
            for p, d in files.items()
            if p != "manifest.json"
        }
        files["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w") as new:
        for name, data in files.items():
            new.writestr(name, data)
    return target


def _set(path: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.__setitem__(path, data)


_LEDGER = "receipts/alex/merge-receipts.jsonl"


@pytest.mark.parametrize(
    ("change", "fix", "problem"),
    [
        (_set("users/alex/self.md", b"changed"), False, "differs from its manifest.json"),
        (_set("users/alex/more.md", b"more"), False, "its manifest.json does not list users/alex/more.md"),
        (lambda files: files.pop("users/alex/self.md"), False, "it lacks users/alex/self.md"),
        (_set("users/sam/self.md", b"sam"), True, "belongs to another user"),
        (_set("users/alex", b"alex"), True, "belongs to another user"),
        (lambda files: files.__setitem__(_LEDGER, files[_LEDGER].replace(b"tides", b"tidal")), True, "not verify"),
        (lambda files: files.__setitem__(_LEDGER, files[_LEDGER].splitlines(True)[0]), True, "not verify"),
        (_set("users/alex/recursion-gate.json", b"[{"), True, "not verify: users/alex/recursion-gate.json"),
        (_set("receipts/alex/baseline.json", b"{}"), True, "not verify"),
    ],
)
def test_an_archive_that_somebody_has_changed_is_refused(
    world: World, tmp_path: Path, change: Callable[[dict[str, bytes]], None], fix: bool, problem: str
) -> None:
    other = make_root(tmp_path / "other")
    path = _again(packed(world, tmp_path / "a.zip"), tmp_path / "b.zip", change, fix=fix)
    with pytest.raises(BadArchive, match=problem):
        restore.restore(other, path)
    assert other.users() == []
    assert not (other.path / "users" / "alex").exists()


def test_an_archive_that_unpacks_to_more_than_is_allowed_is_refused_before_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recursion_gate.archive.unpack._MOST_BYTES", 1_000_000)
    info = tarfile.TarInfo("users/alex/self.md")
    info.size = 2_000_000
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(info.tobuf() + b"\0" * 100_000))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("users/alex/self.md", b"\0" * 2_000_000)
    with tarfile.open(tmp_path / "pax.tar.gz", "w:gz", pax_headers={"comment": "x" * 3_000_000}) as tar:
        tar.addfile(tarfile.TarInfo("manifest.json"))
    for name in ("a.tar.gz", "a.zip", "pax.tar.gz"):
        with pytest.raises(BadArchive, match="exceeds the size limit"):
            unpack(tmp_path / name)


def test_a_zip_that_lies_about_its_sizes_is_refused(world: World, tmp_path: Path) -> None:
    path = packed(world, tmp_path / "a.zip")
    with zipfile.ZipFile(path) as made:
        size = made.getinfo("users/alex/self.md").file_size
    data = path.read_bytes()
    at = data.rfind(b"users/alex/self.md") - 46 + 24
    path.write_bytes(data[:at] + (size - 3).to_bytes(4, "little") + data[at + 4 :])
    with pytest.raises(BadArchive):
        unpack(path)


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
def test_an_archive_that_is_cut_short_or_damaged_anywhere_is_refused(world: World, tmp_path: Path, name: str) -> None:
    path = packed(world, tmp_path / name)
    whole = path.read_bytes()
    for at in range(0, len(whole) - 1, len(whole) // 40):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            path.write_bytes(data)
            with contextlib.suppress(BadArchive):
                assert unpack(path).manifest.user == "alex"  # the damage is in what nobody reads, such as a date
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadArchive):
        unpack(path)


def test_errors_are_sentences_of_this_program() -> None:
    assert issubclass(BadArchive, GateError)
    assert not issubclass(BadArchive, Parked)
    assert str(BadArchive("a.zip", "it is not whole")) == "a.zip: it is not whole"


def test_nothing_is_written_where_the_lanes_could_not_be_applied(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = packed(world, tmp_path / "a.zip")
    other = make_root(tmp_path / "other")
    other.settings.write_text(
        '[lanes]\ndaemon = "nobody-of-this-name"\nagents = "a"\npeople = "b"\nreaders = "c"\n', encoding="utf-8"
    )
    before = tree(other.path)
    with pytest.raises(BadLanes):
        restore.restore(other, archive)
    assert tree(other.path) == before


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
        together.wait(30)
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
