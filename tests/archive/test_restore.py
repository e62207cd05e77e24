"""An archive brings a user elsewhere, whole and proven; nothing that is there is overwritten."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from recursion_gate.admin.setup import BadUser
from recursion_gate.archive import restore
from recursion_gate.archive.pack import BadArchive
from recursion_gate.audit.verify import verify
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.permissions.lanes import BadLanes

from ..support.roots import make_root
from ..support.world import World, tree
from .conftest import of_user, packed


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
        each.reconcile()
        each.approve("c3")
    assert other.record() == world.record()
    assert other.receipts()[2]["prev_hash"] == world.receipts()[1]["hash"]
    assert other.gate_ids() == ["c2"]
    other.drop("again.json", {"id": "c0", "raw_text": "Learned how tides work."})
    other.reconcile()
    assert other.gate_ids() == ["c2"], "what was decided before the journey stays decided"


def test_a_user_of_whom_nothing_was_decided_yet_can_be_taken_along(root: Root, tmp_path: Path) -> None:
    world = World(root)
    world.stage("c0")
    other = make_root(tmp_path / "other")
    restore.restore(other, packed(world, tmp_path / "a.zip"))
    assert of_user(other) == of_user(root)


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
