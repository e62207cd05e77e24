"""A plan is parsed once, by the daemon; all others read what it has written down, as long as that is the plan."""

from __future__ import annotations

import os

import pytest
from recursion_gate.disk import atomic
from recursion_gate.plans import book, parse
from recursion_gate.plans.folder import PlanFolder
from recursion_gate.plans.model import Command, GateCheck, GateCondition, Plan, Sentence

from ..support.plans import Plans, codebase, reading

_ACCEPT = [Command(run="true", timeout=5), GateCheck(gate=GateCondition(user="alex", at_least=3)), Sentence(says="Ok.")]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plans in folders that were parsed from now on, in this process, which has read none."""
    monkeypatch.setattr(book, "_read", {})
    found: list[str] = []
    before = parse.parse

    def counted(data: bytes, name: str | None = None) -> object:
        found.append(str(name))
        return before(data, name)

    monkeypatch.setattr(parse, "parse", counted)
    return found


def _fresh(folder: PlanFolder) -> Plan:
    book._read.clear()
    return book.read_plan(folder)


def test_others_read_what_the_daemon_has_parsed(plans: Plans, parsed: list[str]) -> None:
    folder = plans.add(
        "p", codebase("a", "/x/", "!/x/y", goal="Übung\n\n# x", accept=_ACCEPT), reading("r", ["a"]), goal="g"
    )
    assert parsed == ["p"]
    read = _fresh(folder)
    assert parsed == ["p"]
    assert read == parse.parse(folder.plan.read_bytes(), "p")
    assert read.tasks[0].accept == _ACCEPT


def test_a_plan_that_was_edited_or_has_grown_is_what_its_files_say(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"))
    folder.plan.write_bytes(folder.plan.read_bytes().replace(b"/a/", b"/b/"))
    assert _fresh(folder).tasks[0].scope == ["/b/"]  # also before the daemon has looked
    book.part(folder, 2).write_bytes(b"grows: true\ntasks: [{id: r, title: R, lane: reading}]")
    assert [task.id for task in _fresh(folder).tasks] == ["a", "r"]
    plans.look()
    assert [task.id for task in _fresh(folder).tasks] == ["a", "r"]
    book.part(folder, 2).unlink()
    assert [task.id for task in _fresh(folder).tasks] == ["a"]


def test_a_file_whose_bytes_move_from_one_part_to_the_next_is_another_plan(plans: Plans, parsed: list[str]) -> None:
    folder = plans.add("p", reading("a"), goal="g")
    text = folder.plan.read_bytes()
    folder.plan.write_bytes(text[:-1])
    book.part(folder, 2).write_bytes(text[-1:] + b"tasks: [{id: b, title: B, lane: reading}]")
    del parsed[:]
    assert [task.id for task in _fresh(folder).tasks] == ["a", "b"]
    assert parsed == ["p", "p"]


@pytest.mark.parametrize("damage", ["gone", "cut", "other", "link", "empty"])
def test_a_written_down_plan_that_is_damaged_is_parsed_anew_and_made_again(
    plans: Plans, parsed: list[str], damage: str
) -> None:
    folder = plans.add("p", codebase("a"), goal="g")
    data = folder.unfolded.read_bytes()
    folder.unfolded.unlink()
    if damage == "link":
        folder.unfolded.symlink_to(os.devnull)
    elif damage != "gone":
        folder.unfolded.write_bytes({"cut": data[:-9], "other": b"0" + data[1:], "empty": b""}[damage])
    del parsed[:]
    assert _fresh(folder).goal == "g"
    assert parsed == ["p"]
    plans.restart()
    plans.look()
    assert folder.unfolded.read_bytes() == data
    assert not folder.unfolded.is_symlink()


def test_without_room_for_it_the_plan_is_read_all_the_same(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> bool:
        raise OSError(28, "No space left on device")

    folder = plans.add("p", codebase("a"))
    folder.unfolded.unlink()
    plans.restart()
    monkeypatch.setattr(atomic, "replace", full)
    plans.look()
    assert not folder.unfolded.exists()
    assert plans.claim().id == "p/a@1"


def test_what_another_version_has_written_down_is_not_read(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = plans.add("p", codebase("a"))
    monkeypatch.setattr(book, "_SHAPE", b"recursion-gate plan 2\n")
    assert book._unfolded(folder, book.parts(folder)) is None
