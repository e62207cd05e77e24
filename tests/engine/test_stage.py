"""The stage pass: drops -> gate -> cards (contract: "A drop", "The gate"; promises 1, 2, 9)."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path

import pytest
from recursion_gate.core import model
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.disk import atomic
from recursion_gate.engine import decide, user_state
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.service.once import once
from recursion_gate.store import gate, index, ledger

from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def test_a_json_drop_is_staged_and_has_a_card(world: World) -> None:
    world.drop("quiz.json", {"text": "I learned why the moon changes.", "skill_tag": "think"})
    world.reconcile()
    (candidate,) = world.gate()
    assert candidate["raw_text"] == "I learned why the moon changes."
    assert (candidate["skill_tag"], candidate["suggested_ix_section"], candidate["mind_category"]) == (
        "THINK",
        "IX-A",
        "knowledge",
    )
    assert (candidate["status"], candidate["source"]) == ("pending", "quiz.json")
    assert world.names() == []
    assert len(world.names("pending")) == 1


@pytest.mark.parametrize(
    ("name", "data", "texts"),
    [
        ("a.txt", "Two lines\nof text.\n", ["Two lines\nof text."]),
        ("a.md", "---\nskill_tag: WORK\n---\n\nBuilt a box.\n", ["Built a box."]),
        ("a.MD", "No front matter at all.", ["No front matter at all."]),
        ("a.jsonl", '{"text": "One."}\n\n{"text": "Two."}\n', ["One.", "Two."]),
        ("a.json", b'\xef\xbb\xbf{"raw_text": "With a byte order mark."}', ["With a byte order mark."]),
    ],
)
def test_every_form_of_drop_is_staged(world: World, name: str, data: str | bytes, texts: list[str]) -> None:
    world.drop(name, data)
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == texts
    assert world.names() == []


def test_the_gate_is_indented_by_two_and_newest_last(world: World) -> None:
    for number in range(3):
        path = world.drop(f"{number}.json", {"id": f"c{number}", "text": f"Number {number}."})
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    world.reconcile()
    text = world.place.gate.read_text()
    assert world.gate_ids() == ["c0", "c1", "c2"]
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def test_the_same_drop_twice_is_staged_once(world: World) -> None:
    drop = {"id": "once", "text": "Said once."}
    world.drop("a.json", drop)
    world.reconcile()
    world.drop("b.json", drop)
    world.reconcile()
    assert world.gate_ids() == ["once"]
    assert world.names() == world.names("problems") == []


def test_a_decided_candidate_is_not_staged_again(world: World) -> None:
    world.stage("old", "Done.")
    world.approve("old")
    world.drop("again.json", {"id": "old", "raw_text": "Done."})
    world.reconcile()
    assert world.gate() == []
    assert world.names() == world.names("problems") == []


def test_another_text_under_a_taken_id_is_refused(world: World) -> None:
    world.stage("mine", "The first.")
    world.drop("b.json", {"id": "mine", "text": "Another one."})
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == ["The first."]
    assert "the id 'mine' is taken" in world.why("b.json")


def test_jsonl_is_staged_as_a_whole_or_not_at_all(world: World) -> None:
    world.drop("a.jsonl", '{"text": "Good."}\n{"txt": "Bad."}\n')
    world.reconcile()
    assert world.gate() == []
    assert "line 2: unknown field 'txt'; did you mean 'text'?" in world.why("a.jsonl")


BAD: list[tuple[str, bytes, str]] = [
    ("typo.json", b'{"raw_text": "x", "skilltag": "WORK"}', "unknown field 'skilltag'; did you mean 'skill_tag'?"),
    ("cut.json", b'{"raw_text": "x', "it ends in the middle"),
    ("path.json", b'{"raw_text": "x", "id": "../../etc/passwd"}', "id must be 1 to 128 letters"),
    ("empty.json", b"", "the file is empty"),
    ("nothing.json", b'{"raw_text": "  "}', "raw_text is empty"),
    ("list.json", b'["x"]', "one JSON object is expected"),
    ("decided.json", b'{"raw_text": "x", "status": "approved"}', 'status may only be "pending"'),
    ("latin.txt", b"caf\xe9 noir", "not UTF-8"),
    ("wide.txt", "x".encode("utf-16"), "UTF-16"),
    ("nul.txt", b"a\0b", "NUL"),
    ("nan.json", b'{"raw_text": "x", "meta": {"n": NaN}}', "NaN"),
    ("huge.json", b'{"raw_text": "x", "meta": {"n": 1e400}}', "too large"),
    ("twice.json", b'{"raw_text": "x", "raw_text": "y"}', "given twice"),
    ("half.json", b'{"raw_text": "\\ud800"}', "half a character"),
    ("deep.json", b'{"raw_text": "x", "meta": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ("bomb.md", b"---\na: &a [x]\nb: *a\n---\ntext\n", "anchors"),
    ("picture.png", b"\x89PNG", "only .json, .jsonl, .md and .txt"),
    ("noending", b"text", "only .json, .jsonl, .md and .txt"),
    ("big.txt", b"x" * 1_000_001, "the most allowed is 1,000,000"),
]


@pytest.mark.parametrize(("name", "data", "why"), BAD, ids=[name for name, _, _ in BAD])
def test_bad_input_is_refused_with_a_reason(world: World, name: str, data: bytes, why: str) -> None:
    world.settings = Settings(settle_seconds=0.0, patience_seconds=0.0, unknown_ending_seconds=0.0)
    world.restart()
    world.drop(name, data)
    world.drop("good.json", {"id": "good", "text": "This one is fine."})
    world.reconcile()
    assert world.gate_ids() == ["good"]
    assert world.names("problems") == sorted([name, f"{name}.why.txt"])
    assert (world.place.problems / name).read_bytes() == data
    note = world.why(name)
    assert why in note
    assert "What to do:" in note


IGNORED = (
    ".hidden x.tmp X.TMP x.part x.json~ .x.json.swp x.crdownload .goutputstream-AB12 .syncthing.x.tmp "
    ".DS_Store Thumbs.db desktop.ini x.json:Zone.Identifier ~$notes.md .~lock.notes.md# x.LCK x.json.lock"
)


@pytest.mark.parametrize("name", IGNORED.split())
def test_what_a_file_manager_leaves_is_ignored(world: World, name: str) -> None:
    world.drop(name, b"anything")
    world.reconcile()
    assert world.names() == [name]
    assert world.names("problems") == []


def test_links_pipes_sockets_and_folders_are_refused_not_followed(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"text": "Not for the inbox."}')
    inbox = world.place.inbox
    (inbox / "link.json").symlink_to(secret)
    os.mkfifo(inbox / "pipe.json")
    (inbox / "folder.json").mkdir()
    (inbox / "folder.json" / "inside.json").write_text('{"text": "Inside."}')
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(inbox / "socket.json"))
    world.reconcile()
    assert world.gate() == []
    assert secret.read_text() == '{"text": "Not for the inbox."}'
    for name, word in [("link", "symbolic link"), ("pipe", "pipe"), ("folder", "folder"), ("socket", "socket")]:
        assert f"this is a {word}" in world.why(f"{name}.json")
    assert (world.place.problems / "folder.json" / "inside.json").exists()


NAMES = [
    "new\nline.json",
    "emoji \N{DRAGON}.json",
    "right\u202eto left.json",
    "x" * 250 + ".json",
    "-rf.json",
    "a b'c\".json",
]


@pytest.mark.parametrize("name", NAMES, ids=["newline", "emoji", "direction", "255 bytes", "dash", "quotes"])
def test_any_file_name_is_staged_or_refused(world: World, name: str) -> None:
    world.settings = Settings(settle_seconds=0.0)
    world.restart()
    world.drop(name, {"text": "Fine."})
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == ["Fine."]
    world.drop(name, {"tex": "Not fine."})
    world.reconcile()
    assert len(world.names("problems")) == 2
    assert world.names() == []


def test_a_name_that_is_not_utf8_is_staged(world: World) -> None:
    path = os.fsencode(world.place.inbox) + b"/caf\xe9.json"
    with open(path, "wb") as file:
        file.write(b'{"text": "Fine."}')
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == ["Fine."]


def test_two_refused_files_of_one_name_are_both_kept(root: Root) -> None:
    world = World(root, Settings(unknown_ending_seconds=0.0))
    for text in ("one", "two"):
        world.drop("x.png", text)
        world.reconcile()
    assert world.names("problems") == ["x-2.png", "x-2.png.why.txt", "x.png", "x.png.why.txt"]


def test_a_file_that_is_still_written_is_neither_staged_nor_refused(world: World) -> None:
    path = world.place.inbox / "slow.json"
    with open(path, "wb") as file:
        file.write(b'{"raw_text": "A slow')
        file.flush()
        world.drop("quick.json", {"id": "quick", "text": "Not held up."})
        outcome = world.reconcile()
        assert world.gate_ids() == ["quick"]
        assert world.names() == ["slow.json"]
        assert outcome.due is not None
        file.write(b' writer."}')
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == ["Not held up.", "A slow writer."]


def test_a_drop_at_a_full_gate_waits_in_refused_with_the_remedy(root: Root) -> None:
    world = World(root, Settings(max_pending=2))
    for number in range(3):
        world.drop(f"{number}.json", {"id": f"c{number}", "text": "x"})
    world.reconcile()
    assert len(world.gate()) == 2
    assert "the gate is full" in world.why(world.names("problems")[0])


def test_a_turn_stages_at_most_max_per_turn(root: Root) -> None:
    world = World(root, Settings(max_per_turn=4))
    for number in range(10):
        world.drop(f"{number}.json", {"text": f"Number {number}."})
    assert world.reconciler.reconcile("alex").more
    assert len(world.gate()) == 4
    world.reconcile()
    assert len(world.gate()) == 10


def test_unfinished_files_do_not_use_up_the_turns_of_those_behind_them(root: Root) -> None:
    world = World(root, Settings(max_per_turn=3))
    files = []
    for number in range(7):
        file = open(world.place.inbox / f"{number}.txt", "w")  # noqa: SIM115
        file.write("half")
        file.flush()
        files.append(file)
    path = world.drop("whole.json", {"id": "whole", "text": "x"})
    os.utime(path, (4_000_000_000, 4_000_000_000))  # the newest of all
    world.reconcile()
    assert world.gate_ids() == ["whole"]
    for file in files:
        file.close()


def test_a_reason_never_takes_the_place_of_a_refused_file_that_is_called_like_it(world: World) -> None:
    world.drop("typo.json.why.txt", "\x00 mine")
    world.reconcile()
    world.drop("typo.json", {"raw_text": "x", "skilltag": "THINK"})
    world.reconcile()
    assert (world.place.problems / "typo.json.why.txt").read_text() == "\x00 mine"
    assert "skilltag" in world.why("typo-2.json")


def test_a_name_that_was_refused_often_is_not_counted_through(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(root, Settings(unknown_ending_seconds=0.0))
    world.reconcile()
    for number in range(1, 400):
        name = "x.png" if number == 1 else f"x-{number}.png"
        (world.place.problems / name).write_text("x")
        (world.place.problems / f"{name}.why.txt").write_text("x")
    looks = []
    real = os.lstat
    monkeypatch.setattr(os, "lstat", lambda path, **more: looks.append(str(path)) or real(path, **more))  # type: ignore[func-returns-value]
    world.drop("x.png", "x")
    world.reconcile()
    assert "x-400.png" in world.names("problems")
    assert sum("/problems/" in path for path in looks) < 60


def test_a_staged_drop_that_cannot_be_removed_stops_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sticky(atomic.Calls):
        def rename_new(self, old: str, new: str) -> None:  # who may not remove a file may not rename it either
            if old.endswith("stuck.json"):
                raise OSError(errno.EPERM, "Operation not permitted", old)
            super().rename_new(old, new)

    monkeypatch.setattr(atomic, "calls", Sticky())
    world.drop("stuck.json", {"id": "a", "text": "Stays."})
    world.reconcile()
    world.drop("b.json", {"id": "b", "text": "Goes on."})
    world.reconcile()
    assert world.reconciler.problems == {}
    assert (world.gate_ids(), world.names()) == (["a", "b"], ["stuck.json"])
    assert len(world.names("pending")) == 2


def test_a_thousand_cards_that_want_one_name_each_get_their_own(root: Root) -> None:
    world = World(root)
    ids = [f"cand-{number}-aaaaaaa" for number in range(1_010)]
    for part, some in enumerate((ids[:600], ids[600:])):
        world.drop(f"{part}.jsonl", "\n".join(json.dumps({"id": i, "text": "The same."}) for i in some))
    world.reconcile()
    assert world.reconciler.problems == {}
    assert len(world.names("pending")) == len(ids)


def test_all_missing_cards_are_created_by_one_run_of_once(root: Root) -> None:
    world = World(root)
    world.drop("all.jsonl", "\n".join(json.dumps({"id": f"c{n}", "text": f"Thing {n}."}) for n in range(5)))
    world.reconcile()
    for card in world.place.pending.iterdir():
        card.unlink()
    once(root, Settings(max_per_turn=1))
    assert len(world.names("pending")) == 5


def test_drops_that_are_known_are_taken_away_at_once_so_that_a_daemon_that_is_killed_again_and_again_gets_on(
    root: Root,
) -> None:
    world = World(root, Settings(max_per_turn=2))
    for number in range(10):
        world.drop(f"{number}.json", {"id": f"c{number}", "text": "One of many."})
    left = []
    for _ in range(8):  # each is killed after two turns
        reconciler = Reconciler(root, world.settings)
        reconciler.reconcile("alex")
        reconciler.reconcile("alex")
        left.append(len(world.names()))
    assert left[-1] == 0
    assert len(world.gate_ids()) == 10


def _only_two_characters(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Ids are told apart by two characters of their digest only; gives two that have the same."""
    for module in (model, gate, index, ledger, decide, user_state):
        monkeypatch.setattr(module, "id_hash", lambda i: model.short_hash(i.encode(), 2))
    seen: dict[str, str] = {}
    for number in range(10_000):
        other = seen.setdefault(model.id_hash(f"c{number}"), f"c{number}")
        if other != f"c{number}":
            return other, f"c{number}"
    raise AssertionError


