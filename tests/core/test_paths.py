"""Where everything stands."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.paths import DROP_FORMS, RECORD_FILES, STATES, Place, Root, find_root, is_ignored, valid_user

from ..support.roots import make_root
from ..support.samples import texts


def test_the_tree_is_the_contracts() -> None:
    place = Root(Path("/r")).place("alex")
    folders = (place.inbox, place.pending, place.approved, place.rejected, place.undo, place.problems)
    assert [str(p) for p in folders] == [
        "/r/inbox/alex",
        "/r/inbox/alex/pending",
        "/r/inbox/alex/approved",
        "/r/inbox/alex/rejected",
        "/r/inbox/alex/undo",
        "/r/inbox/alex/problems",
    ]
    assert str(place.gate) == "/r/users/alex/recursion-gate.json"
    assert str(place.ledger) == "/r/receipts/alex/merge-receipts.jsonl"
    assert str(place.month("2026-11-25T08:00:00.000Z")) == "/r/receipts/alex/2026-11"
    assert str(Root(Path("/r")).settings) == "/r/recursion-gate.toml"
    assert str(Root(Path("/r")).template) == "/r/users/_template"
    assert [place.state(name) for name in STATES] == [
        place.pending,
        place.approved,
        place.rejected,
        place.undo,
        place.problems,
    ]
    assert len(RECORD_FILES) == 9
    assert {".json", ".md", ".txt", ".jsonl"} == set(DROP_FORMS)


@pytest.mark.parametrize(
    "name",
    [
        ".x.json",
        ".DS_Store",
        ".goutputstream-AB12",
        ".syncthing.x.json.tmp",
        "x.json.tmp",
        "x.json.part",
        "X.JSON.PART",
        "x.json~",
        ".x.json.swp",
        "x.json.swp",
        "x.json.crdownload",
        "Thumbs.db",
        "desktop.ini",
        "DESKTOP.INI",
        "x.json:Zone.Identifier",
        "~syncthing~x.json.tmp",
        ".recursion-gate.tmp",
        ".",
    ],
)
def test_what_is_still_being_written_or_a_file_managers_own_is_ignored(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize(
    "name", ["x.json", "x", "tmp", "x.tmp.json", "part.md", "thumbs.db.txt", "~x.md", "x.pdf", "\udcff"]
)
def test_what_somebody_dropped_is_not_ignored(name: str) -> None:
    assert not is_ignored(name)


@pytest.mark.parametrize("name", ["alex", "7", "A.b_c-d", "Zoë", "龍", "x" * 64])
def test_a_user_has_a_name_of_letters_and_digits(name: str) -> None:
    assert valid_user(name)


NO_USERS = (
    "", ".", "..", ".alex", "_template", "-a", "a/b", "../a", "a b", "a\n", "a\0", "x" * 65, "Zoe\u0308", "a\u202eb",
    "\udcff", "𐐀" * 64, "\u212bke", "pending", "approved", "rejected", "problems", "undo", "Pending", "UNDO",
)  # fmt: skip


@pytest.mark.parametrize("name", NO_USERS)
def test_other_names_are_no_users(name: str) -> None:
    assert not valid_user(name)


@given(texts(0, 3))
def test_no_users_name_leads_out_of_its_folder_or_is_too_long_for_a_disk(name: str) -> None:
    if valid_user(name):
        assert Place(Path("/r"), name).inbox.resolve() == Path("/r/inbox") / name
        assert len(f".{name}.new".encode()) <= 255
        assert unicodedata.is_normalized("NFC", name)


def test_users_are_the_folders_in_users_that_may_be_users(root: Root, tmp_path: Path) -> None:
    for name in ("zoe", "_template", ".hidden", "b"):
        (root.homes / name).mkdir()
    (root.homes / "file").touch()
    (root.homes / "link").symlink_to(tmp_path)
    assert root.users() == ["alex", "b", "zoe"]


def test_inboxes_are_the_folders_in_inbox_whether_or_not_there_is_such_a_user(root: Root, tmp_path: Path) -> None:
    for name in ("nobody", ".hidden", "no user"):
        (root.inbox / name).mkdir()
    (root.inbox / "file").touch()
    (root.inbox / "link").symlink_to(tmp_path)
    assert root.inboxes() == ["alex", "no user", "nobody"]


def test_a_path_is_shown_from_the_root_on(place: Place) -> None:
    assert place.display_path(place.gate) == "users/alex/recursion-gate.json"
    assert place.display_path(Path("/elsewhere/x")) == "/elsewhere/x"


# -- which root is meant --------------------------------------------------------------------------------------------


def test_the_root_is_the_one_given_then_the_variable_then_the_nearest_upward(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = make_root(root.path / "work" / "inner")
    deep = inner.path / "inbox" / "deep"
    deep.mkdir()
    monkeypatch.chdir(deep)
    assert find_root() == inner
    assert find_root(start=root.inbox) == root
    monkeypatch.setenv("RECURSION_GATE_ROOT", str(root.path))
    assert find_root() == root
    assert find_root(tmp_path) == Root(tmp_path)
    monkeypatch.setenv("RECURSION_GATE_ROOT", "")
    assert find_root() == inner
    assert find_root("../..") == Root(deep / "../..")


def test_where_no_folder_upward_is_a_root_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    assert find_root(start=tmp_path) is None
    (tmp_path / "users").touch()
    assert find_root(start=tmp_path) is None


@given(st.text())
def test_any_name_is_ignored_or_not_without_a_crash(name: str) -> None:
    assert is_ignored("." + name)
    assert is_ignored(name + ".PART")
