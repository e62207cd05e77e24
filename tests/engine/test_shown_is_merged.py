"""What is shown is what is merged (contract, "A card", "A merge")."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recursion_gate.clients import decide
from recursion_gate.core.model import Candidate
from recursion_gate.core.paths import Root
from recursion_gate.formats import cards
from recursion_gate.store.gate import Gate

from ..support.roots import make_root
from ..support.world import World

EDITS = {
    "text": ("Understood.", "Understood it all."),
    "created_at": ('created_at: "2026-11-24T16:30:00Z"', "created_at: 2025-01-02T03:04:05Z"),
    "skill": ("skill_tag: THINK", "skill_tag: WORK"),
    "section": ("suggested_ix_section: IX-A", "suggested_ix_section: IX-C"),
    "source": ("source: tutor", "source: me"),
    "evidence_summary": ("evidence_summary: Short", "evidence_summary: Shorter"),
    "link": ("evidence_summary: Short", "link_to_evidence_id: quiz"),
}


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def stage(world: World, name: str = "a", **fields: str) -> Path:
    more = {"evidence_summary": "Short", "created_at": "2026-11-24T16:30:00Z", "source": "tutor"} | fields
    return world.stage(name, "Understood.", suggested_ix_section="IX-A", **more)


def item(world: World, name: str) -> decide.Waiting:
    return decide.find(world.root, [world.user], name)


def merged(world: World, name: str) -> list[str]:
    (receipt,) = [r for r in world.receipts() if r["candidate_id"] == name]
    return [lines[-1] for lines in receipt["lines"].values()]


def previewed(card: bytes) -> list[str]:
    _, _, below = card.decode().rpartition("\n<!-- recursion-gate:")
    return [line[4:] for line in below.split("\n") if line.startswith("    ")]


@pytest.mark.parametrize("edits", [*([name] for name in EDITS), ["created_at", "text"], ["created_at", "section"]])
def test_what_a_saved_edit_shows_is_what_is_merged(world: World, edits: list[str]) -> None:
    stage(world, "quiz")
    card = stage(world)
    text = card.read_text()
    for edit in edits:
        assert EDITS[edit][0] in text
        text = text.replace(*EDITS[edit], 1)
    decide.save_edit(item(world, "a"), text, world.settings)
    shown = item(world, "a")
    assert previewed(card.read_bytes()) == [a.line for a in shown.effect(shown.now)]
    world.approve("quiz")
    world.approve("a")
    assert merged(world, "a") == previewed(
        next(world.place.month(world.receipts()[-1]["merged_at"]).glob("*" + card.name[-11:])).read_bytes()
    )


def test_a_card_is_made_anew_when_its_link_becomes_known(world: World) -> None:
    card = stage(world, "b", link_to_evidence_id="a")
    assert previewed(card.read_bytes())[0].endswith("— a")
    stage(world, "a")
    shown = previewed(world.card("b").read_bytes())
    assert "— ACT-" in shown[0]
    world.approve("a")
    world.approve("b")
    assert merged(world, "b") == shown


def test_what_a_person_has_written_above_the_marker_stays_when_a_card_is_made_anew(world: World) -> None:
    card = stage(world, "b", link_to_evidence_id="a")
    card.write_text(card.read_text().replace("source: tutor", "source: tutor\nreason: so it is"))
    stage(world, "a")
    text = world.card("b").read_text()
    assert "reason: so it is" in text
    assert "— ACT-" in previewed(text.encode())[0]


def test_a_card_that_shows_what_is_no_longer_so_returns_with_a_note(world: World) -> None:
    old = stage(world, "b", link_to_evidence_id="a").read_bytes()
    stage(world, "a")
    world.approve("a")
    (world.place.approved / world.card("b").name).write_bytes(old)
    world.card("b").unlink()
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == ["a"]
    assert "came after this card was made" in (cards.note_in(world.card("b").read_bytes()) or "")
    shown = previewed(world.card("b").read_bytes())
    world.approve("b")
    assert merged(world, "b") == shown


@settings(max_examples=25, deadline=None)
@given(st.permutations(["a", "b", "c"]), st.permutations(["a", "b", "c"]), st.booleans())
def test_in_any_order_of_staging_and_deciding_the_card_shows_what_is_merged(
    staged: list[str], decided: list[str], at_once: bool
) -> None:
    links = {"b": "a", "c": "b"}
    with tempfile.TemporaryDirectory() as folder:
        world = World(make_root(Path(folder) / "root", "alex"))
        for name in staged:
            stage(world, name, **({"link_to_evidence_id": links[name]} if name in links else {}))
        shown = {}
        for name in decided:
            (card,) = world.cards(name)
            shown[name] = previewed(card.read_bytes())
            assert [a.line for a in item(world, name).effect(item(world, name).candidate)] == shown[name]
            world.move(card, "approved")
            if not at_once:
                world.reconcile()
        world.reconcile()
        for name in "abc":
            assert merged(world, name) == shown[name]
        world.reconciler.close()


def test_a_long_chain_of_links_is_approved_at_once_as_its_cards_show(world: World, record_gets: list[str]) -> None:
    ids = [f"c{number}" for number in range(2_000)]
    lines = [
        {"id": i, "raw_text": f"Step {i}.", **({"link_to_evidence_id": ids[n - 1]} if n else {})}
        for n, i in enumerate(ids)
    ]
    for part in (lines[:1_000], lines[1_000:]):
        world.drop("chain.jsonl", "\n".join(map(json.dumps, part)))
        world.reconcile()
    names = world.names("pending")
    random.Random(1).shuffle(names)
    shown = {}
    for name in names:
        card = world.move(world.place.pending / name, "approved")
        data = card.read_bytes()
        shown[cards.id_of(data)] = previewed(data)
    record_gets.clear()
    world.reconcile()
    receipts = world.receipts()
    assert [r["candidate_id"] for r in receipts] == ids
    assert {r["evidence_id"] for r in receipts} == {receipts[0]["evidence_id"]}
    assert [shown[r["candidate_id"]] for r in receipts] == [
        [added[-1] for added in r["lines"].values()] for r in receipts
    ]
    assert world.names("pending") == []
    assert len(record_gets) <= 40 * len(ids)


@pytest.fixture
def record_gets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every candidate that is asked for at the gate."""
    asked: list[str] = []
    get = Gate.get

    def noting(gate: Gate, candidate_id: str) -> Candidate | None:
        asked.append(candidate_id)
        return get(gate, candidate_id)

    monkeypatch.setattr(Gate, "get", noting)
    return asked


