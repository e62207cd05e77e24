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
