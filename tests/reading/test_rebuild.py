"""record --at: from the receipts alone, the Record as it stood right after each decision."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recursion_gate.cli import main
from recursion_gate.core.errors import Parked
from recursion_gate.core.model import Candidate, act_id
from recursion_gate.core.paths import RECORD_FILES, Root
from recursion_gate.core.receipt import chain_hash, line_of
from recursion_gate.reading import snapshot
from recursion_gate.reading.rebuild import NoReceipt, as_of

from ..support.roots import make_root
from ..support.world import World

#: How a person may have begun a Record file.
SEEDS = (
    "# Self\n\n## Topics / Understanding\n\n- by hand\n\n---\n\n## Other\n- x\n",
    "## Activity Log\r\n- by hand\r\n\r\n## Activity\r\n",
    "# no section, no line end",
    "",
)


class Story:
    """Random decisions, and the Record files as they stood right after each."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self._dice = world, dice
        self.known = {0: world.record()}
        self._acts: list[str] = []

    def go_on(self) -> None:
        dice, number = self._dice, len(self.known) + 1000 * len(self._acts)
        kind = dice.choice(("approve", "approve", "approve", "many", "reject", "undo", "undo"))
        if kind == "undo":
            filed = sorted(self.world.place.receipts.glob("*/*.md"))
            if filed:
                shutil.copy(dice.choice(filed), self.world.place.undo)
        else:
            for n in range(dice.randint(2, 4) if kind == "many" else 1):
                self._decide(f"c{number}-{n}", "rejected" if kind == "reject" else "approved")
        self.world.reconcile()
        self.known[len(self.world.receipts())] = self.world.record()
        for state in ("approved", "rejected", "undo", "problems"):
            for name in self.world.names(state):
                (self.world.place.state(state) / name).unlink()

    def _decide(self, candidate_id: str, folder: str) -> None:
        dice = self._dice
        fields: dict[str, Any] = {
            "skill_tag": dice.choice(("THINK", "WRITE")),
            "suggested_ix_section": dice.choice(("IX-A", "IX-A", "IX-C", None)),
            "created_at": "2026-11-24T10:00:00Z",
        }
        if self._acts and (how := dice.choice((None, None, "supersedes", "retracts", "link_to_evidence_id"))):
            fields[how] = dice.choice(self._acts)
        self.world.drop(
            f"{candidate_id}.json", {"id": candidate_id, "raw_text": dice.choice(("Same.", candidate_id)), **fields}
        )
        self.world.reconcile()
        for card in self.world.cards(candidate_id):
            self.world.move(card, folder)
            candidate = next(c for c in self.world.gate() if c["id"] == candidate_id)
            if not candidate.get("link_to_evidence_id"):
                self._acts.append(act_id(Candidate.model_validate(candidate)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 32), begun=st.lists(st.sampled_from(SEEDS), min_size=9, max_size=9))
