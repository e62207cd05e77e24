"""The words of the contract as types."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from recursion_gate.core.model import Candidate, Drop, act_id, infer_section, instant, short_hash
from recursion_gate.core.receipt import Receipt, canonical, chain_hash
from recursion_gate.core.words import CATEGORY_OF, SECTION_OF

from ..support.samples import SKILLS, candidate, candidates, draft, json_values, texts

# -- the section from the words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("Today I learned how dragons migrate.", "IX-A"),
        ("UNDERSTOOD the water cycle", "IX-A"),
        ("realized: it was upside down", "IX-A"),
        ("I figured out the puzzle", "IX-A"),
        ("I figured\nout the puzzle", "IX-A"),
        ("is curious about volcanoes", "IX-B"),
        ("I wonder why", "IX-B"),
        ("I want to try watercolors", "IX-B"),
        ("interested in birds", "IX-B"),
        ("interested to see more", "IX-B"),
        ("I prefer short sentences", "IX-C"),
        ("I love dragons", "IX-C"),
        ("I hate noise", "IX-C"),
        ("I'm the kind of person who waits", "IX-C"),
        ("I’m the kind of person who waits", "IX-C"),
        ("found my voice", "IX-C"),
        ("I like to work alone", "IX-C"),
    ],
)
@pytest.mark.parametrize("skill", SKILLS)
def test_the_words_decide_the_section_whatever_the_skill(text: str, section: str, skill: str) -> None:
    assert infer_section(text, skill) == section


#: As agents write about somebody. Each is decided by its words, whatever the skill; "-" by the skill alone.
SENTENCES = """
IX-A  Mira learns the names of the winter stars.
IX-A  Mira learnt to read a tide table.
IX-A  Is learning to juggle with three balls.
IX-A  Wants to learn the cello.
IX-A  Has learned that bees dance.
IX-A  She understands why the moon has phases.
IX-A  Understands fractions now.
IX-A  He has understood how a lock on a canal works.
IX-A  Shows an understanding of leverage.
IX-A  Does not understand long division yet.
IX-A  Realises that yeast is alive.
IX-A  Realizes that yeast is alive.
IX-A  She realised the map was upside down.
IX-A  Realized the map was upside down.
IX-A  Realising that wood swells, he left a gap.
IX-A  Came to the realisation that practice beats talent.
IX-A  Came to the realization that practice beats talent.
IX-A  Figures out puzzles by working backwards.
IX-A  Figured it out without a hint.
IX-A  Figured it all out by Tuesday.
IX-A  Is figuring out how gears mesh.
IX-A  After an hour she had figured that out.
IX-A  LEARNED THE KNOT
IX-A  Loves spicy ramen since she learnt to cook it.
IX-B  Is curious about volcanoes.
IX-B  Was curious whether fish sleep.
IX-B  Her curiosity about fungi grows.
IX-B  Wonders why leaves fall.
IX-B  He wondered how bridges stand.
IX-B  Keeps wondering what is under the ice.
IX-B  I wonder who built it.
IX-B  Wants to try rock climbing.
IX-B  Wanted to try the pottery wheel.
IX-B  Is wanting to try origami.
IX-B  They want to  try a longer hike.
IX-B  Is interested in old maps.
IX-B  Got interested in chess.
IX-B  Would be interested to see a comet.
IX-B  Takes an interest in birds.
IX-B  Her interests in music and maths meet in fugues.
IX-B  Loves to wonder.
IX-C  Loves spicy ramen.
IX-C  Loved the school play.
IX-C  Loving every page of it.
IX-C  I love dragons.
IX-C  Hates loud rooms.
IX-C  Hated the itchy jumper.
IX-C  Is hating the new timetable.
IX-C  Doesn't hate spinach any more.
IX-C  Prefers short sentences.
IX-C  Preferred to draw alone.
IX-C  Is preferring tea lately.
IX-C  Has a preference for blue ink.
IX-C  I'm the kind of person who waits.
IX-C  I’m the kind of reader who skips.
IX-C  He is the kind of builder who tests first.
IX-C  She's the kind of friend who calls.
IX-C  They were the kind of team that laughs.
IX-C  Mira is the kind of person who counts stairs.
IX-C  Speaks in a quiet voice.
IX-C  Writes in two voices.
IX-C  Voiced doubts politely.
IX-C  Likes to work at night.
IX-C  Liked to work with clay.
IX-C  Likes working in the garden.
IX-C  Liked working with Tomasz.
IX-C  They like to work in pairs.
-     Built a table with four legs.
-     Wrote about the seven wonders of the world.
-     Visited her loved ones.
-     A clover field.
-     Planted cloves and gloves.
-     Sent the invoices.
-     Fixed an unavoidable delay.
-     A wonderful evening.
-     A lovely evening.
-     Beloved by all.
-     Misunderstood the bus plan.
-     Whatever came first.
-     A learner's licence.
-     Unlearnable steps.
-     The figure stands out.
-     This is the kind of bridge that lifts.
-     Disinterested in nothing.
-     Is likely to work.
-     Set the preferences of the editor.
-     Hats and hatches.
-     Chatted with a neighbour.
-     A realistic drawing.
-     Was uninterested in golf.
"""


@pytest.mark.parametrize("line", [line for line in SENTENCES.split("\n") if line])
def test_every_form_of_a_word_tells_the_section(line: str) -> None:
    section, text = line[:6].strip(), line[6:]
    found = {skill: infer_section(text, skill) for skill in SKILLS}
    alone = {"THINK": "IX-A", "WRITE": "IX-C", "WORK": "IX-B", "STEWARD": "IX-C"}
    assert found == (alone if section == "-" else dict.fromkeys(SKILLS, section))


@pytest.mark.parametrize("piece", ["figure ", "figure it ", "want \n", "i ", "the kind of ", " ", "interest"])
def test_no_text_takes_long_to_be_given_its_section(piece: str) -> None:
    start = time.process_time()
    infer_section(piece * (20_000 // len(piece)), "THINK")
    infer_section("figure" + " " * 20_000, "THINK")
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("I love what I learned", "IX-A"),
        ("I wonder what I understood", "IX-A"),
        ("I love to wonder", "IX-B"),
    ],
)
def test_the_first_match_in_the_contracts_order_wins(text: str, section: str) -> None:
    assert infer_section(text, "STEWARD") == section


@pytest.mark.parametrize("text", ["a clover field", "relearned-ish", "invoices", "wonderful", "interested", "whatever"])
def test_a_word_inside_another_word_does_not_count(text: str) -> None:
    assert infer_section(text, "WORK") == "IX-B"
    assert infer_section(text, "THINK") == "IX-A"


@pytest.mark.parametrize(
    ("skill", "section"), [("THINK", "IX-A"), ("WRITE", "IX-C"), ("WORK", "IX-B"), ("STEWARD", "IX-C")]
)
def test_without_such_words_the_skill_decides(skill: str, section: str) -> None:
    assert infer_section("Finished the dragon drawing.", skill) == section


def test_each_section_is_one_category() -> None:
    assert CATEGORY_OF == {"IX-A": "knowledge", "IX-B": "curiosity", "IX-C": "personality"}
    assert {c: s for s, c in CATEGORY_OF.items()} == SECTION_OF


# -- instants ------------------------------------------------------------------------------------------------------


def _created_at(text: Any) -> str | None:
    return Drop.model_validate({"raw_text": "x", "created_at": text}).created_at


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-11-24T16:30:00Z", "2026-11-24T16:30:00Z"),
        ("2026-11-24T16:30:00.123Z", "2026-11-24T16:30:00.123Z"),
        ("2026-11-24T16:30:00+02:00", "2026-11-24T16:30:00+02:00"),
        ("  2026-11-24T16:30:00Z\n", "2026-11-24T16:30:00Z"),
        ("2026-11-24 16:30", "2026-11-24T16:30:00Z"),
        ("2026-11-24", "2026-11-24T00:00:00Z"),
        ("20261124T163000Z", "2026-11-24T16:30:00Z"),
        ("2026-11-24T16:30:00+00:00:30", "2026-11-24T16:30:00+00:00:30"),
        (None, None),
    ],
)
def test_an_instant_is_kept_as_it_was_written_or_made_whole(given: str | None, kept: str | None) -> None:
    assert _created_at(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "yesterday",
        "24.11.2026",
        "2026-13-01",
        "2026-02-30",
        "0999-01-01",
        "9999-12-31T23:59:59-12:00",
        1764000000,
        True,
    ],
)
def test_what_is_no_instant_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        _created_at(given)


_zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1001, 1, 1), datetime(9998, 12, 31), timezones=st.one_of(st.none(), _zones)))
def test_any_instant_stays_the_same_instant_and_reads_the_same_again(moment: datetime) -> None:
    kept = _created_at(moment.isoformat())
    assert kept is not None
    assert datetime.fromisoformat(kept) == (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    assert _created_at(kept) == kept
    assert kept[:10] == moment.date().isoformat()


@given(st.datetimes(datetime(1001, 1, 1), datetime(9998, 12, 31), timezones=_zones))
def test_our_own_instants_are_utc_with_milliseconds_and_survive_a_drop(moment: datetime) -> None:
    written = instant(moment)
    assert written.endswith("Z")
    assert len(written) == len("2026-11-24T16:30:00.123Z")
    assert abs(datetime.fromisoformat(written) - moment) < timedelta(milliseconds=1)
    assert _created_at(written) == written


# -- drops, candidates, receipts -----------------------------------------------------------------------------------


def test_a_drop_has_the_contracts_fields_and_no_others() -> None:
    assert set(Drop.model_fields) == {
        "id", "raw_text", "skill_tag", "mind_category", "suggested_ix_section", "created_at", "status", "source",
        "link_to_evidence_id", "activity_type", "evidence_summary", "source_id", "topic", "score", "meta",
        "rationale", "excerpt", "url", "confidence", "tags", "supersedes", "retracts",
    }  # fmt: skip
    with pytest.raises(ValidationError):
        Drop.model_validate({"raw_text": "x", "skilltag": "WORK"})


@pytest.mark.parametrize("good", ["a", "7", "A.b_c-d", "x" * 128, "cand-1764000000000-p436yg2"])
def test_an_id_of_the_contracts_form_is_taken(good: str) -> None:
    assert Drop.model_validate({"raw_text": "x", "id": good, "link_to_evidence_id": good}).id == good


@pytest.mark.parametrize("bad", ["", "-a", ".a", "_a", "a/b", "../a", "a b", "a\n", "é", "x" * 129, "a\0", 7])
@pytest.mark.parametrize("field", ["id", "link_to_evidence_id"])
def test_any_other_id_is_refused(field: str, bad: object) -> None:
    with pytest.raises(ValidationError):
        Drop.model_validate({"raw_text": "x", field: bad})


@pytest.mark.parametrize("bad", ["ACT-2026-11-24-p436yg2x1bp436yg", "ACT-", "act-1", "Act-x"])
def test_no_candidate_is_called_like_evidence(bad: str) -> None:
    with pytest.raises(ValidationError, match="must not begin with 'ACT-'"):
        Drop.model_validate({"raw_text": "x", "id": bad})
    with pytest.raises(ValidationError, match="must not begin with 'ACT-'"):
        Candidate.model_validate({**candidate().as_json(), "id": bad})
    assert Drop.model_validate({"raw_text": "x", "link_to_evidence_id": bad}).link_to_evidence_id == bad


def test_a_candidate_keeps_what_it_does_not_know() -> None:
    made = Candidate.model_validate({**candidate().as_json(), "later": {"x": [1]}})
    assert made.as_json()["later"] == {"x": [1]}


def test_a_candidate_stands_at_the_gate_with_the_contracts_fields_even_where_they_are_null() -> None:
    made = candidate(suggested_ix_section=None)
    assert made.as_json() == {
        "id": "cand-1764000000000-abc0001",
        "raw_text": made.raw_text,
        "skill_tag": "THINK",
        "mind_category": None,
        "suggested_ix_section": None,
        "created_at": "2026-11-24T16:30:00Z",
        "status": "pending",
        "source": "quiz",
    }


@given(candidates())
def test_a_candidate_survives_json(made: Candidate) -> None:
    assert Candidate.model_validate_json(canonical(made.as_json())) == made


def test_a_receipt_has_the_contracts_fields() -> None:
    assert set(Receipt.model_fields) >= {
        "candidate_id", "action", "raw_text", "suggested_ix_section", "merged_at", "rejected_at", "evidence_id",
        "lines", "candidate", "approved", "sha256", "source", "reason", "via", "by", "seq", "prev_hash", "hash",
    }  # fmt: skip


def test_a_receipt_says_when_whatever_was_decided() -> None:
    place = {"seq": 1, "prev_hash": "0" * 64, "hash": "0" * 64}
    approved = Receipt.model_validate({**draft(candidate()), **place})
    rejected = Receipt.model_validate({**draft(candidate(), "rejected"), **place})
    assert approved.at == approved.merged_at == rejected.at == rejected.rejected_at == "2026-11-25T08:00:00.000Z"


# -- hashes --------------------------------------------------------------------------------------------------------

_objects = st.dictionaries(texts(0, 3), json_values, max_size=4)


@given(_objects)
def test_the_canonical_json_is_one_text_for_one_value(data: dict[str, Any]) -> None:
    text = canonical(data)
    assert json.loads(text) == data
    assert canonical(dict(reversed(data.items()))) == text
    assert canonical(json.loads(text)) == text


def test_the_canonical_json_has_sorted_keys_no_white_space_and_utf_8_as_it_is() -> None:
    assert (
        canonical({"b": [1, {"d": None, "c": True}], "a": "é龍 "})
        == '{"a":"é龍 ","b":[1,{"c":true,"d":null}]}'.encode()
    )


def test_the_hash_is_sha_256_over_the_canonical_json_of_the_rest() -> None:
    rest = {"seq": 1, "text": "é", "prev_hash": "00"}
    expected = hashlib.sha256('{"prev_hash":"00","seq":1,"text":"é"}'.encode()).hexdigest()
    assert chain_hash(rest) == chain_hash({**rest, "hash": "whatever"}) == expected


@given(_objects, texts(0, 2), json_values)
def test_any_change_changes_the_hash(data: dict[str, Any], key: str, value: Any) -> None:
    changed = {**data, key: value}
    there, before = ({k: v for k, v in each.items() if v is not None} for each in (changed, data))  # null: not there
    if key != "hash" and canonical(there) != canonical(before):
        assert chain_hash(changed) != chain_hash(data)


@given(st.binary(), st.integers(1, 24))
def test_a_short_hash_is_letters_and_digits_and_always_the_same(data: bytes, length: int) -> None:
    made = short_hash(data, length)
    assert len(made) == length
    assert made.isascii()
    assert made.isalnum()
    assert made.lower() == made == short_hash(data, length)


def test_an_act_id_is_the_same_for_the_same_candidate_however_it_is_edited() -> None:
    made = candidate()
    assert act_id(made) == act_id(made.model_copy(update={"raw_text": "other", "suggested_ix_section": None}))
    assert act_id(made).startswith("ACT-2026-11-24-")


def test_ids_that_once_gave_one_act_id_give_two() -> None:
    made = candidate()
    first, second = (act_id(made.model_copy(update={"id": i})) for i in ("tutor-100683273", "tutor-101983829"))
    assert first[:25] == second[:25]
    assert first != second


def test_twenty_thousand_candidates_of_one_day_have_as_many_act_ids() -> None:
    made = candidate()
    assert len({act_id(made.model_copy(update={"id": f"cand-1-{n}"})) for n in range(20_000)}) == 20_000
