"""`verify` on what the daemon and honest people leave, at rest and while it works; `doctor`, check by check."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.admin.setup import add_user, make_root
from recursion_gate.audit import verify as verify_module
from recursion_gate.audit.claims import ids_at_the_ends
from recursion_gate.audit.findings import Finding, Findings
from recursion_gate.audit.verify import anchors_in, verify
from recursion_gate.core.paths import Root
from recursion_gate.core.text import numbers
from recursion_gate.disk import atomic
from recursion_gate.disk.lock import hold
from recursion_gate.disk.mounts import kind_at
from recursion_gate.doctor import CHECKS, USER_CHECKS, doctor, mend

from ..conftest import add_user as add_bare_user
from ..support.audited import SEED, build, codes, copy, faults, look
from ..support.daemon import Daemon
from ..support.world import World, tree, wait_for


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Root:
    return build(tmp_path_factory.mktemp("whole") / "root")


@pytest.fixture
def world(whole: Root, tmp_path: Path) -> World:
    return copy(whole, tmp_path / "root")


def edit(world: World, file: str, change: Callable[[str], str]) -> None:
    path = world.place.home / file
    before = path.read_bytes().decode()
    after = change(before)
    assert after != before
    path.write_bytes(after.encode())


# -- verify: what holds ----------------------------------------------------------------------------------------------


def test_what_only_the_daemon_wrote_holds_without_a_word(world: World) -> None:
    proof = look(world)
    assert proof.findings == []
    assert proof.as_json() == {
        "holds": True,
        "user": "alex",
        "receipts": 8,
        "approved": 6,
        "rejected": 2,
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


def _as_nobody(work: Callable[[], Any], uid: int = 65534) -> Any:
    """What `work` gives, as JSON, when an account without any rights of its own does it."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(write, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        told = file.read()
    os.waitpid(child, 0)
    return json.loads(told)


as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become another account"
)


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
        assert _as_nobody(lambda: [verified(), diagnosed()]) == [[], []]
        world.place.inbox.chmod(0o700)  # as for a reader: users/ and receipts/, and nothing else
        unseen = [["note", "not-looked-at", "inbox/alex"]]
        assert _as_nobody(lambda: [verified(), diagnosed()]) == [["cards-not-seen"], unseen]
        world.place.ledger.chmod(0o600)
        assert _as_nobody(verified) == ["not-looked-at"]
        assert ["note", "not-looked-at", "receipts/alex/merge-receipts.jsonl"] in _as_nobody(diagnosed)


#: What doctor says of every root that a test has made and no daemon works at.
_AS_IT_IS = {"daemon-not-running", "no-template", "one-account"}


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


# -- verify: a person's own edits ------------------------------------------------------------------------------------

KNOWLEDGE, EVIDENCE = "self-knowledge.md", "self-evidence.md"
CRANES = "Learned how cranes fly south."


def _read(world: World) -> tuple[str, str]:
    """The line about the cranes, and its ACT id."""
    receipt = world.receipts()[0]
    return receipt["lines"][KNOWLEDGE][0], receipt["evidence_id"]


