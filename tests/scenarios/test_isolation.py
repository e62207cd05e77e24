"""Users are isolated: nothing that one user's agents drop touches, delays or stops another's (promise 8)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recursion_gate.admin.setup import add_user
from recursion_gate.clients.stage import NoInbox, stage
from recursion_gate.core.errors import GateError
from recursion_gate.core.paths import Place, Root, valid_user
from recursion_gate.core.settings import Settings
from recursion_gate.engine.reconcile import Outcome, Reconciler
from recursion_gate.service.run_queue import RunQueue

from ..support.roots import installed
from ..support.world import World

#: Names that would lead elsewhere, or hide, or look like another.
TRICKS = ["..", ".", "../bob", "a/../bob", "/etc", "bob/", "bob\0", "bob\n", "", " bob", "-rf", "_template", ".bob",
          "bob.\u202e", "b\u0308ob", "a" * 65, "~", "$HOME", "inbox\\bob", "bob:x"]  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return installed(tmp_path / "root", "alex", "bob")


def everything(folder: Path, but: str) -> dict[str, bytes | None]:
    """All that stands at `folder`, but one user's part, and what the daemon keeps for itself."""
    return {
        str(path): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in sorted(folder.rglob("*"))
        if but not in path.parts and ".daemon" not in path.parts
    }


def test_no_name_of_a_user_leads_elsewhere(root: Root) -> None:
    before = everything(root.path.parent, but="nothing")
    reconciler = Reconciler(root, Settings())
    for name in TRICKS:
        assert not valid_user(name), ascii(name)
        with pytest.raises(GateError):
            add_user(root, name)
        with pytest.raises((NoInbox, ValueError)):
            stage("x", user=name, root=root.path)
        assert reconciler.reconcile(name).due is None
    assert everything(root.path.parent, but="nothing") == before


def test_no_field_of_a_drop_leads_elsewhere(root: Root) -> None:
    world, before = World(root), everything(root.path.parent, but="alex")
    values = [*TRICKS, "bob/recursion-gate.json", "CON", "merge-receipts.jsonl", "x" * 129]
    for field in ("id", "link_to_evidence_id", "source_id", "topic", "source"):
        for number, value in enumerate(values):
            world.drop(f"{field}-{number}.json", {"raw_text": "x", field: value})
    world.reconcile()
    assert set(world.gate_ids()) >= {"CON", "merge-receipts.jsonl"}
    cards = list(world.place.pending.iterdir())
    for card in cards:
        card.rename(world.place.approved / card.name)
    world.reconcile()
    assert len(world.receipts()) + len(world.gate()) == len(cards)
    assert "alex" not in world.reconciler.problems
    assert everything(root.path.parent, but="alex") == before


def test_no_name_of_a_drop_or_card_leads_elsewhere(root: Root) -> None:
    world, before = World(root), everything(root.path.parent, but="alex")
    names = ["-rf.json", "a\nb.json", "self.md", "recursion-gate.json", "$(id).json", "x" * 250 + ".json",
             "\u202enosj.json", "receipts%2f..%2fbob.json", "merge-receipts.json", "2026-11.json"]  # fmt: skip
    for name in names:
        world.drop(name, '{"raw_text": "x"}' if name.endswith(".json") else "x")
    world.reconcile()
    cards = sorted(world.place.pending.iterdir())
    assert len(cards) + len([n for n in world.names("problems") if not n.endswith(".why.txt")]) == len(names)
    for card, name in zip(cards, names, strict=False):
        card.rename(world.place.approved / name)
    world.reconcile()
    assert world.gate() == []
    assert everything(root.path.parent, but="alex") == before


def test_links_between_users_are_not_followed(root: Root) -> None:
    alex, bob = root.place("alex"), root.place("bob")
    world, before = World(root), everything(root.path, but="alex")
    alex.inbox.joinpath("gate.json").symlink_to(bob.gate)
    alex.inbox.joinpath("record.md").symlink_to(bob.home / "self.md")
    alex.inbox.joinpath("folder.json").symlink_to(bob.home, target_is_directory=True)
    alex.approved.joinpath("card.md").symlink_to(bob.home / "self.md")
    world.reconcile()
    assert everything(root.path, but="alex") == before
    assert len([p for p in alex.problems.iterdir() if p.is_symlink()]) == 4
    assert world.gate() == []


