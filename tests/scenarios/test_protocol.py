"""Agents, people, kills and clocks in any order: the disk is always as the model of `tests.protocol` says."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from ..support.protocol import Protocol


def test_whatever_agents_people_and_kills_do_the_promises_hold() -> None:
    run_state_machine_as_test(
        Protocol,
        settings=settings(
            max_examples=80,
            stateful_step_count=30,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
