"""Promise 11: what a person has taken back, corrected or retracted is said by no reader; what is forgotten, nowhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.archive import pack
from recursion_gate.clients.fates import fate, fates
from recursion_gate.core.model import Candidate, act_id
from recursion_gate.core.paths import RECORD_FILES, Root
from recursion_gate.disk import atomic
from recursion_gate.reading import brief, edge, export, hints, rebuild, record, rejected, snapshot, voice
from recursion_gate.spec import context

from ..support.dying import Dying, Killed
from ..support.world import World

SECRET = "I learned that Ferdinand hides marbles."


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def forget(world: World, named: str) -> None:
    (world.place.undo / "forget.md").write_text(f'---\nforget: "{named}"\n---\n')
    world.reconcile()


def act(world: World, candidate_id: str) -> str:
    staged = next(r["candidate"] for r in world.receipts() if r["candidate_id"] == candidate_id)
    return act_id(Candidate.model_validate(staged))


def approve(world: World, candidate_id: str, text: str, **fields: Any) -> None:
    world.stage(candidate_id, text, source="agent", **fields)
    world.approve(candidate_id)
    assert world.receipts()[-1]["action"] == "approved"


def answers(world: World) -> dict[str, str]:
    """All that readers say of the Record, by reader."""
    taken = snapshot.snapshot(world.root, "alex")
    said: dict[str, Any] = {
        "record": record.record(taken).as_json(),
        "edge": edge.edge(taken).as_json(),
        "export": export.export(taken).as_json(),
        "brief": brief.brief(taken).as_json(),
        "voice prompt": voice.prompt(taken).as_json(),
        "voice ask": voice.ask(taken, "What does Ferdinand hide?").as_json() | {"question": ""},
        "context": context.pack(world.root, "reader", "alex").as_json(),
        "context of a source": context.pack(world.root, "staging", "alex", source="agent").as_json(),
        "hints": [h.as_json() for h in hints.known(taken).hints(Candidate.model_validate(_like(SECRET)))],
        "what became of it": [each.model_dump() for each in fates(world.place, "agent", 100)],
    }
    return {name: json.dumps(each, ensure_ascii=False) for name, each in said.items()}


def _like(text: str) -> dict[str, Any]:
    return {
        "id": "like", "raw_text": text, "skill_tag": "THINK", "mind_category": "knowledge",
        "suggested_ix_section": "IX-A", "created_at": "2026-11-24T10:00:00Z", "status": "pending",
    }  # fmt: skip


def saying(world: World, word: str = "marbles") -> list[str]:
    return [name for name, said in answers(world).items() if word in said]


#: Where it is still said: there it waits, and whoever decides must see it.
WAITS = {"brief", "context of a source", "hints", "what became of it"}


def test_what_stands_is_said(world: World) -> None:
    approve(world, "a", SECRET)
    assert set(saying(world)) == set(answers(world)) - {"context of a source"}


def test_an_approval_that_was_taken_back_is_said_to_wait_and_no_more(world: World) -> None:
    approve(world, "a", SECRET)
    world.undo("a")
    assert set(saying(world)) == WAITS
    taken = snapshot.snapshot(world.root, "alex")
    assert brief.brief(taken).merged_lately == []
    assert fate(world.place, "a", "agent").state == "waiting"
    assert [each.state for each in fates(world.place, "agent", 9)] == ["waiting"]


def test_a_rejection_that_was_taken_back_is_no_rejection(world: World) -> None:
    world.stage("a", SECRET, source="agent")
    world.reject("a")
    assert rejected.like(SECRET, world.place.ledger)
    assert "rejected" in answers(world)["context of a source"].rpartition("became of")[2]
    world.undo("a")
    assert rejected.like(SECRET, world.place.ledger) is None
    assert "- rejected" not in answers(world)["context of a source"]
    assert {h.at for h in hints.known(snapshot.snapshot(world.root, "alex")).hints(_candidate())} == {"gate"}


def _candidate() -> Candidate:
    return Candidate.model_validate(_like(SECRET))


@pytest.mark.parametrize("how", ["supersedes", "retracts"])
def test_what_was_corrected_or_retracted_is_said_by_nobody(world: World, how: str) -> None:
    approve(world, "z", "I learned something else.")
    approve(world, "a", SECRET)
    approve(world, "b", "I learned that he hides pebbles.", **{how: act(world, "a")})
    assert saying(world) == []
    known = snapshot.snapshot(world.root, "alex").record
    assert act(world, "a") not in [e.id for e in known.evidence]
    assert [e.id for e in known.struck] == [act(world, "a")]
    state = fate(world.place, "a", "agent").state
    assert state == {"supersedes": "superseded", "retracts": "retracted"}[how]
    if how == "retracts":  # its text says why: it is no entry
        assert set(saying(world, "pebbles")) == {"what became of it"}
    world.undo("b")
    assert "record" in saying(world)


def test_a_chain_of_corrections_says_only_its_end(world: World) -> None:
    approve(world, "a", SECRET)
    approve(world, "b", "I learned that Ferdinand hides pebbles.", supersedes=act(world, "a"))
    approve(world, "c", "I learned that Ferdinand hides shells.", supersedes=act(world, "b"))
    assert saying(world) == saying(world, "pebbles") == []
    assert "voice ask" in saying(world, "shells")
    merged = brief.brief(snapshot.snapshot(world.root, "alex")).merged_lately
    assert [each.id for each in merged] == ["c"]


def test_what_rests_on_a_corrected_entry_still_stands_in_its_place(world: World) -> None:
    approve(world, "a", SECRET)
    approve(world, "l", "I learned why: they are blue.", link_to_evidence_id="a")
    approve(world, "b", "I learned that he hides pebbles.", supersedes=act(world, "a"))
    taken = snapshot.snapshot(world.root, "alex")
    assert saying(world) == []
    said = voice.prompt(taken).prompt
    assert said.index("they are blue") < said.index("pebbles")  # as old as the evidence it rests on


@pytest.mark.parametrize("how", ["waits", "approved", "rejected", "corrected", "retracted", "taken back"])
def test_what_was_forgotten_is_said_by_nobody_and_nobody_stumbles(world: World, how: str) -> None:
    approve(world, "z", "I learned something else.")
    world.stage("a", SECRET, source="agent")
    if how == "rejected":
        world.reject("a")
    elif how != "waits":
        world.approve("a")
    if how == "corrected":
        approve(world, "b", "I learned that he hides pebbles.", supersedes=act(world, "a"))
    if how == "retracted":
        approve(world, "b", "No marbles at all.", retracts=act(world, "a"))
    if how == "taken back":
        world.undo("a")
    forget(world, "a")
    assert saying(world) == []
    assert all('""' not in said for name, said in answers(world).items() if name in ("brief", "what became of it"))
    assert fate(world.place, "a", None).state == "forgotten"
    assert fate(world.place, "a", "agent").state == "unknown"
    taken = snapshot.snapshot(world.root, "alex")
    assert pack.pack(taken, "x.tar.gz")
    approve(world, "c", "I learned a third thing.")
    assert saying(world) == []


def copy_by_hand(world: World, candidate_id: str) -> None:
    """A person copies the entry's lines, ACT id and all, into all files of the Record, as they are and edited."""
    named = act(world, candidate_id)
    lines = [x for text in world.record().values() for x in text.decode().splitlines() if named in x]
    assert len(lines) == 3
    copies = [*lines, "  * [x] He keeps marbles, and I\n    saw it \u2014 " + named, f"1. {lines[0]}\n   as I said."]
    for name in RECORD_FILES:
        file = world.place.home / name
        file.write_text(f"{file.read_text()}\n## By hand\n\n" + "\n\n".join(copies) + "\n\n- My own.\n")


