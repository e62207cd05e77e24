"""The request to take a decision back, and what it says that it changes."""

from __future__ import annotations

import getpass

import pytest
from recursion_gate.clients import decided, take_back
from recursion_gate.clients.decide import decide, find
from recursion_gate.clients.person import NotAPerson
from recursion_gate.core.errors import Refusal
from recursion_gate.core.paths import Root

from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def approve(world: World, name: str, text: str, **fields: str) -> str:
    world.stage(name, text, **fields)
    world.approve(name)
    return str(world.receipts()[-1]["evidence_id"])


def found(world: World, name: str) -> decided.Decided:
    return decided.find(world.root, ["alex"], name)


def patched(before: str, diff: list[str]) -> set[str]:
    """The lines of a file after a diff, as a set."""
    lines = set(before.splitlines()) - {x[1:] for x in diff if x.startswith("-") and not x.startswith("---")}
    return lines | {x[1:] for x in diff if x.startswith("+") and not x.startswith("+++")}


@pytest.mark.parametrize("what", ["approval", "correction", "retraction", "edited by hand"])
def test_the_diff_that_is_shown_is_what_the_daemon_then_does(world: World, what: str) -> None:
    act = approve(world, "a", "I learned that owls sleep.")
    if what == "correction":
        approve(world, "b", "I love owls.", supersedes=act)
    elif what == "retraction":
        approve(world, "b", "A joke.", retracts=act)
    elif what == "edited by hand":
        file = world.place.home / "self-knowledge.md"
        file.write_text(file.read_text().replace("owls sleep", "barn owls sleep"))
    it = found(world, "b" if what in ("correction", "retraction") else "a")
    before = {name: text.decode() for name, text in world.record().items()}
    diff = list(take_back.diff(it, it.check_undo()))
    assert diff
    take_back.take_back(it)
    world.reconcile()
    parts: dict[str, list[str]] = {}
    for line in diff:
        if line.startswith("+++ "):
            name = line[4:]
        elif not line.startswith("--- "):
            parts.setdefault(name, []).append(line)
    after = {name: text.decode() for name, text in world.record().items()}
    assert {name for name in before if before[name] != after[name]} == parts.keys()
    for name, lines in parts.items():
        assert set(after[name].splitlines()) == patched(before[name], lines), name


def test_the_receipt_says_by_which_way_and_by_whom(world: World) -> None:
    approve(world, "a", "One.")
    take_back.take_back(found(world, "a"))
    with pytest.raises(Refusal, match="lies in undo/ already"):
        take_back.take_back(found(world, "a"))
    world.reconcile()
    last = world.receipts()[-1]
    assert (last["action"], last["via"], last["by"]) == ("undone", "cli", getpass.getuser())
    assert world.names("undo") == []
    assert world.gate_ids() == ["a"]


def test_an_edited_request_no_longer_says_that_the_command_made_it(world: World) -> None:
    approve(world, "a", "One.")
    path = take_back.take_back(found(world, "a"))
    path.write_text(path.read_text() + "\nmore\n")
    world.reconcile()
    assert [(r["action"], r["via"], r["by"]) for r in world.receipts()][1:] in ([("undone", "folder", None)], [])


def test_a_decision_that_is_not_carried_out_goes_back_without_its_reason(world: World) -> None:
    card = world.stage("a")
    was = card.read_bytes()
    decide(find(world.root, ["alex"], "a"), "rejected", reason="Said twice.")
    assert take_back.take_out(find(world.root, ["alex"], "a"), runs=False, rests=False)
    assert card.read_bytes() == was
    assert world.names("rejected") == []
    world.approve("a")
    assert (world.receipts()[-1]["action"], world.receipts()[-1]["reason"]) == ("approved", None)


def test_a_decision_that_the_daemon_has_carried_out_meanwhile_is_told_apart(world: World) -> None:
    world.stage("a")
    decide(find(world.root, ["alex"], "a"), "approved")
    item = find(world.root, ["alex"], "a")
    world.reconcile()
    assert take_back.take_out(item, runs=True, rests=False) is False
    assert world.names("pending") == []


def test_an_agent_can_do_neither(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    approve(world, "a", "One.")
    world.stage("b")
    item = find(world.root, ["alex"], "b")
    decide(item, "approved")
    monkeypatch.setenv("CLAUDECODE", "1")
    with pytest.raises(NotAPerson):
        take_back.take_back(found(world, "a"))
    with pytest.raises(NotAPerson):
        take_back.take_out(find(world.root, ["alex"], "b"), runs=False, rests=False)
    assert world.names("undo") == []
    assert world.names("approved") == [card_name(item)]


def card_name(item: object) -> str:
    return str(item.card.name)  # type: ignore[attr-defined]
