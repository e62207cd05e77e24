"""An independent reading of the contract (`tests.independent`) finds on disk what this program says is there."""

from __future__ import annotations

import ast
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recursion_gate.core.errors import Parked
from recursion_gate.core.paths import RECORD_FILES, Root
from recursion_gate.core.settings import load_settings
from recursion_gate.formats import record_parse
from recursion_gate.formats.marker import MARKER_LINE
from recursion_gate.reading import record as record_reader
from recursion_gate.reading.snapshot import snapshot
from recursion_gate.reading.whole import whole
from recursion_gate.regression.cases import find_cases, lay_out, play, read_case, stopped_clock
from recursion_gate.service.once import once

from ..support import independent
from ..support.independent import CATEGORIES, DIMENSIONS, SKILLS, Broken, Entry, Logged, Reading
from ..support.roots import RECORD, make_root
from ..support.samples import AWKWARD, said, texts
from ..support.world import World

FIXTURES = find_cases(Path(__file__).parents[2] / "fixtures")


def test_the_independent_parser_shares_nothing_with_the_program() -> None:
    tree = ast.parse(Path(independent.__file__).read_text("utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def as_the_program_reads(record: record_parse.Record) -> tuple[list[Logged], dict[str, list[Entry]]]:
    """What `recursion_gate` finds that rests on evidence; beside it, it reads what people wrote in their own way."""
    found = {
        name: [Entry(e.text, e.evidence_ids[0]) for e in listed if e.evidence_ids]
        for name, listed in [
            *((section, record.dimensions()[str(CATEGORIES[section])]) for section in DIMENSIONS),
            *record.skills.items(),
        ]
    }
    evidence = [Logged(e.id, e.summary, e.date or "", e.skill or "") for e in record.evidence]
    return evidence, found


def compare(root: Path, user: str) -> Reading:
    """Both read the same; gives what they read."""
    mine = independent.read(root, user)
    taken = snapshot(root, user)
    assert (mine.evidence, mine.entries) == as_the_program_reads(taken.record)
    assert mine.gate == [candidate.as_json() for candidate in taken.gate]
    all_of_it = whole(taken).as_json()
    assert (mine.gate, mine.receipts) == (all_of_it["gate"], all_of_it["receipts"])
    assert (taken.seq, taken.head) == (len(mine.receipts), mine.receipts[-1]["hash"] if mine.receipts else "")
    answer = record_reader.record(taken).as_json()
    assert [(e["id"], e["summary"]) for e in answer["evidence"]] == [(e.evidence_id, e.summary) for e in mine.evidence]
    for section, name in list(CATEGORIES.items())[:3]:
        said_so = [e for e in answer[str(name)] if " — ACT-" in e]
        assert said_so == [f"{e.text} — {e.evidence_id}" for e in mine.entries[str(section)]]
    for skill in SKILLS:
        assert answer["skills"][skill] == [f"{e.text} — {e.evidence_id}" for e in mine.entries[skill]]
    assert answer["pendingCount"] == len(mine.gate)
    return mine


def troubled(root: Root, user: str) -> bool:
    """Whether the program, too, says that it cannot read all."""
    try:
        return snapshot(root, user).problems != ()
    except Parked:
        return True


def accounted(mine: Reading) -> None:
    """Receipts and Record say the same: no more stands there than was decided, in the order of the decisions."""
    if any(receipt["action"] == "forgotten" for receipt in mine.receipts):
        return  # what was forgotten stood somewhere, which nobody can tell any more
    owed, receipted = independent.owed(mine.receipts), independent.receipted(mine.receipts)
    assert (owed.evidence, owed.entries) == (receipted.evidence, receipted.entries)
    assert (mine.evidence, mine.entries) == (owed.evidence, owed.entries)


# -- the fixtures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda folder: folder.name)
def test_both_read_the_expected_record_of_a_fixture_alike(folder: Path) -> None:
    for home in folder.glob("expected/users/*/"):
        known = record_parse.parse({n: (home / n).read_bytes().decode() for n in RECORD_FILES if (home / n).exists()})
        assert independent.record(home) == as_the_program_reads(known)


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda folder: folder.name)
def test_both_read_the_tree_that_a_fixture_leaves_alike(folder: Path, tmp_path: Path) -> None:
    root = Root(tmp_path / "root")

    def work() -> None:
        once(root, load_settings(root))

    with stopped_clock():
        case = read_case(folder)
        lay_out(case, root)
        seeded = any("ACT-" in file.read_text("utf-8", "replace") for file in root.homes.rglob("self*.md"))
        by_hand = any(word.startswith("users/") for group in case.groups for step in group for word in step.words)
        for _ in play(case, root, work):
            pass
    for home in sorted(path for path in root.homes.iterdir() if not path.name.startswith("_")):
        try:
            mine = independent.read(root.path, home.name)
        except Broken:
            assert troubled(root, home.name)
            continue
        assert compare(root.path, home.name) == mine
        if not (seeded or by_hand):
            accounted(mine)


# -- any story --------------------------------------------------------------------------------------------------------

_MORE = st.fixed_dictionaries(
    {},
    optional={
        "skill_tag": st.sampled_from(list(SKILLS)),
        "suggested_ix_section": st.sampled_from([*DIMENSIONS, None]),
        "evidence_summary": texts(0, 4),
        "source": texts(0, 2),
        "meta": st.dictionaries(texts(0, 1), st.integers(), max_size=2),
        "link": st.integers(0, 9),
    },
)
_TEXTS = st.one_of(
    said,
    st.sampled_from(
        [f"{a} — ACT-2026-01-01-aaaaaaaaaa {b}" for a in ("", "x", "(") for b in ("", ")", ", ACT-1", "—")]
    ),
    st.sampled_from([*(f"{sign} x" for sign in AWKWARD), "x — 2026-01-01 — THINK", "(none yet)", "seed", "x — seed"]),
)
_FATES = st.sampled_from(["approve", "edit", "reject", "wait"])
_STORY = st.lists(st.tuples(_TEXTS, _MORE, _FATES), min_size=1, max_size=7)


def edit(card: Path, number: int) -> None:
    """A person changes a word of the text, and the skill."""
    text = card.read_bytes().decode()
    (marker,) = list(MARKER_LINE.finditer(text))[-1:]
    head = text[: marker.start()].replace(f"w{number}w", f"w{number}w — corrected")
    for old, new in (("THINK", "WORK"), ("WRITE", "STEWARD")):
        head = head.replace(f"skill_tag: {old}\n", f"skill_tag: {new}\n", 1)
    card.write_bytes((head + text[marker.start() :]).encode())


@settings(max_examples=25)
@given(_STORY, st.randoms(use_true_random=False))
def test_both_read_alike_whatever_was_dropped_edited_linked_and_decided(story: list[Any], chance: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(make_root(Path(folder) / "root", "alex"))
        for name, text in RECORD.items():
            (world.place.home / name).write_text(text.replace("- a seed line\n", "").replace("- • a seed line\n", ""))
        for number, (text, more, fate) in enumerate(story):
            drop = {"id": f"c{number}", "raw_text": text, "created_at": f"2026-11-{number + 1:02}", **more}
            if fate == "edit":
                drop["raw_text"] += f" w{number}w"
            link = drop.pop("link", number)
            if link < number:
                drop["link_to_evidence_id"] = f"c{link}"
            world.drop(f"{number}.json", drop)
        world.reconcile()
        assert world.names("problems") == []
        assert len(compare(world.root.path, "alex").gate) == len(story)
        order = list(range(len(story)))
        chance.shuffle(order)
        for number in order:
            fate = story[number][2]
            card = world.card(f"c{number}")
            if fate == "edit":
                edit(card, number)
            if fate != "wait":
                world.move(card, "rejected" if fate == "reject" else "approved")
        world.reconcile()
        world.reconciler.close()
        mine = compare(world.root.path, "alex")
        accounted(mine)
        decided = {receipt["candidate_id"]: receipt for receipt in mine.receipts}
        assert {c["id"] for c in mine.gate} == {f"c{n}" for n in order} - decided.keys()
        for number, (_, _, fate) in enumerate(story):
            if fate == "edit" and f"c{number}" in decided:
                assert decided[f"c{number}"]["approved"]["raw_text"].endswith("— corrected")
