"""What is not whole, or leads out of its place, is refused before a write."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from recursion_gate.archive import restore
from recursion_gate.archive.pack import BadArchive
from recursion_gate.archive.unpack import unpack
from recursion_gate.core.errors import GateError, Parked
from recursion_gate.core.paths import Root

from ..support.world import World, tree
from .conftest import packed


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


def test_an_archive_that_unpacks_to_more_than_is_allowed_is_refused_before_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recursion_gate.archive.unpack._BYTES_LIMIT", 1_000_000)
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