EDITS: dict[str, tuple[str, Callable[[str, str, str], str], str]] = {
    "prose added": (KNOWLEDGE, lambda text, line, act: text + "\nMore of this soon.\n", "lines-added"),
    "an item added": (KNOWLEDGE, lambda text, line, act: text + "- • by hand\n", "lines-added"),
    "an id named in prose": (KNOWLEDGE, lambda text, line, act: text + f"\nSee {act} for the start.\n", "lines-added"),
    "an id named inside an item": (
        KNOWLEDGE,
        lambda text, line, act: text + f"- see {act}, it was fun\n",
        "lines-added",
    ),
    "a seed line taken out": (
        KNOWLEDGE,
        lambda text, line, act: text.replace("- • a seed line\n", ""),
        "lines-removed",
    ),
    "a seed line changed": (KNOWLEDGE, lambda text, line, act: text.replace("a seed line", "a seed"), "lines-removed"),
    "a seed line with an ACT id changed": (
        EVIDENCE,
        lambda text, line, act: text.replace("Came with the folder", "Was there"),
        "lines-removed",
    ),
    "a seed line with an ACT id repeated": (EVIDENCE, lambda text, line, act: f"{text}\n{SEED}\n", "lines-added"),
    "an approved line corrected": (KNOWLEDGE, lambda text, line, act: text.replace("cranes", "storks"), "line-changed"),
    "an approved line given a tick box": (
        KNOWLEDGE,
        lambda text, line, act: text.replace("- • L", "- [x] L"),
        "line-changed",
    ),
    "an approved line taken out, with a word in its place": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(line, f"<!-- {act} taken out -->"),
        "line-changed",
    ),
    "blanks put behind an approved line": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(line, line + "  "),
        "line-changed",
    ),
    "an approved line broken in two": (
        KNOWLEDGE,
        lambda text, line, act: text.replace("cranes fly", "cranes\n  fly"),
        "line-changed",
    ),
    "an evidence line broken in two": (
        EVIDENCE,
        lambda text, line, act: text.replace("cranes fly", "cranes\n  fly"),
        "line-changed",
    ),
    "a remark below an approved line": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(line, f"{line}\n  (on page 3)"),
        "lines-added",
    ),
    "a remark below an evidence line": (
        EVIDENCE,
        lambda text, line, act: re.sub(rf"(- {act} .*\n)", r"\1Near the lake.\n", text),
        "line-changed",
    ),
    "the id of an approved line made bold": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(act, f"**{act}**"),
        "line-changed",
    ),
    "the date and the skill of evidence changed": (
        EVIDENCE,
        lambda text, line, act: re.sub(rf"(- {act} .*) — .* — THINK\n", r"\1 — 1999-12-31 — WORK\n", text),
        "line-changed",
    ),
    "all the text of an approved line replaced": (
        KNOWLEDGE,
        lambda text, line, act: text.replace("Learned how cranes fly south.", "Owns the moon."),
        "line-changed",
    ),
    "a comment around an approved line": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(line, f"<!--\n{line}\n-->"),
        "lines-added",
    ),
    "a heading that a merge made renamed": (
        "self-curiosity.md",
        lambda text, line, act: text.replace("## Interests", "## Interests of mine"),
        "lines-removed",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_by_hand_is_told_apart_and_is_no_fault(world: World, name: str) -> None:
    file, change, code = EDITS[name]
    line, act = _read(world)
    edit(world, file, lambda text: change(text, line, act))
    proof = look(world)
    assert proof.holds
    assert code in codes(proof.findings)
    assert {f.severity for f in proof.findings} == {"edit"}


SAME = {
    "blank lines": lambda text: text.replace("\n", "\n\n"),
    "line ends of another system": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: "\ufeff" + text,
    "no line end at the end": lambda text: text.rstrip("\n"),
    "sections in another order": lambda text: "\n".join(reversed(text.split("\n"))),
}


@pytest.mark.parametrize("name", SAME)
def test_what_changes_no_line_is_not_worth_a_word(world: World, name: str) -> None:
    edit(world, KNOWLEDGE, SAME[name])
    assert look(world).findings == []


def test_a_line_moved_to_another_file_by_hand_is_an_edit(world: World) -> None:
    line, _ = _read(world)
    edit(world, KNOWLEDGE, lambda text: text.replace(line + "\n", ""))
    edit(world, "self.md", lambda text: text + line + "\n")
    (finding,) = look(world).findings
    assert (finding.severity, finding.code, finding.path) == ("edit", "line-moved", "users/alex/self.md")


def test_what_stood_there_before_the_first_receipt_is_seed_whatever_it_looks_like(root: Root) -> None:
    world = World(root)
    edit(world, EVIDENCE, lambda text: text + "- ACT-2025-02-02-0002 — By another tool. — 2025-02-02 — WORK\n")
    (finding,) = look(world).findings  # so far nothing tells where it comes from
    assert (finding.severity, finding.code, finding.path) == ("edit", "entries-unproved", "users/alex")
    assert "1 entry looks approved (self-evidence.md)" in finding.problem
    assert "it becomes a seed line" in finding.problem
    world.stage("one")
    world.approve("one")
    assert look(world).findings == []


WRAPPED = "- • Came with the folder,\n  from another program — ACT-2025-02-02-0002\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Came with", "Stood in"),
        ("another program", "a friend"),
        (",\n  from another program", ""),
        ("0002\n", "0002\n" + WRAPPED),
        ("program — ACT-2025-02-02-0002", "program"),
        (WRAPPED, ""),
    ],
)
def test_a_seed_entry_over_two_lines_may_be_edited_as_any_other(root: Root, old: str, new: str) -> None:
    world = World(root)
    path = world.place.home / KNOWLEDGE
    path.write_text(path.read_text() + WRAPPED)
    world.stage("one")
    world.approve("one")
    assert look(world).findings == []
    edit(world, KNOWLEDGE, lambda text: text.replace(old, new))
    assert {f.severity for f in look(world).findings} == {"edit"}


