"""How fast one token may call: the bucket by itself, and a flood over a real socket."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from recursion_gate.serve.pace import Pace, TooFast

from ..support.door import Door
from ..support.roots import make_root
from ..support.world import wait_for


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_taken_and_then_the_rate() -> None:
    clock = Clock()
    pace = Pace(2, 5, 100, clock)
    for _ in range(5):
        pace.enter("a")
        pace.leave("a")
    with pytest.raises(TooFast) as err:
        pace.enter("a")
    assert err.value.seconds == 1
    pace.enter("b")
    clock.now += 0.5
    pace.enter("a")
    with pytest.raises(TooFast):
        pace.enter("a")


def test_what_costs_more_is_waited_for_longer() -> None:
    clock = Clock()
    pace = Pace(10, 10, 100, clock)
    pace.enter("a")
    pace.leave("a", 49)
    with pytest.raises(TooFast) as err:
        pace.enter("a")
    assert err.value.seconds == 5
    clock.now += 4.2
    pace.enter("a")


def test_so_many_are_worked_on_at_once() -> None:
    pace = Pace(0, 0, 2, Clock())
    pace.enter("a")
    pace.enter("a")
    with pytest.raises(TooFast):
        pace.enter("a")
    pace.leave("a")
    pace.enter("a")


def test_a_flood_on_one_token_is_answered_429_and_others_are_unharmed(tmp_path: Path) -> None:
    with Door(make_root(tmp_path / "root", "alex"), "--rate", "2") as door:
        flood, good = door.token("flood"), door.token("good")
        statuses: list[tuple[int, str | None]] = []
        stop = threading.Event()

        def pour() -> None:
            with door.client(flood) as client:
                while not stop.is_set():
                    answer = client.post("/api/activity", json={"text": "x"})
                    statuses.append((answer.status_code, answer.headers.get("retry-after")))

        threads = [threading.Thread(target=pour) for _ in range(4)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        try:
            wait_for(lambda: [s for s, _ in statuses if s == 429])
            with door.client(good) as client:
                answers = [client.post("/api/activity", json={"text": "y"}) for _ in range(8)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        seconds = time.monotonic() - began
    assert {answer.status_code for answer in answers} == {201}
    assert max(answer.elapsed.total_seconds() for answer in answers) < 20
    refused = [wait for status, wait in statuses if status == 429]
    assert refused
    assert all(wait is not None and int(wait) >= 1 for wait in refused)
    taken = sum(status == 201 for status, _ in statuses)
    assert taken <= 10 + 2 * (seconds + 1)
    assert {status for status, _ in statuses} <= {201, 429}
