"""The hints on a card: known as the daemon's own, also after a restart, and never mixed up with what a person typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.model import Candidate, act_id
from recursion_gate.core.settings import Settings
from recursion_gate.formats import card_hints, cards
from recursion_gate.formats.record_edit import Change, additions, fold

from ..support.samples import candidate, candidates, texts

HINTS = ['nearly the same: "Built a kite" waits, too (c1)', "If this corrects ACT-1, write `supersedes: ACT-1` above"]


def _adds(made: Candidate) -> list[Change]:
    return additions(made, act_id(made), linked=False)


def _card(made: Candidate) -> bytes:
    return cards.render(made, _adds(made))


def _hinted(card: bytes, hints: list[str]) -> bytes:
    made = card_hints.with_hints(card, hints)
    assert made is not None
    return made


STAGED = candidate(raw_text="Built a kite.", rationale="Second one.", excerpt="! not a hint")
CARD = _card(STAGED)


def test_hints_stand_right_below_the_marker_line_and_change_nothing_else() -> None:
    made = _hinted(CARD, HINTS)
    above, below = made.decode().split("-->\n", 1)
    assert above == CARD.decode().split("-->\n", 1)[0]
    lines = [line for line in below.split("\n") if line]
    assert lines[0].startswith("Good to know before you decide")
    assert lines[1:3] == [f"    ! {hint}" for hint in HINTS]
    assert lines[3].startswith("What the proposer says")
    assert card_hints.hints_in(made) == tuple(HINTS)
    assert card_hints.hints_in(CARD) == ()
    assert card_hints.without_hints(made) == CARD == card_hints.with_hints(made, [])
    assert _hinted(made, ["another"]) == _hinted(CARD, ["another"])


@given(candidates(), st.lists(texts().map(fold).filter(bool), min_size=1, max_size=4))
def test_any_hints_on_any_card_are_taken_off_again_byte_for_byte(made: Candidate, hints: list[str]) -> None:
    adds = additions(made, made.link_to_evidence_id or act_id(made), linked=bool(made.link_to_evidence_id))
    card = cards.render(made, adds)
    hinted = _hinted(card, hints)
    assert card_hints.hints_in(hinted) == tuple(fold(hint) for hint in hints)
    assert card_hints.without_hints(hinted) == card
    assert not cards.typed_below(hinted, made, [adds])
    assert cards.ends_whole(hinted) == cards.ends_whole(card)
    assert cards.is_as_staged(hinted, made)
    verdict = cards.read(hinted, made, Settings(max_text_chars=100_000))
    assert not verdict.edited


@pytest.mark.parametrize(
    "change",
    [
        (b"waits, too", b"waits, perhaps"),
        (b"    ! If", b"    ! My note: it is wrong\n    ! If"),
        (b"[2: ", b"[1: "),
        (b"Good to know", b"Good to know, I say"),
    ],
    ids=["a word changed", "a line typed", "the number", "the first line"],
)
def test_who_types_among_the_hints_has_typed_below(change: tuple[bytes, bytes]) -> None:
    made = _hinted(CARD, HINTS).replace(*change, 1)
    assert cards.typed_below(made, STAGED, [_adds(STAGED)])
    if b"Good to know before" in made:
        assert card_hints.hints_in(made) is None
        assert card_hints.with_hints(made, ["another"]) is None
        assert card_hints.without_hints(made) == made


def test_what_is_typed_below_the_hints_is_still_seen_and_kept() -> None:
    made = _hinted(CARD, HINTS) + b"\nThat was her brother.\n"
    assert cards.typed_below(made, STAGED, [_adds(STAGED)])
    other = _hinted(made, ["another"])
    assert other.endswith(b"\nThat was her brother.\n")
    assert cards.typed_below(other, STAGED, [_adds(STAGED)])


def test_a_card_with_other_line_ends_keeps_them() -> None:
    windows = CARD.replace(b"\n", b"\r\n")
    made = _hinted(windows, HINTS)
    assert b"\n" not in made.replace(b"\r\n", b"")
    assert card_hints.without_hints(made) == windows
    assert card_hints.without_hints(_hinted(CARD, HINTS).replace(b"\n", b"\r\n")) == windows
    assert not cards.typed_below(made, STAGED, [_adds(STAGED)])


def test_a_card_cut_short_within_its_hints_is_not_taken_for_typed_on() -> None:
    whole, end = _hinted(CARD, HINTS), CARD.index(b"-->") + 3
    for size in range(end, whole.index(b"self-evidence.md")):
        assert not cards.typed_below(whole[:size], STAGED, [_adds(STAGED)]), whole[end:size]


def test_an_edited_card_keeps_its_hints_when_its_preview_is_made_anew() -> None:
    made = _hinted(CARD, HINTS).replace(b"Built a kite.\n\n<!--", b"Built a red kite.\n\n<!--")
    now = cards.with_preview(made, STAGED, _adds(STAGED.model_copy(update={"raw_text": "Built a red kite."})))
    assert card_hints.hints_in(now) == tuple(HINTS)
    assert b"Built a red kite. \xe2\x80\x94" in now


def test_a_text_that_looks_like_hints_is_no_hint() -> None:
    head = _hinted(CARD, HINTS).decode().split("-->\n")[1].strip().split("\n\nWhat")[0]
    staged = candidate(raw_text=f"Text.\n\n{head}", rationale=head)
    card = _card(staged)
    assert card_hints.hints_in(card) in ((), None)
    assert card_hints.without_hints(card) == card
    assert cards.read(card, staged, Settings()).edited is False
    assert not cards.typed_below(card, staged, [_adds(staged)])
