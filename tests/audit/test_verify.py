"""`verify` on what the daemon and honest people leave, at rest and while it works; what a look may not do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.audit import verify as verify_module
from recursion_gate.audit.anchors import anchors_in
from recursion_gate.audit.findings import Finding
from recursion_gate.audit.verify import verify
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.doctor import doctor

from ..support.audited import EVIDENCE, KNOWLEDGE, Stop, StopsAt, faults, look
from ..support.daemon import Daemon
from ..support.roots import add_user as add_bare_user
from ..support.world import World, tree, wait_for


def test_what_only_the_daemon_wrote_holds_without_a_word(world: World) -> None:
    proof = look(world)
    assert proof.findings == []
    assert proof.as_json() == {
        "holds": True,
        "user": "alex",
        "receipts": 8,
        "approved": 6,
        "rejected": 2,
        "undone": 0,
        "forgotten": 0,
        "lines": sum(len(lines) for r in world.receipts() for lines in r["lines"].values()) - 2,  # a heading was made
        "pending": 2,
        "seq": 8,
        "head": world.receipts()[-1]["hash"],
    }


def test_a_root_without_a_decision_holds(root: Root) -> None:
    (proof,) = verify(root, ["alex"])
    assert proof.findings == []
    assert (proof.receipts, proof.pending, proof.seq) == (0, 0, 0)


def test_a_decision_on_nothing_but_rejections_holds(root: Root) -> None:
    world = World(root)
    world.stage("dull")
    world.reject("dull")
    assert look(world).findings == []


def test_verify_cannot_write() -> None:
    told = "import sys, recursion_gate.audit.verify; sys.exit('recursion_gate.disk.atomic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0


def test_verify_and_doctor_leave_every_byte_and_time_as_it_was(world: World) -> None:
    def state() -> Any:
        files = tree(world.root.path, without=())
        return files, {name: os.stat(world.root.path / name).st_mtime_ns for name in files}

    before = state()
    verify(world.root, world.root.users())
    doctor(world.root)
    assert state() == before


def test_progress_grows_to_the_whole(world: World) -> None:
    add_bare_user(world.root, "bo")
    told: list[tuple[int, int]] = []
    verify(world.root, ["alex", "bo"], progress=lambda done, total: told.append((done, total)))
    size = world.place.ledger.stat().st_size
    assert {total for _, total in told} == {size}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (size, size)


def test_what_is_wrong_with_one_user_is_said_of_that_user_alone(world: World) -> None:
    other = add_bare_user(world.root, "bo")
    other.gate.write_text("{")
    proofs = verify(world.root, ["alex", "bo"])
    assert [(p.user, p.holds) for p in proofs] == [("alex", True), ("bo", False)]


@pytest.mark.parametrize("at", range(17))
def test_a_merge_at_any_moment_of_a_look_is_not_worth_a_word(
    world: World, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The daemon merges and rejects, stages and merges what is new, right before the look opens its file number `at`.
    The order of reading alone must be enough: it is not looked at again."""
    world.stage("now", "Learned it just now.")
    world.move(world.card("now"), "approved")
    world.move(world.card("waits-2"), "rejected")
    plain = os.open
    opened = 0

    def open_and_work(path: Any, flags: int, *args: Any, **more: Any) -> int:
        nonlocal opened
        opened += 1
        if opened == at + 1:
            monkeypatch.undo()
            world.reconcile()
            world.stage("newer", "Learned it even later.")
            world.approve("newer")
            world.stage("newest", "Learned it last.")
        return plain(path, flags, *args, **more)

    monkeypatch.setattr(verify_module, "_LOOKS", 1)
    monkeypatch.setattr(os, "open", open_and_work)
    proof = look(world)
    assert opened > at, "the look opens fewer files than this"
    assert proof.findings == []
    monkeypatch.undo()
    assert look(world).findings == []


