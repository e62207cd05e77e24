"""The consumer group, at a real server."""

from __future__ import annotations

from typing import Any

import pytest
from recursion_gate.core.errors import Refusal
from recursion_gate.feed.entry import Later
from recursion_gate.feed.stream import BadQueue, Stream

from .conftest import Queue


def stream_of(queue: Queue, consumer: str = "c", idle: float = 0.0) -> Stream:
    made = Stream(queue.server.url, queue.name, "g", consumer, idle=idle, batch=2)
    made.open()
    return made


def test_the_group_begins_at_the_beginning_and_is_made_once(queue: Queue) -> None:
    added = queue.add(text="before")
    stream_of(queue)
    assert [entry.id for entry in stream_of(queue).new(None)] == [added]


def test_what_was_read_is_ones_own_until_it_is_acknowledged(queue: Queue) -> None:
    stream = stream_of(queue)
    queue.add(text="x")
    (entry,) = stream.new(None)
    assert entry.fields == ((b"text", b"x"),)
    assert stream.new(None) == []
    assert stream.own() == [entry]
    assert stream.unacknowledged() == 1
    stream.done([entry.id])
    assert stream.own() == []
    assert stream.unacknowledged() == 0


def test_ones_own_entries_come_one_by_one_and_new_ones_in_batches(queue: Queue) -> None:
    stream = stream_of(queue)
    ids = [queue.add(text=str(n)) for n in range(2)]
    assert [entry.id for entry in stream.new(None)] == ids
    assert [entry.id for entry in stream.own()] == ids[:1]


def test_with_delete_entries_are_acknowledged_and_gone_at_once_or_not_at_all(queue: Queue) -> None:
    stream = stream_of(queue)
    queue.add(text="x")
    (entry,) = stream.new(None)
    seen: list[Any] = []
    with queue.redis.monitor() as monitor:
        stream.done([entry.id], delete=True)
        while not seen or seen[-1] != "EXEC":
            seen.append(monitor.next_command()["command"].split()[0])
    assert seen[-4:] == ["MULTI", "XACK", "XDEL", "EXEC"]
    assert queue.redis.xlen(queue.name) == 0


def test_what_is_claimed_becomes_ones_own(queue: Queue) -> None:
    first, second = stream_of(queue, "first"), stream_of(queue, "second")
    ids = [queue.add(text=str(n)) for n in range(5)]
    while first.new(None):
        pass
    claimed = []
    while count := second.claim()[0]:
        assert count <= 3
        while own := [entry.id for entry in second.own()]:
            claimed += own
            second.done(own)
    assert claimed == ids
    assert first.own() == []


def test_nothing_is_claimed_before_its_time(queue: Queue) -> None:
    first, second = stream_of(queue, "first"), stream_of(queue, "second", idle=3600)
    queue.add(text="x")
    first.new(None)
    assert second.claim() == (0, [])


def test_a_problem_has_the_entry_or_its_size(queue: Queue) -> None:
    stream = stream_of(queue)
    queue.add(text=b"\xff")
    queue.add(text="x" * 70_000)
    for entry in stream.new(None):
        stream.refuse(entry, Refusal("why", "remedy"))
    raw = [fields for _, fields in queue.redis.xrange(f"{queue.name}:problems")]
    assert raw[0][b"entry:text"] == b"\xff"
    assert b"entry:text" not in raw[1]
    assert raw[1][b"bytes"] == b"70004"


def test_a_server_without_room_is_waited_for(queue: Queue) -> None:
    stream = stream_of(queue)
    queue.add(texd="x")
    (entry,) = stream.new(None)
    before = queue.redis.config_get("maxmemory")["maxmemory"]
    queue.redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(Later):
            stream.refuse(entry, Refusal("why"))
    finally:
        queue.redis.config_set("maxmemory", before)
    assert stream.own() == [entry]


def test_a_user_of_redis_who_may_not_read_is_told(queue: Queue) -> None:
    queue.redis.acl_setuser("weak", enabled=True, passwords=["+pw"], keys=["*"], commands=["+ping", "+type"])
    url = queue.server.url.replace("//", "//weak:pw@")
    stream = Stream(url, queue.name, "g", "c", idle=1)
    with pytest.raises(BadQueue, match="does not let us in"):
        stream.open()
    assert "pw" not in stream.address