def test_lines_of_the_same_text_and_evidence_are_counted_not_just_looked_for(world: World) -> None:
    for name in ("again-1", "again-2"):
        world.stage(name, "Understood the water cycle.", link_to_evidence_id="quiz")
    world.approve("again-1")
    world.approve("again-2")
    assert look(world).findings == []
    line = world.receipts()[-1]["lines"][KNOWLEDGE][0]
    edit(world, KNOWLEDGE, lambda text: text.replace(line + "\n", "", 1))
    edit(world, KNOWLEDGE, lambda text: text.replace(line + "\n", "", 1))
    assert faults(look(world)) == ["line-missing"]


@pytest.mark.parametrize(
    ("line", "looks"),
    [
        ("- ACT-2026-11-24-abc — Did it. — 2026-11-24 — THINK", True),
        ("- • Did it. — ACT-2026-11-24-abc", True),
        ("  * Did it (ACT-2026-11-24-abc).", True),
        ("| ACT-0001 | Did it |", True),
        ("| 1 | ACT-0001 | Did it |", True),
        ("| 1 | see ACT-0001 for more | Did it |", False),
        ("> - Did it — ACT-0001", True),
        ("> Did it — ACT-0001", False),
        ("- do I still like ACT-0001?", False),
        ("- <!-- ACT-0001 taken out -->", False),
        ("3. **ACT-0001** did it", True),
        ("Did it. — ACT-2026-11-24-abc", False),
        ("- see ACT-2026-11-24-abc, it was fun", False),
        ("## ACT-0001", False),
        ("<!-- ACT-0001 taken out -->", False),
        ("- • Did it.", False),
        ("", False),
        ("- x" + "ACT-a" * 100_000 + " x", False),  # and in no time
    ],
)
def test_what_a_reader_takes_for_an_approved_entry(line: str, looks: bool) -> None:
    assert bool(ids_at_the_ends(line)) is looks


# -- verify: after a stop --------------------------------------------------------------------------------------------


class _Stop(BaseException):
    """As if the process had been killed."""


class _StopsAt(atomic.Calls):
    """Stops before the rename that puts `name` in place."""

    def __init__(self, name: str) -> None:
        self._name = name

    def rename(self, old: str, new: str) -> None:
        if os.path.basename(new) == self._name:
            raise _Stop
        super().rename(old, new)

    def exchange(self, old: str, new: str) -> None:
        if os.path.basename(new) == self._name:
            raise _Stop
        super().exchange(old, new)


