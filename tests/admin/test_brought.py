"""What a user of another instance brings, as the companion-self app leaves it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recursion_gate.admin.brought import NotBrought, decisions_in, record_in
from recursion_gate.store.seed_receipts import SeedReceipt

#: As the app's own demo user has them.
EVIDENCE = """# self-evidence — Activity and Artifact Log (Demo)

## Activity Log

(Empty. Populated on merge.)
- ACT--p436yg2 — We drew a dragon — 2026-02-27 — WORK
- ACT-2026-04-01-40 — We tested status wording from the local browser pass. — 2026-04-01 — WORK
"""
RECEIPTS = """\
{"candidate_id":"cand-1772157283282-p436yg2","raw_text":"We drew a dragon","suggested_ix_section":"IX-B","merged_at":"2026-02-27T02:00:39.931Z"}
{"candidate_id":"cand-1775054731774-gyl0vqc","raw_text":"We tested status wording from the local browser pass.","suggested_ix_section":"IX-B","merged_at":"2026-04-01T14:46:04.605Z"}
"""  # noqa: E501


def brought(folder: Path, evidence: str, receipts: str) -> list[SeedReceipt]:
    (folder / "self-evidence.md").write_text(evidence)
    (folder / "merge-receipts.jsonl").write_text(receipts)
    return decisions_in(folder, record_in(folder))


def test_each_receipt_of_the_app_finds_its_entry_by_the_apps_id_or_by_its_words(tmp_path: Path) -> None:
    assert brought(tmp_path, EVIDENCE, RECEIPTS) == [
        SeedReceipt(
            candidate_id="cand-1772157283282-p436yg2",
            evidence_id="ACT--p436yg2",
            merged_at="2026-02-27T02:00:39.931Z",
        ),
        SeedReceipt(
            candidate_id="cand-1775054731774-gyl0vqc",
            evidence_id="ACT-2026-04-01-40",
            merged_at="2026-04-01T14:46:04.605Z",
        ),
    ]


def test_entries_of_the_same_words_are_told_apart_by_the_id_and_else_not_at_all(tmp_path: Path) -> None:
    def receipt(candidate_id: str, text: str = "We drew a dragon") -> str:
        return json.dumps({"candidate_id": candidate_id, "raw_text": text, "merged_at": "2026-04-02T10:00:00Z"}) + "\n"

    evidence = "## Activity Log\n\n" + "".join(
        f"- {act} — We drew a dragon — 2026-04-02 — WORK\n" for act in ("ACT-2026-04-02-117", "ACT-x", "ACT-y")
    )
    told = brought(tmp_path, evidence, receipt("cand-1-a1b7c") + receipt("cand-9-zzzzzzzzz") + receipt("c", "Gone."))
    assert [each.evidence_id for each in told] == ["ACT-2026-04-02-117", None, None]


def test_without_receipts_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "self.md").write_text("# Self\n")
    assert decisions_in(tmp_path, record_in(tmp_path)) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is no receipt"),
        ("[1]", "line 2 is no receipt"),
        ('{"candidate_id": "../x"}', "line 2 is no receipt"),
        ('{"candidate_id": "c", "merged_at": "yesterday"}', "line 2: 'merged_at' is no instant"),
        ("[" * 100_000, "line 2 is no receipt"),
    ],
)
def test_a_line_that_is_no_receipt_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(NotBrought, match=message):
        brought(tmp_path, EVIDENCE, RECEIPTS.splitlines()[0] + "\n" + line + "\n")
