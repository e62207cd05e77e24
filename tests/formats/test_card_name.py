"""The file name of a card: legal on every system, and telling (contract, "A card")."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.model import Candidate
from recursion_gate.core.paths import is_ignored
from recursion_gate.formats.card_name import file_name

from ..support.samples import candidate, candidates

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|clock\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?\Z")


def _is_legal_everywhere(name: str) -> bool:
    return (
        0 < len(name.encode()) <= 100
        and not set(name) & set('<>:"/\\|?*%~#&{}$!@`=+^')
        and name.isprintable()
        and not any(c.isspace() for c in name)
        and name[0].isalnum()
        and name[-1] not in ". "
        and not _RESERVED.match(name)
        and unicodedata.normalize("NFC", name) == name
        and not is_ignored(name)
    )


@given(candidates(), st.integers(0, 1000))
def test_a_file_name_is_legal_everywhere_and_at_most_a_hundred_bytes(made: Candidate, taken: int) -> None:
    name = file_name(made, taken)
    assert _is_legal_everywhere(name)
    assert name.endswith(".md")
    assert name.startswith(made.skill_tag.lower())


NAMES = (
    "CON", "nul.", "aux.txt", "...", "a" * 500, "龍" * 500, "e\u0301" * 300, "../../x", "a/b\\c", "\u202etxt.exe",
    "🐉" * 300, "_" * 200, "-- --", "x\0y", "~syncthing~a.tmp", ".sync-conflict-20260101", "COM¹", "a\u0345" * 90,
    "ﷺ" * 60, "ǆ" * 99, "İ" * 99,
)  # fmt: skip


@pytest.mark.parametrize("text", NAMES)
@pytest.mark.parametrize("candidate_id", ["CON", "a", "cand-1-abc1234", "x" * 128, "a...", "cand-1-UPPER"])
def test_no_text_and_no_id_makes_a_name_illegal(text: str, candidate_id: str) -> None:
    assert _is_legal_everywhere(file_name(candidate(id=candidate_id, raw_text=text)))


def test_a_file_name_ends_at_a_whole_word() -> None:
    def slug(text: str) -> str:
        return file_name(candidate(raw_text=text)).split("_")[1]

    assert slug("Wrote a long report on the migration of swifts and all their relatives.") == (
        "wrote-a-long-report-on-the-migration-of-swifts-and-all-their"
    )
    assert slug("word " * 40) == "-".join(["word"] * 12)
    assert slug("Wrote about " + "x" * 80) == "wrote-about"
    assert slug("x" * 80) == "x" * 60
    assert slug("龍" * 80) == "龍" * len(slug("龍" * 80))
    assert slug("é" * 30 + " " + "龍" * 30) == "é" * 30


def test_a_file_name_tells_what_it_is_at_a_glance() -> None:
    assert file_name(candidate()) == "think_read-chapter-2-of-dragon-guide-summarized-migration-habits_abc0001.md"
    assert file_name(candidate(skill_tag="WORK", raw_text="Über 龍, café!")) == "work_über-龍-café_abc0001.md"


@given(candidates(), st.sets(st.integers(0, 1000), min_size=2, max_size=5))
def test_where_a_name_is_taken_there_is_another(made: Candidate, taken: set[int]) -> None:
    assert len({file_name(made, n).casefold() for n in taken}) == len(taken)


def test_two_entries_with_the_same_words_have_different_names() -> None:
    names = {file_name(candidate(id=i)) for i in ("cand-1-abc1234", "cand-1-abc1235", "a", "b", "cand-1-ABC1234")}
    assert len(names) == 5
