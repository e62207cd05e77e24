"""`doctor` on the machine: disk, file system, watches, modes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.doctor import doctor

from ..support.audited import KNOWLEDGE, codes, found


def test_what_everybody_may_write_is_named(healthy: Root) -> None:
    place = healthy.place("alex")
    (place.home / KNOWLEDGE).chmod(0o666)
    place.receipts.chmod(0o777)
    named = {f.path for f in doctor(healthy) if f.code == "writable-by-all"}
    assert named == {"users/alex/self-knowledge.md", "receipts/alex"}


def test_a_full_disk_is_named(healthy: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(healthy.path)
    for free, code in ((400_000_000, "disk-nearly-full"), (1_000_000, "disk-full")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage._replace(total=10**12, free=free))
        assert "free" in found(healthy, code).problem


def test_a_small_disk_that_is_nearly_empty_is_not_called_full(healthy: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(healthy.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(total=3_200_000, free=3_000_000))
    assert not {"disk-full", "disk-nearly-full"} & {f.code for f in doctor(healthy)}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(total=3_200_000, free=100_000))
    assert "free" in found(healthy, "disk-full").problem


def test_too_few_watches_are_named_with_the_command(
    healthy: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "max_user_watches"
    limit.write_text("7\n")
    monkeypatch.setattr("recursion_gate.doctor.machine._WATCHES", limit)
    finding = found(healthy, "few-watches")
    assert "8 folders" in finding.problem
    assert "sysctl fs.inotify.max_user_watches=" in finding.remedy
    limit.write_text("1000\n")
    assert "few-watches" not in codes(doctor(healthy))


@pytest.mark.parametrize(("kind", "code"), [("nfs4", "no-file-events"), ("vfat", "no-hard-links")])
def test_a_file_system_that_lacks_something_is_named(
    healthy: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, code: str
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 8:1 / / rw - {kind} /dev/sda1 rw\n")
    monkeypatch.setattr("recursion_gate.disk.mounts.MOUNTS", mounts)
    assert kind in found(healthy, code).problem
