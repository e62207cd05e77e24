"""What the daemon says of itself gets to whoever asks, also where the disk is full."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.disk import atomic
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.service.status_file import Status, StatusFile


class _Full(atomic.Calls):
    """A disk that has room for no further file."""

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return super().open(path, flags, mode)


def test_on_a_full_disk_it_is_written_over_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "status.json"
    file = StatusFile(path)
    file.put({"pid": 1, "trouble": ""})
    monkeypatch.setattr(atomic, "calls", _Full())
    file.put({"pid": 2, "trouble": "no room"})
    assert json.loads(path.read_bytes()) == {"pid": 2, "trouble": "no room"}
    file.close()


def test_on_a_disk_that_was_full_from_the_start_the_log_names_the_disk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = StatusFile(tmp_path / "status.json")
    monkeypatch.setattr(atomic, "calls", _Full())
    file.put({"pid": 1})
    file.put({"pid": 1})
    assert [record.getMessage() for record in caplog.records] == ['event=no-status why="no space left on device"']
    monkeypatch.undo()
    file.put({"pid": 1})
    assert json.loads((tmp_path / "status.json").read_bytes()) == {"pid": 1}
    file.close()


def test_once_something_is_forgotten_no_file_of_that_user_is_named(root: Root) -> None:
    """A card's name begins with words of its text (contract, promise 11)."""
    root.status.parent.mkdir(exist_ok=True)
    status = Status(root, Reconciler(root, Settings()))
    status.did("refused", "alex", "inbox/alex/approved/think_my-brother-ferdinand_x.md")
    status.did("refused", "eve", "inbox/eve/think_owls_y.md")
    status.did("forgotten", "alex", "a")
    status.write("events", "", "", {})
    status.close()
    ids = [did["id"] for did in json.loads(root.status.read_bytes())["last"]]
    assert ids == ["inbox/alex/approved/", "inbox/eve/think_owls_y.md", "a"]
