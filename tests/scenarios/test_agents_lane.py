"""What AGENTS.md and the specification say of reading is so where each lane has an account of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.accounts import Lanes, throwaway_lanes
from ..support.world import wait_for


@pytest.fixture(scope="module")
def lanes() -> Iterator[Lanes]:
    with throwaway_lanes() as made:
        yield made


AGENTS = (Path(__file__).parents[2] / "AGENTS.md").read_text("utf-8")

READ = [["record"], ["edge"], ["brief"], ["voice", "ask", "Who?"], ["context", "reader"], ["verify"]]


@pytest.mark.parametrize("words", READ, ids=" ".join)
def test_an_agent_that_reads_is_told_that_its_account_may_not(lanes: Lanes, words: list[str]) -> None:
    done = lanes.agent.call(lanes.root, *words, "--user", lanes.place.user)
    assert done.returncode == 1
    assert "permission denied" in done.stderr
    assert '"permission denied" there: your account may only stage' in AGENTS


def test_an_agent_gets_its_own_pack_and_may_stage(lanes: Lanes) -> None:
    pack = lanes.agent.call(lanes.root, "context", "staging", "--user", lanes.place.user)
    assert (pack.returncode, "# The task" in pack.stdout) == (0, True)
    staged = lanes.agent.call(lanes.root, "stage", "Baked bread.", "--user", lanes.place.user)
    assert staged.returncode == 0, staged.stderr


def test_status_is_for_people_and_verify_for_readers(lanes: Lanes) -> None:
    verify = {who.name: who.call(lanes.root, "verify").returncode for who in (lanes.reader, lanes.agent)}
    assert verify == {lanes.reader.name: 0, lanes.agent.name: 1}
    with lanes.running():
        wait_for(lambda: lanes.maria.call(lanes.root, "status").returncode == 0)
        for who in (lanes.agent, lanes.reader):
            assert lanes.maria.call(lanes.root, "status").returncode == 0
            assert who.call(lanes.root, "status").returncode == 1


def test_an_agent_finds_its_own_reason_by_a_name_that_nobody_else_uses(lanes: Lanes) -> None:
    place = lanes.place
    with lanes.running():
        for who, name, text in (
            (lanes.agent, "mine-1", "{}"),
            (lanes.other, "x", "[]"),
            (lanes.agent, "x", '{"text": ""}'),
        ):
            drop = place.inbox / f"{name}.json"
            script = 'printf "%s" "$1" > "$2/.$3.tmp" && mv "$2/.$3.tmp" "$2/$3.json"'
            assert who.sh(script, text, place.inbox, name).returncode == 0
            wait_for(lambda: not drop.exists())  # noqa: B023
        wait_for((place.problems / "x-2.json.why.txt").exists)
    told = {
        name: lanes.agent.sh('cat "$1"', place.problems / f"{name}.json.why.txt").stdout
        for name in ("mine-1", "x", "x-2")
    }
    assert "raw_text is missing" in told["mine-1"]
    assert "one JSON object is expected" in told["x"]  # the other agent's
    assert "raw_text is empty" in told["x-2"]
    assert lanes.agent.sh('ls "$1"', place.problems).returncode != 0


def test_an_agent_imports_and_analyses_without_reading_and_twice_is_nothing_twice(lanes: Lanes) -> None:
    folder = lanes.root.path.parent
    table, talk = folder / "chores.csv", folder / "talk.txt"
    table.write_text("Task,Date\nSwept the hall,2026-11-23\nFed the cat,2026-11-24\n")
    talk.write_text("Kim: I learned that ice floats.\nTutor: Yes.\nKim: Good.\nTutor: Bye.\n")
    for path in (table, talk):
        path.chmod(0o644)
    user = lanes.place.user
    with lanes.running():
        for _ in range(2):
            done = lanes.agent.call(lanes.root, "import", str(table), "--user", user)
            assert done.returncode == 0, done.stderr
            assert "this account may not read the Record and the inbox and the gate and the receipts" in done.stderr
            done = lanes.agent.call(
                lanes.root, "analyse", str(talk), "--user", user, "--who", "Kim", "--rules", "--from-start"
            )
            assert done.returncode == 0, done.stderr
            wait_for(lambda: lanes.place.gate.exists() and not list(lanes.place.inbox.glob("import-*")))
        said = [each["raw_text"] for each in json.loads(lanes.place.gate.read_bytes())]
        for text in ("Swept the hall", "Fed the cat", 'Said: "I learned that ice floats."'):
            assert said.count(text) == 1
        assert not list(lanes.place.problems.glob("import-*"))
