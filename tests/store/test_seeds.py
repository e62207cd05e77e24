"""Entries that came with the Record, before the first receipt: corrected, retracted and taken back like any other."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from recursion_gate.audit.verify import verify
from recursion_gate.cli import main
from recursion_gate.clients import decide
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.formats import cards
from recursion_gate.reading.history import Unknown, history
from recursion_gate.reading.rebuild import as_of
from recursion_gate.reading.record import record
from recursion_gate.reading.snapshot import snapshot
from recursion_gate.store import entries
from recursion_gate.store.seeds import ids, text_of

from ..support.dying import Dying, Killed
from ..support.world import World

ACT, OTHER = "ACT--p436yg2", "ACT-2025-01-01-0001"
EVIDENCE = f"- {ACT} — Learned that owls sleep at night. — 2025-01-01 — THINK"


@pytest.fixture
def world(root: Root) -> World:
    """A Record that comes from elsewhere."""
    world = World(root)
    put(world, "self-evidence.md", f"{EVIDENCE}\n- {OTHER} — Drew a fox. — 2025-01-01 — WORK")
    put(world, "self-knowledge.md", f"- • Owls sleep at night. — {ACT}\n- • Foxes are red. — {OTHER}")
    path = world.place.home / "self-skill-think.md"
    path.write_bytes(f"# THINK\r\n\r\n## Activity\r\n- • Read about owls — {ACT}\r\n- • More".encode())
    return world


def put(world: World, file: str, lines: str) -> None:
    path = world.place.home / file
    text = path.read_text()
    assert "seed line" in text
    path.write_text(text.replace("- a seed line", lines).replace("- • a seed line", lines))


def holds(world: World) -> bool:
    [proof] = verify(world.root, ["alex"])
    assert not [f for f in proof.findings if f.severity == "fault"], proof.findings
    return True


def undo(world: World, candidate_id: str) -> None:
    [filed] = [p for p in world.place.receipts.glob("*/*.md") if cards.id_of(p.read_bytes()) == candidate_id]
    shutil.copy(filed, world.place.undo)
    world.reconcile()


@pytest.mark.parametrize("first", [True, False])
def test_a_correction_takes_the_place_of_its_lines_and_is_taken_back_byte_for_byte(world: World, first: bool) -> None:
    if not first:
        world.stage("other", "I learned that bees dance.")
        world.approve("other")
    before = world.record()
    card = world.stage("b", "Learned that owls hunt at night.", supersedes=ACT, created_at="2026-11-24").read_text()
    assert f"    - {ACT} — ~~Learned that owls sleep at night.~~ (superseded by ACT-2026-11-24-" in card
    for line in (f"- • Owls sleep at night. — {ACT}", f"- • Read about owls — {ACT}"):
        assert re.search(rf", taken out, from before the first receipt \[\w+\]:\n\n    {re.escape(line)}\n", card)
    assert decide.find(world.root, ["alex"], "b").data().decode() == card
    world.approve("b")
    assert world.names("problems") == []
    [receipt] = [r for r in world.receipts() if r["candidate_id"] == "b"]
    assert receipt["old"]["removed"] == {
        "self-evidence.md": [EVIDENCE],
        "self-knowledge.md": [f"- • Owls sleep at night. — {ACT}"],
        "self-skill-think.md": [f"- • Read about owls — {ACT}"],
    }
    act = receipt["evidence_id"]
    lines = world.lines("self-knowledge.md")
    assert lines[lines.index(f"- • Foxes are red. — {OTHER}") - 1] == f"- • Learned that owls hunt at night. — {act}"
    assert ACT not in world.record()["self-skill-think.md"].decode()
    assert ACT not in json.dumps(record(snapshot(world.root, "alex")).model_dump())
    assert holds(world)
    undo(world, "b")
    assert world.record() == before
    assert world.gate_ids() == ["b"]
    assert holds(world)
    for seq in (0, len(world.receipts())):
        assert "Owls sleep at night." in as_of(snapshot(world.root, "alex"), seq).texts["self-knowledge.md"]
    corrected = as_of(snapshot(world.root, "alex"), len(world.receipts()) - 1).texts
    assert "Owls sleep at night." not in corrected["self-knowledge.md"]
    assert "Foxes are red." in corrected["self-knowledge.md"]


def test_a_retraction_and_then_nothing_more_is_about_it(world: World) -> None:
    before = world.record()
    world.stage("joke", "It was a joke.", retracts=ACT, created_at="2026-11-24")
    world.stage("late", "I learned it anew.", supersedes=ACT)
    world.approve("joke")
    world.approve("late")
    assert [r["candidate_id"] for r in world.receipts()] == ["joke"]
    assert f"{ACT} no longer stands" in (cards.note_in(world.card("late").read_bytes()) or "")
    texts = world.record()
    assert (
        f"- {ACT} — ~~Learned that owls sleep at night.~~ (retracted 2026-11-24) — 2025-01-01 — THINK\n"
        in texts["self-evidence.md"].decode()
    )
    assert ACT not in (texts["self-knowledge.md"] + texts["self-skill-think.md"]).decode()
    with pytest.raises(Unknown, match=r"before the first receipt, and was retracted on .* \(receipt 1\)"):
        history(snapshot(world.root, "alex"), ACT)
    world.drop("c.json", {"id": "c", "raw_text": "Once more.", "retracts": ACT})
    world.reconcile()
    assert "no longer stands" in world.why("c.json")
    [proof] = verify(world.root, ["alex"])
    assert [f for f in proof.findings if f.severity != "note"] == [], "each line that went is accounted for"
    undo(world, "joke")
    assert world.record() == before


def test_the_lines_as_a_person_has_edited_them_since(world: World) -> None:
    world.stage("other", "I learned that bees dance.")
    world.approve("other")
    path = world.place.home / "self-knowledge.md"
    path.write_text(path.read_text().replace("Owls sleep", "Barn owls sleep"))
    before = world.record()
    world.stage("b", "Owls hunt.", supersedes=ACT)
    assert "Barn owls sleep" in world.card("b").read_text()
    path.write_text(path.read_text().replace("Barn owls", "Snow owls"))
    world.reconcile()
    assert "Snow owls sleep" in world.card("b").read_text()
    world.approve("b")
    assert "owls sleep" not in path.read_text()
    assert holds(world)
    undo(world, "b")
    assert world.record() == {**before, path.name: before[path.name].replace(b"Barn owls", b"Snow owls")}


@pytest.mark.parametrize(
    ("file", "lines", "why"),
    [
        ("self-knowledge.md", f"- • One. — {ACT}\n- • Two. — {ACT}", "names ACT--p436yg2 in 2 lines"),
        ("self-knowledge.md", f"- • One. — {ACT}\n  and more of it", "goes on over several lines"),
        ("self-evidence.md", f"- {ACT} — ~~It was.~~ (retracted 2025-02-03) — 2025-01-01 — THINK", "is struck already"),
    ],
)
def test_where_its_lines_cannot_be_told_for_sure_it_is_left_to_the_person(
    root: Root, file: str, lines: str, why: str
) -> None:
    world = World(root)
    put(world, file, lines)
    before = world.record()
    world.drop("b.json", {"id": "b", "raw_text": "Owls hunt.", "supersedes": ACT})
    world.reconcile()
    assert why in world.why("b.json")
    assert "by hand" in world.why("b.json")
    assert world.record() == before


@pytest.mark.parametrize("named", ["ACT-2025-01-01-0002", "ACT--p436yg", "ACT-2026-11-24-aaaaaaaaaaaaaaaa"])
def test_what_was_not_there_before_is_no_entry(world: World, named: str) -> None:
    world.stage("other", "I learned that bees dance.")
    world.approve("other")
    put_since = world.place.home / "self-curiosity.md"
    put_since.write_text(put_since.read_text() + f"- • Written since. — {named}\n")
    world.drop("b.json", {"id": "b", "raw_text": "Owls hunt.", "supersedes": named})
    world.reconcile()
    assert f"no entry {named}" in world.why("b.json")


def test_two_ids_that_end_alike_are_two_entries(root: Root) -> None:
    world = World(root)
    put(world, "self-knowledge.md", "- • One. — ACT-2025-01-01-0001\n- • Two. — ACT-2025-01-02-0001")
    for name, act in (("b", "ACT-2025-01-01-0001"), ("c", "ACT-2025-01-02-0001")):
        world.stage(name, f"Not {act[:14]}.", retracts=act)
    world.approve("b", "c")
    assert [(r["candidate_id"], r["action"]) for r in world.receipts()] == [("b", "approved"), ("c", "approved")]
    assert "ACT-2025" not in world.record()["self-knowledge.md"].decode()
    assert holds(world)


def test_an_entry_that_links_to_it_keeps_its_own_line(world: World) -> None:
    world.stage("linked", "I saw one asleep.", link_to_evidence_id=ACT, suggested_ix_section="IX-A")
    world.approve("linked")
    world.stage("joke", "It was a joke.", retracts=ACT)
    world.approve("joke")
    assert world.lines("self-knowledge.md").count(f"- • I saw one asleep. — {ACT}") == 1
    assert "Owls sleep" not in world.record()["self-knowledge.md"].decode()
    world.stage("other", "I saw two.", link_to_evidence_id=ACT)
    world.approve("other")
    assert "no longer stands" in (cards.note_in(world.card("other").read_bytes()) or "")
    assert holds(world)


def test_forgetting_the_correction_leaves_the_old_entry_struck(world: World) -> None:
    world.stage("b", "Learned that Ferdinand fears owls.", supersedes=ACT)
    world.approve("b")
    (world.place.undo / "forget.md").write_text('---\nforget: "b"\n---\n')
    world.reconcile()
    assert "Ferdinand" not in b"".join(world.record().values()).decode()
    assert f"{ACT} — ~~Learned that owls sleep at night.~~" in world.record()["self-evidence.md"].decode()
    assert holds(world)


def test_without_an_index_it_is_found_too(world: World) -> None:
    place = world.root.place("alex")
    assert ids(place, text_of(place)) == {ACT, OTHER}
    found = entries.find(place, ACT)
    assert found is not None
    assert (found.is_seed, found.problem, found.receipt.raw_text) == (True, None, "Owls sleep at night.")
    assert (found.receipt.skill_tag, found.receipt.suggested_ix_section) == ("THINK", "IX-A")
    world.stage("joke", "It was a joke.", retracts=ACT)
    world.approve("joke")
    found = entries.find(place, ACT)
    assert found is not None
    assert "retracted" in (found.problem or "")
    assert entries.find(place, "ACT-2025-01-01-0009") is None


def test_the_commands(world: World) -> None:
    world.reconcile()
    world.reconciler.close()

    def run(*args: str) -> Result:
        return CliRunner().invoke(main, ["--root", str(world.root.path), *args, "--yes"])

    done = run("correct", ACT, "Owls hunt at night.")
    assert done.exit_code == 0, done.output
    assert "- • Owls hunt at night. — ACT-" in (world.place.home / "self-knowledge.md").read_text()
    done = run("retract", OTHER, "It was a joke.")
    assert done.exit_code == 0, done.output
    assert OTHER not in (world.place.home / "self-knowledge.md").read_text()
    done = run("retract", OTHER)
    assert done.exit_code == 1
    assert "no longer stands" in done.output


def test_killed_at_any_call_it_is_the_same(world: World, tmp_path: Path) -> None:
    """The torture suite's stories do the same for entries with a receipt; here only the lines differ."""
    world.move(world.stage("b", "Learned that owls hunt at night.", supersedes=ACT), "approved")
    world.reconciler.close()
    done = World(Root(shutil.copytree(world.root.path, tmp_path / "done")))
    done.reconcile()
    number, killed, chance = 0, True, random.Random(1)
    while killed:
        number, killed = number + chance.randint(1, 3), False
        shutil.rmtree(tmp_path / "again", ignore_errors=True)
        again = World(Root(shutil.copytree(world.root.path, tmp_path / "again")))
        atomic.calls = Dying(number)
        try:
            again.reconcile()
        except Killed:
            killed = True
        finally:
            atomic.calls = atomic.Calls()
        again.restart()
        again.reconcile()
        assert again.record() == done.record(), f"killed at call {number}"
        assert len(again.receipts()) == 1
        again.reconciler.close()
    assert number > 20
