"""Accounts of the people's page: made, listed, checked, removed; and how guessing is slowed down."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from recursion_gate.clients import people
from recursion_gate.core.errors import Parked
from recursion_gate.core.paths import Root

from ..support.daemon import PROGRAM


def call(root: Root, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "--root", str(root.path), "people", *words]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)


def test_an_account_is_made_listed_and_removed(root: Root) -> None:
    assert call(root, "add", "anna", typed="correct horse\n").returncode == 0
    assert [each["name"] for each in json.loads(call(root, "list", "--json").stdout)] == ["anna"]
    assert people.People(root).check("anna", "correct horse") is not None
    assert people.People(root).check("anna", "correct hors") is None
    assert people.People(root).check("bea", "correct horse") is None
    assert call(root, "remove", "anna").returncode == 0
    assert people.load(root) == []
    assert call(root, "remove", "anna").returncode == 1


def test_the_file_has_no_passphrase_and_is_nobody_elses(root: Root) -> None:
    people.add(root, "anna", "correct horse")
    assert "correct horse" not in root.people.read_text("utf-8")
    assert os.stat(root.people).st_mode & 0o077 == 0


def test_sign_out_ends_the_sessions_of_those_that_are_named(root: Root) -> None:
    for name in ("anna", "bea"):
        people.add(root, name, "correct horse")
    before = {each.name: each.stamp for each in people.load(root)}
    assert call(root, "sign-out", "anna").stdout == "account 'anna': signed out\n"
    after = {each.name: each.stamp for each in people.load(root)}
    assert after["anna"] != before["anna"]
    assert after["bea"] == before["bea"]
    assert people.People(root).check("anna", "correct horse") is not None, "the passphrase stays"
    assert call(root, "sign-out", "--all").returncode == 0
    assert all(each.stamp != after[each.name] for each in people.load(root))


def test_sign_out_says_what_is_wrong_and_changes_nothing(root: Root) -> None:
    people.add(root, "anna", "correct horse")
    before = people.load(root)
    done = call(root, "sign-out", "anna", "nobody")
    assert (done.returncode, people.load(root)) == (1, before)
    assert "no account 'nobody'" in done.stderr
    assert call(root, "sign-out").returncode == 2
    assert call(root, "sign-out", "anna", "--all").returncode == 2


def test_sign_out_of_all_says_where_no_session_is_kept(root: Root) -> None:
    done = call(root, "sign-out", "--all")
    assert done.returncode == 1
    assert "--state" in done.stderr


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "ä", "x" * 65, "a\nb"])
def test_a_name_that_could_not_stand_on_a_card_is_refused(root: Root, name: str) -> None:
    with pytest.raises(people.BadAccount):
        people.add(root, name, "correct horse")


@pytest.mark.parametrize("passphrase", ["", "short", "x" * 1001])
def test_a_passphrase_too_short_or_too_long_is_refused(root: Root, passphrase: str) -> None:
    with pytest.raises(people.BadAccount):
        people.add(root, "anna", passphrase)


def test_two_accounts_never_look_the_same(root: Root) -> None:
    people.add(root, "anna", "correct horse")
    with pytest.raises(people.BadAccount):
        people.add(root, "Anna", "correct horse")


def test_a_broken_file_is_said_and_not_written_over(root: Root) -> None:
    root.people.write_text("[", "utf-8")
    with pytest.raises(Parked):
        people.add(root, "anna", "correct horse")
    assert root.people.read_text("utf-8") == "["


def test_an_agent_makes_no_account(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    done = call(root, "add", "anna", typed="correct horse\n")
    assert done.returncode == 1
    assert people.load(root) == []


def test_guessing_is_slowed_down_name_by_name() -> None:
    now = [0.0]
    slow = people.Slow(clock=lambda: now[0])
    waits = []
    for _ in range(16):
        slow.failed("anna")
        waits.append(slow.seconds("anna"))
        now[0] += slow.seconds("anna")
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[4:8] == [1, 2, 4, 8]
    assert max(waits) == 60
    assert slow.seconds("bea") == 0
    slow.succeeded("anna")
    slow.failed("anna")
    assert slow.seconds("anna") == 0
