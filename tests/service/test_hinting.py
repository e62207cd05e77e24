"""Hints on cards: made while there is nothing else to do, never instead of it, and never over what a person wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from recursion_gate.clients import decide
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.formats import card_hints
from recursion_gate.reading import hints as reading
from recursion_gate.reading.rejected import rejections
from recursion_gate.service.hinting import Hinting
from recursion_gate.service.once import once

from ..support.daemon import Daemon
from ..support.world import World, tree, wait_for


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def put_hints(world: World, hinting: Hinting | None = None) -> Hinting:
    """As the daemon does at rest."""
    made = hinting or Hinting(world.reconciler)
    made.note(world.user)
    made.work()
    return made


def on(world: World, candidate_id: str) -> tuple[str, ...] | None:
    return card_hints.hints_in(world.card(candidate_id).read_bytes())


def stage_three(world: World) -> None:
    """One rejected with a reason, the same again, and one that is unlike all else."""
    card = world.stage("a", "Built a kite from bamboo and paper.")
    card.write_text(card.read_text().replace("id: a\n", "id: a\nreason: that was her brother\n"))
    world.reject("a")
    world.stage("b", "Built a kite from paper and bamboo.")
    world.stage("c", "Read about whales.")


def test_a_card_says_what_was_rejected_when_and_why(world: World) -> None:
    stage_three(world)
    clean = world.card("b").read_bytes()
    put_hints(world)
    (line,) = on(world, "b") or ()
    assert line.startswith('nearly the same: "Built a kite from bamboo and paper." was rejected on ')
    assert line.endswith(": that was her brother")
    assert on(world, "c") == ()
    assert card_hints.without_hints(world.card("b").read_bytes()) == clean


def test_both_of_two_that_wait_say_so_and_neither_when_one_is_gone(world: World) -> None:
    world.stage("a", "Planted tomatoes in the garden.")
    world.stage("b", "Planted tomatoes in a garden.")
    put_hints(world)
    assert "waits, too (b)" in str(on(world, "a"))
    assert "waits, too (a)" in str(on(world, "b"))
    world.approve("a")
    put_hints(world)
    act = world.receipts()[0]["evidence_id"]
    (line,) = on(world, "b") or ()
    assert line.endswith(f"stands in the Record ({act}): 100% of the words are the same")


def test_a_copy_by_hand_of_an_entry_that_was_retracted_does_not_stand_in_the_record(world: World) -> None:
    world.stage("a", "Planted tomatoes in the garden.")
    world.approve("a")
    act = world.receipts()[0]["evidence_id"]
    file = world.place.home / "self-curiosity.md"
    file.write_text(f"{file.read_text()}\n- • Planted tomatoes in the garden. \u2014 {act}\n")
    world.stage("b", "Planted tomatoes in a garden.")
    put_hints(world)
    assert "stands in the Record" in str(on(world, "b"))
    world.stage("r", "It was a joke.", retracts=act)
    world.approve("r")
    put_hints(world)
    assert on(world, "b") == ()


def test_a_possible_conflict_offers_the_correction_and_the_line_it_would_replace(world: World) -> None:
    world.stage("a", "Loves drawing dragons at night.")
    world.approve("a")
    act = world.receipts()[0]["evidence_id"]
    world.stage("b", "Hates drawing dragons at night.")
    put_hints(world)
    conflict, offer = on(world, "b") or ()
    assert conflict.startswith("possible conflict: ")
    assert offer == (
        f"If this corrects {act}, write `supersedes: {act}` above; it then replaces: "
        f"Loves drawing dragons at night. — {act}"
    )


def test_the_correction_that_a_hint_offers_is_carried_out(world: World) -> None:
    world.stage("a", "Loves drawing dragons at night.")
    world.approve("a")
    act = world.receipts()[0]["evidence_id"]
    card = world.stage("b", "Hates drawing dragons at night.")
    put_hints(world)
    offer = (on(world, "b") or ("", ""))[1]
    field = offer.split("`")[1]
    card.write_text(card.read_text().replace("id: b\n", f"id: b\n{field}\n"))
    world.reconcile()
    put_hints(world)
    assert world.card("b").read_text().count("Good to know") == 1
    world.approve("b")
    receipt = world.receipts()[-1]
    assert (receipt["candidate_id"], receipt["action"], receipt["supersedes"]) == ("b", "approved", act)
    said = [line for line in world.lines("self-knowledge.md") + world.lines("self-personality.md") if "dragons" in line]
    assert len(said) == 1
    assert "Hates drawing dragons" in said[0]


def test_a_proposal_that_corrects_an_entry_has_no_hint_that_it_contradicts_that_entry(world: World) -> None:
    world.stage("a", "Loves drawing dragons at night.")
    world.approve("a")
    act = world.receipts()[0]["evidence_id"]
    world.stage("b", "Hates drawing dragons at night.", supersedes=act)
    put_hints(world)
    assert on(world, "b") == ()


def test_what_is_forgotten_stands_in_no_hint(world: World) -> None:
    world.stage("a", "Planted tomatoes in the garden.")
    world.stage("b", "Planted tomatoes in a garden.")
    put_hints(world)
    world.approve("a")
    put_hints(world)
    assert "Planted tomatoes in the garden" in str(on(world, "b"))
    (world.place.inbox / "undo" / "forget.md").write_text("---\nforget: a\n---\n")
    world.reconcile()
    put_hints(world)
    assert world.receipts()[-1]["action"] == "forgotten"
    left = [name for name, data in tree(world.root.path, without=()).items() if b"tomatoes in the garden" in data]
    assert left == []
    assert on(world, "b") == ()


def test_a_card_is_written_only_when_its_hints_change(world: World) -> None:
    stage_three(world)
    hinting = put_hints(world)
    before = {name: os.stat(world.place.pending / name).st_ino for name in world.names("pending")}
    put_hints(world, hinting)
    world.stage("d", "Learned to whistle.")
    put_hints(world, hinting)
    world.restart()
    world.reconcile()
    put_hints(world)
    after = {name: os.stat(world.place.pending / name).st_ino for name in world.names("pending")}
    assert after.items() >= before.items()


def test_after_a_restart_a_card_with_hints_is_neither_edited_nor_torn(world: World) -> None:
    stage_three(world)
    put_hints(world)
    was = tree(world.root.path)
    world.restart()
    world.reconcile()
    assert tree(world.root.path) == was
    world.approve("b")
    receipt = world.receipts()[-1]
    assert (receipt["candidate_id"], receipt["action"], receipt["approved"]) == ("b", "approved", None)
    assert world.names("problems") == []
    assert "Good to know" not in "".join(text.decode() for text in world.record().values())


def test_what_a_person_has_written_stays(world: World) -> None:
    stage_three(world)
    card = world.card("b")
    edited = card.read_text().replace("id: b\n", "id: b\nreason: a good one\n").replace("paper and bamboo", "silk")
    card.write_text(edited)
    world.reconcile()
    put_hints(world)
    data = world.card("b").read_bytes()
    assert len(card_hints.hints_in(data) or ()) == 1
    assert card_hints.without_hints(data).decode() == edited
    world.approve("b")
    assert world.receipts()[-1]["raw_text"] == "Built a kite from silk."
    assert world.receipts()[-1]["reason"] == "a good one"


def test_a_card_on_which_somebody_typed_among_the_hints_is_left_alone_and_comes_back_with_a_note(world: World) -> None:
    stage_three(world)
    put_hints(world)
    card = world.card("b")
    card.write_text(typed := card.read_text().replace("her brother", "her brother, I think"))
    world.reconcile()
    world.reject("c")
    put_hints(world)
    assert world.card("b").read_text() == typed
    world.approve("b")
    assert "something was typed or changed below the line" in world.card("b").read_text()
    assert "her brother, I think" in (world.place.problems / card.name).read_text()


@pytest.mark.parametrize("beside", [".{}.swp", ".#{}", ".~lock.{}#"])
def test_a_card_that_is_open_in_an_editor_waits_for_its_hints(world: World, beside: str) -> None:
    stage_three(world)
    lock = world.place.pending / beside.format(world.card("b").name)
    lock.write_bytes(b"")
    hinting = put_hints(world)
    assert on(world, "b") == ()
    lock.unlink()
    put_hints(world, hinting)
    assert len(on(world, "b") or ()) == 1


def test_work_stops_at_once_when_something_else_is_to_be_done_and_goes_on_where_it_was(world: World) -> None:
    stage_three(world)
    world.stage("d", "Built a kite from paper and bamboo!")
    hinting = Hinting(world.reconciler)
    hinting.note("alex")
    slices = 0
    while hinting.due is not None:
        hinting.work(lambda: True)  # always called: one step each
        slices += 1
        assert slices < 1000
    assert slices > 10
    assert len(on(world, "b") or ()) == len(on(world, "d") or ()) == 2


def test_what_is_staged_between_two_steps_has_its_hints_in_the_end(world: World) -> None:
    stage_three(world)
    hinting = Hinting(world.reconciler)
    hinting.note("alex")
    for number in range(200):
        if number == 5:
            world.stage("d", "Read about whales!")
            hinting.note("alex")
        if hinting.due is None:
            break
        hinting.work(lambda: True)
    assert hinting.due is None
    assert on(world, "c") == ("the same words wait, too (d)",)


def test_the_texts_of_a_user_are_read_once_for_all_cards_and_again_when_they_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []

    def counted(ledger: Path, size: int | None = None) -> object:
        reads.append(ledger)
        return rejections(ledger, size)

    monkeypatch.setattr("recursion_gate.reading.rejected.rejections", counted)
    stage_three(world)
    hinting = put_hints(world)
    world.stage("d", "Learned to whistle.")
    put_hints(world, hinting)
    assert len(reads) == 1
    world.reject("d")
    put_hints(world, hinting)
    assert len(reads) == 2


def test_a_record_that_cannot_be_read_costs_the_hints_and_nothing_else(world: World) -> None:
    stage_three(world)
    (world.place.home / "self-knowledge.md").unlink()
    (world.place.home / "self-knowledge.md").mkdir()
    (world.place.home / "self-curiosity.md").write_bytes(b"- \xff\xfe no UTF-8\n")
    put_hints(world)
    assert len(on(world, "b") or ()) == 1


def test_once_puts_hints_on_cards_unless_they_are_turned_off(root: Root) -> None:
    world = World(root)
    stage_three(world)
    world.reconciler.close()
    once(root, Settings(card_hints=False))
    assert on(world, "b") == ()
    once(root, Settings())
    assert len(on(world, "b") or ()) == 1


def test_a_decision_holds_though_a_hint_came_while_the_person_read(world: World) -> None:
    stage_three(world)
    (item,) = [w for w in decide.waiting(world.root, ["alex"]) if w.candidate.id == "b"]
    shown = decide.digest(item.data())
    put_hints(world)
    decide.decide(item, "approved", shown=shown)
    world.reconcile()
    assert world.receipts()[-1]["candidate_id"] == "b"
    assert world.receipts()[-1]["via"] == "cli"


def test_a_live_daemon_makes_hints_when_it_is_at_rest_and_then_sleeps(world: World) -> None:
    stage_three(world)
    world.reconciler.close()
    with Daemon(world.root) as daemon:
        wait_for(lambda: on(world, "b"))
        world.drop("d.json", {"id": "d", "raw_text": "Read about whales!"})
        wait_for(lambda: world.cards("d") and on(world, "d") and on(world, "c"))
        assert daemon.stop() == 0
    assert reading.Known.__name__ not in daemon.log()
    assert "her brother" not in daemon.log()
