"""The merge pass: what a person's moves do (contract: "A card", "A merge", "A receipt"; promises 2, 3, 7)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest
from recursion_gate.core.model import act_id
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.engine import merge, observe_cards
from recursion_gate.engine.record_files import RecordFiles

from ..support.world import World, wait_for


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def _act(world: World, candidate_id: str) -> str:
    from recursion_gate.core.model import Candidate

    return act_id(Candidate.model_validate(next(c for c in world.gate() if c["id"] == candidate_id)))


def test_an_approval_adds_exactly_the_previewed_lines_each_in_its_section(world: World) -> None:
    before = world.record()
    card = world.stage("moon", "I learned why the moon changes.", created_at="2026-11-24T10:00:00Z")
    act = _act(world, "moon")
    evidence = f"- {act} — I learned why the moon changes. — 2026-11-24 — THINK"
    entry = f"- • I learned why the moon changes. — {act}"
    preview = card.read_text()
    assert preview.count(evidence) == 1
    assert preview.count(entry) == 2
    world.approve("moon")
    after = world.record()
    changed = {"self-evidence.md": evidence, "self-knowledge.md": entry, "self-skill-think.md": entry}
    assert {n for n in after if after[n] != before[n]} == set(changed)
    for name, line in changed.items():
        lines = after[name].decode().splitlines()
        assert lines.count(line) == 1
        lines.remove(line)
        assert lines == before[name].decode().splitlines()
    text = after["self-evidence.md"].decode()
    assert text.index("- a seed line") < text.index(evidence) < text.index("---") < text.index("## Notes")
    (receipt,) = world.receipts()
    assert receipt["lines"] == {n: [line] for n, line in changed.items()}
    assert (receipt["action"], receipt["via"], receipt["evidence_id"], receipt["seq"]) == ("approved", "folder", act, 1)
    assert world.gate() == []
    assert world.names("approved") == world.names("pending") == []
    month = world.place.month(receipt["merged_at"])
    assert [p.read_text() for p in month.iterdir()] == [preview]


def test_a_rejection_leaves_the_record_byte_for_byte(world: World) -> None:
    before = world.record()
    world.stage("no", "Not this.")
    world.reject("no")
    assert world.record() == before
    (receipt,) = world.receipts()
    assert (receipt["action"], receipt["lines"], receipt["evidence_id"]) == ("rejected", {}, None)
    assert receipt["rejected_at"]
    assert world.gate() == []
    assert world.names("rejected") == []


def test_evidence_only_adds_no_line_to_a_dimension(world: World) -> None:
    world.stage("e", "Took part in the fair.", suggested_ix_section=None, skill_tag="STEWARD")
    world.approve("e")
    (receipt,) = world.receipts()
    assert set(receipt["lines"]) == {"self-evidence.md", "self-skill-steward.md"}


def test_an_edited_card_is_merged_as_edited_and_the_receipt_keeps_both(world: World) -> None:
    card = world.stage("e", "I learned about brids.")
    text = card.read_text().replace("I learned about brids.", "I learned about birds.", 1)
    card.write_text(text.replace("suggested_ix_section: IX-A", "suggested_ix_section: IX-B"))
    world.approve("e")
    (receipt,) = world.receipts()
    assert receipt["candidate"]["raw_text"] == "I learned about brids."
    assert receipt["approved"]["raw_text"] == receipt["raw_text"] == "I learned about birds."
    assert (receipt["approved"]["suggested_ix_section"], receipt["approved"]["mind_category"]) == ("IX-B", "curiosity")
    assert world.lines("self-curiosity.md")[-1].startswith("- • I learned about birds.")


def test_a_card_edited_beyond_reading_is_not_merged_and_a_clean_one_comes_back(world: World) -> None:
    before = world.record()
    card = world.stage("b", "Fine.")
    clean = card.read_bytes()
    card.write_text(card.read_text().replace("skill_tag: THINK", "skill_tag: SLEEP"))
    name = card.name
    world.approve("b")
    assert world.record() == before
    assert world.receipts() == []
    assert "skill_tag must be THINK, WRITE, WORK or STEWARD" in world.why(name)
    assert world.card("b").read_bytes() == clean


def test_a_deleted_card_comes_back(world: World) -> None:
    card = world.stage("d")
    data = card.read_bytes()
    card.unlink()
    world.reconcile()
    assert world.card("d").read_bytes() == data
    assert world.receipts() == []


@pytest.mark.parametrize("name", ["{} (1).md", "{} (copy).md", "Copy of {}.md", "{}.sync-conflict-20261124.md", "x.md"])
def test_copies_of_a_card_are_one_decision(world: World, name: str) -> None:
    card = world.stage("c")
    shutil.copy2(card, world.place.approved / name.format(card.stem))
    world.move(card, "approved")
    world.reconcile()
    assert len(world.receipts()) == 1
    assert world.names("approved") == world.names("pending") == []


def test_a_copied_card_decides_and_the_one_left_in_pending_goes(world: World) -> None:
    card = world.stage("c")
    shutil.copy(card, world.place.approved)
    world.reconcile()
    assert len(world.receipts()) == 1
    assert world.names("pending") == world.names("approved") == []


def test_a_card_approved_again_later_changes_nothing(world: World) -> None:
    card = world.stage("c")
    data = card.read_bytes()
    world.approve("c")
    after = world.record()
    (world.place.approved / "again.md").write_bytes(data)
    world.reconcile()
    assert world.record() == after
    assert len(world.receipts()) == 1
    assert world.names("approved") == []


def test_both_folders_at_once_merge_nothing_and_return_with_a_note(world: World) -> None:
    before = world.record()
    card = world.stage("x")
    shutil.copy(card, world.place.rejected)
    world.move(card, "approved")
    world.reconcile()
    assert world.record() == before
    assert world.receipts() == []
    assert "in approved/ and in rejected/ at once" in world.card("x").read_text()
    assert world.names("approved") == world.names("rejected") == []
    world.approve("x")
    assert len(world.receipts()) == 1


def test_a_card_taken_back_in_the_grace_time_is_not_merged(root: Root) -> None:
    world = World(root, Settings(grace_seconds=60))
    card = world.stage("g")
    moved = world.move(card, "approved")
    outcome = world.reconcile()
    assert world.receipts() == []
    assert outcome.due is not None
    assert 0 < outcome.due <= 60
    world.move(moved, "pending")
    world.reconcile()
    assert world.gate_ids() == ["g"]
    assert world.names("approved") == []


def test_what_was_never_staged_is_staged_from_approved_first(world: World) -> None:
    before = world.record()
    world.reconcile()
    (world.place.approved / "new.json").write_text('{"id": "new", "text": "Straight to approved."}')
    world.reconcile()
    assert world.record() == before
    assert world.gate_ids() == ["new"]
    assert world.card("new")
    assert world.names("approved") == []


def test_a_linked_entry_adds_no_second_evidence(world: World) -> None:
    world.stage("quiz", "Quiz on tides, 9 of 10.", suggested_ix_section=None)
    world.stage("tides", "Tides follow the moon.", suggested_ix_section="IX-A", link_to_evidence_id="quiz")
    act = _act(world, "quiz")
    world.approve("quiz")
    world.approve("tides")
    second = world.receipts()[1]
    assert set(second["lines"]) == {"self-knowledge.md", "self-skill-think.md"}
    assert second["evidence_id"] == act
    assert second["lines"]["self-knowledge.md"] == [f"- • Tides follow the moon. — {act}"]


def test_a_linked_entry_waits_for_what_it_links_to(world: World) -> None:
    world.stage("quiz", "Quiz.")
    world.stage("tides", "Tides.", link_to_evidence_id="quiz")
    world.approve("tides")
    assert world.receipts() == []
    assert len(world.names("approved")) == 1
    assert world.reconciler.held() == {"alex": {"tides": "waits until quiz is decided"}}
    world.approve("quiz")
    assert [r["candidate_id"] for r in world.receipts()] == ["quiz", "tides"]


def test_a_linked_entry_goes_second_when_both_are_approved_at_once(world: World) -> None:
    world.stage("quiz", "Quiz.")
    world.stage("tides", "Tides.", link_to_evidence_id="quiz")
    world.move(world.card("tides"), "approved")
    world.move(world.card("quiz"), "approved")
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == ["quiz", "tides"]


def test_a_linked_entry_returns_when_what_it_links_to_is_rejected(world: World) -> None:
    world.stage("quiz", "Quiz.")
    world.stage("tides", "Tides.", link_to_evidence_id="quiz")
    world.approve("tides")
    world.reject("quiz")
    assert [r["candidate_id"] for r in world.receipts()] == ["quiz"]
    assert "the entry it links to (quiz) was rejected" in world.card("tides").read_text()


def test_links_in_a_circle_return_with_a_note(world: World) -> None:
    world.drop(
        "a.jsonl", '{"id":"a","text":"A.","link_to_evidence_id":"b"}\n{"id":"b","text":"B.","link_to_evidence_id":"a"}'
    )
    world.reconcile()
    for which in ("a", "b"):
        world.move(world.card(which), "approved")
    world.reconcile()
    assert world.receipts() == []
    assert "circle" in world.card("a").read_text() + world.card("b").read_text()


def _tick(world: World) -> None:
    """Wait until the file system's clock has moved on: it stamps changes to some milliseconds only."""
    probe = world.root.path / "probe"
    probe.touch()
    before = probe.stat().st_ctime_ns

    def moved_on() -> bool:
        probe.touch()
        return probe.stat().st_ctime_ns > before

    wait_for(moved_on)