@pytest.mark.parametrize(
    "name", ["self-evidence.md", "self-knowledge.md", "self-skill-think.md", "recursion-gate.json"]
)
def test_a_merge_that_was_cut_short_is_a_note_until_the_daemon_has_finished_it(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(atomic, "calls", _StopsAt(name))
    with pytest.raises(_Stop):
        world.approve("waits-1", "waits-2")
    monkeypatch.undo()
    (finding,) = look(world).findings
    assert (finding.severity, finding.code) == ("note", "unfinished")
    assert "receipts 9 and 10" in finding.problem
    world.restart()
    world.keep()
    assert look(world).findings == []


@pytest.mark.parametrize("rest", [0, 1, 2])
def test_an_append_that_was_cut_short_is_a_note_until_the_daemon_has_mended_it(world: World, rest: int) -> None:
    """Cut anywhere, of two receipts in one append."""
    gate, ledger = world.place.gate.read_bytes(), world.place.ledger.read_bytes()
    before = world.record()
    world.approve("waits-1", "waits-2")
    appended = world.place.ledger.read_bytes()[len(ledger) :]
    for name, data in before.items():
        (world.place.home / name).write_bytes(data)
    world.place.gate.write_bytes(gate)
    shutil.rmtree(world.place.month(world.receipts()[-1]["merged_at"]))
    for size in range(1 + rest, len(appended), 97):
        world.place.ledger.write_bytes(ledger + appended[:size])
        proof = look(world)
        assert proof.holds, (size, proof.findings)
        assert set(codes(proof.findings)) <= {"append-cut-short", "unfinished", "card-missing"}
        assert appended[:size].endswith(b"\n") or "append-cut-short" in codes(proof.findings)


def test_what_a_changed_last_byte_leaves_is_no_append_that_was_cut_short(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "calls", _StopsAt("self-evidence.md"))
    with pytest.raises(_Stop):
        world.approve("waits-1")
    data = world.place.ledger.read_bytes()
    for last in (b" ", b"x", b"\r"):
        world.place.ledger.write_bytes(data[:-1] + last)
        assert faults(look(world)) == ["receipt-unreadable"]


def test_a_hole_that_a_power_cut_left_in_an_append_is_a_note_until_the_daemon_has_mended_it(world: World) -> None:
    gate, ledger = world.place.gate.read_bytes(), world.place.ledger.read_bytes()
    before = world.record()
    world.approve("waits-1", "waits-2")
    appended = world.place.ledger.read_bytes()[len(ledger) :]
    for name, data in before.items():
        (world.place.home / name).write_bytes(data)
    world.place.gate.write_bytes(gate)
    shutil.rmtree(world.place.month(world.receipts()[-1]["merged_at"]))
    hole = bytes(512)
    for at in (0, 100, len(appended) - 512):
        world.place.ledger.write_bytes(ledger + appended[:at] + hole + appended[at + 512 :])
        proof = look(world)
        assert proof.holds
        assert "append-cut-short" in codes(proof.findings)
    world.restart()
    world.keep()
    assert look(world).findings == []
    world.place.ledger.write_bytes(hole + ledger[512:])  # the same among receipts that were long on the disk
    assert "receipt-unreadable" in faults(look(world))


# -- verify: gate and cards ------------------------------------------------------------------------------------------


def test_an_older_gate_that_was_put_back_is_found(world: World) -> None:
    older = world.place.gate.read_bytes()
    world.approve("waits-1")
    world.stage("new")
    world.reject("new")
    world.place.gate.write_bytes(older)
    proof = look(world)
    assert faults(proof) == ["gate-decided"]
    assert "receipt 9" in proof.findings[0].problem
    world.restart()
    world.keep()
    assert look(world).findings == []


def test_a_gate_that_does_not_parse_is_found_and_the_rest_is_still_proven(world: World) -> None:
    world.place.gate.write_text('[{"id": "x"')
    proof = look(world)
    assert faults(proof) == ["gate-unreadable"]
    assert (proof.receipts, proof.pending) == (8, None)


def test_an_id_twice_at_the_gate_is_found(world: World) -> None:
    gate = world.gate()
    world.place.gate.write_text(json.dumps([*gate, gate[0]]))
    assert faults(look(world)) == ["gate-id-twice"]


def test_cards_that_are_gone_or_too_many_are_notes(world: World) -> None:
    world.card("waits-1").unlink()
    (world.place.pending / "notes.md").write_text("My notes.\n")
    proof = look(world)
    assert proof.holds
    assert codes(proof.findings) == ["card-extra", "card-missing"]
    assert {f.severity for f in proof.findings} == {"note"}


def test_a_card_that_is_decided_but_not_yet_carried_out_is_not_missing(world: World) -> None:
    world.move(world.card("waits-1"), "approved")
    assert look(world).findings == []


def test_a_persons_own_file_among_the_decided_cards_is_not_worth_a_word(world: World) -> None:
    month = next(world.place.receipts.glob("2*-*"))
    (month / "README.md").write_text("Read these again in spring.\n")
    card = next(month.glob("*cranes*"))
    shutil.copy(card, month / "a copy.md")
    card.unlink()
    assert look(world).findings == []


def test_what_is_not_a_plain_file_is_said_and_not_opened(world: World) -> None:
    for path in (world.place.gate, world.place.home / KNOWLEDGE):
        kept = path.rename(path.with_suffix(".kept"))
        os.mkfifo(path)
        assert not look(world).holds
        path.unlink()
        kept.rename(path)
    assert look(world).findings == []


# -- verify: while others write --------------------------------------------------------------------------------------


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
            world.keep()
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
    monkeypatch.setattr(atomic, "calls", _StopsAt(EVIDENCE))
    with pytest.raises(_Stop):
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
            world.keep()
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


# -- anchors and findings --------------------------------------------------------------------------------------------


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


def test_findings_of_one_sort_about_one_file_are_counted_beyond_a_hundred() -> None:
    found = Findings(most=3)
    for line in range(1, 11):
        found.add(Finding("edit", "sort", "file", "so", line=line))
    found.add(Finding("fault", "other", "file", "so"))
    listed = found.listed()
    assert [f.line for f in listed] == [None, 1, 2, 3, None]
    assert listed[0].severity == "fault"
    assert "7 more" in listed[-1].problem


def test_each_code_of_verify_stands_in_the_docs_and_no_other() -> None:
    package, docs = Path(verify_module.__file__).parent, Path(__file__).parents[2] / "docs" / "verify.md"
    source = "".join((package / f"{name}.py").read_text() for name in ("verify", "record_lines", "chain", "card_check"))
    said = re.findall(
        r'"(?:fault|edit|note)",\s*"([a-z-]+)"|_fault\(\s*"([a-z-]+)"|\bcode(?:, \w+)? = "([a-z-]+)"', source
    )
    table = docs.read_text().split("## What it finds")[1].split("\n\n")[1]
    told = [code for row in table.splitlines()[2:] for code in re.findall(r"`([a-z-]+)`", row.split("|")[1])]
    assert sorted({next(filter(None, found)) for found in said}) == sorted(told)


def test_numbers_read_as_a_sentence() -> None:
    assert numbers([3]) == "3"
    assert numbers([4, 3, 3]) == "3 and 4"
    assert numbers([1, 2, 3]) == "1, 2 and 3"
    assert numbers(range(1, 15), most=3) == "1, 2, 3 and 11 more"


# -- doctor ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def healthy(tmp_path: Path) -> Root:
    root = Root(tmp_path / "root")
    make_root(root)
    add_user(root, "alex")
    return root


def found(root: Root, code: str) -> Finding:
    these = [f for f in doctor(root) if f.code == code]
    assert len(these) == 1, (code, codes(doctor(root)))
    return these[0]


def test_a_new_root_has_nothing_to_be_done(healthy: Root) -> None:
    assert {f.severity for f in doctor(healthy)} <= {"note"}
    assert codes(doctor(healthy)) == ["daemon-not-running", "one-account"]


def test_every_check_says_what_it_is_for() -> None:
    for check in (*CHECKS, *USER_CHECKS):
        assert check.__doc__


def test_the_doctor_tells_that_one_account_for_all_is_only_a_convention(healthy: Root) -> None:
    finding = found(healthy, "one-account")
    assert finding.severity == "note"
    assert "convention" in finding.problem
    healthy.place("alex").inbox.chmod(0o1777)
    assert "one-account" not in codes(doctor(healthy))


def test_a_folder_that_is_missing_is_named_and_made_with_fix(healthy: Root) -> None:
    place = healthy.place("alex")
    for folder in (place.approved, place.receipts):
        folder.rmdir()
    missing = [f for f in doctor(healthy) if f.code == "folder-missing"]
    assert [f.path for f in missing] == ["inbox/alex/approved", "receipts/alex"]
    assert mend(doctor(healthy)) == missing
    assert place.approved.is_dir()
    assert "folder-missing" not in codes(doctor(healthy))


def test_something_else_where_a_folder_should_be_is_named_and_left_alone(healthy: Root) -> None:
    place = healthy.place("alex")
    place.approved.rmdir()
    place.approved.write_text("a file")
    place.rejected.rmdir()
    place.rejected.symlink_to(place.pending)
    assert found(healthy, "not-a-folder").path == "inbox/alex/approved"
    assert found(healthy, "folder-is-link").path == "inbox/alex/rejected"
    assert mend(doctor(healthy)) == []


def test_a_root_without_users_is_told_how_to_add_one(tmp_path: Path) -> None:
    root = Root(tmp_path / "root")
    make_root(root)
    assert "recursion-gate user add" in found(root, "no-users").remedy


def test_a_bare_folder_is_told_what_is_missing(tmp_path: Path) -> None:
    assert [f.path for f in doctor(Root(tmp_path)) if f.code == "folder-missing"] == ["inbox", "users", "receipts"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("bo", "recursion-gate user add bo"), ("Alex", "inbox/alex/"), ("my inbox", "Rename")],
)
def test_an_inbox_of_nobody_is_told_what_to_do(healthy: Root, name: str, remedy: str) -> None:
    (healthy.inbox / name).mkdir()
    (healthy.inbox / name / "drop.json").write_text("{}")
    finding = found(healthy, "unknown-user")
    assert remedy in finding.remedy
    assert "1 file" in finding.problem


