"""A candidate becomes a card, and a card, whatever happened to it, a verdict."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from recursion_gate.core.errors import Refusal
from recursion_gate.core.model import Candidate, act_id
from recursion_gate.core.settings import Settings
from recursion_gate.core.unseen import without_unseen
from recursion_gate.formats import cards, drops, frontmatter, signature
from recursion_gate.formats.marker import MARKER_LINE, as_typed, on_a_card
from recursion_gate.formats.record_edit import additions, changes, clean

from ..support.samples import candidate, candidates, said, texts

SETTINGS = Settings()


def _card(made: Candidate, note: str | None = None) -> bytes:
    linked = made.link_to_evidence_id
    return cards.render(made, additions(made, linked or act_id(made), linked=bool(linked)), note)


def _read(data: bytes | str, staged: Candidate) -> cards.Verdict:
    return cards.read(data.encode() if isinstance(data, str) else data, staged, SETTINGS)


def _edited(staged: Candidate, old: str, new: str) -> cards.Verdict:
    text = _card(staged).decode()
    assert text.count(old) >= 1
    return _read(text.replace(old, new, 1), staged)


# -- what a card shows ----------------------------------------------------------------------------------------------


def test_a_card_shows_the_entry_and_exactly_what_approving_would_add() -> None:
    made = candidate(evidence_summary="Chapter 2", topic="dragons")
    assert _card(made, "it came back").decode() == (
        "---\n"
        '# To keep this, move this file into "approved"; if not, into "rejected". You may correct the text first.\n'
        "note: it came back\n"
        "id: cand-1764000000000-abc0001\n"
        "skill_tag: THINK\n"
        "suggested_ix_section: IX-A\n"
        'created_at: "2026-11-24T16:30:00Z"\n'
        "source: quiz\n"
        "evidence_summary: Chapter 2\n"
        "topic: dragons\n"
        "---\n"
        "\n"
        "Read chapter 2 of Dragon Guide; summarized migration habits.\n"
        "\n"
        f"{cards.MARKER}\n"
        "\n"
        'self-evidence.md, "Activity Log":\n'
        "\n"
        f"    - {act_id(made)} — Chapter 2 — 2026-11-24 — THINK\n"
        "\n"
        'self-knowledge.md, "Topics / Understanding":\n'
        "\n"
        f"    - • Read chapter 2 of Dragon Guide; summarized migration habits. — {act_id(made)}\n"
        "\n"
        'self-skill-think.md, "Activity":\n'
        "\n"
        f"    - • Read chapter 2 of Dragon Guide; summarized migration habits. — {act_id(made)}\n"
    )


OLD = {
    "self-evidence.md": "- ACT-2026-11-20-aaaaaaaaaaaaaaaa — Owls sleep. — 2026-11-20 — WORK",
    "self-curiosity.md": "- • Owls sleep. — ACT-2026-11-20-aaaaaaaaaaaaaaaa",
    "self-skill-work.md": "- • Owls sleep. — ACT-2026-11-20-aaaaaaaaaaaaaaaa",
}


def _as_merged() -> dict[str, tuple[str, str | None]]:
    return {file: (line, line) for file, line in OLD.items()}


def _below(card: bytes) -> list[str]:
    return [line.partition(", ")[2] for line in card.decode().split("\n") if line.startswith("self-")]


def test_a_correction_shows_file_by_file_what_goes_and_what_comes() -> None:
    made = candidate(supersedes="ACT-2026-11-20-aaaaaaaaaaaaaaaa")
    lines = changes(made, "ACT-2026-11-24-bbbbbbbbbbbbbbbb", _as_merged(), linked=False)
    card = cards.render(made, lines)
    assert _below(card) == [
        '"Activity Log", struck out:',
        '"Activity Log", added:',
        '"Interests", taken out:',
        '"Topics / Understanding", added:',
        '"Activity", taken out:',
        '"Activity", added:',
    ]
    assert card.count(b"~~Owls sleep.~~ (superseded by ACT-2026-11-24-bbbbbbbbbbbbbbbb)") == 1
    assert cards.ends_whole(card)
    assert cards.shows(card, lines)
    assert not cards.shows(card, changes(made, "ACT-2026-11-24-bbbbbbbbbbbbbbbb", {}, linked=False))


def test_a_retraction_shows_what_goes() -> None:
    made = candidate(retracts="ACT-2026-11-20-aaaaaaaaaaaaaaaa")
    card = cards.render(made, changes(made, "", _as_merged(), linked=False))
    assert _below(card) == ['"Activity Log", struck out:', '"Interests", taken out:', '"Activity", taken out:']
    assert card.startswith(b"---\n# This takes an entry out of the Record.")
    assert cards.ends_whole(card)


def test_lines_that_a_person_edited_or_removed_are_shown_as_they_stand_now() -> None:
    made = candidate(supersedes="ACT-2026-11-20-aaaaaaaaaaaaaaaa")
    act, evidence = "ACT-2026-11-24-bbbbbbbbbbbbbbbb", OLD["self-evidence.md"].replace("Owls", "Barn owls")
    stands = _as_merged() | {
        "self-evidence.md": (OLD["self-evidence.md"], evidence),
        "self-curiosity.md": (OLD["self-curiosity.md"], OLD["self-curiosity.md"].replace("Owls", "Barn owls")),
        "self-skill-work.md": (OLD["self-skill-work.md"], None),
    }
    lines = changes(made, act, stands, linked=False)
    card = cards.render(made, lines)
    assert [re.sub(r"\[\w{8}\]", "[]", line) for line in _below(card)] == [
        '"Activity Log", struck out, as it was edited by hand []:',
        '"Activity Log", added:',
        '"Interests", taken out, as it was edited by hand []:',
        '"Topics / Understanding", added:',
        '"Activity", no longer there:',
        '"Activity", added:',
    ]
    assert b"~~Barn owls sleep.~~ (superseded by " + act.encode() in card
    assert cards.ends_whole(card)
    assert cards.shows(card, lines)
    now = changes(made, act, _as_merged(), linked=False)
    assert cards.is_outdated(card, made, made, now, now)
    assert not cards.typed_below(card, made, [now])  # known as the daemon's, though nothing stands so any more
    typed = card.replace(b"    - \xe2\x80\xa2 Barn owls sleep.", b"    - \xe2\x80\xa2 Not the barn owls.")
    assert typed != card
    assert cards.typed_below(typed, made, [now])


@given(candidates(), st.none() | said)
def test_any_candidate_comes_back_from_its_card_unedited(made: Candidate, note: str | None) -> None:
    for data in (_card(made, note), _card(made, note).replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + _card(made, note)):
        verdict = _read(data, made)
        assert not verdict.edited
        assert verdict.candidate == made
        assert (verdict.reason, verdict.via) == (None, None)
        assert cards.id_of(data) == made.id


@given(candidates())
def test_any_card_that_is_dropped_is_the_same_candidate_but_for_what_a_card_does_not_show(made: Candidate) -> None:
    [proposal] = drops.parse("card (1).md", _card(made, "a note"), 0, SETTINGS)
    context = ("meta", "rationale", "excerpt", "url", "confidence", "tags")  # below the marker line
    shown = {**dict.fromkeys(context), "raw_text": clean(made.raw_text)}
    assert proposal.candidate == made.model_copy(update=shown)


@given(candidates(), st.data())
def test_a_card_that_was_cut_short_is_never_taken_for_whole(made: Candidate, data: st.DataObject) -> None:
    whole = _card(made)
    assume(whole.count(b"\n<!-- recursion-gate:") == 1)
    end = whole.index(b"\n<!-- recursion-gate:") + 1
    with pytest.raises(Refusal):
        _read(whole[: data.draw(st.integers(0, end))], made)


@given(candidates())
def test_an_unedited_card_is_known_at_a_glance_and_an_edited_one_never_taken_for_it(made: Candidate) -> None:
    whole = _card(made)
    assert cards.is_as_staged(whole, made)
    assert not cards.is_as_staged(_card(made, "a note"), made)  # then it is read
    edited = whole.replace(b"\n---\n\n", b"\n---\n\nMore: ", 1)
    assert not cards.is_as_staged(edited, made)
    assert not cards.is_as_staged(whole + f"{cards.MARKER}\n".encode(), made)


@given(candidates(), said, st.sampled_from(["\n", "\r\n"]))
def test_a_preview_made_anew_shows_the_edited_entry_and_leaves_what_was_typed(
    made: Candidate, text: str, line_end: str
) -> None:
    typed = (
        _card(made).decode().replace(f"\n\n{clean(made.raw_text)}\n\n{cards.MARKER}", f"\n\n{text}\n\n{cards.MARKER}")
    )
    typed = frontmatter.unix(typed)
    assume(cards.MARKER in typed and text not in cards.MARKER)
    try:
        now = _read(typed, made).candidate
    except Refusal:
        assume(False)
    linked = now.link_to_evidence_id
    lines = additions(now, linked or act_id(now), linked=bool(linked))
    again = cards.with_preview(typed.replace("\n", line_end).encode(), made, lines)
    assert _read(again, made).candidate == now
    assert again.decode().startswith(typed[: typed.rindex(cards.MARKER)])
    below = _card(now).decode().rpartition(cards.MARKER)[2]
    assert again.decode().endswith(below)


# -- edits ----------------------------------------------------------------------------------------------------------


def test_an_edited_text_is_the_new_text() -> None:
    made = candidate()
    verdict = _edited(made, made.raw_text, "Read chapter 3.\n\nAnd 4.")
    assert verdict.edited
    assert verdict.candidate == made.model_copy(update={"raw_text": "Read chapter 3.\n\nAnd 4."})


def test_an_edited_section_takes_its_category_along() -> None:
    made = candidate()
    for section, category in (("IX-B", "curiosity"), ("ix-c", "personality"), ("null", None), ("", None)):
        verdict = _edited(made, "suggested_ix_section: IX-A", f"suggested_ix_section: {section}")
        assert verdict.candidate.suggested_ix_section == (section.upper() if category else None)
        assert verdict.candidate.mind_category == category


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ("skill_tag: THINK", "skill_tag: work", "skill_tag", "WORK"),
        ("source: quiz", "source: me", "source", "me"),
        ('"2026-11-24T16:30:00Z"', "2026-11-23", "created_at", "2026-11-23T00:00:00Z"),
        ("source: quiz", "source: quiz\nevidence_summary: short", "evidence_summary", "short"),
        ("topic: dragons\n", "", "topic", None),
        ("topic: dragons", "topic:", "topic", None),
        ("topic: dragons", "topic: 'null'", "topic", "null"),
        (
            "source: quiz",
            "source: quiz\nlink_to_evidence_id: ACT-2026-11-23-x",
            "link_to_evidence_id",
            "ACT-2026-11-23-x",
        ),
    ],
)
def test_an_edited_field_is_the_new_value_and_the_others_stay(
    old: str, new: str, field: str, value: str | None
) -> None:
    made = candidate(topic="dragons", meta={"kept": 1})
    verdict = _edited(made, old, new)
    assert verdict.edited
    assert verdict.candidate == made.model_copy(update={field: value})


@pytest.mark.parametrize("field", ["skill_tag: THINK\n", "suggested_ix_section: IX-A\n", "source: quiz\n"])
def test_a_line_that_was_taken_out_changes_nothing(field: str) -> None:
    assert not _edited(candidate(), field, "").edited


HEAD_TURNED_ROUND = "---\nskill_tag:   'think'  # as it was\n\nid: cand-1764000000000-abc0001"


def test_moving_lines_and_blank_lines_about_is_no_edit() -> None:
    made = candidate()
    assert not _edited(made, "skill_tag: THINK\nsuggested_ix_section: IX-A\n", "").edited
    assert not _edited(made, "---\n\nRead", "---\n\n\n\n  Read").edited
    assert not _edited(made, "---\n#", "\n\n---\n# my card\n#").edited
    assert not _edited(
        made, f"---\n{cards.WHAT_TO_DO}\nid: cand-1764000000000-abc0001\nskill_tag: THINK", HEAD_TURNED_ROUND
    ).edited
    assert not _read(_card(made).decode().partition(cards.MARKER)[0] + cards.MARKER, made).edited


@given(candidates(), said)
def test_any_text_a_person_writes_is_what_is_approved(made: Candidate, text: str) -> None:
    head, _, rest = _card(made).decode().rpartition(cards.MARKER)
    front = head[: head.index("\n---\n") + 5]
    typed = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip()
    verdict = _read(f"{front}{typed}\n{cards.MARKER}{rest}", made)
    typed = without_unseen(typed).strip()
    edited = typed != clean(made.raw_text)
    assert verdict.candidate == (made.model_copy(update={"raw_text": typed}) if edited else made)
    assert verdict.edited == edited


def test_the_text_may_quote_the_marker() -> None:
    made = candidate(raw_text=f"It said:\n{cards.MARKER}\nand that was it")
    assert not _read(_card(made), made).edited
    verdict = _edited(made, "and that was it", "and no more")
    assert verdict.candidate.raw_text.endswith(f"{cards.MARKER}\nand no more")


@pytest.mark.parametrize(
    "line",
    [
        cards.MARKER,
        f"  {cards.MARKER}",
        "<!-- recursion-gate: all of it is checked -->",
        "<!--recursion gate: edit only above",
        "＜!-- ｒecursion-gate: edit only above",
        "<!-- rесursiоn-gаte: edit only above",
        "***RECURSION-GATE***",
        "(this line is part of the text:) <!-- recursion-gate: x -->",
        "(this line is part of the text:) (this line is part of the text:) <!-- recursion-gate: x -->",
    ],
)
def test_a_line_of_the_text_is_never_taken_for_the_programs_own(line: str) -> None:
    made = candidate(raw_text=f'It said:\n{line}\n\nself-knowledge.md, "Interests":\n\n    - • forged')
    card = _card(made).decode()
    (marker,) = MARKER_LINE.finditer(card)
    above = card[: marker.start()]
    assert not any(read.strip() == line.strip() for read in above.splitlines())
    assert not _read(_card(made), made).edited
    assert _edited(made, "It said", "She said").candidate.raw_text == made.raw_text.replace("It said", "She said")


@given(st.lists(st.sampled_from([cards.MARKER, "(this line is part of the text:) ", "r", "Read.", "<", "\n", " "])))
def test_a_text_reads_back_from_its_card_as_it_was(parts: list[str]) -> None:
    text = "".join(parts)
    assert as_typed(on_a_card(text)) == text
    assert MARKER_LINE.search(on_a_card(text)) is None


def test_a_person_may_say_why_and_the_command_line_how() -> None:
    verdict = _edited(candidate(), "source: quiz", "source: quiz\nvia: cli\nreason: 'not  hers\n\n  at all'")
    assert not verdict.edited
    assert (verdict.reason, verdict.via) == ("not hers at all", "cli")
    assert _edited(candidate(), "source: quiz", "source: quiz\nreason:").reason is None


# -- what cannot be read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("skill_tag: THINK", "skill_tag: PLAY", "skill_tag must be"),
        ("suggested_ix_section: IX-A", "suggested_ix_section: IX-D", "suggested_ix_section must be"),
        ("skill_tag: THINK", "skilltag: THINK", "unknown field 'skilltag'; did you mean 'skill_tag'?"),
        ("source: quiz", "source: a: b", "cannot be read in line 7"),
        ("source: quiz", "source: quiz\nsource: quiz", "gives one field twice"),
        ("source: quiz", "source: quiz\nraw_text: x", "given twice"),
        (
            "source: quiz",
            "source: quiz\nmind_category: curiosity",
            "mind_category says curiosity but IX-A is knowledge",
        ),
        ("source: quiz", "source: quiz\nstatus: approved", "status"),
        ("source: quiz", "source: quiz\nreason:\n- a", "reason must be text"),
        ("source: quiz", "source: quiz\nlink_to_evidence_id: cand-1764000000000-abc0001", "names the card itself"),
        ("id: cand-1764000000000-abc0001", "id: cand-1764000000000-abc0002", "the id was changed"),
        ("Read chapter 2 of Dragon Guide; summarized migration habits.\n\n<", "<", "raw_text is empty"),
        ("<!-- recursion-gate:", "<-- recursion-gate:", "'<!-- recursion-gate:' is missing"),
        ('"2026-11-24T16:30:00Z"', "yesterday", "created_at must be"),
    ],
)
def test_a_card_that_no_longer_parses_is_refused_with_the_reason(old: str, new: str, problem: str) -> None:
    with pytest.raises(Refusal) as caught:
        _edited(candidate(), old, new)
    assert problem in caught.value.problem


def test_a_category_without_its_section_is_refused() -> None:
    with pytest.raises(Refusal, match="mind_category follows suggested_ix_section"):
        _edited(candidate(), "suggested_ix_section: IX-A", "mind_category: curiosity")


@given(candidates(), st.binary(max_size=20), st.data())
def test_any_damage_gives_a_verdict_or_a_refusal_and_nothing_else(
    made: Candidate, put: bytes, data: st.DataObject
) -> None:
    whole = _card(made)
    at = data.draw(st.integers(0, len(whole)))
    to = data.draw(st.integers(at, min(len(whole), at + 40)))
    damaged = whole[:at] + put + whole[to:]
    cards.id_of(damaged)
    with contextlib.suppress(Refusal):
        verdict = _read(damaged, made)
        assert verdict.candidate.id == made.id
        assert Candidate.model_validate(verdict.candidate.as_json()) == verdict.candidate


@pytest.mark.parametrize("data", [b"", b"\xff\xfe---\n", b"\0", b"---\n", b"id: a", b"\x80", b"[" * 100_000])
def test_bytes_that_are_no_card_have_no_id(data: bytes) -> None:
    assert cards.id_of(data) is None


def test_the_first_line_with_words_on_a_card_says_what_to_do_and_the_note_comes_next() -> None:
    first, second, third, *_ = _card(candidate(), "because").decode().split("\n")
    assert (first, second[:2], third) == ("---", "# ", "note: because")
    assert all(word in second for word in ("approved", "rejected", "move this file"))


@given(texts())
def test_an_id_is_looked_for_in_any_text_without_a_crash(text: str) -> None:
    cards.id_of(text.encode())


def _signed(card: bytes) -> bytes:
    return signature.sign(card, "approved", "cli", "because")


def test_a_card_that_an_editor_saved_with_other_line_ends_is_signed_without_a_change_to_its_text() -> None:
    made = candidate(raw_text="The first line.\nThe second.")
    card = cards.render(made, additions(made, act_id(made), linked=False)).replace(b"\n", b"\r\n")
    verdict = cards.read(_signed(card), made, Settings())
    assert not verdict.edited
    assert verdict.reason == "because"
    assert signature.via_of(_signed(card), verdict.via, "approved") == "cli"


@pytest.mark.parametrize("field", ['topic: "a\nreason: b"', "topic: 'a\nvia: b'"])
def test_a_card_that_signing_would_change_is_not_signed(field: str) -> None:
    made = candidate()
    card = cards.render(made, additions(made, act_id(made), linked=False)).replace(
        b"\n---\n", f"\n{field}\n---\n".encode()
    )
    with pytest.raises(Refusal, match="nothing can be added to"):
        _signed(card)


def test_front_matter_in_braces_is_not_signed() -> None:
    made = candidate()
    card = cards.render(made, additions(made, act_id(made), linked=False)).decode()
    head, end, rest = card.split("\n", 2)[2].partition("\n---\n")
    card = "---\n{" + ", ".join(head.split("\n")) + "}" + end + rest
    assert cards.read(card.encode(), made, Settings()).candidate == made
    with pytest.raises(Refusal, match="nothing can be added to"):
        _signed(card.encode())


def test_a_reason_that_was_written_on_the_card_stays_unless_another_is_given() -> None:
    one = candidate()
    card = cards.render(one, []).replace(b"---\n", b"---\nreason: too early\n", 1)
    for reason, kept in ((None, "too early"), ("", "too early"), ("not hers", "not hers")):
        signed = signature.sign(card, "rejected", "cli", reason)
        verdict = cards.read(signed, one, Settings())
        assert (verdict.reason, verdict.edited) == (kept, False)
        assert signature.via_of(signed, verdict.via, "rejected") == "cli"


# -- the reviewer's context -------------------------------------------------------------------------------------------

SAYS: dict[str, Any] = {
    "rationale": "It came up twice.",
    "excerpt": 'self-evidence.md, "Activity Log":\n\n    - ACT-2026-01-01-x — forged\n<!-- recursion-gate: x -->',
    "url": "https://example.org/1",
    "confidence": 0.5,
    "tags": ["wind", "kites"],
    "meta": {"page": 3},
}


def test_a_card_shows_the_reviewers_context_below_its_text_and_none_of_it_is_merged() -> None:
    made = candidate(**SAYS)
    said = _card(made).decode()
    above, _, below = said.partition(cards.MARKER)
    for text in ("It came up twice.", "https://example.org/1", "confidence: 0.5", "tags: wind, kites", '{"page": 3}'):
        assert text not in above
        assert f"    > {text}" in below or f": {text}" in below
    for addition in additions(made, act_id(made), linked=False):
        assert not any(str(value) in addition.line for value in ("twice", "example.org", "forged", "kites"))


def test_no_line_of_the_context_passes_for_a_line_that_approving_adds() -> None:
    made = candidate(**SAYS)
    below = _card(made).decode().partition(cards.MARKER)[2]
    forged = [line for line in below.split("\n") if "forged" in line or "<!--" in line]
    assert len(forged) == 2
    assert all(line.startswith("    > ") for line in forged)


def test_a_card_with_context_reads_as_it_was_staged_and_context_is_not_typed_below() -> None:
    made = candidate(**SAYS)
    card, lines = _card(made), additions(made, act_id(made), linked=False)
    assert not cards.read(card, made, Settings()).edited
    assert cards.is_as_staged(card, made)
    assert not cards.typed_below(card, made, [lines])
    assert cards.typed_below(card + b"\nmine\n", made, [lines])
    assert cards.with_preview(card, made, lines) == card


@given(candidates())
def test_any_context_leaves_the_card_readable_and_whole(made: Candidate) -> None:
    card = _card(made)
    assert not cards.read(card, made, Settings()).edited
    assert cards.ends_whole(card)


def test_a_card_that_a_name_has_signed_says_so_as_long_as_nobody_edits_it() -> None:
    card = cards.render(candidate(raw_text="Hums."), ())
    signed = signature.sign(card, "approved", "web", by="anna")
    claimed = cards.read(signed, candidate(raw_text="Hums."), Settings()).via
    assert signature.via_of(signed, claimed, "approved") == "web"
    assert signature.signer_of(claimed) == "anna"
    assert signature.via_of(signed.replace(b"Hums.", b"Sings."), claimed, "approved") is None
    assert signature.via_of(signed, claimed, "rejected") is None
    assert signature.signer_of("cli approved 0123456789abcdef by anna") is None
    assert signature.signer_of("web approved 0123456789abcdef by an na") is None
    assert signature.via_of(signed, f"{claimed} x", "approved") is None
