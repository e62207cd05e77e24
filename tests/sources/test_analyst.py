"""The analyst: whatever the command answers, what holds is staged once an exchange, and read on from where it was."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.sources import analyst
from recursion_gate.sources.entry import Options, WrongOption
from recursion_gate.sources.file import SourceFile
from recursion_gate.sources.read_on import ReadOn
from recursion_gate.sources.registry import find, importer

from ..support.world import World

SCRIPT = Path(__file__).with_name("scripted.py")


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def talk(path: Path, count: int, start: int = 0) -> Path:
    """A transcript of `count` messages; in every tenth exchange the person has learned something."""
    lines = []
    for n in range(start, start + count):
        if n % 2:
            lines.append(f"Tutor: Well said, number {n}. What next?")
        elif n % 20 == 0:
            lines.append(f"Alex: Look at this. I learned that {n} is an even number.")
        else:
            lines.append(f"Alex: We talk about {n} now.")
    path.write_text("\n".join(lines) + "\n")
    return path


class Desk:
    """Analyses for a world, with one memory of what was read."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.calls, self._memory = world, folder / "calls", folder / "state" / "read.json"

    def analysis(self, path: Path, **more: object) -> analyst.Analysis:
        form, file = find(SourceFile(path))
        return analyst.Analysis(file, form, importer(form), self.world.user, Options(), **more)  # type: ignore[arg-type]

    def run(self, path: Path, mode: str | None, timeout: float = 90, **more: object) -> analyst.Found:
        ask = analyst.asking([sys.executable, str(SCRIPT), mode, str(self.calls)], timeout) if mode else None
        analysis = self.analysis(path, **more)
        return analyst.analyse(analysis, self.world.root, Settings(), ReadOn(self._memory), ask)

    def asked(self) -> int:
        """How often the command was called since the last question."""
        count = len(self.calls.read_text()) if self.calls.exists() else 0
        self.calls.write_text("")
        return count

    def forget(self) -> None:
        self._memory.unlink()


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Desk:
    return Desk(world, tmp_path)


def texts(world: World) -> list[str]:
    world.reconcile()
    assert world.names("problems") == []
    return [candidate["raw_text"] for candidate in world.gate()]


@pytest.mark.parametrize("mode", ["right", "json", "fenced"])
def test_what_the_command_finds_waits_with_its_exchange_on_the_card(desk: Desk, tmp_path: Path, mode: str) -> None:
    found = desk.run(talk(tmp_path / "t.txt", 60), mode)
    assert (found.exchanges, found.counts["new"], found.asked_again) == (30, 3, 0)
    assert texts(desk.world) == [f"Learned that {n} is an even number." for n in (0, 20, 40)]
    staged = desk.world.gate()[1]
    assert staged["excerpt"] == (
        "Alex: Look at this. I learned that 20 is an even number.\nTutor: Well said, number 21. What next?"
    )
    assert (staged["source"], staged["suggested_ix_section"], staged["tags"]) == ("analyst", "IX-A", ["knowledge"])
    assert staged["meta"] == {"signal_type": "knowledge", "priority_score": "3"}
    assert "is an even number" in desk.world.card(staged["id"]).read_text()


def test_an_exchange_is_proposed_once_however_often_it_is_read(desk: Desk, tmp_path: Path) -> None:
    path = talk(tmp_path / "t.txt", 60)
    desk.run(path, "right")
    first = desk.asked()
    assert desk.run(path, "right").exchanges == 0
    assert desk.asked() == 0
    desk.forget()
    found = desk.run(path, "json")
    assert (found.counts["new"], found.counts["waits"]) == (0, 3)
    assert 0 < desk.asked() <= first
    texts(desk.world)
    desk.world.approve(desk.world.gate_ids()[0])
    desk.world.reject(desk.world.gate_ids()[0])
    desk.forget()
    found = desk.run(path, None, who="Alex")  # whatever reads it
    assert (found.counts["approved"], found.counts["rejected"], found.counts["waits"]) == (1, 1, 1)
    assert found.counts["new"] == 0


def test_a_conversation_that_grows_is_read_on_from_where_it_was(desk: Desk, tmp_path: Path) -> None:
    path = talk(tmp_path / "t.txt", 31)  # ends in the middle of an exchange
    desk.run(path, "right")
    desk.asked()
    found = desk.run(talk(path, 62), "right")
    assert (found.exchanges, found.counts["new"]) == (15, 2)
    assert desk.asked() == 2
    assert len(texts(desk.world)) == 4


