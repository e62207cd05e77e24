"""What a person means by an id, whatever became of it."""

from __future__ import annotations

import pytest
from recursion_gate.clients import decided
from recursion_gate.clients.decide import NoSuchCandidate
from recursion_gate.core.errors import Refusal
from recursion_gate.core.paths import Root
from recursion_gate.formats import signature

from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def find(world: World, given: str) -> decided.Decided:
    return decided.find(world.root, ["alex"], given)


def test_an_entry_is_found_by_each_of_its_names_and_their_beginnings(world: World) -> None:
    world.stage("kite-1", "I built a kite.")
    world.stage("moon-2", "I looked at the moon.")
    world.approve("kite-1")
    act = world.receipts()[-1]["evidence_id"]
    for given in ("kite-1", "kite", act, act[:-4], act.rpartition("-")[2][:6]):
        found = find(world, given)
        assert (found.candidate_id, found.act, found.name) == ("kite-1", act, act)
    waiting = find(world, "moon")
    assert (waiting.candidate_id, waiting.act, waiting.receipt) == ("moon-2", None, None)
    assert waiting.text == "I looked at the moon."


def test_an_act_id_means_the_entry_and_not_those_that_link_to_it(world: World) -> None:
    world.stage("a")
    world.approve("a")
    world.stage("b", "I learned this from it.", link_to_evidence_id="a")
    world.approve("b")
    act = world.receipts()[0]["evidence_id"]
    assert find(world, act).candidate_id == "a"
    assert find(world, "b").act is None


def test_a_whole_name_wins_over_a_longer_one_and_what_is_ambiguous_is_said(world: World) -> None:
    for name in ("kite", "kite-1", "kite-2"):
        world.stage(name)
    assert find(world, "kite").candidate_id == "kite"
    with pytest.raises(NoSuchCandidate, match=r"could be 2 entries: kite-1 .alex., kite-2 .alex."):
        find(world, "kite-")
    with pytest.raises(NoSuchCandidate, match="neither decided nor waiting"):
        find(world, "nobody")
    with pytest.raises(NoSuchCandidate):
        find(world, "")


def test_the_last_decision_is_the_newest_that_stands_and_is_not_asked_for(world: World) -> None:
    assert decided.last(world.root, ["alex"]) is None
    for name in "abc":
        world.stage(name)
        world.reject(name) if name == "b" else world.approve(name)

    def last() -> str | None:
        found = decided.last(world.root, ["alex"])
        return found.candidate_id if found else None

    assert last() == "c"
    (world.place.undo / "c.md").write_text('---\nid: "c"\n---\n')
    assert last() == "b"  # c lies in undo/
    world.reconcile()
    assert last() == "b"  # c is taken back
    (world.place.undo / "b.md").write_text('---\nforget: "b"\n---\n')
    world.reconcile()
    assert last() == "a"


@pytest.mark.parametrize("how", ["waits", "undone", "forgotten", "linked", "superseded"])
def test_what_the_daemon_would_refuse_is_refused_at_once_with_the_same_words(world: World, how: str) -> None:
    says = {"waits": "still waits", "undone": "waits already", "forgotten": "was forgotten on",
            "linked": "b links to it", "superseded": "b supersedes it"}[how]  # fmt: skip
    world.stage("a")
    if how != "waits":
        world.approve("a")
        act = world.receipts()[-1]["evidence_id"]
        fields = {"linked": {"link_to_evidence_id": "a"}, "superseded": {"supersedes": act}}.get(how)
        if fields:
            world.stage("b", "I learned this.", **fields)
            world.approve("b")
        else:
            field = "id" if how == "undone" else "forget"
            (world.place.undo / "x.md").write_text(f'---\n{field}: "a"\n---\n')
            world.reconcile()
    with pytest.raises(Refusal, match=says) as raised:
        find(world, "a").check_undo()
    if how in ("linked", "superseded"):
        (world.place.undo / "x.md").write_text('---\nid: "a"\n---\n')
        world.reconcile()
        assert raised.value.problem in world.why("x.md")
        assert raised.value.remedy in world.why("x.md")


def test_names_for_the_shell_are_ids_without_their_texts(world: World) -> None:
    world.stage("kite-1", "I built a secret kite.")
    world.approve("kite-1")
    world.stage("kite-2")
    act = world.receipts()[-1]["evidence_id"]
    assert decided.names(world.root, ["alex"], "", 10) == ["kite-2", "kite-1", act]
    assert decided.names(world.root, ["alex"], "ACT", 10) == [act]
    assert decided.names(world.root, ["alex"], "", 1) == ["kite-2"]


def test_a_signed_card_is_unsigned_and_a_plain_one_left_alone(world: World) -> None:
    card = world.stage("a").read_bytes()
    assert signature.unsigned(signature.sign(card, "rejected", "cli", "Said twice.")) == card
    plain = card.replace(b"\nid:", b"\nreason: mine\nid:", 1)
    assert signature.unsigned(plain) == plain
