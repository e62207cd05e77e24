"""The tools that read: what was approved, word for word, with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.mcp_client import Agent, over_stdio
from ..support.roots import make_root
from ..support.world import World


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    root = make_root(tmp_path_factory.mktemp("read"), "alex")
    world = World(root)
    world.stage("tea", "Learned to make green tea.", skill_tag="WORK", suggested_ix_section="IX-A")
    world.stage("sea", "Wonders what lives in the deep sea.")
    world.stage("waits", "Learned to juggle seven torches.")
    world.approve("tea", "sea")
    with over_stdio(root) as agent:
        yield agent


def test_the_record_is_read_with_its_evidence_and_without_what_waits(reader: Agent) -> None:
    found = reader.call("read_record")
    assert "Learned to make green tea. (ACT-" in found["text"]
    assert "torches" not in found["text"]
    assert (found["user"], found["leftOut"], found["asOf"]["seq"]) == ("alex", 0, 2)


def test_the_record_is_read_in_part(reader: Agent) -> None:
    assert "tea" not in reader.call("read_record", section="IX-B")["text"]
    assert "sea" not in reader.call("read_record", skill="WORK")["text"]
    assert "tea" in reader.call("read_record", skill="WORK", section="IX-A")["text"]


def test_what_has_no_room_is_left_out_oldest_first(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    world = World(root)
    for number in range(40):
        world.stage(f"n-{number}", f"Learned the word number {number} of a long list of words.")
    world.approve(*(f"n-{number}" for number in range(40)))
    with over_stdio(root) as agent:
        found = agent.call("read_record", budget=200)
        assert found["leftOut"] > 20
        assert "number 39 " in found["text"]
        assert "number 0 " not in found["text"]


def test_a_question_is_answered_from_the_record_or_not_at_all(reader: Agent) -> None:
    found = reader.call("ask_record", question="What about tea?")
    assert found["known"]
    assert found["lines"][0]["text"] == "Learned to make green tea."
    assert found["lines"][0]["evidenceIds"]
    unknown = reader.call("ask_record", question="Who juggles torches?")
    assert (unknown["known"], unknown["lines"]) == (False, [])


def test_the_next_focus_rests_on_evidence(reader: Agent) -> None:
    found = reader.call("next_focus")
    assert found["restsOn"]["WORK"]
    assert {"THINK", "WRITE", "WORK", "STEWARD"} <= set(found)


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("read_record", {"budget": 0}),
        ("read_record", {"budget": 10**9}),
        ("read_record", {"budget": "many"}),
        ("read_record", {"section": "IX-D"}),
        ("ask_record", {}),
        ("ask_record", {"question": ""}),
        ("ask_record", {"question": "x" * 3_000}),
        ("ask_record", {"question": "x", "limit": 0}),
        ("next_focus", {"user": "blake"}),
        ("next_focus", {"users": "alex"}),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(reader: Agent, tool: str, given: dict[str, object]) -> None:
    said = reader.refused(tool, **given)
    assert len(said) < 400
    assert "Traceback" not in said
