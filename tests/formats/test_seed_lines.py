"""The lines that an ACT id names, of an entry that no receipt knows."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from recursion_gate.core.errors import Refusal
from recursion_gate.formats.seed_lines import seed_lines, seed_text

ACT = "ACT--p436yg2"
EVIDENCE, KNOWLEDGE, THINK = "self-evidence.md", "self-knowledge.md", "self-skill-think.md"
_SAID = f"- {ACT} — Read about owls — 2026-02-27 — THINK"


def _lines(texts: dict[str, str], others: Collection[tuple[str, str]] = ()) -> dict[str, str]:
    return seed_lines(ACT, lambda file: texts.get(file, "").encode(), others)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({EVIDENCE: _SAID}, "Read about owls"),
        ({EVIDENCE: f"# Evidence\r\n\r\n{_SAID}\r\n- next", THINK: f"- • Knows owls. — {ACT}"}, "Knows owls."),
        ({KNOWLEDGE: f"  * Owls sleep ({ACT})\n"}, "Owls sleep"),
        ({KNOWLEDGE: f"• Owls sleep {ACT}.\n- • Else — {ACT}x\n- • Else — x{ACT}\n"}, "Owls sleep"),
        ({KNOWLEDGE: f"- {ACT}"}, ACT),
        ({EVIDENCE: f"- {ACT}: no dashes here"}, "no dashes here"),
    ],
)
def test_one_line_of_each_file_is_its_own(texts: dict[str, str], said: str) -> None:
    found = _lines(texts)
    assert found.keys() == texts.keys()
    assert all(line in texts[file].splitlines() and ACT in line for file, line in found.items())
    assert seed_text(ACT, found) == said


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({}, "no list item"),
        ({KNOWLEDGE: f"Owls sleep, says {ACT}\n"}, "no list item"),
        ({EVIDENCE: f"| {ACT} | Read about owls |\n"}, "no list item"),
        ({EVIDENCE: f"{_SAID}\n{_SAID}\n"}, "in 2 lines"),
        ({KNOWLEDGE: f"- a — {ACT}\n- b — {ACT}\n"}, "in 2 lines"),
        ({KNOWLEDGE: f"- a — {ACT}\n  b\n"}, "several lines"),
        ({EVIDENCE: f"{_SAID}\r\n\tand more\r\n"}, "several lines"),
        ({EVIDENCE: f"- {ACT} — ~~Gone~~ (superseded by ACT-1) — 2026-02-27 — THINK"}, "struck already"),
    ],
)
def test_anything_else_is_refused(texts: dict[str, str], problem: str) -> None:
    with pytest.raises(Refusal, match=problem):
        _lines(texts)


def test_what_other_entries_put_there_and_what_is_below_it_does_not_count() -> None:
    texts = {KNOWLEDGE: f"- • Mine. — {ACT}\n  - a note of a person\n- • Linked. — {ACT}\n"}
    assert _lines(texts, {(KNOWLEDGE, f"- • Linked. — {ACT}")}) == {KNOWLEDGE: f"- • Mine. — {ACT}"}
