"""What was rejected is known to who proposes it again, and to who decides on it again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.reading.rejected import like, rejections, same_words

from ..cli.test_cli import run
from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def reject(world: World, candidate_id: str, text: str, reason: str = "", **fields: Any) -> None:
    card = world.stage(candidate_id, text, **fields)
    if reason:
        card.write_text(card.read_text().replace(f"id: {candidate_id}\n", f"id: {candidate_id}\nreason: {reason}\n"))
    world.reject(candidate_id)


def write(ledger: Path, *receipts: dict[str, Any]) -> None:
    lines = [json.dumps({"raw_text": "I sang.", "rejected_at": "2026-11-01T00:00:00Z"} | r) for r in receipts]
    ledger.write_text("".join(f"{line}\n" for line in lines))


# -- which rejections stand -------------------------------------------------------------------------------------------


def test_the_newest_comes_first_and_counts(world: World) -> None:
    reject(world, "a", "I sang.", "too loud")
    reject(world, "b", "I SANG!", "again too loud")
    assert [(r.id, r.reason) for r in rejections(world.place.ledger)] == [
        ("b", "again too loud"),
        ("a", "too loud"),
    ]
    assert same_words(world.place.ledger)["i sang"].id == "b"


def test_words_that_were_approved_since_were_not_rejected_in_the_end(world: World) -> None:
    reject(world, "a", "I sang.")
    world.stage("b", "I sang.")
    world.approve("b")
    assert list(rejections(world.place.ledger)) == []
    reject(world, "c", "I sang.")
    assert [r.id for r in rejections(world.place.ledger)] == ["c"]


def test_a_rejection_that_was_taken_back_counts_no_longer(tmp_path: Path) -> None:
    one, two = {"candidate_id": "a", "action": "rejected"}, {"candidate_id": "b", "action": "rejected"}
    undone = {"candidate_id": "a", "action": "undone"}
    ledger = tmp_path / "receipts.jsonl"
    for lines, left in [
        ([one, undone], []),
        ([one, two, undone], ["b"]),
        ([one, undone, one], ["a"]),
        ([one, undone, one, undone], []),
        ([{**one, "action": "approved"}, undone, two], ["b"]),
    ]:
        write(ledger, *lines)
        assert [r.id for r in rejections(ledger)] == left


def test_what_was_forgotten_or_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    ledger = tmp_path / "receipts.jsonl"
    good = {"candidate_id": "a", "action": "rejected"}
    write(
        ledger,
        good,
        {**good, "raw_text": None},
        {**good, "raw_text": ""},
        {"action": "rejected"},
        {**good, "reason": 7},
    )
    ledger.write_text("no JSON\n[]\n\n" + ledger.read_text())
    assert [(r.id, r.reason) for r in rejections(ledger)] == [("a", None), ("a", None)]
    assert list(rejections(tmp_path / "none")) == []


# -- who proposes it again --------------------------------------------------------------------------------------------


def test_stage_says_that_nearly_the_same_was_rejected_when_and_why_and_stages_it(world: World) -> None:
    reject(world, "a", "Built a kite from bamboo and paper.", "that was her brother")
    day = world.receipts()[0]["rejected_at"][:10]
    done = run(world.root, "stage", "Built a kite of paper and bamboo.", "--user", "alex")
    assert done.exit_code == 0
    assert Path(done.stdout.strip()).exists()
    assert f"nearly the same was rejected on {day}: that was her brother" in done.stderr
    assert "nearly the same" not in run(world.root, "stage", "Read about whales.", "--user", "alex").stderr


@pytest.mark.parametrize("broken", ["\x00\x00\n", "{}\n", "no JSON\n", '{"raw_text": 7}\n'])
def test_stage_never_fails_because_of_the_receipts(world: World, broken: str) -> None:
    world.place.receipts.mkdir(parents=True, exist_ok=True)
    world.place.ledger.write_text(broken)
    done = run(world.root, "stage", "I sang.", "--user", "alex")
    assert (done.exit_code, len(world.names())) == (0, 1)


def test_stage_never_fails_where_the_receipts_are_a_folder_or_may_not_be_read(world: World) -> None:
    world.place.ledger.mkdir(parents=True)
    (world.place.ledger / "something").write_text("here")
    assert run(world.root, "stage", "I sang.", "--user", "alex").exit_code == 0
    if os.geteuid():
        world.place.receipts.chmod(0)
        assert run(world.root, "stage", "I sang.", "--user", "alex").exit_code == 0
        world.place.receipts.chmod(0o700)


# -- who decides on it again ------------------------------------------------------------------------------------------


def test_the_words_of_a_rejected_one_wait_at_the_end_and_are_marked(world: World) -> None:
    reject(world, "x", "I sang at night.", "too loud")
    world.stage("a", "I SANG at night!")
    world.stage("b", "Planted tomatoes.")
    day = world.receipts()[0]["rejected_at"][:10]
    assert world.gate_ids() == ["a", "b"]
    listed = run(world.root, "pending").output.splitlines()
    assert [line.split("\t")[1] for line in listed] == ["b", "a"]
    assert f"(rejected before on {day}: too loud) I SANG at night!" in listed[1]
    waits = json.loads(run(world.root, "pending", "--json").stdout)
    assert [(w["id"], (w["rejected_before"] or {}).get("reason")) for w in waits] == [("b", None), ("a", "too loud")]
    shown = json.loads(run(world.root, "show", "a", "--json").stdout)
    assert shown["rejected_before"]["id"] == "x"
    assert f"! the same words were rejected on {day}: too loud" in run(world.root, "show", "a").output


def test_a_text_that_a_person_has_corrected_is_not_at_the_end(world: World) -> None:
    reject(world, "x", "I sang at night.")
    card = world.stage("a", "I sang at night.")
    world.stage("b", "Planted tomatoes.")
    card.write_text(card.read_text().replace("I sang at night.\n\n<!--", "Her brother sang at night.\n\n<!--"))
    assert [w["id"] for w in json.loads(run(world.root, "pending", "--json").stdout)] == ["a", "b"]


def test_the_nearest_rejection_is_found(world: World) -> None:
    reject(world, "a", "Built a kite from bamboo and paper.")
    reject(world, "b", "Planted tomatoes.")
    found = like("Built a kite from paper and bamboo", world.place.ledger)
    assert found is not None
    assert found.id == "a"
    assert like("Sang.", world.place.ledger) is None