def test_a_wrong_answer_is_sent_back_once_with_its_errors(desk: Desk, tmp_path: Path) -> None:
    found = desk.run(talk(tmp_path / "t.txt", 40), "malformed")
    assert found.asked_again == found.pieces == 3
    assert desk.asked() == 6
    assert len(texts(desk.world)) == 2
    found = desk.run(talk(tmp_path / "u.txt", 40, 1_000), "stubborn")
    assert (found.counts["new"], found.asked_again) == (0, 3)
    ((why, count),) = found.reasons.items()
    assert (why.startswith("the answer was wrong twice: object 1: these fields are missing"), count) == (True, 20)


def test_empty_and_endless_answers_are_left_out_and_the_rest_goes_on(desk: Desk, tmp_path: Path) -> None:
    found = desk.run(talk(tmp_path / "t.txt", 20), "empty")
    assert "the answer is empty" in next(iter(found.reasons))
    found = desk.run(talk(tmp_path / "u.txt", 20, 100), "babbling")
    assert "the answer has 10,000,000 bytes" in next(iter(found.reasons))
    assert texts(desk.world) == []


def test_a_command_that_reads_nothing_answers_all_the_same(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text(f"Alex: {'long words ' * 150}\nTutor: yes?\n" * 40)
    assert desk.run(path, "deaf").counts["new"] == 0


@pytest.mark.parametrize(
    ("mode", "timeout", "message"), [("failing", 90, "no money left"), ("slow", 1, "the analyst's command")]
)
def test_a_command_that_fails_stops_the_run_and_the_next_run_goes_on_there(
    desk: Desk, tmp_path: Path, mode: str, timeout: float, message: str
) -> None:
    path = talk(tmp_path / "t.txt", 30)
    with pytest.raises(analyst.CommandFailed, match=message):
        desk.run(path, mode, timeout)
    assert desk.run(path, "right").counts["new"] == 2


def test_a_command_that_is_not_there_is_named(world: World, desk: Desk, tmp_path: Path) -> None:
    analysis = desk.analysis(talk(tmp_path / "t.txt", 4))
    ask = analyst.asking(["/no/such/program"], 5)
    with pytest.raises(analyst.CommandFailed, match="cannot be started"):
        analyst.analyse(analysis, world.root, Settings(), ReadOn(tmp_path / "s" / "r"), ask)


def test_two_thousand_messages_are_read_piece_by_piece(desk: Desk, tmp_path: Path) -> None:
    found = desk.run(talk(tmp_path / "t.txt", 2_000), "json")
    assert (found.exchanges, found.pieces, found.counts["new"]) == (1_000, 125, 100)
    assert len(set(texts(desk.world))) == 100


def test_the_prompt_has_the_rules_the_record_the_rejections_and_the_piece(desk: Desk, tmp_path: Path) -> None:
    world = desk.world
    world.stage("a1", "Learned how tides work.", source="analyst")
    world.stage("a2", "Hates maths.", source="analyst")
    world.approve("a1")
    card = world.card("a2")
    card.write_text(card.read_text().replace("---\n", "---\nreason: it was a joke\n", 1))
    world.reject("a2")
    prompt = analyst.first_prompt(desk.analysis(talk(tmp_path / "t.txt", 4)), world.root)
    for part in (
        "may stage",
        "Learned how tides work.",
        "Hates maths.",
        "it was a joke",
        "profile_target",
        "[1]\nAlex: Look",
    ):
        assert part in prompt, part


def test_who_is_meant_is_asked_where_it_cannot_be_told(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("Kim: I learned that water is wet.\nTutor: Yes.\n" * 3)
    with pytest.raises(WrongOption, match="who of them is alex"):
        desk.run(path, None)
    with pytest.raises(WrongOption, match="nobody is called 'Bo'"):
        desk.run(path, None, who="Bo")
    assert desk.run(path, None, who="kim").counts["new"] == 1
    (tmp_path / "a.csv").write_text("Task\nx\n")
    with pytest.raises(WrongOption, match="is no conversation"):
        desk.run(tmp_path / "a.csv", None)


def test_a_dry_run_writes_nothing_and_remembers_nothing(desk: Desk, tmp_path: Path) -> None:
    path = talk(tmp_path / "t.txt", 60)
    assert desk.run(path, None, dry_run=True).counts["new"] == 3
    assert (desk.world.names(), (tmp_path / "state").exists()) == ([], False)
    assert desk.run(path, None, limit=1).counts["new"] == 1
    assert desk.run(path, None).counts["new"] == 2
