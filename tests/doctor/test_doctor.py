"""`doctor` as a whole: it says all there is to say, once, and nothing of others."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from recursion_gate.core.paths import Root
from recursion_gate.doctor import CHECKS, USER_CHECKS, doctor

from ..support.accounts import as_nobody, as_root
from ..support.audited import EVIDENCE, KNOWLEDGE, codes, copy, edit, look
from ..support.roots import add_user as add_bare_user
from ..support.world import World


def test_a_new_root_has_nothing_to_be_done(healthy: Root) -> None:
    assert {f.severity for f in doctor(healthy)} <= {"note"}
    assert codes(doctor(healthy)) == ["daemon-not-running", "one-account"]


def test_every_check_says_what_it_is_for() -> None:
    for check in (*CHECKS, *USER_CHECKS):
        assert check.__doc__


#: What doctor says of every root that a test has made and no daemon works at.
_AS_IT_IS = {"daemon-not-running", "no-template", "one-account"}


@as_root
def test_verify_and_doctor_need_only_the_right_to_read(whole: Root) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        world = copy(whole, Path(folder) / "root")

        def verified() -> list[str]:
            return codes(look(world).findings)

        def diagnosed() -> list[list[str]]:
            return [[f.severity, f.code, f.path] for f in doctor(world.root) if f.code not in _AS_IT_IS]

        assert (verified(), diagnosed()) == ([], [])
        assert as_nobody(lambda: [verified(), diagnosed()]) == [[], []]
        world.place.inbox.chmod(0o700)  # as for a reader: users/ and receipts/, and nothing else
        unseen = [["note", "not-looked-at", "inbox/alex"]]
        assert as_nobody(lambda: [verified(), diagnosed()]) == [["cards-not-seen"], unseen]
        world.place.ledger.chmod(0o600)
        assert as_nobody(verified) == ["not-looked-at"]
        assert ["note", "not-looked-at", "receipts/alex/merge-receipts.jsonl"] in as_nobody(diagnosed)


@as_root
def test_who_may_not_look_is_told_so_and_not_that_there_is_nothing(whole: Root) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        world = copy(whole, Path(folder) / "root")
        (world.root.inbox / "nobody").mkdir()
        for path in (world.root.homes, world.root.receipts):
            path.chmod(0o700)

        def diagnosed() -> list[str]:
            return sorted(f"{f.code} {f.path}" for f in doctor(world.root) if f.code not in _AS_IT_IS)

        assert diagnosed() == ["unknown-user inbox/nobody"]
        assert as_nobody(diagnosed) == ["not-looked-at receipts", "not-looked-at users"]


def test_the_doctor_says_all_that_verify_finds_once_and_what_to_do(world: World) -> None:
    lines = world.place.ledger.read_bytes().splitlines(keepends=True)
    lines[0] = lines[0].replace(b'"action":"approved"', b'"action":"rejected"')
    world.place.ledger.write_bytes(b"".join(lines))
    edit(world, KNOWLEDGE, lambda text: "\n".join(line for line in text.split("\n") if "ACT-" not in line))
    edit(world, EVIDENCE, lambda text: text + "\nMore of this soon.\n")
    world.place.gate.write_text("[")
    proven = look(world).findings
    assert {"receipt-changed", "line-missing", "lines-added", "gate-unreadable"} <= set(codes(proven))
    said = doctor(world.root)
    assert [(f.code, f.where, f.remedy) for f in proven if f not in said] == []
    assert len({(f.code, f.where) for f in said}) == len(said)
    assert [f.code for f in doctor(world.root, prove=False) if f.code in codes(proven)] == []
    add_bare_user(world.root, "bo")
    assert "receipt-changed" not in codes(doctor(world.root, ["bo"]))


def test_the_doctor_of_one_user_says_nothing_of_others(world: World) -> None:
    other = add_bare_user(world.root, "bo")
    other.gate.write_text("{")
    assert "gate-unreadable" not in codes(doctor(world.root, ["alex"]))
    assert "gate-unreadable" in codes(doctor(world.root, ["bo"]))