def test_decisions_are_carried_out_in_the_order_they_were_made(world: World) -> None:
    ids = [f"c{n}" for n in range(6)]
    for which in ids:
        world.stage(which)
    order = ids[::-1]
    for which in order:
        _tick(world)
        world.move(world.card(which), "approved")
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == order
    assert [r["seq"] for r in world.receipts()] == list(range(1, 7))


def test_one_move_of_many_gives_the_bytes_of_one_at_a_time(
    root: Root, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECURSION_GATE_NOW", "2026-11-24T12:00:00Z")
    worlds = [World(root), World(root, user="sam")]
    from ..support.roots import add_user

    add_user(root, "sam")
    for world in worlds:
        for number in range(12):
            path = world.drop(f"{number}.json", {"id": f"c{number}", "text": f"I love number {number}.", "source": "s"})
            os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
        world.reconcile()
    for number in range(12):
        state = "approved" if number % 3 else "rejected"
        worlds[0].move(worlds[0].card(f"c{number}"), state)
        worlds[1].move(worlds[1].card(f"c{number}"), state)
        worlds[1].reconcile()
    worlds[0].reconcile()
    assert worlds[0].record() == worlds[1].record()
    assert worlds[0].place.gate.read_bytes() == worlds[1].place.gate.read_bytes()
    chains = [[{k: v for k, v in r.items() if k not in ("hash", "prev_hash")} for r in w.receipts()] for w in worlds]
    assert chains[0] == chains[1]


def test_a_persons_own_edits_to_the_record_stay(world: World) -> None:
    path = world.place.home / "self-knowledge.md"
    path.write_bytes(b"# Mine\r\n\r\n## Topics / Understanding\r\n- by hand  \r\n\r\n# After\r\nno newline at the end")
    world.stage("k", "I learned a thing.")
    act = _act(world, "k")
    world.approve("k")
    assert path.read_bytes() == (
        b"# Mine\r\n\r\n## Topics / Understanding\r\n- by hand  \r\n"
        + f"- • I learned a thing. — {act}\r\n".encode()
        + b"\r\n# After\r\nno newline at the end"
    )


def test_a_missing_section_and_a_missing_file_are_made(world: World) -> None:
    (world.place.home / "self-knowledge.md").write_text("# Knowledge\n")
    (world.place.home / "self-skill-think.md").unlink()
    world.stage("k", "I learned a thing.")
    world.approve("k")
    (receipt,) = world.receipts()
    assert "## Topics / Understanding" in receipt["lines"]["self-knowledge.md"]
    assert world.lines("self-skill-think.md")[0] == "## Activity"


def test_a_card_that_is_still_written_is_waited_for(world: World) -> None:
    card = world.stage("w", "Slow editor.")
    data = card.read_bytes()
    card.unlink()
    with open(world.place.approved / "w.md", "wb") as file:
        file.write(data[:60])
        file.flush()
        world.reconcile()
        assert world.receipts() == []
        assert world.names("problems") == []
        file.write(data[60:])
    world.reconcile()
    assert len(world.receipts()) == 1


def test_markdown_in_the_text_cannot_change_the_outline(world: World) -> None:
    world.stage("m", "# Heading\n---\n- item\n```\ncode\n\u2028## Other", suggested_ix_section="IX-A")
    before = [line for line in world.lines("self-knowledge.md") if line.startswith("#")]
    world.approve("m")
    after = world.lines("self-knowledge.md")
    assert [line for line in after if line.startswith("#")] == before
    assert sum("Heading" in line for line in after) == 1


def test_nothing_is_merged_while_a_second_card_of_the_entry_may_still_be_being_written(world: World) -> None:
    card = world.stage("moon")
    other = world.place.rejected / card.name
    other.write_bytes(card.read_bytes()[:-5])  # it is not whole yet
    world.move(card, "approved")
    world.reconciler.reconcile("alex")
    assert (world.gate_ids(), world.receipts()) == (["moon"], [])


def test_a_card_larger_than_any_drop_may_be_is_approved_like_any_other(root: Root) -> None:
    world = World(root, Settings(max_drop_bytes=3_000))
    world.stage("long", "word " * 500)
    assert world.card("long").stat().st_size > 3_000
    world.approve("long")
    assert len(world.receipts()) == 1


def test_what_was_staged_can_be_approved_when_the_limit_was_lowered(root: Root) -> None:
    World(root).stage("long", "word " * 500)
    world = World(root, Settings(max_text_chars=1_000))
    card = world.card("long")
    card.write_text(card.read_text().replace("---\n", "---\nreason: fine\n", 1))
    world.approve("long")
    assert [r["reason"] for r in world.receipts()] == ["fine"]


def test_a_decided_card_that_cannot_be_removed_stops_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from recursion_gate.disk import atomic

    stuck = world.stage("stuck").name

    class Sticky(atomic.Calls):
        def rename_new(self, old: str, new: str) -> None:
            if old.endswith(f"approved/{stuck}"):
                raise OSError(errno.EPERM, "Operation not permitted", old)
            super().rename_new(old, new)

    monkeypatch.setattr(atomic, "calls", Sticky())
    world.approve("stuck")
    world.stage("other")
    world.approve("other")
    assert world.reconciler.problems == {}
    assert [r["candidate_id"] for r in world.receipts()] == ["stuck", "other"]
    assert world.names("approved") == [stuck]
    monkeypatch.undo()
    world.restart()
    world.reconcile()
    assert world.names("approved") == []


# -- both at once -----------------------------------------------------------------------------------------------------


def _between_the_looks(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object], after: str) -> None:
    """Have `do` done once, right after the folder `after` was listed."""
    listed = observe_cards._names_in
    todo = [do]

    def names_in(folder: str) -> set[str]:
        names = listed(folder)
        if todo and folder.endswith(after):
            todo.pop()()
        return names

    monkeypatch.setattr(observe_cards, "_names_in", names_in)


