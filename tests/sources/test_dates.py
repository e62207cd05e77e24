"""Dates of many shapes; what can mean two days is asked about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.sources import dates


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("2026-11-24", "2026-11-24"),
        ("2026/11/4", "2026-11-04"),
        ("2026-11-24 16:30", "2026-11-24T16:30:00"),
        ("2026-11-24T16:30:05.123Z", "2026-11-24T16:30:05Z"),
        ("2026-11-24T16:30:05+01:00", "2026-11-24T16:30:05+01:00"),
        ("20261124T163000", "2026-11-24T16:30:00"),
        ("24.11.2026", "2026-11-24"),
        ("4.11.26, 16:30", "2026-11-04T16:30:00"),
        ("11/24/2026 4:30 PM", "2026-11-24T16:30:00"),
        ("24/11/2026, 16:30:00", "2026-11-24T16:30:00"),
        ("5/5/2026", "2026-05-05"),
        ("24 November 2026", "2026-11-24"),
        ("24-Nov-2026", "2026-11-24"),
        ("Nov 24, 2026", "2026-11-24"),
        ("Tuesday, November 24, 2026 12:05:09 AM", "2026-11-24T00:05:09"),
        ("Tue, 24 Nov 2026 16:30:00 +0100", "2026-11-24T16:30:00+01:00"),
        ("Dienstag, 24", None),
        ("Dienstag, 3. November 2026 21:15:33", "2026-11-03T21:15:33"),
        ("Mittwoch, 4. März 2026 um 7:01 Uhr", "2026-03-04T07:01:00"),
        ("mardi 3 février 2026 21:15:33", "2026-02-03T21:15:33"),
        ("1er décembre 2026 à 18:03", "2026-12-01T18:03:00"),
        ("martes, 3 de noviembre de 2026 21:15:33", "2026-11-03T21:15:33"),
        ("sábado, 10 de enero de 2026", "2026-01-10"),
        ("martedì 3 novembre 2026", "2026-11-03"),
        ("terça-feira, 3 de março de 2026 21:15:33", "2026-03-03T21:15:33"),
        ("dinsdag 3 mei 2026", "2026-05-03"),
        ("3. Nebelung 2026", None),
        ("Foo, 3. November 2026", None),
        ("1764001800", "2025-11-24T16:30:00Z"),
        ("1764001800000", "2025-11-24T16:30:00Z"),
        ("31.11.2026", None),
        ("2026-02-30", None),
        ("13/13/2026", None),
        ("25:00", None),
        ("2026-11-24 25:00", None),
        ("2026-11-24 13:00 PM", None),
        ("45987", None),
        ("0001-01-01", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_date_of_any_shape_is_read_or_refused(text: str, made: str | None) -> None:
    if made is None:
        with pytest.raises(dates.BadDate):
            dates.parse(text)
    else:
        assert dates.parse(text) == made


def test_a_date_that_may_be_two_days_is_asked_about_and_never_guessed() -> None:
    with pytest.raises(dates.Ambiguous, match="may be 3 April or 4 March: say --day-first or --month-first"):
        dates.parse("3/4/2026")
    assert dates.parse("3/4/2026", day_first=True) == "2026-04-03"
    assert dates.parse("3/4/2026", day_first=False) == "2026-03-04"
    assert dates.parse("25/12/2026", day_first=False) == "2026-12-25"


@given(st.text(max_size=90))
def test_whatever_is_read_is_a_date_that_a_drop_may_have(text: str) -> None:
    from recursion_gate.core.model import Drop

    try:
        made = dates.parse(text, day_first=True)
    except dates.BadDate:
        return
    assert Drop.model_validate({"raw_text": "x", "created_at": made}).created_at