def _undone_and_rejected(world: World) -> None:
    world.undo("a")
    world.reject("a")


GONE: dict[str, Callable[[World], None]] = {
    "undone": lambda world: world.undo("a"),
    "undone and rejected": _undone_and_rejected,
    "superseded": lambda world: approve(world, "b", "I learned about pebbles.", supersedes=act(world, "a")),
    "retracted": lambda world: approve(world, "b", "It was wrong.", retracts=act(world, "a")),
}


@pytest.mark.parametrize("how", GONE)
def test_copies_by_hand_of_what_was_taken_back_are_said_by_no_reader(world: World, how: str) -> None:
    approve(world, "z", "I learned something else.")
    approve(world, "a", SECRET)
    copy_by_hand(world, "a")
    assert set(saying(world)) == set(answers(world)) - {"context of a source"}
    GONE[how](world)
    assert any(b"marbles" in text for text in world.record().values()), "the person's lines stay in the files"
    allowed = {"undone": WAITS, "undone and rejected": {"context of a source", "hints", "what became of it"}}
    assert set(saying(world)) <= allowed.get(how, set())
    known = snapshot.snapshot(world.root, "alex").record
    assert "marbles" not in str([known.dimensions(), known.skills, known.evidence, known.identity])
    assert [e.text for e in known.knowledge].count("My own.") == 1
    assert "something else" in str(known.evidence)
    assert "- My own." in known.identity


@pytest.mark.parametrize("how", ["undone", "superseded", "retracted"])
def test_copies_are_said_again_once_the_entry_stands_again(world: World, how: str) -> None:
    approve(world, "a", SECRET)
    copy_by_hand(world, "a")
    before = answers(world)["export"].count("marbles")
    GONE[how](world)
    assert "export" not in saying(world)
    world.approve("a") if how == "undone" else world.undo("b")
    assert answers(world)["export"].count("marbles") == before