def test_a_user_that_is_a_link_to_another_is_none(root: Root) -> None:
    (root.homes / "eve").symlink_to(root.homes / "bob", target_is_directory=True)
    (root.inbox / "eve").symlink_to(root.inbox / "bob", target_is_directory=True)
    assert root.users() == ["alex", "bob"]
    assert root.inboxes() == ["alex", "bob"]


def test_the_same_id_is_another_candidate_for_another_user(root: Root) -> None:
    worlds = [World(root, user=user) for user in ("alex", "bob")]
    for world in worlds:
        world.drop("same.json", {"id": "same", "raw_text": f"Of {world.user}."})
        world.reconcile()
    worlds[0].card("same").rename(worlds[0].place.approved / "card.md")
    worlds[0].reconcile()
    assert worlds[0].gate() == []
    assert [c["raw_text"] for c in worlds[1].gate()] == ["Of bob."]


def test_a_flood_for_one_user_lets_another_users_single_drop_through_at_its_next_turn(root: Root) -> None:
    alex, bob = root.place("alex"), root.place("bob")
    for number in range(3_000):
        (alex.inbox / f"{number}.json").write_bytes(b'{"raw_text": "One of many.", "id": "n%d"}' % number)
    run_queue = RunQueue(Reconciler(root, Settings(max_per_turn=50)))
    run_queue.add("alex")
    for _ in range(3):  # it has begun
        run_queue.run_next()
    (bob.inbox / "one.json").write_text('{"raw_text": "The only one.", "id": "one"}')
    run_queue.add("bob")
    took = 0
    while not _ids(bob):
        run_queue.run_next()
        took += 1
    assert took == 1
    assert len(_ids(alex)) <= 50 * (3 + took)
    while run_queue:
        run_queue.run_next()
    assert _ids(alex) == {f"n{number}" for number in range(3_000)}


def test_a_drop_is_taken_in_before_all_other_users_have_been_looked_at(root: Root) -> None:
    users = [f"user{number}" for number in range(30)]
    for user in users:
        add_user(root, user)
    run_queue = RunQueue(Reconciler(root, Settings()))
    for user in users:
        run_queue.add(user)
    last = root.place(users[-1])
    (last.inbox / "one.json").write_text('{"raw_text": "The only one.", "id": "one"}')
    run_queue.add(last.user, called=True)
    run_queue.run_next()
    assert _ids(last) == {"one"}


def test_users_to_whom_something_happens_all_the_time_do_not_keep_the_look_from_going_on(root: Root) -> None:
    users = [f"user{number}" for number in range(30)]
    for user in users:
        add_user(root, user)
    looked_at: list[str] = []

    class Noting(Reconciler):
        def reconcile(self, user: str) -> Outcome:
            looked_at.append(user)
            return super().reconcile(user)

    run_queue = RunQueue(Noting(root, Settings()))
    for user in users:
        run_queue.add(user)
    for _ in range(60):
        for busy in ("alex", "bob"):
            run_queue.add(busy, called=True)
        run_queue.run_next()
    assert [u for u in looked_at if u in users] == users


def _ids(place: Place) -> set[str]:
    return {c["id"] for c in json.loads(place.gate.read_bytes())} if place.gate.exists() else set()


@pytest.mark.parametrize("broken", ["gate", "ledger", "record"])
def test_what_parks_one_user_does_not_hold_up_another(root: Root, broken: str) -> None:
    alex, bob = World(root), World(root, user="bob")
    bob.reconciler = alex.reconciler
    alex.stage("one")
    if broken == "record":
        (alex.place.home / "self-evidence.md").write_bytes(b"\xff\xfe not text")
    else:
        {"gate": alex.place.gate, "ledger": alex.place.ledger}[broken].write_bytes(b"{torn\n")
    alex.card("one").rename(alex.place.approved / "one.md")
    alex.reconcile()
    assert "alex" in alex.reconciler.problems
    bob.stage("two").rename(bob.place.approved / "two.md")
    bob.reconcile()
    assert bob.gate() == []
    assert "bob" not in bob.reconciler.problems
    assert alex.place.approved.joinpath("one.md").exists()
