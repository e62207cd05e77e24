"""Looking at one file that somebody else put there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.errors import Refusal
from recursion_gate.disk import untrusted
from recursion_gate.disk.untrusted import Seen, is_still, kind_of, look, mark, mark_at

HAS_LEASES = sys.platform == "linux"
needs_leases = pytest.mark.skipif(not HAS_LEASES, reason="only Linux can say whether a file is open for writing")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "drop.json"
    path.write_bytes(b"hello")
    return path


# -- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 100, 300_000])
def test_a_file_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(os.urandom(size))
    seen = look(path, 300_000)
    assert seen.data == path.read_bytes()
    assert seen.stat.st_size == size
    assert seen.open_elsewhere is None
    assert look(str(path), 300_000).mark == seen.mark == mark_at(path)


def test_a_file_of_one_byte_more_than_allowed_is_refused(path: Path) -> None:
    assert look(path, 5).data == b"hello"
    with pytest.raises(Refusal) as caught:
        look(path, 4)
    assert caught.value.problem == "the file has 5 bytes; the most allowed is 4"
    assert "max_drop_bytes" in caught.value.remedy


def test_a_sparse_file_of_ten_gigabytes_is_refused_without_reading_it(path: Path) -> None:
    os.truncate(path, 10 << 30)
    with pytest.raises(Refusal, match="10,737,418,240 bytes"):
        look(path, 1_000_000, ask_writers=True)


def test_a_file_that_is_gone_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        look(tmp_path / "x", 100)
    assert mark_at(tmp_path / "x") is None


# -- what is no file ------------------------------------------------------------------------------------------------


def _link(path: Path) -> None:
    target = path.with_name("target")
    target.write_bytes(b"secret")
    path.symlink_to(target)


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket has room for a hundred bytes
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


MAKERS: dict[str, Callable[[Path], Any]] = {
    "symbolic link": _link,
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "socket": _socket,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_no_plain_file_is_refused_by_name_without_being_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    MAKERS[kind](path)
    with pytest.raises(Refusal) as caught:
        look(path, 100, ask_writers=True)
    assert caught.value.problem == f"this is a {kind}, not a file"
    assert caught.value.remedy


def test_a_device_is_refused() -> None:
    with pytest.raises(Refusal, match="this is a device, not a file"):
        look("/dev/zero", 100)


def test_a_link_that_leads_nowhere_or_round_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.symlink_to(path)
    with pytest.raises(Refusal, match="symbolic link"):
        look(path, 100)


def test_a_folder_is_refused_with_what_to_do_with_its_files(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as err:
        look(tmp_path, 100)
    assert err.value.problem == "this is a folder, not a file"
    assert err.value.remedy == "Take the files out of it, and put them where it was."


@pytest.mark.parametrize("kind", ["symbolic link", "pipe", "socket", "folder"])
def test_what_is_swapped_in_between_look_and_open_is_not_read(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def swap(name: Any, flags: int, *rest: Any, **more: Any) -> int:
        path.unlink()
        MAKERS[kind](path)
        monkeypatch.setattr(os, "open", real)
        return real(name, flags, *rest, **more)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(Refusal, match="not a regular file"):
        look(path, 100)


def test_each_kind_has_its_word() -> None:
    words = {stat.S_IFREG: "file", stat.S_IFBLK: "device", stat.S_IFCHR: "device", 0: "special file"}
    assert {mode: kind_of(mode) for mode in words} == words


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can enter, which `tmp_path` is not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_file_that_may_not_be_read_is_refused_with_the_remedy(open_folder: Path) -> None:
    path = open_folder / "x"
    path.write_bytes(b"x")
    path.chmod(0)
    with _as_nobody(), pytest.raises(Refusal) as caught:
        look(path, 100)
    assert "not allowed to read" in caught.value.problem
    assert "chmod 644" in caught.value.remedy


@contextlib.contextmanager
def _as_nobody() -> Iterator[None]:
    """Without root's right to read everything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


# -- whether it is still being written ------------------------------------------------------------------------------


