"""What the daemon says of itself gets to whoever asks, also where the disk is full."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from recursion_gate.disk import atomic
from recursion_gate.service.status_file import StatusFile


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