# -- edited cards whose link changes --------------------------------------------------------------------------------


def edited(world: World, name: str, how: str, **changes: Any) -> Path:
    """Edit the card of a candidate in pending/, in `review` or by hand in an editor, which leaves the preview."""
    there = item(world, name)
    above = cards.render(there.now.model_copy(update=changes), ()).decode().partition("\n<!-- recursion-gate:")[0]
    card = there.data().decode()
    text = above + card[card.rindex("\n<!-- recursion-gate:") :]
    if how == "review":
        decide.save_edit(there, text, world.settings)
    else:
        world.card(name).write_text(text)
    return world.card(name)


@pytest.mark.parametrize("how", ["review", "by hand"])
def test_the_card_of_an_edited_entry_is_made_anew_when_its_link_becomes_known(world: World, how: str) -> None:
    stage(world, "b", link_to_evidence_id="a")
    edited(world, "b", how, raw_text="Understood it all.")
    stage(world, "a")
    shown = previewed(world.card("b").read_bytes())
    assert shown[0].startswith("- • Understood it all. — ACT-")
    world.approve("a")
    world.approve("b")
    assert merged(world, "b") == shown


def test_the_card_of_an_entry_that_was_linked_in_review_is_made_anew_when_its_link_becomes_known(world: World) -> None:
    stage(world, "b")
    edited(world, "b", "review", link_to_evidence_id="a")
    world.reconcile()
    stage(world, "a")
    shown = previewed(world.card("b").read_bytes())
    assert "— ACT-" in shown[0]
    world.approve("a", "b")
    assert merged(world, "b") == shown


@pytest.mark.parametrize("change", [{"raw_text": "Understood it all."}, {"skill_tag": "WORK"}])
@pytest.mark.parametrize("how", ["review", "by hand"])
def test_an_edited_card_that_shows_other_evidence_than_it_would_be_merged_with_returns(
    world: World, how: str, change: dict[str, str]
) -> None:
    stage(world, "z")
    stage(world, "a")
    stage(world, "b", link_to_evidence_id="a")
    edited(world, "b", how, **change)
    world.reconcile()
    world.move(world.card("b"), "approved")
    world.reconcile()
    edited(world, "a", "review", link_to_evidence_id="z")
    world.approve("z", "a")
    assert [r["candidate_id"] for r in world.receipts()] == ["z", "a"]
    assert "came after this card was made" in (cards.note_in(world.card("b").read_bytes()) or "")
    assert any(change.get("raw_text", "WORK") in path.read_text() for path in world.place.problems.glob("*.md"))


def test_an_entry_that_was_linked_in_review_returns_when_its_link_means_something_else_by_now(world: World) -> None:
    stage(world, "z")
    stage(world, "a")
    stage(world, "b")
    edited(world, "b", "review", link_to_evidence_id="a")
    world.move(world.card("b"), "approved")
    edited(world, "a", "review", link_to_evidence_id="z")
    world.approve("z", "a")
    assert [r["candidate_id"] for r in world.receipts()] == ["z", "a"]
    assert "came after this card was made" in (cards.note_in(world.card("b").read_bytes()) or "")


