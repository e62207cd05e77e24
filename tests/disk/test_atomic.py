"""The only module that writes: whole files, prefixes, and what is on disk when."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.paths import TEMP_NAME
from recursion_gate.disk import atomic
from recursion_gate.disk.deliver import Delivery, deliver, deliver_all

OLD, NEW = b"old bytes\n", b"new bytes, and more of them\n"


class Story(atomic.Calls):
    """The real system calls, written down; the one numbered `fails` does not happen but raises `error`. A write that
    fails has written half of its bytes."""

    def __init__(self, fails: int = 0, error: int = errno.EIO) -> None:
        self.names: list[str] = []
        self.fails, self.error = fails, error
        #: Called before each call.
        self.before: Callable[[], None] = lambda: None

    def _note(self, name: str) -> None:
        self.before()
        self.names.append(name)
        if len(self.names) == self.fails:
            raise OSError(self.error, os.strerror(self.error))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        try:
            self._note("write")
        except OSError:
            os.write(fd, data[: len(data) // 2])
            raise
        return super().write(fd, data)

    def close(self, fd: int) -> None:
        super().close(fd)
        self._note("close")


def _noted(name: str) -> Callable[..., Any]:
    def call(self: Story, *arguments: Any, **more: Any) -> Any:
        self._note(name)
        return getattr(atomic.Calls, name)(self, *arguments, **more)

    return call


for _name in ("open", "fsync", "fchmod", "fchown", "ftruncate", "rename", "link", "unlink", "mkdir"):
    setattr(Story, _name, _noted(_name))


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    made = Story()
    monkeypatch.setattr(atomic, "calls", made)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def _errors(monkeypatch: pytest.MonkeyPatch, run: Callable[[], object], error: int = errno.ENOSPC) -> Iterator[str]:
    """Run it with the first call failing, then the second, and so on, until none is left to fail."""
    for number in range(1, 100):
        story = Story(number, error)
        monkeypatch.setattr(atomic, "calls", story)
        try:
            run()
        except OSError as err:
            assert err.errno == error  # noqa: PT017
        failed = len(story.names) >= number
        monkeypatch.setattr(atomic, "calls", atomic.Calls())
        if not failed:
            return
        yield story.names[number - 1]


def _fds() -> int:
    return len(os.listdir("/proc/self/fd"))


# -- replace --------------------------------------------------------------------------------------------------------


def test_a_replacement_is_synced_before_it_takes_the_name(path: Path, story: Story) -> None:
    path.write_bytes(OLD)
    atomic.replace(path, NEW)
    assert path.read_bytes() == NEW
    assert story.names.index("fsync") < story.names.index("rename")
    assert story.names.index("write") < story.names.index("fsync")
    assert os.listdir(path.parent) == ["file"]


def test_a_replacement_that_can_be_made_again_needs_no_sync(path: Path, story: Story) -> None:
    atomic.replace(path, NEW, sync=False)
    assert "fsync" not in story.names
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("data", [b"", b"x", os.urandom(3_000_000)], ids=len)
def test_any_bytes_are_put_in_whole(path: Path, data: bytes) -> None:
    atomic.replace(path, data)
    assert path.read_bytes() == data


def test_a_reader_finds_the_old_bytes_or_the_new_at_every_step(path: Path, story: Story) -> None:
    path.write_bytes(OLD)
    found = []
    story.before = lambda: found.append(path.read_bytes())
    atomic.replace(path, NEW)
    assert len(found) == len(story.names)
    assert set(found) <= {OLD, NEW}


def test_a_reader_that_has_the_old_file_open_goes_on_reading_it(path: Path) -> None:
    path.write_bytes(OLD)
    with path.open("rb") as reader:
        atomic.replace(path, NEW)
        assert reader.read() == OLD


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EMFILE])
def test_a_replacement_that_fails_at_any_call_leaves_the_old_file_and_nothing_else(
    path: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(OLD)
    fds, failed = _fds(), []
    for name in _errors(monkeypatch, lambda: atomic.replace(path, NEW), error):
        failed.append(name)
        assert path.read_bytes() == OLD
        if name == "close":  # its temporary file is left, and goes when the next one is made
            path.with_name(TEMP_NAME).unlink()
        assert os.listdir(path.parent) == ["file"]
        assert _fds() == fds
    assert {"open", "write", "fsync", "close", "rename"} <= set(failed)
    assert path.read_bytes() == NEW
    assert os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_a_replacement_keeps_the_mode_whatever_the_umask(path: Path, mode: int) -> None:
    path.write_bytes(OLD)
    path.chmod(mode)
    before = os.umask(0o077)
    try:
        atomic.replace(path, NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_replacement_keeps_the_owner_where_that_is_allowed(path: Path) -> None:
    path.write_bytes(OLD)
    os.chown(path, 65534, 65534)
    atomic.replace(path, NEW)
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_link_is_replaced_not_followed_and_its_mode_not_taken_over(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(OLD)
    path.symlink_to(elsewhere)
    atomic.replace(path, NEW)
    assert elsewhere.read_bytes() == OLD
    assert not path.is_symlink()
    assert not path.stat().st_mode & stat.S_IWOTH


def test_what_a_stop_left_half_written_is_never_written_into(path: Path) -> None:
    temp = path.with_name(TEMP_NAME)
    temp.write_bytes(b"half")
    linked = path.with_name("linked")
    os.link(temp, linked)  # as a stop between the link and the unlink of `create` leaves it
    atomic.replace(path, NEW)
    assert linked.read_bytes() == b"half"
    assert path.read_bytes() == NEW
    assert not temp.exists()


def test_a_temporary_file_that_is_a_trap_is_not_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(OLD)
    path.with_name(TEMP_NAME).symlink_to(victim)
    atomic.replace(path, NEW)
    assert victim.read_bytes() == OLD
    assert path.read_bytes() == NEW


# -- create ---------------------------------------------------------------------------------------------------------


def test_a_new_file_appears_whole(path: Path, story: Story) -> None:
    found: list[bytes | None] = []
    story.before = lambda: found.append(path.read_bytes() if path.exists() else None)
    assert atomic.create(path, NEW)
    assert set(found) == {None, NEW}
    assert path.stat().st_nlink == 1
    assert os.listdir(path.parent) == ["file"]
    assert "fsync" not in story.names


def test_a_new_file_that_must_last_is_synced_before_it_has_its_name(path: Path, story: Story) -> None:
    assert atomic.create(path, NEW, sync=True)
    assert story.names.index("fsync") < story.names.index("link")


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_a_new_file_never_takes_the_place_of_another(path: Path, what: str) -> None:
    if what == "file":
        path.write_bytes(OLD)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    assert not atomic.create(path, NEW)
    assert os.listdir(path.parent) == ["file"]
    assert what != "file" or path.read_bytes() == OLD


def test_a_file_that_appears_at_the_last_moment_is_left_alone_too(path: Path, story: Story) -> None:

    def somebody_else() -> None:
        if "write" in story.names and not path.exists():
            path.write_bytes(OLD)

    story.before = somebody_else
    assert not atomic.create(path, NEW)
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["file"]


def test_where_a_disk_has_no_hard_links_a_new_file_is_renamed_into_place(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoLinks(atomic.Calls):
        def link(self, old: str, new: str) -> None:
            raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(atomic, "calls", NoLinks())
    assert atomic.create(path, NEW)
    assert not atomic.create(path, OLD)
    assert deliver(path.parent, "other", NEW).read_bytes() == path.read_bytes() == NEW
    assert sorted(os.listdir(path.parent)) == ["file", "other"]


def test_a_new_file_that_fails_at_any_call_is_not_there_or_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fds = _fds()
    for _ in _errors(monkeypatch, lambda: atomic.create(path, NEW)):
        assert not path.exists() or path.read_bytes() == NEW
        assert _fds() == fds
        path.unlink(missing_ok=True)
    assert path.read_bytes() == NEW
    assert os.listdir(path.parent) == ["file"]


# -- append ---------------------------------------------------------------------------------------------------------


def test_what_is_appended_is_on_disk_and_the_rest_as_it_was(path: Path, story: Story) -> None:
    path.write_bytes(OLD)
    atomic.append(path, NEW)
    assert path.read_bytes() == OLD + NEW
    assert story.names.index("fsync") > story.names.index("write")
    assert story.names.count("fsync") == 1


@pytest.mark.parametrize("there", [False, True])
def test_the_folder_of_a_new_file_is_synced_also_after_an_append_that_failed(
    path: Path, story: Story, there: bool
) -> None:
    if there:
        path.touch()  # made, and left empty, by an append that failed
    atomic.append(path, NEW)
    assert story.names.count("fsync") == 2
    assert path.read_bytes() == NEW


def test_an_append_that_fails_at_any_call_is_cut_off_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(OLD)
    fds, failed = _fds(), []
    for name in _errors(monkeypatch, lambda: atomic.append(path, NEW)):
        failed.append(name)
        assert path.read_bytes() == OLD or name == "close"
        assert _fds() == fds
        path.write_bytes(OLD)
    assert {"open", "write", "fsync"} <= set(failed)


def test_an_append_at_any_step_leaves_a_prefix(path: Path, story: Story) -> None:
    path.write_bytes(OLD)
    found: list[bytes] = []
    story.before = lambda: found.append(path.read_bytes())
    atomic.append(path, NEW)
    assert all((OLD + NEW).startswith(data) and data.startswith(OLD) for data in found)


def test_an_append_to_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(OLD)
    path.symlink_to(elsewhere)
    with pytest.raises(OSError):
        atomic.append(path, NEW)
    with pytest.raises(OSError):
        atomic.truncate(path, 0)
    assert elsewhere.read_bytes() == OLD


def test_a_file_is_cut_and_the_cut_is_on_disk(path: Path, story: Story) -> None:
    path.write_bytes(OLD + NEW)
    atomic.truncate(path, len(OLD))
    assert path.read_bytes() == OLD
    assert story.names == ["open", "ftruncate", "fsync", "close"]


# -- deliver --------------------------------------------------------------------------------------------------------


def test_what_is_delivered_is_on_disk_and_takes_the_next_free_name(tmp_path: Path, story: Story) -> None:
    made = [deliver(tmp_path, "a.md", data) for data in (OLD, NEW, OLD)]
    assert [p.name for p in made] == ["a.md", "a-2.md", "a-3.md"]
    assert [p.read_bytes() for p in made] == [OLD, NEW, OLD]
    assert story.names.index("fsync") < story.names.index("link")
    assert sorted(os.listdir(tmp_path)) == ["a-2.md", "a-3.md", "a.md"]


def test_a_name_in_a_folder_that_cannot_be_opened_is_made_to_last_by_the_file(
    tmp_path: Path, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an inbox, which an agent's account may put files into and not open."""

    def closed(folder: object) -> None:
        raise PermissionError

    monkeypatch.setattr(atomic, "sync_folder", closed)
    assert deliver(tmp_path, "a.md", NEW).read_bytes() == NEW
    assert story.names.index("link") < len(story.names) - 1 - story.names[::-1].index("fsync")


