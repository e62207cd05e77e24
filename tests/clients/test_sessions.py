"""What the page keeps of its sessions: whole, its own, shared by processes, and gone at once when it is removed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from recursion_gate.clients import sessions
from recursion_gate.clients.sessions import LASTS, SessionFile


def test_a_second_start_knows_the_key_and_who_was_signed_out(tmp_path: Path) -> None:
    first = SessionFile(tmp_path / "state")
    first.end("gone")
    second = SessionFile(tmp_path / "state")
    assert second.now().key == first.now().key
    assert set(second.now().ended) == {"gone"}


def test_what_one_process_ends_the_other_knows_at_its_next_look(tmp_path: Path) -> None:
    one, other = SessionFile(tmp_path), SessionFile(tmp_path)
    one.end("a")
    other.end("b")
    assert set(one.now().ended) == set(other.now().ended) == {"a", "b"}


def test_nobody_else_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        SessionFile(tmp_path / "state").end("a")
    finally:
        os.umask(before)
    assert os.stat(tmp_path / "state").st_mode & 0o077 == 0
    assert os.stat(tmp_path / "state" / "sessions.json").st_mode & 0o077 == 0


@pytest.mark.parametrize("spoil", ["others can read it", "cut", "empty", "short key", "a link"])
def test_a_file_that_cannot_be_trusted_is_replaced_by_another_key(tmp_path: Path, spoil: str) -> None:
    first = SessionFile(tmp_path)
    key, path = first.now().key, tmp_path / "sessions.json"
    data = path.read_bytes()
    match spoil:
        case "others can read it":
            path.chmod(0o640)
        case "a link":
            path.rename(tmp_path / "elsewhere")
            path.symlink_to(tmp_path / "elsewhere")
        case _:
            short = json.dumps({"key": "00", "ended": {}}).encode()
            path.write_bytes({"cut": data[:20], "empty": b"", "short key": short}[spoil])
    assert first.now().key == SessionFile(tmp_path).now().key
    assert first.now().key != key
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, which can give a file away")
def test_a_file_of_another_account_is_replaced_by_another_key(tmp_path: Path) -> None:
    key = SessionFile(tmp_path).now().key
    os.chown(tmp_path / "sessions.json", 12345, 12345)
    assert SessionFile(tmp_path).now().key != key


def test_to_remove_it_ends_all_sessions_of_a_page_that_runs(tmp_path: Path) -> None:
    page = SessionFile(tmp_path)
    key = page.now().key
    assert sessions.end_all(tmp_path)
    assert page.now().key != key
    assert SessionFile(tmp_path).now().key == page.now().key
    assert sessions.end_all(tmp_path)
    assert not sessions.end_all(tmp_path)


def test_numbers_that_no_cookie_can_have_any_more_are_forgotten(tmp_path: Path) -> None:
    SessionFile(tmp_path).end("new")
    path = tmp_path / "sessions.json"
    said = json.loads(path.read_bytes())
    said["ended"]["old"] = said["ended"]["new"] - LASTS - 1
    path.write_text(json.dumps(said))
    page = SessionFile(tmp_path)
    page.end("newer")
    assert set(page.now().ended) == {"new", "newer"}


def test_while_nothing_can_be_written_what_was_known_stays_true(tmp_path: Path) -> None:
    page = SessionFile(tmp_path / "state")
    key = page.now().key
    (tmp_path / "state" / "sessions.json").unlink()
    (tmp_path / "state").rmdir()
    with pytest.raises(OSError, match="state"):
        page.end("a")
    assert page.now().key == key
    assert "a" in page.now().ended


def test_without_a_folder_each_start_has_a_key_of_its_own() -> None:
    page = SessionFile()
    page.end("a")
    assert "a" in page.now().ended
    assert page.now().key == page.now().key != SessionFile().now().key