def test_the_text_that_a_person_typed_below_the_marker_of_a_linked_card_is_not_erased(world: World) -> None:
    card = stage(world, "b", link_to_evidence_id="a")
    card.write_text(card.read_text() + "Really?\n")
    world.reconcile()
    stage(world, "a")
    assert "Really?" in world.card("b").read_text()


TEXTS = st.sampled_from(
    ["Understood.", "Two\nlines — and — dashes.", "# No: 'heading'", "- • a — ACT-2026-11-24-x", "谢谢 🇮🇷"]
)
FIELDS: dict[str, st.SearchStrategy[str | None]] = {
    "raw_text": TEXTS,
    "skill_tag": st.sampled_from(["THINK", "WRITE", "WORK", "STEWARD"]),
    "suggested_ix_section": st.sampled_from(["IX-A", "IX-B", "IX-C", None]),
    "created_at": st.sampled_from(["2026-11-24T16:30:00Z", "2025-01-02T03:04:05Z"]),
    "source": TEXTS | st.none(),
    "evidence_summary": TEXTS | st.none(),
    "activity_type": TEXTS | st.none(),
    "topic": TEXTS | st.none(),
    "score": TEXTS | st.none(),
    "source_id": TEXTS | st.none(),
    "link_to_evidence_id": st.sampled_from(["a", "b", "c", "ACT-2020-01-01-old", None]),
}
EDIT = st.fixed_dictionaries({}, optional=FIELDS)
LINKED: st.SearchStrategy[dict[str, str | None]] = st.builds(
    dict, EDIT, link_to_evidence_id=FIELDS["link_to_evidence_id"]
)
STEP: st.SearchStrategy[tuple[str, str, dict[str, str | None]]] = st.one_of(
    st.tuples(st.just("stage"), st.sampled_from("abc"), LINKED),
    st.tuples(st.sampled_from(["review", "by hand"]), st.sampled_from("abc"), EDIT | LINKED),
    st.tuples(st.sampled_from(["approve", "approve in review", "reject", "keep"]), st.sampled_from("abc"), st.just({})),
)


class Shown:
    """What the cards of a world have shown to the people who approved them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lines: dict[str, list[str]] = {}
        self.by_hand: set[str] = set()  # edited by hand since the preview was made: `show` tells the person
        (world.place.home / "self-evidence.md").write_text("## Activity Log\n\n- ACT-2020-01-01-old — Old\n")

    def do(self, what: str, name: str, changes: dict[str, Any]) -> None:
        world = self.world
        if changes.get("link_to_evidence_id") == name:
            changes = changes | {"link_to_evidence_id": None}
        if what == "stage":
            fields = {"raw_text": "Understood.", **{k: v for k, v in changes.items() if v is not None}}
            world.drop(f"{name}.json", {"id": name, **fields})
            world.reconcile()
        elif what == "keep":
            world.reconcile()
        elif world.cards(name):
            getattr(self, {"review": "edit", "by hand": "edit"}.get(what, "decide"))(what, name, changes)

    def edit(self, how: str, name: str, changes: dict[str, Any]) -> None:
        edited(self.world, name, how, **changes)
        if how == "by hand":
            self.by_hand.add(name)
        else:
            self.by_hand.discard(name)
        there = item(self.world, name)
        if how == "review":
            assert previewed(there.data()) == [a.line for a in there.effect(there.now)]

    def decide(self, what: str, name: str, changes: dict[str, Any]) -> None:
        there = item(self.world, name)
        if not there.edited:
            self.by_hand.discard(name)
        says = [a.line for a in there.effect(there.now)]
        shows = previewed(there.data())
        if what != "reject":
            self.lines[name] = says if name in self.by_hand else shows
        if what == "approve in review":
            decide.decide(there, "approved", shown=decide.digest(there.data()))
        else:
            self.world.move(self.world.card(name), "rejected" if what == "reject" else "approved")
        if name in self.by_hand:  # nothing on the card tells what it was said to add: carried out before all else
            self.world.reconcile()

    def check(self) -> None:
        for receipt in self.world.receipts():
            name = receipt["candidate_id"]
            if receipt["action"] == "approved":
                assert merged(self.world, name) == self.lines[name], name


@settings(max_examples=30, deadline=None)
@given(st.permutations("abc"), st.tuples(LINKED, LINKED, LINKED), st.integers(1, 3), st.lists(STEP, max_size=12))
def test_whatever_is_edited_in_whatever_order_only_what_was_shown_is_merged(
    names: list[str], fields: tuple[Any, ...], early: int, steps: list[Any]
) -> None:
    staged = [("stage", name, more) for name, more in zip(names, fields, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        world = World(make_root(Path(folder) / "root", "alex"))
        shown = Shown(world)
        for step in (*staged[:early], *steps, *staged[early:], *(("approve", name, {}) for name in names)):
            shown.do(*step)
            shown.check()
        world.reconcile()
        shown.check()
        world.reconciler.close()