@pytest.mark.parametrize("at", range(16))
def test_a_merge_that_is_finished_at_any_moment_of_a_look_makes_no_fault(
    world: World, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The same of a merge whose receipt was there before the look, and its lines were not."""
    monkeypatch.setattr(atomic, "calls", StopsAt(EVIDENCE))
    with pytest.raises(Stop):
        world.approve("waits-1")
    monkeypatch.undo()
    world.restart()
    plain = os.open
    opened = 0

    def open_and_finish(path: Any, flags: int, *args: Any, **more: Any) -> int:
        nonlocal opened
        opened += 1
        if opened == at + 1:
            monkeypatch.undo()
            world.reconcile()
        return plain(path, flags, *args, **more)

    monkeypatch.setattr(verify_module, "_LOOKS", 1)
    monkeypatch.setattr(os, "open", open_and_finish)
    proof = look(world)
    assert opened > at, "the look opens fewer files than this"
    assert faults(proof) == []
    monkeypatch.undo()
    assert look(world).findings == []


def test_a_file_that_an_editor_is_just_saving_is_looked_at_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.place.home / KNOWLEDGE
    data = path.read_bytes()
    plain = os.open
    told = []

    def open_while_saving(name: Any, flags: int, *args: Any, **more: Any) -> int:
        told.append(os.path.basename(name))
        if told.count(KNOWLEDGE) == 1:  # empty when it is read for the first time, whole before the next file is
            path.write_bytes(b"" if told[-1] == KNOWLEDGE else data)
        return plain(name, flags, *args, **more)

    monkeypatch.setattr(os, "open", open_while_saving)
    assert look(world).findings == []
    assert told.count(KNOWLEDGE) == 2


def test_no_look_finds_a_fault_while_the_daemon_works(world: World) -> None:
    ids = [f"live-{n}" for n in range(120)]
    found: list[Finding] = []
    looks = 0
    done = threading.Event()

    def audit() -> None:
        nonlocal looks
        while not done.is_set():
            found.extend(f for f in look(world).findings if f.severity != "note")
            looks += 1

    with Daemon(world.root):
        auditor = threading.Thread(target=audit)
        auditor.start()
        try:
            for start in range(0, len(ids), 20):
                some = ids[start : start + 20]
                for name in some:
                    world.drop(f"{name}.json", {"id": name, "raw_text": f"Learned {name}."})
                wait_for(lambda: len(names := world.names("pending")) == 2 + 20 and names[0][0] != ".")
                for name in some:
                    world.move(world.card(name), "rejected" if name.endswith("7") else "approved")
            wait_for(lambda: len(world.receipts()) == 8 + len(ids))
            wait_for(lambda: looks > 20)
        finally:
            done.set()
            auditor.join()
    assert found == []
    assert look(world).findings == []


def test_a_head_is_read_in_each_form_it_may_be_given() -> None:
    digest = "0a" * 32
    (bare,) = anchors_in(digest)
    (named,) = anchors_in(f"alex:{digest}\n")
    (printed,) = anchors_in(f"# kept on paper\n\nalex 12 {digest}\n")
    assert [(a.hash, a.user, a.seq) for a in (bare, named, printed)] == [
        (digest, None, None),
        (digest, "alex", None),
        (digest, "alex", 12),
    ]
    for wrong in ("", "# nothing\n", digest[:-1], f"alex x {digest}", f"alex {digest}"):
        with pytest.raises(ValueError):
            anchors_in(wrong)


def test_each_code_of_verify_stands_in_the_docs_and_no_other() -> None:
    package, docs = Path(verify_module.__file__).parent, Path(__file__).parents[2] / "docs" / "verify.md"
    source = "".join(path.read_text() for path in package.glob("*.py") if path.stem != "findings")
    said = re.findall(
        r'"(?:fault|edit|note)",\s*"([a-z-]+)"|_fault\(\s*"([a-z-]+)"|\bcode(?:, \w+)? = "([a-z-]+)"', source
    )
    table = docs.read_text().split("## What it finds")[1].split("\n\n")[1]
    told = [code for row in table.splitlines()[2:] for code in re.findall(r"`([a-z-]+)`", row.split("|")[1])]
    assert sorted({next(filter(None, found)) for found in said}) == sorted(told)
