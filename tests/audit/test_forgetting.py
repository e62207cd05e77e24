"""What was erased was forgotten, and what was forgotten is erased; and every change of a byte in such receipts is
found."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from recursion_gate.core.model import Candidate, act_id
from recursion_gate.core.paths import Root
from recursion_gate.core.receipt import erase
from recursion_gate.disk import atomic

from ..support.audited import codes, faults, look
from ..support.roots import make_root
from ..support.world import World

SECRET = "My brother Ferdinand is afraid of the cellar."


def _act(world: World, candidate_id: str) -> str:
    staged = [r["candidate"] for r in world.receipts() if r["candidate_id"] == candidate_id and "candidate" in r]
    return act_id(Candidate.model_validate(staged[0]))


def _undo(world: World, candidate_id: str) -> None:
    (world.place.undo / "undo.md").write_text(f'---\nid: "{candidate_id}"\n---\n')
    world.reconcile()


def _forget(world: World, candidate_id: str) -> None:
    (world.place.undo / "forget.md").write_text(f'---\nforget: "{candidate_id}"\n---\n')
    world.reconcile()


def _approve(world: World, candidate_id: str, text: str, **fields: str) -> None:
    world.stage(candidate_id, text, **fields)
    world.approve(candidate_id)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, dict[str, bytes]]:
    """Every kind of receipt: approved, rejected, undone, corrected, retracted, some of each forgotten. And the
    receipts as they were before the last entry was forgotten."""
    world = World(make_root(tmp_path_factory.mktemp("lived") / "root", "alex"))
    for number, secret in enumerate(("Looked at owls.", SECRET)):
        for name, verb in (("a", "learned"), ("c", "saw"), ("r", "heard")):
            _approve(world, f"{name}{number}", f"I {verb}: {secret}")
        _approve(world, f"cc{number}", f"Now I know better {number}.", supersedes=_act(world, f"c{number}"))
        _approve(world, f"rr{number}", f"No {secret}", retracts=_act(world, f"r{number}"))
        world.stage(f"n{number}", f"Never: {secret}")
        world.reject(f"n{number}")
        _undo(world, f"a{number}")
        world.approve(f"a{number}")
    _undo(world, "cc0")
    whole = {"before": world.place.ledger.read_bytes()}
    for name in ("a1", "c1", "r1", "n1"):
        _forget(world, name)
    _undo(world, "cc1")
    world.reconciler.close()
    return world.root, whole


@pytest.fixture
def world(lived: tuple[Root, dict[str, bytes]], tmp_path: Path) -> World:
    shutil.copytree(lived[0].path, tmp_path / "root")
    return World(Root(tmp_path / "root"))


def test_it_holds_with_every_kind_of_receipt(world: World) -> None:
    assert codes(look(world).findings) == []
    assert SECRET not in world.place.ledger.read_text()
    assert sum("erased" in r for r in world.receipts()) >= 8


def test_each_of_1000_random_changes_of_one_byte_is_found(world: World) -> None:
    data = world.place.ledger.read_bytes()
    choose = random.Random(20261126)
    missed = []
    for _ in range(1000):
        at, byte = choose.randrange(len(data)), choose.randrange(256)
        if data[at] == byte:
            byte ^= 1 << choose.randrange(8)
        world.place.ledger.write_bytes(data[:at] + bytes([byte]) + data[at + 1 :])
        if look(world).holds:
            missed.append((at, byte))
    assert missed == []


def test_each_byte_taken_out_put_in_or_moved_is_found(world: World) -> None:
    """In the paddings, the digests and the salts, too."""
    data = world.place.ledger.read_bytes()
    choose = random.Random(8)
    words = (b'"padding":"', b'"entry":"', b'"old":"', b'"bytes":', b'"salt":"', b'"old_salt":"')
    spots = [at + len(w) + n for w in words for at in _all(data, w) for n in (0, 1, 5)]
    missed = []
    for at in [*choose.sample(spots, min(100, len(spots))), *(choose.randrange(len(data)) for _ in range(100))]:
        inserted = bytes([choose.randrange(256)])
        for spoilt in (
            data[:at] + data[at + 1 :],
            data[:at] + inserted + data[at:],
            data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
            data[:at] + b" " + data[at:],
        ):
            world.place.ledger.write_bytes(spoilt)
            if spoilt != data and look(world).holds:
                missed.append((at, spoilt[at - 20 : at + 20]))
    assert missed == []


def _all(data: bytes, word: bytes) -> list[int]:
    found, at = [], data.find(word)
    while at >= 0:
        found.append(at)
        at = data.find(word, at + 1)
    return found


def _line_of(world: World, fits: Callable[[dict[str, object]], bool]) -> tuple[list[bytes], int]:
    lines = world.place.ledger.read_bytes().splitlines(keepends=True)
    return lines, next(n for n, line in enumerate(lines) if fits(json.loads(line)))


@pytest.mark.parametrize("which", ["a0", "n0", "rr0", "cc0"])
def test_a_text_that_somebody_erases_without_forgetting_is_found(world: World, which: str) -> None:
    """The chain does not tell: its digests are as they were."""
    lines, at = _line_of(world, lambda r: r["candidate_id"] == which)
    erased = erase(lines[at].rstrip(b"\n"), entry=True)
    world.place.ledger.write_bytes(b"".join([*lines[:at], erased + b"\n", *lines[at + 1 :]]))
    assert "erased-not-forgotten" in faults(look(world))


def test_what_a_correction_took_out_erased_without_forgetting_is_found(world: World) -> None:
    lines, at = _line_of(world, lambda r: r["candidate_id"] == "cc0" and "old" in r)
    erased = erase(lines[at].rstrip(b"\n"), old=True)
    world.place.ledger.write_bytes(b"".join([*lines[:at], erased + b"\n", *lines[at + 1 :]]))
    assert "erased-not-forgotten" in faults(look(world))


@pytest.mark.parametrize("field", ["entry", "old"])
def test_a_digest_in_the_place_of_an_erased_text_cannot_be_exchanged(world: World, field: str) -> None:
    lines, at = _line_of(world, lambda r: field in (r.get("erased") or {}))  # type: ignore[operator]
    digest = json.loads(lines[at])["erased"][field].encode()
    changed = lines[at].replace(digest, digest[::-1])
    world.place.ledger.write_bytes(b"".join([*lines[:at], changed, *lines[at + 1 :]]))
    assert faults(look(world)) == ["receipt-changed"]


def test_an_older_copy_of_the_receipts_line_by_line_is_found(
    world: World, lived: tuple[Root, dict[str, bytes]]
) -> None:
    """Whoever puts the forgotten texts back into the receipts keeps the chain; but they were forgotten."""
    before = lived[1]["before"]
    world.place.ledger.write_bytes(before + world.place.ledger.read_bytes()[len(before) :])
    assert faults(look(world)) == ["forgetting-not-finished"]
    for name in ("a1", "c1", "r1", "n1"):
        _forget(world, name)
    assert faults(look(world)) == []
    assert SECRET not in world.place.ledger.read_text()


class _Stop(BaseException):
    pass


def test_forgetting_that_a_stop_cut_short_is_a_note(world: World) -> None:
    class Stops(atomic.Calls):
        def rename(self, old: str, new: str) -> None:
            if new == str(world.place.ledger):
                raise _Stop
            super().rename(old, new)

    atomic.calls = Stops()
    try:
        with pytest.raises(_Stop):
            _forget(world, "a0")
    finally:
        atomic.calls = atomic.Calls()
    proof = look(world)
    assert (faults(proof), codes([f for f in proof.findings if f.severity == "note"])) == ([], ["forgetting"])
    world.restart()
    world.reconcile()
    assert codes(look(world).findings) == []
    assert "I learned: Looked at owls." not in world.place.ledger.read_text()


def test_a_damaged_name_of_an_entry_ends_neither_verify_nor_the_daemon(world: World) -> None:
    data = world.place.ledger.read_bytes()
    at = data.index(b'"supersedes":"ACT-') + 20
    world.place.ledger.write_bytes(data[:at] + b"\xc9" + data[at + 1 :])
    assert "receipt-unreadable" in faults(look(world))
    for path in world.root.daemon.glob("decided.sqlite*"):
        path.unlink()
    world.stage("later", "I learned one more thing.")
    assert "internal" not in str(world.reconciler.problems)