def test_the_record_of_every_receipt_is_what_stood_there_right_after_it(seed: int, begun: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(make_root(Path(folder), "alex"))
        for name, text in zip([n for n in RECORD_FILES if n != "self.md"], begun, strict=False):
            (world.place.home / name).write_bytes(text.encode())
        story = Story(world, random.Random(seed))
        for _ in range(14):
            story.go_on()
        world.reconciler.close()
        taken = snapshot.snapshot(world.root, "alex")
        for seq, files in story.known.items():
            found = as_of(taken, seq)
            assert {n: t.encode() for n, t in found.texts.items()} == files, f"receipt {seq}"
        assert taken.seq in story.known


def decide(world: World, candidate_id: str, text: str, **fields: Any) -> str:
    world.stage(candidate_id, text, **fields)
    world.approve(candidate_id)
    receipt = world.receipts()[-1]
    assert (receipt["candidate_id"], receipt["action"]) == (candidate_id, "approved")
    return act_id(Candidate.model_validate(receipt["candidate"]))


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def knowledge(world: World, seq: int) -> list[str]:
    return [e.text for e in as_of(snapshot.snapshot(world.root, "alex"), seq).record.knowledge]


def test_hand_edits_are_not_in_it_and_what_was_made_of_an_edited_line_is(world: World) -> None:
    a = decide(world, "a", "I learned that owls sleep.")
    file = world.place.home / "self-knowledge.md"
    file.write_text(file.read_text().replace("owls sleep", "barn owls sleep") + "- by hand\n")
    skill = world.place.home / "self-skill-think.md"
    skill.write_text("".join(line for line in skill.read_text().splitlines(True) if a not in line))
    decide(world, "b", "I learned that owls hunt.", supersedes=a)
    assert knowledge(world, 1) == ["a seed line", "I learned that owls sleep."]
    assert knowledge(world, 2) == ["a seed line", "I learned that owls hunt."]
    rebuilt = as_of(snapshot.snapshot(world.root, "alex"), 2)
    assert not [e for e in rebuilt.record.skills["THINK"] if "sleep" in e.text]
    world.undo("b")
    assert knowledge(world, 3) == ["a seed line", "I learned that barn owls sleep."]  # as the receipt has put it back


def test_what_was_forgotten_since_is_in_no_record(world: World) -> None:
    decide(world, "z", "I learned something else.")
    a = decide(world, "a", "I learned a secret.")
    decide(world, "b", "I learned more.", supersedes=a)
    (world.place.undo / "forget.md").write_text('---\nforget: "a"\n---\n')
    world.reconcile()
    for seq in range(5):
        texts = as_of(snapshot.snapshot(world.root, "alex"), seq).texts
        assert "secret" not in "".join(texts.values())
    assert knowledge(world, 4) == ["a seed line", "I learned something else.", "I learned more."]


def test_the_command_says_what_is_not_in_it_and_names_the_last_receipt(world: World) -> None:
    decide(world, "a", "I learned one thing.")
    decide(world, "b", "I learned another thing.")
    call = ["--root", str(world.root.path), "record"]
    said = CliRunner().invoke(main, [*call, "--at", "1"]).output
    assert "I learned one thing." in said
    assert "another" not in said
    assert "What was edited by hand is not in it".lower() in said.lower()
    data = json.loads(CliRunner().invoke(main, [*call, "--at", "0", "--json"]).stdout)
    assert (data["knowledge"], data["asOf"]["seq"], data["pendingCount"]) == (["a seed line"], 0, None)
    assert "edited by hand" in data["note"]
    done = CliRunner().invoke(main, [*call, "--at", "3"])
    assert done.exit_code == 1
    assert "there is no receipt 3: the last one is 2" in done.output
    assert CliRunner().invoke(main, [*call, "--at", "-1"]).exit_code == 2


def test_before_the_first_receipt_the_record_is_as_it_stands(world: World) -> None:
    taken = snapshot.snapshot(world.root, "alex")
    assert as_of(taken, 0).texts == taken.texts
    with pytest.raises(NoReceipt, match="there is none yet"):
        as_of(taken, 1)


def test_a_baseline_that_is_missing_or_broken_is_said(world: World) -> None:
    decide(world, "a", "I learned one thing.")
    for break_it in (lambda: world.place.baseline.write_text("[]"), world.place.baseline.unlink):
        break_it()
        with pytest.raises(Parked, match=r"baseline\.json"):
            as_of(snapshot.snapshot(world.root, "alex"), 1)


def test_ten_thousand_receipts_take_seconds_not_minutes(world: World) -> None:
    """About a second on a free machine; measured here at ten times that, since the machine may not be free."""
    a = decide(world, "a", "I learned that owls sleep.")
    decide(world, "b", "I learned that owls hunt.", supersedes=a)
    whole = world.place.ledger.read_text()
    first, second = map(json.loads, whole.splitlines())
    made, head, last = [], first["prev_hash"], ""
    for n in range(10_000):
        receipt = second if n % 10 == 9 else first
        text = json.dumps({**receipt, "seq": n + 1, "prev_hash": head}, ensure_ascii=False)
        text = text.replace(first["evidence_id"], f"ACT-2026-11-24-{n - (n % 10 == 9):016}")
        fields = json.loads(text.replace(second["evidence_id"], f"ACT-2026-11-25-{n:016}"))
        fields["hash"] = head = chain_hash(fields)
        made.append(line_of(fields))
        last = fields["evidence_id"]
    world.place.ledger.write_bytes(b"\n".join(made) + b"\n")
    taken = snapshot.snapshot(world.root, "alex")
    began = time.perf_counter()
    found = as_of(taken, 10_000)
    took = time.perf_counter() - began
    assert found.texts["self-knowledge.md"].count("owls") == 9_000
    assert last in found.texts["self-evidence.md"]
    assert took < 12, f"{took:.1f} s"
