"""A feed to a root that is elsewhere: over a real door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.clients import tokens

from ..support.daemon import call
from ..support.door import Door
from ..support.queue import FeedProcess
from ..support.world import wait_for
from .conftest import Queue


class Elsewhere:
    """A door at the queue's root, and feeds that know nothing but its address and a token."""

    def __init__(self, queue: Queue, door: Door, folder: Path) -> None:
        self.queue, self.door, self.token_file = queue, door, folder / "token"
        self.token_file.write_text(door.token("feeder", source="feeder") + "\n")

    def arguments(self, *more: str) -> list[str]:
        where = ["--to", f"http://127.0.0.1:{self.door.port}", "--token-file", str(self.token_file)]
        return ["--stream", self.queue.name, *where, *more]

    def once(self, *more: str) -> Any:
        return call(self.token_file.parent, "feed", self.queue.server.url, *self.arguments("--once", "--json", *more))

    def feed(self, *more: str) -> FeedProcess:
        return FeedProcess(None, self.queue.server.url, *self.arguments(*more))


@pytest.fixture
def elsewhere(queue: Queue, tmp_path: Path) -> Any:
    away = tmp_path / "away"
    away.mkdir()
    with Door(queue.root, "--rate", "0") as door:
        yield Elsewhere(queue, door, away)


def test_entries_go_through_the_door_and_the_same_again_is_the_same(queue: Queue, elsewhere: Elsewhere) -> None:
    queue.add(text="From afar.")
    queue.add(json='{"text": "As JSON."}')
    done = elsewhere.once()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["taken"] == 2
    assert queue.texts() == ["From afar.", "As JSON."]
    assert {c["source"] for c in queue.world.gate()} == {"feeder"}
    queue.redis.xgroup_destroy(queue.name, "recursion-gate")
    assert json.loads(elsewhere.once().stdout)["taken"] == 2
    assert len(queue.texts()) == 2
    queue.redis.xgroup_destroy(queue.name, "recursion-gate")
    queue.once("--source", "feeder")  # by a feed beside the root
    assert len(queue.texts()) == 2
    assert queue.world.names("problems") == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"text": "x", "skilltag": "WORK"}, "unknown field 'skilltag'; did you mean 'skill_tag'?"),
        ({"text": "x", "source": "another"}, "stages under the source 'feeder'"),
        ({"text": "x" * 3_000_000}, "bytes"),
        ({"text": "x" * 20_000_000}, "the entry has 20,000,004 bytes"),
        ({"json": "[1, 2]"}, "one JSON object is expected"),
    ],
)
def test_what_the_door_refuses_goes_to_the_problems(
    queue: Queue, elsewhere: Elsewhere, fields: dict[str, str], why: str
) -> None:
    queue.add(**fields)
    queue.add(text="Behind it.")
    done = elsewhere.once()
    assert done.returncode == 0, done.stderr
    (problem,) = queue.problems()
    assert why in problem["why"]
    assert problem["remedy"]
    assert queue.texts() == ["Behind it."]


def test_another_entry_of_the_same_id_is_refused(queue: Queue, elsewhere: Elsewhere) -> None:
    queue.add(at="1-1", text="One.")
    elsewhere.once()
    queue.redis.delete(queue.name)  # and a producer that counts from the beginning again
    queue.add(at="1-1", text="Another.")
    elsewhere.once()
    assert "was used before, for a proposal that says something else" in queue.problems()[0]["why"]
    assert queue.texts() == ["One."]


def test_a_token_that_is_revoked_meanwhile_stops_the_feed_until_there_is_another(
    queue: Queue, elsewhere: Elsewhere
) -> None:
    with elsewhere.feed() as feed:
        feed.until("ready")
        queue.add(text="Before.")
        feed.until("acknowledged")
        tokens.remove(queue.root, "feeder")
        queue.add(text="After.")
        assert "the door answers 401" in feed.until("waiting")
        assert queue.pending() == 1
        assert queue.problems() == []
        elsewhere.token_file.write_text(elsewhere.door.token("next", source="feeder"))
        feed.until("resumed")
        wait_for(lambda: queue.pending() == 0)
        assert feed.stop() == 0
    assert queue.texts() == ["Before.", "After."]
    assert not any("rgt_" in line for line in feed.said)


@pytest.mark.parametrize(
    ("make", "why"),
    [({"stage": False, "read": True}, "answers 403"), ({"users": ("blake",)}, "answers 403")],
)
def test_a_token_that_may_not_is_no_fault_of_the_entry(
    queue: Queue, elsewhere: Elsewhere, make: dict[str, Any], why: str
) -> None:
    from ..support.roots import add_user

    add_user(queue.root, "blake")
    elsewhere.token_file.write_text(elsewhere.door.token("other", **make))
    queue.add(text="x")
    done = elsewhere.once("--user", "alex")
    assert done.returncode == 1
    assert why in done.stderr
    assert queue.pending() == 1
    assert queue.problems() == []


def test_a_door_that_is_killed_is_waited_for(queue: Queue, elsewhere: Elsewhere) -> None:
    with elsewhere.feed() as feed:
        feed.until("ready")
        elsewhere.door.kill()
        queue.add(text="Kept.")
        assert "the door cannot be reached" in feed.until("waiting")
        assert queue.pending() == 1
        with Door(queue.root, port=elsewhere.door.port):
            feed.until("resumed")
            wait_for(lambda: queue.pending() == 0)
            assert feed.stop() == 0
    assert queue.texts() == ["Kept."]


def test_what_is_no_door_is_said_and_nothing_is_acknowledged(queue: Queue, elsewhere: Elsewhere) -> None:
    queue.add(text="x")
    away = elsewhere.token_file
    at = ["--stream", queue.name, "--token-file", str(away), "--once"]
    for url, why in (
        (f"http://127.0.0.1:{elsewhere.door.port}/elsewhere", "the door answers 405"),
        (f"http://127.0.0.1:{queue.server.port}", "the door cannot be reached"),
        ("ftp://127.0.0.1", "no address"),
        ("http://me:secret@127.0.0.1", "without a name, a password"),
    ):
        done = call(away.parent, "feed", queue.server.url, *at, "--to", url)
        assert done.returncode == 1
        assert why in done.stderr
        assert "Traceback" not in done.stderr
    assert queue.problems() == []


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff"])
def test_a_file_without_a_token_is_said(queue: Queue, elsewhere: Elsewhere, content: bytes | None) -> None:
    if content is None:
        elsewhere.token_file.unlink()
    else:
        elsewhere.token_file.write_bytes(content)
    done = elsewhere.once()
    assert done.returncode == 1
    assert str(elsewhere.token_file) in done.stderr


def test_the_options_go_together(queue: Queue) -> None:
    for more in (["--to", "http://127.0.0.1"], ["--token-file", "x"]):
        assert queue.once(*more).returncode == 2
    assert queue.once("--to", "http://127.0.0.1", "--token-file", "x", "--source", "s").returncode == 2