@pytest.mark.parametrize("after", ["approved", "rejected"])
@pytest.mark.parametrize("edited", [False, True])
def test_a_card_put_into_both_while_they_are_listed_counts_for_neither(
    world: World, monkeypatch: pytest.MonkeyPatch, after: str, edited: bool
) -> None:
    card = world.stage("a", "I learned it.")
    if edited:
        card.write_text(card.read_text().replace("I learned it.", "I learned it well."))
    os.utime(card, (0, 0))

    def both() -> None:
        shutil.copy2(card, world.place.approved / card.name)
        card.rename(world.place.rejected / card.name)

    _between_the_looks(monkeypatch, both, after)
    world.reconcile()
    assert world.receipts() == []
    assert world.gate_ids() == ["a"]
    assert "was in approved/ and in rejected/ at once" in world.card("a").read_text()


def test_a_card_approved_while_they_are_listed_is_approved_in_the_next_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = world.stage("a", "I learned it.")
    _between_the_looks(monkeypatch, lambda: world.move(card, "approved"), "rejected")
    world.reconcile()
    assert [(r["candidate_id"], r["action"]) for r in world.receipts()] == [("a", "approved")]


def test_that_a_decision_waits_is_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "recursion_gate")
    world.stage("target", "I learned it.")
    world.move(world.stage("a", "Linked.", link_to_evidence_id="target"), "approved")
    for _ in range(3):
        world.reconcile()
    told = [r.getMessage() for r in caplog.records if "event=waits" in r.getMessage()]
    assert told == ['event=waits user=alex id=a why="waits until target is decided"']


