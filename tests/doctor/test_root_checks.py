"""`doctor` on the root's folders, users, settings and daemon."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.disk.lock import hold
from recursion_gate.doctor import doctor, mend

from ..support.audited import codes, found
from ..support.roots import installed


def test_a_folder_that_is_missing_is_named_and_made_with_fix(healthy: Root) -> None:
    place = healthy.place("alex")
    for folder in (place.approved, place.receipts):
        folder.rmdir()
    missing = [f for f in doctor(healthy) if f.code == "folder-missing"]
    assert [f.path for f in missing] == ["inbox/alex/approved", "receipts/alex"]
    assert mend(doctor(healthy)) == missing
    assert place.approved.is_dir()
    assert "folder-missing" not in codes(doctor(healthy))


def test_something_else_where_a_folder_should_be_is_named_and_left_alone(healthy: Root) -> None:
    place = healthy.place("alex")
    place.approved.rmdir()
    place.approved.write_text("a file")
    place.rejected.rmdir()
    place.rejected.symlink_to(place.pending)
    assert found(healthy, "not-a-folder").path == "inbox/alex/approved"
    assert found(healthy, "folder-is-link").path == "inbox/alex/rejected"
    assert mend(doctor(healthy)) == []


def test_a_root_without_users_is_told_how_to_add_one(tmp_path: Path) -> None:
    root = installed(tmp_path / "root")
    assert "recursion-gate user add" in found(root, "no-users").remedy


def test_a_bare_folder_is_told_what_is_missing(tmp_path: Path) -> None:
    assert [f.path for f in doctor(Root(tmp_path)) if f.code == "folder-missing"] == ["inbox", "users", "receipts"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("bo", "recursion-gate user add bo"), ("Alex", "inbox/alex/"), ("my inbox", "Rename")],
)
def test_an_inbox_of_nobody_is_told_what_to_do(healthy: Root, name: str, remedy: str) -> None:
    (healthy.inbox / name).mkdir()
    (healthy.inbox / name / "drop.json").write_text("{}")
    finding = found(healthy, "unknown-user")
    assert remedy in finding.remedy
    assert "1 file" in finding.problem


def test_a_drop_beside_the_users_folders_is_named(healthy: Root) -> None:
    (healthy.inbox / "README.md").write_text("Drop into a user's folder.")
    (healthy.inbox / "lost.json").write_text("{}")
    assert found(healthy, "stray-drop").path == "inbox/lost.json"


def test_a_name_that_no_user_can_have_and_a_link_for_a_user_are_named(healthy: Root) -> None:
    (healthy.homes / "my user").mkdir()
    (healthy.homes / "link").symlink_to(healthy.homes / "alex")
    assert found(healthy, "bad-user-name").path == "users/my user"
    assert found(healthy, "folder-is-link").path == "users/link"


def test_receipts_of_a_user_who_is_gone_are_a_note(healthy: Root) -> None:
    (healthy.receipts / "gone").mkdir()
    assert found(healthy, "receipts-of-nobody").severity == "note"


def test_settings_that_cannot_be_used_are_a_fault(healthy: Root) -> None:
    healthy.settings.write_text("grace_second = 3\n")
    finding = found(healthy, "settings-bad")
    assert "did you mean 'grace_seconds'" in finding.problem


def test_a_daemon_that_does_not_run_matters_when_something_waits(healthy: Root) -> None:
    assert found(healthy, "daemon-not-running").severity == "note"
    (healthy.place("alex").inbox / "drop.json").write_text("{}")
    finding = found(healthy, "daemon-not-running")
    assert finding.severity == "warning"
    assert "1 file waits" in finding.problem


def test_what_the_daemon_says_of_itself_is_passed_on(healthy: Root) -> None:
    said = {
        "pid": os.getpid(),
        "seen": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
        "version": "0.0.1",
        "watching": "polling",
        "why": "no file events (no space left on device); raise the limit",
        "trouble": "inbox: input/output error",
        "parked": {"alex": "receipts/alex: disk quota exceeded"},
    }
    with hold(healthy):
        assert "daemon-not-running" not in codes(doctor(healthy))
        healthy.status.write_text(json.dumps(said))
        assert {"daemon-silent", "daemon-old", "polling", "root-away", "parked"} <= set(codes(doctor(healthy)))
    assert "parked" not in codes(doctor(healthy))  # it does not run any more


def test_a_lock_that_is_a_link_is_named_as_that(healthy: Root, tmp_path: Path) -> None:
    healthy.lock.unlink(missing_ok=True)
    (tmp_path / "elsewhere").write_text("mine")
    healthy.lock.symlink_to(tmp_path / "elsewhere")
    assert found(healthy, "lock-is-a-link").path == ".daemon/lock"
    assert "daemon-unknown" not in codes(doctor(healthy))
    assert (tmp_path / "elsewhere").read_text() == "mine"
