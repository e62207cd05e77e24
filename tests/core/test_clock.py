"""The time that goes into receipts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from recursion_gate.core.clock import now
from recursion_gate.core.errors import BadSettings


def test_the_clock_is_that_of_the_system_in_utc() -> None:
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert now().utcoffset() == timedelta(0)


def test_the_clock_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECURSION_GATE_NOW", "2026-11-24T10:00:00+00:00")
    assert now() == now() == datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_a_clock_that_is_stopped_at_no_instant_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECURSION_GATE_NOW", "yesterday")
    with pytest.raises(BadSettings, match="yesterday"):
        now()
