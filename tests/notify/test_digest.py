"""When a digest is due, and what it says."""

from __future__ import annotations

from datetime import datetime, time

import pytest
from recursion_gate.notify.digest import Digest, is_quiet


def test_a_thousand_drops_are_one_digest_and_a_further_one_waits_its_time() -> None:
    digest, due = Digest(every=600, rests=20), []
    for second in range(2_000):
        if second < 30:
            digest.look({"alex": {f"card-{n}" for n in range(35 * (second + 1))}}, second)
        elif second == 100:
            digest.look({"alex": {f"card-{n}" for n in range(1_051)}}, second)
        if digest.is_due(second):
            due.append((second, digest.words()))
            digest.sent(second)
    assert due == [(49, "alex: 1,050 new cards, 1,050 in all"), (649, "alex: 1 new card, 1,051 in all")]


def test_a_stream_that_never_rests_is_told_after_two_minutes() -> None:
    digest = Digest(every=600)
    for second in range(130):
        digest.look({"alex": {f"card-{n}" for n in range(second + 1)}}, second)
        if digest.is_due(second):
            break
    assert second == 120


def test_what_was_decided_meanwhile_is_not_told() -> None:
    digest = Digest(every=0, rests=1)
    digest.look({"alex": {"one"}}, 0)
    digest.look({"alex": set()}, 5)
    assert not digest.is_due(60)


def test_a_failure_is_tried_again_later_and_later_and_told_once_it_works() -> None:
    digest = Digest(every=600, rests=1, again=30)
    digest.look({"alex": {"one"}}, 0)
    assert digest.is_due(2)
    assert [digest.failed(2), digest.failed(40), digest.failed(110)] == [30, 60, 120]
    assert not digest.is_due(200)
    assert digest.is_due(231)
    assert digest.words() == "alex: 1 new card, 1 in all"


@pytest.mark.parametrize(
    ("quiet", "at", "expected"),
    [
        ((time(22), time(7)), "23:30", True),
        ((time(22), time(7)), "06:59", True),
        ((time(22), time(7)), "07:00", False),
        ((time(12), time(13)), "12:30", True),
        ((time(12), time(13)), "13:00", False),
        (None, "03:00", False),
    ],
)
def test_quiet_hours_go_over_midnight(quiet: tuple[time, time] | None, at: str, expected: bool) -> None:
    assert is_quiet(quiet, datetime.fromisoformat(f"2026-11-26T{at}")) is expected


def test_texts_are_of_the_new_ones_only_on_one_line_and_cut() -> None:
    digest = Digest(every=0, rests=1)
    digest.look({"alex": {"old"}}, 0)
    digest.sent(1)
    digest.look({"alex": {"old", "new"}, "blake": {"b"}}, 2)
    asked: list[tuple[str, str]] = []

    def text_of(user: str, name: str) -> str:
        asked.append((user, name))
        return f"One.\n\nTwo \u202e{name}. " + "x" * 300

    words = digest.words(text_of).split("\n")
    assert [words[0], words[2]] == ["alex: 1 new card, 2 in all", "blake: 1 new card, 1 in all"]
    assert words[1].startswith("- One. Two ?new. xxx")
    assert words[1].endswith("…")
    assert len(words[1]) == 202
    assert asked == [("alex", "new"), ("blake", "b")]
    assert "One" not in digest.words()