def test_a_drop_beside_the_users_folders_is_named(healthy: Root) -> None:
    (healthy.inbox / "README.md").write_text("Drop into a user's folder.")
    (healthy.inbox / "lost.json").write_text("{}")
    assert found(healthy, "stray-drop").path == "inbox/lost.json"


def test_a_name_that_no_user_can_have_and_a_link_for_a_user_are_named(healthy: Root) -> None:
    (healthy.homes / "my user").mkdir()
    (healthy.homes / "link").symlink_to(healthy.homes / "alex")
    assert found(healthy, "bad-user-name").path == "users/my user"
    assert found(healthy, "folder-is-link").path == "users/link"


def test_receipts_of_a_user_who_is_gone_are_a_note(healthy: Root) -> None:
    (healthy.receipts / "gone").mkdir()
    assert found(healthy, "receipts-of-nobody").severity == "note"


def test_settings_that_cannot_be_used_are_a_fault(healthy: Root) -> None:
    healthy.settings.write_text("grace_second = 3\n")
    finding = found(healthy, "settings-bad")
    assert "did you mean 'grace_seconds'" in finding.problem


def test_a_daemon_that_does_not_run_matters_when_something_waits(healthy: Root) -> None:
    assert found(healthy, "daemon-not-running").severity == "note"
    (healthy.place("alex").inbox / "drop.json").write_text("{}")
    finding = found(healthy, "daemon-not-running")
    assert finding.severity == "warning"
    assert "1 file waits" in finding.problem