@pytest.mark.parametrize("then", ["waits", "approved", "rejected", "approved, and the index is gone"])
def test_what_would_share_an_act_id_is_not_staged(world: World, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    first, second = _only_two_characters(monkeypatch)
    world.stage(first)
    if then.startswith("approved"):
        world.approve(first)
    elif then == "rejected":
        world.reject(first)
    if then.endswith("gone"):
        world.reconciler.close()
        world.root.index.unlink(missing_ok=True)
        world.restart()
    world.drop("second.json", {"id": second, "raw_text": "Looked at the sun."})
    world.reconcile()
    assert second not in world.gate_ids()
    assert f"the id '{second}' gives the same ACT id as '{first}'" in world.why("second.json")


def test_two_of_one_file_that_would_share_an_act_id_are_not_staged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = _only_two_characters(monkeypatch)
    world.drop("both.jsonl", f'{{"id": "{first}", "text": "One."}}\n{{"id": "{second}", "text": "Two."}}\n')
    world.reconcile()
    assert world.gate() == []
    assert f"gives the same ACT id as '{first}'" in world.why("both.jsonl")


def test_a_drop_that_is_called_like_evidence_is_refused_in_words(world: World) -> None:
    world.drop("x.json", {"id": "ACT-2026-11-24-p436yg2x1bp436yg", "raw_text": "Looked at the moon."})
    world.reconcile()
    assert world.gate() == []
    assert "id must not begin with 'ACT-': that is how evidence is called" in world.why("x.json")


def test_the_wrong_value_stands_in_the_reason_and_in_no_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "recursion_gate")
    world.drop("bad.json", {"text": "I drew.", "skill_tag": "Zeppelin"})
    world.reconcile()
    assert "skill_tag must be THINK, WRITE, WORK or STEWARD; found 'Zeppelin'\n" in world.why("bad.json")
    assert "skill_tag must be" in caplog.text
    assert "Zeppelin" not in caplog.text