# -- no silence -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", ["approved", "rejected"])
@pytest.mark.parametrize("put", ["approved", "rejected", "pending"])
def test_an_unedited_card_of_a_decided_entry_is_answered_wherever_it_is_put(
    world: World, decision: str, put: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "recursion_gate")
    card = world.stage("moon")
    data = card.read_bytes()
    world.move(card, decision)
    world.reconcile()
    (receipt,) = world.receipts()
    record = world.record()
    _tick(world)
    (world.place.state(put) / card.name).write_bytes(data)
    world.reconcile()
    assert (world.record(), world.receipts(), world.gate()) == (record, [receipt], [])
    assert world.names(put) == []
    assert world.names("problems") == [card.name, f"{card.name}.why.txt"]
    assert (world.place.problems / card.name).read_bytes() == data
    today = (receipt["merged_at"] or receipt["rejected_at"])[:10]
    act = f" as {receipt['evidence_id']}" if decision == "approved" else ""
    assert f"this entry waits no longer: it was {decision} on {today}{act}, before" in world.why(card.name)
    assert "recursion-gate undo" in world.why(card.name)
    assert "Nothing of it was added" not in world.why(card.name)
    assert "event=refused" in caplog.text


def test_the_filed_card_itself_put_back_into_approved_is_answered(world: World) -> None:
    card = world.stage("moon")
    world.approve("moon")
    filed = world.place.month(world.receipts()[0]["merged_at"]) / card.name
    _tick(world)
    shutil.copy2(filed, world.place.approved)
    world.reconcile()
    assert world.names("problems") == [card.name, f"{card.name}.why.txt"]
    _tick(world)
    filed.rename(world.place.approved / "again.md")  # and where nothing is filed any more
    world.reconcile()
    assert "again.md" in world.names("problems")