@needs_leases
def test_a_file_that_is_open_for_writing_is_known_to_be(path: Path) -> None:
    assert look(path, 100, ask_writers=True).open_elsewhere is False
    with path.open("ab"):
        assert look(path, 100, ask_writers=True).open_elsewhere is True
    with path.open("rb"):
        assert look(path, 100, ask_writers=True).open_elsewhere is False


@needs_leases
def test_a_file_of_another_account_cannot_be_asked_about(open_folder: Path) -> None:
    path = open_folder / "x"
    path.write_bytes(b"x")
    path.chmod(0o644)
    if os.geteuid() != 0:
        pytest.skip("only root can make another account's file")
    with _as_nobody():
        seen = look(path, 100, ask_writers=True)
    assert (seen.data, seen.open_elsewhere) == (b"x", None)


@needs_leases
def test_who_opens_the_file_for_writing_just_then_does_not_end_the_process(path: Path) -> None:
    """The kernel tells the holder of a lease by a signal, which ends a process that does not expect it."""
    story = """if True:
        import fcntl, os, sys
        from recursion_gate.disk import untrusted

        real, opened = fcntl.fcntl, []

        def fcntl_with_a_writer(fd, command, *rest):
            result = real(fd, command, *rest)
            if command == fcntl.F_SETLEASE and rest == (fcntl.F_RDLCK,):
                try:
                    os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)
                except BlockingIOError:
                    opened.append(True)
            return result

        fcntl.fcntl = fcntl_with_a_writer
        seen = untrusted.look(sys.argv[1], 100, ask_writers=True)
        assert opened and seen.data == b"hello", (opened, seen)
        print("alive")
    """
    done = subprocess.run([sys.executable, "-c", story, path], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("alive\n", 0), done


def test_a_file_that_another_program_keeps_to_itself_may_become_free(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise BlockingIOError(errno.EAGAIN, "busy")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Refusal) as caught:
        look(path, 100)
    assert caught.value.maybe_unfinished


@pytest.mark.parametrize("change", [b"hello, longer", b"short", b"", b"HELLO"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_file_that_changes_while_it_is_read_counts_as_open_and_never_as_unchanged(
    path: Path, change: bytes, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(path, ns=(0, 0))
    real = os.read

    def read(fd: int, size: int) -> bytes:
        monkeypatch.setattr(os, "read", real)
        if when == "before":
            path.write_bytes(change)
        data = real(fd, size)
        if when == "after":
            path.write_bytes(change)
        return data

    monkeypatch.setattr(os, "read", read)
    seen = look(path, 100)
    assert seen.open_elsewhere is True
    assert not is_still(seen.mark)(path)


def test_a_read_that_gives_less_than_asked_is_gone_on_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: real(fd, min(size, 2)))
    seen = look(path, 100)
    assert (seen.data, seen.open_elsewhere) == (b"hello", None)


# -- whether it is still the same -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["longer", "touched", "replaced", "removed", "a folder", "a link to itself"])
def test_another_content_has_another_mark(path: Path, how: str) -> None:
    seen = look(path, 100)
    assert is_still(seen.mark)(path)
    aside = path.with_name("aside")
    if how == "longer":
        path.write_bytes(b"hello!")
    elif how == "touched":
        os.utime(path, ns=(1, 1))
    elif how == "removed":
        path.unlink()
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    elif how == "replaced":
        shutil.copy2(path, aside)
        aside.rename(path)
    else:
        path.rename(aside)
        path.symlink_to(aside)
    assert not is_still(seen.mark)(path)


def test_a_file_that_was_moved_has_the_same_mark_at_its_new_place(path: Path) -> None:
    seen = look(path, 100)
    moved = path.with_name("moved")
    path.rename(moved)
    assert is_still(seen.mark)(moved)
    assert mark(os.stat(moved)) == seen.mark == Seen(b"", os.stat(moved)).mark
    assert not is_still(seen.mark)(path)


def test_without_posix_locks_nobody_can_tell_and_quiet_time_decides(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrusted, "fcntl", None)
    with path.open("ab"):
        assert look(path, 100, ask_writers=True).open_elsewhere is None