def test_what_the_daemon_says_of_itself_is_passed_on(healthy: Root) -> None:
    said = {
        "pid": os.getpid(),
        "seen": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
        "version": "0.0.1",
        "watching": "polling",
        "why": "no file events (no space left on device); raise the limit",
        "trouble": "inbox: input/output error",
        "parked": {"alex": "receipts/alex: disk quota exceeded"},
    }
    with hold(healthy):
        assert "daemon-not-running" not in codes(doctor(healthy))
        healthy.status.write_text(json.dumps(said))
        assert {"daemon-silent", "daemon-old", "polling", "root-away", "parked"} <= set(codes(doctor(healthy)))
    assert "parked" not in codes(doctor(healthy))  # it does not run any more


def test_what_waits_long_for_a_daemon_that_runs_is_named(healthy: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    place = healthy.place("alex")
    drop = place.inbox / "drop.json"
    drop.write_text("{}")
    drop.chmod(0o600)
    (place.approved / "card.md").write_text("card")
    with hold(healthy):
        assert "drop-waits" not in codes(doctor(healthy))
        later = datetime.now(UTC) + timedelta(hours=1)  # nobody can set a file's ctime back
        monkeypatch.setattr("recursion_gate.doctor.context.datetime", _Fixed(later))
        assert "chmod 644" in found(healthy, "drop-waits").remedy
        assert found(healthy, "decision-waits").path == "inbox/alex/approved/card.md"


class _Fixed:
    """A clock that stands."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self, tz: object = None) -> datetime:
        return self._moment


def test_a_gate_that_does_not_parse_or_names_an_id_twice_is_a_fault(world: World) -> None:
    gate = world.gate()
    world.place.gate.write_text(json.dumps([*gate, gate[1]]))
    assert "waits-2" in found(world.root, "gate-id-twice").problem
    world.place.gate.write_text("[")
    assert found(world.root, "gate-unreadable").severity == "fault"


def test_a_full_gate_is_named(world: World) -> None:
    world.root.settings.write_text("max_pending = 2\n")
    assert "max_pending" in found(world.root, "gate-full").remedy


def test_a_candidate_and_a_decision_from_the_future_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stage("late", created_at="2999-01-01T00:00:00Z")
    assert "late" in found(world.root, "future-created").problem
    monkeypatch.setenv("RECURSION_GATE_NOW", "2998-01-01T00:00:00+00:00")
    world.reject("late")
    assert "2998" in found(world.root, "clock-went-back").problem


def test_receipts_that_are_none_and_a_missing_baseline_are_faults(world: World) -> None:
    world.place.baseline.unlink()
    assert found(world.root, "baseline-missing").severity == "fault"
    world.place.ledger.write_bytes(world.place.ledger.read_bytes() + b"{}\n")
    assert found(world.root, "receipt-unreadable").severity == "fault"
    world.place.ledger.unlink()
    world.place.ledger.symlink_to(world.place.gate)
    assert "not a link" in found(world.root, "unreadable").remedy


@pytest.mark.parametrize(
    ("data", "code", "severity"),
    [
        (None, "record-missing", "note"),
        (b"# Knowledge\n", "heading-missing", "note"),
        (b"# Knowledge\n\xff\n", "record-unreadable", "fault"),
        (b"# Knowledge\n\0\n", "record-unreadable", "fault"),
    ],
)
def test_a_record_file_that_the_daemon_cannot_merge_into_is_named(
    healthy: Root, data: bytes | None, code: str, severity: str
) -> None:
    path = healthy.place("alex").home / KNOWLEDGE
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    finding = found(healthy, code)
    assert (finding.severity, finding.path) == (severity, "users/alex/self-knowledge.md")


def test_a_record_file_that_is_a_link_is_a_fault(healthy: Root) -> None:
    path = healthy.place("alex").home / KNOWLEDGE
    path.unlink()
    path.symlink_to("self.md")
    assert "symbolic link" in found(healthy, "record-unreadable").problem


def _given_to(path: Path, uid: int) -> None:
    for here, _, names in os.walk(path):
        for name in ("", *names):
            os.chown(os.path.join(here, name), uid, uid)


_DAEMON, _AGENT = 60_001, 60_002


@as_root
@pytest.mark.parametrize("by", [0, _DAEMON])
def test_what_the_daemon_may_not_move_is_named_at_once(whole: Root, by: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        world = copy(whole, Path(folder) / "root")
        _given_to(world.root.path, _DAEMON)
        place = world.place
        place.inbox.chmod(0o1777)
        for name in ("closed", "open", "own"):
            (place.inbox / name).mkdir()
            os.chown(place.inbox / name, _DAEMON if name == "own" else _AGENT, _AGENT)
        (place.inbox / "open").chmod(0o777)
        (place.inbox / ".hidden").mkdir()
        (place.inbox / "drop.json").write_text("{}")
        (place.approved / "card.md").write_text("card")
        os.chown(place.inbox / "drop.json", _AGENT, _AGENT)

        def named() -> list[list[str]]:
            return [[f.path, f.problem] for f in doctor(world.root) if f.code == "cannot-move"]

        def seen() -> Any:
            return _as_nobody(named, by) if by else named()

        told = f"the daemon may not move this folder, which belongs to '{_AGENT}'"
        assert seen() == [["inbox/alex/closed", told]]
        os.chown(place.inbox, _AGENT, _AGENT)  # then the sticky bit is for the daemon, too
        assert [path for path, _ in seen()] == [f"inbox/alex/{name}" for name in ("closed", "drop.json", "open")]
        place.inbox.chmod(0o755)
        told = f"the daemon's account, '{_DAEMON}', may not take anything out of this folder"
        assert seen() == [["inbox/alex", told]]


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
        assert _as_nobody(diagnosed) == ["not-looked-at receipts", "not-looked-at users"]


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


def test_what_was_refused_is_counted_and_the_newest_explained(world: World) -> None:
    world.drop("first.json", {"raw_text": "x", "skilltag": "WORK"})
    world.drop("second.json", "{}")
    world.keep()
    finding = found(world.root, "problems")
    assert "2 files were refused, the last one" in finding.problem
    assert "raw_text is missing" in finding.problem or "did you mean" in finding.problem


def test_what_everybody_may_write_is_named(healthy: Root) -> None:
    place = healthy.place("alex")
    (place.home / KNOWLEDGE).chmod(0o666)
    place.receipts.chmod(0o777)
    named = {f.path for f in doctor(healthy) if f.code == "writable-by-all"}
    assert named == {"users/alex/self-knowledge.md", "receipts/alex"}


def test_a_full_disk_is_named(healthy: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(healthy.path)
    for free, code in ((400_000_000, "disk-nearly-full"), (1_000_000, "disk-full")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage._replace(total=10**12, free=free))
        assert "free" in found(healthy, code).problem


def test_a_small_disk_that_is_nearly_empty_is_not_called_full(healthy: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(healthy.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(total=3_200_000, free=3_000_000))
    assert not {"disk-full", "disk-nearly-full"} & {f.code for f in doctor(healthy)}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(total=3_200_000, free=100_000))
    assert "free" in found(healthy, "disk-full").problem


def test_too_few_watches_are_named_with_the_command(
    healthy: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "max_user_watches"
    limit.write_text("7\n")
    monkeypatch.setattr("recursion_gate.doctor.machine._WATCHES", limit)
    finding = found(healthy, "few-watches")
    assert finding.problem.startswith("7 folders")
    assert "sysctl fs.inotify.max_user_watches=" in finding.remedy
    limit.write_text("1000\n")
    assert "few-watches" not in codes(doctor(healthy))


MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw - nfs4 server:/srv rw
31 22 0:41 / /srv/with\040blank rw - vfat /dev/sdb1 rw
"""


def test_the_file_system_a_root_is_on_is_told_by_the_longest_mount(tmp_path: Path) -> None:
    assert kind_at(Path("/home/alex"), MOUNTS) == "ext4"
    assert kind_at(Path("/srv"), MOUNTS) == "nfs4"
    assert kind_at(Path("/srvother"), MOUNTS) == "ext4"
    assert kind_at(Path("/srv/with blank/root"), MOUNTS) == "vfat"
    assert kind_at(Path("/"), "") is None


@pytest.mark.parametrize(("kind", "code"), [("nfs4", "no-file-events"), ("vfat", "no-hard-links")])
def test_a_file_system_that_lacks_something_is_named(
    healthy: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, code: str
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 8:1 / / rw - {kind} /dev/sda1 rw\n")
    monkeypatch.setattr("recursion_gate.disk.mounts.MOUNTS", mounts)
    assert kind in found(healthy, code).problem


def test_the_doctor_of_one_user_says_nothing_of_others(world: World) -> None:
    other = add_bare_user(world.root, "bo")
    other.gate.write_text("{")
    assert "gate-unreadable" not in codes(doctor(world.root, ["alex"]))
    assert "gate-unreadable" in codes(doctor(world.root, ["bo"]))