def test_what_a_stop_leaves_in_approved_is_cleared_without_a_word(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "discard", lambda *args: None)
    name = world.stage("moon").name
    world.move(world.card("moon"), "approved")
    world.reconciler.reconcile("alex")
    assert world.names("approved") == [name]
    assert len(world.receipts()) == 1
    monkeypatch.undo()
    world.restart()
    world.reconcile()
    assert world.names("approved") == world.names("problems") == []


@pytest.mark.parametrize("where", ["end", "in a line of the preview"])
@pytest.mark.parametrize("state", ["approved", "rejected"])
def test_what_a_person_types_below_the_marker_comes_back_with_a_note_that_says_where_to_type(
    world: World, state: str, where: str
) -> None:
    card = world.stage("moon", "Looked at the moon.")
    text = card.read_text()
    head, marker, below = text.partition("<!-- recursion-gate:")
    below = f"{below}\nIt was full.\n" if where == "end" else below.replace("the moon", "the full moon", 1)
    card.write_text(head + marker + below)
    name = world.move(card, state).name
    world.reconcile()
    assert world.receipts() == []
    assert world.names(state) == []
    assert "type above that line" in world.card("moon").read_text()
    assert "full" in (world.place.problems / name).read_text()
    assert "type above that line" in world.why(name)
    world.approve("moon")
    assert len(world.receipts()) == 1


def test_a_card_saved_with_other_line_ends_and_blanks_below_the_marker_is_no_edit(world: World) -> None:
    card = world.stage("moon")
    card.write_bytes(card.read_bytes().replace(b"\n", b" \r\n") + b"\r\n")
    world.approve("moon")
    assert len(world.receipts()) == 1


def test_a_card_whose_end_was_taken_off_below_the_marker_is_no_edit(world: World) -> None:
    card = world.stage("moon")
    card.write_bytes(card.read_bytes()[:-30])
    world.approve("moon")
    assert len(world.receipts()) == 1


@pytest.mark.parametrize("state", ["approved", "rejected"])
@pytest.mark.parametrize(
    "line",
    [
        "reason: not so: she was ill",
        "reason: #1 is wrong",
        "Reason: said twice",
        'reason: "quoted" and more',
        "reason: 'it''s right'",
        "reason: [a, b",
        "reason: >\n  over two\n  lines",
    ],
)
def test_a_reason_written_on_a_card_is_in_the_receipt_whichever_folder_it_goes_to(
    world: World, state: str, line: str
) -> None:
    card = world.stage("moon")
    card.write_text(card.read_text().replace("---\n", f"---\n{line}\n", 1))
    world.move(card, state)
    world.reconcile()
    (receipt,) = world.receipts()
    told = {"reason: 'it''s right'": "it's right", "reason: >\n  over two\n  lines": "over two lines"}
    assert (receipt["action"], receipt["reason"]) == (state, told.get(line, line.partition(": ")[2]))
    assert world.names("problems") == []


def test_the_reason_on_a_rejected_card_counts_where_the_rest_of_it_cannot_be_read(world: World) -> None:
    card = world.stage("moon")
    text = card.read_text().replace("skill_tag: ", "skilltag: ", 1)
    card.write_text(text.replace("---\n", "---\nreason: no: not her\n", 1))
    world.reject("moon")
    assert [(r["action"], r["reason"]) for r in world.receipts()] == [("rejected", "no: not her")]


def test_a_card_that_is_moved_back_at_the_last_moment_is_not_carried_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All has been read and decided, and nothing is written yet."""
    world.stage("a", "One.")
    world.stage("b", "Two.")
    first, _ = [world.move(world.card(candidate_id), "approved") for candidate_id in "ab"]
    plan = RecordFiles.plan

    def meanwhile(self: RecordFiles) -> None:
        plan(self)
        if first.exists():
            world.move(first, "pending")

    monkeypatch.setattr(RecordFiles, "plan", meanwhile)
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == ["b"]
    assert world.gate_ids() == ["a"]
    assert world.card("a")
    assert world.names("approved") == world.names("problems") == []