def test_what_is_delivered_has_the_mode_and_the_time_it_is_told(tmp_path: Path) -> None:
    at = 1_700_000_000_123_000_000
    old = os.umask(0o077)
    try:
        made = deliver(tmp_path, "a.md", NEW, mode=0o644, mtime_ns=at).stat()
    finally:
        os.umask(old)
    assert (stat.S_IMODE(made.st_mode), made.st_mtime_ns) == (0o644, at)


def test_what_is_delivered_over_another_takes_its_place(tmp_path: Path) -> None:
    deliver(tmp_path, "a.md", OLD)
    assert deliver(tmp_path, "a.md", NEW, over=True).read_bytes() == NEW
    assert os.listdir(tmp_path) == ["a.md"]


@pytest.mark.parametrize("over", [False, True])
def test_a_delivery_that_fails_at_any_call_is_not_there_or_whole(
    tmp_path: Path, over: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fds = _fds()
    for _ in _errors(monkeypatch, lambda: deliver(tmp_path, "a.md", NEW, over=over)):
        assert _fds() == fds
        for left in tmp_path.iterdir():
            assert left.name.startswith(".") or left.read_bytes() == NEW
            left.unlink()


def test_of_several_each_is_synced_before_it_has_its_name_and_the_folder_once_after_all(
    tmp_path: Path, story: Story
) -> None:
    made = deliver_all([Delivery(tmp_path, name, NEW) for name in ("a.md", "b.md", "c.md")])
    assert made == [tmp_path / "a.md", tmp_path / "b.md", tmp_path / "c.md"]
    assert [p.read_bytes() for p in made if isinstance(p, Path)] == [NEW] * 3
    kept = [name for name in story.names if name in ("write", "fsync", "link")]
    assert kept == ["write"] * 3 + ["fsync"] * 3 + ["link"] * 3 + ["fsync"]
    assert sorted(os.listdir(tmp_path)) == ["a.md", "b.md", "c.md"]
    assert deliver_all([Delivery(tmp_path, "a.md", OLD)] * 2) == [tmp_path / "a-2.md", tmp_path / "a-3.md"]


def test_several_that_fail_at_any_call_are_not_there_or_whole_and_tell_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fds, folders = _fds(), [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    told: list[Path | OSError] = []

    def run() -> None:
        told[:] = deliver_all([Delivery(folder, "a.md", NEW) for folder in folders])

    for _ in _errors(monkeypatch, run):
        assert _fds() == fds
        assert sum(isinstance(each, OSError) for each in told) == 1, told
        for folder, outcome in zip(folders, told, strict=True):
            assert isinstance(outcome, OSError) or outcome.read_bytes() == NEW
            for left in folder.iterdir():
                assert left.name.startswith(".") or left.read_bytes() == NEW
                left.unlink()


# -- folders, moving, removing --------------------------------------------------------------------------------------


def test_folders_are_made_down_to_the_last_each_synced_into_the_one_above(tmp_path: Path, story: Story) -> None:
    atomic.make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()
    assert [n for n in story.names if n in ("mkdir", "fsync")] == ["mkdir", "fsync"] * 3
    story.names.clear()
    atomic.make_folder(tmp_path / "a" / "b" / "c")
    assert story.names == []


def test_a_folder_may_be_named_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    atomic.make_folder("a")
    atomic.make_folder("b/c/")
    atomic.append("file", NEW)
    assert (tmp_path / "a").is_dir()
    assert (tmp_path / "b" / "c").is_dir()


@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_where_a_folder_should_be_is_an_error(tmp_path: Path, below: str) -> None:
    (tmp_path / "a").touch()
    with pytest.raises((FileExistsError, NotADirectoryError)):
        atomic.make_folder(tmp_path / "a" / below)


def test_a_folder_that_somebody_else_makes_at_the_same_moment_is_fine(tmp_path: Path, story: Story) -> None:
    story.before = lambda: (tmp_path / "a").mkdir(exist_ok=True)
    atomic.make_folder(tmp_path / "a")
    assert (tmp_path / "a").is_dir()


def test_a_file_is_moved_in_one_call_and_removed_in_one(path: Path, story: Story) -> None:
    path.write_bytes(OLD)
    moved = path.with_name("moved")
    atomic.move(path, moved)
    assert moved.read_bytes() == OLD
    atomic.remove(moved)
    atomic.remove(moved)
    assert story.names == ["rename", "unlink", "unlink"]
    with pytest.raises(FileNotFoundError):
        atomic.move(path, moved)


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP])
def test_a_disk_that_cannot_sync_a_folder_is_no_error(
    tmp_path: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "calls", Story(1, error))
    atomic.sync_folder(tmp_path)


def test_a_folder_that_could_not_be_synced_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fds = _fds()
    monkeypatch.setattr(atomic, "calls", Story(1, errno.EIO))
    with pytest.raises(OSError):
        atomic.sync_folder(tmp_path)
    assert _fds() == fds