def test_of_lines_of_one_id_those_of_an_entry_that_stands_are_said(world: World) -> None:
    approve(world, "a", SECRET)
    approve(world, "l", "I learned why: they are blue.", link_to_evidence_id="a")
    named = act(world, "a")
    file = world.place.home / "self-knowledge.md"
    file.write_text(f"{file.read_text()}\n- Marbles, many marbles \u2014 {named}\n- • {SECRET} \u2014 {named}\n")
    approve(world, "b", "It was wrong.", retracts=named)
    assert saying(world) == []
    assert "record" in saying(world, "they are blue")
    file.write_text(file.read_text().replace("they are blue", "they are very blue"))
    assert "Ferdinand" not in answers(world)["record"], "the entry's own words"
    assert "record" in saying(world, "very blue"), "whose line it is cannot be told"


def test_a_copy_of_what_came_with_the_record_and_was_retracted_is_not_said(world: World) -> None:
    line = f"- • {SECRET} \u2014 ACT-0007"
    (world.place.home / "self-knowledge.md").write_text(f"# K\n\n{line}\n- • Frogs jump. \u2014 ACT-0008\n")
    (world.place.home / "self-evidence.md").write_text(
        f"# E\n\n- ACT-0007 \u2014 {SECRET} \u2014 2026-01-01 \u2014 THINK\n"
    )
    approve(world, "b", "It was wrong.", retracts="ACT-0007")
    assert saying(world) == []
    file = world.place.home / "self-curiosity.md"
    file.write_text(f"{file.read_text()}\n{line}\n- • Toads too. \u2014 ACT-0009\n")
    assert saying(world) == []
    taken = snapshot.snapshot(world.root, "alex")
    assert "marbles" in str(rebuild.as_of(taken, 0).record.knowledge), "it stood then"
    assert rebuild.as_of(taken, 1).size == taken.size
    assert "record" in saying(world, "Frogs")
    assert "record" in saying(world, "Toads")


@pytest.mark.parametrize("how", ["undone", "superseded", "retracted"])
def test_wherever_the_daemon_stops_copies_are_said_until_the_receipt_is_there_and_no_longer(
    tmp_path: Path, root: Root, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    first = World(root)
    approve(first, "z", "I learned something else.")
    approve(first, "a", SECRET)
    copy_by_hand(first, "a")
    first.reconciler.close()
    stopped = 0
    for at in range(300):
        shutil.copytree(root.path, tmp_path / str(at))
        world = World(Root(tmp_path / str(at)))
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "calls", Dying(at, _CHANGES))
            try:
                GONE[how](world)
                survived = True
            except Killed:
                survived = False
        taken = snapshot.snapshot(world.root, "alex")
        said = json.dumps([record.record(taken).as_json(), export.export(taken).as_json()])
        is_gone = world.receipts()[-1]["action"] == "undone" or len(world.receipts()) == 3
        stopped += is_gone and not survived
        assert ("marbles" in said) is not is_gone, f"stopped at call {at}"
        world.reconciler.close()
        shutil.rmtree(tmp_path / str(at))
        if survived:
            break
    assert stopped > 3


#: The calls that a kill may come before.
_CHANGES = ("write", "rename", "exchange", "unlink")


def _retracted(world: World) -> None:
    approve(world, "r", "No marbles at all.", retracts=act(world, "a"))


@pytest.mark.parametrize("then", [lambda world: None, _retracted], ids=["approved", "retracted"])
def test_from_the_moment_its_receipt_is_there_nobody_says_it_wherever_the_daemon_stops(
    tmp_path: Path, root: Root, monkeypatch: pytest.MonkeyPatch, then: Callable[[World], None]
) -> None:
    first = World(root)
    approve(first, "z", "I learned something else.")
    approve(first, "a", SECRET)
    approve(first, "l", "I learned why.", link_to_evidence_id="a")
    then(first)
    first.reconciler.close()
    stopped = 0
    for at in range(200):
        shutil.copytree(root.path, tmp_path / str(at))
        world = World(Root(tmp_path / str(at)))
        (world.place.undo / "forget.md").write_text('---\nforget: "a"\n---\n')
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "calls", Dying(at, _CHANGES))
            try:
                world.reconcile()
                survived = True
            except Killed:
                survived = False
        if world.receipts()[-1]["action"] == "forgotten":
            stopped += not survived
            assert saying(world) == [], f"stopped at call {at}"
            taken = snapshot.snapshot(world.root, "alex")
            assert "marbles" not in str([*taken.texts.values(), *(r.as_json() for r in taken.receipts())])
            assert b"marbles" not in b"".join(taken.lines())
            assert "I learned why." in taken.texts["self-knowledge.md"]
        world.reconciler.close()
        shutil.rmtree(tmp_path / str(at))
        if survived:
            break
    assert stopped > 3
