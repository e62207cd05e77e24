"""A real feed between a real Redis and a real inbox: nothing is acknowledged before it is on disk, nothing is doubled,
nothing that is wrong stops it."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from recursion_gate.cli import main
from recursion_gate.core.paths import Root
from recursion_gate.feed.entry import Later, Proposal
from recursion_gate.feed.inbox import Inbox

from ..support.accounts import as_nobody, as_root
from ..support.daemon import call
from ..support.queue import FeedProcess, RedisServer, free_port, needs_redis
from ..support.roots import add_user, make_root, mounted
from ..support.world import PATIENCE, World, wait_for
from ..torture.feed import kills
from .conftest import Queue


def fill(path: Path) -> None:
    """Write into `path` until the disk is full."""
    with open(path, "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


# -- what is taken ----------------------------------------------------------------------------------------------------


def test_entries_become_candidates_and_are_acknowledged(queue: Queue) -> None:
    added = queue.add(text="Learned to whistle.", skill_tag="WORK", tags="music,birds", confidence="0.8")
    queue.add(json=json.dumps({"raw_text": "Read about owls.", "source": "tutor"}))
    done = queue.once("--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "taken": 2,
        "refused": 0,
        "claimed": 0,
        "waits": 0,
        "unacknowledged": 0,
        "stopped": "",
    }
    queue.world.reconcile()
    first, second = queue.world.gate()
    assert (first["raw_text"], first["skill_tag"], first["source"]) == ("Learned to whistle.", "WORK", queue.name)
    assert (first["tags"], first["confidence"]) == (["music", "birds"], 0.8)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(added.partition("-")[0]) / 1000))
    assert first["created_at"].startswith(moment)
    assert (second["raw_text"], second["source"]) == ("Read about owls.", "tutor")


def test_a_running_feed_takes_what_comes_and_ends_at_sigterm(queue: Queue) -> None:
    with queue.feed() as feed:
        feed.until("ready")
        for number in range(40):
            queue.add(text=f"Entry {number}.")
        wait_for(lambda: sum(int(line.split("count=")[1].split()[0]) for line in feed.log("acknowledged")) == 40)
        assert feed.stop() == 0
    assert queue.pending() == 0
    assert sorted(queue.texts()) == sorted(f"Entry {n}." for n in range(40))


def test_the_same_entry_again_is_the_same_candidate(queue: Queue) -> None:
    queue.add(text="Once.")
    queue.once()
    assert queue.texts() == ["Once."]
    queue.redis.xgroup_destroy(queue.name, "recursion-gate")  # as a server that lost what it knew
    assert queue.once().returncode == 0
    queue.once("--group", "another")
    assert queue.texts() == ["Once."]
    assert queue.world.names() == []
    assert queue.world.names("problems") == []


def test_the_same_entry_is_not_staged_again_after_it_was_decided(queue: Queue) -> None:
    queue.add(text="Once.")
    queue.once()
    queue.texts()
    queue.world.approve(queue.world.gate_ids()[0])
    queue.redis.xgroup_destroy(queue.name, "recursion-gate")
    queue.once()
    assert queue.texts() == []
    assert len(queue.world.receipts()) == 1
    assert queue.world.names("problems") == []


def test_equal_entries_are_two_candidates(queue: Queue) -> None:
    queue.add(text="Played chess.")
    queue.add(text="Played chess.")
    queue.once()
    assert queue.texts() == ["Played chess."] * 2


def test_an_entry_that_a_feed_had_when_it_was_killed_is_taken_by_it_or_by_another(queue: Queue) -> None:
    for number in range(3):
        queue.add(text=f"Entry {number}.")
    queue.redis.xgroup_create(queue.name, "recursion-gate", "0")
    queue.redis.xreadgroup("recursion-gate", "dead", {queue.name: ">"}, count=1)
    queue.redis.xreadgroup("recursion-gate", "mine", {queue.name: ">"}, count=1)
    assert queue.pending() == 2
    said = json.loads(queue.once("--json", "--consumer", "mine", "--idle", "3600").stdout)
    assert (said["taken"], said["claimed"], said["unacknowledged"]) == (2, 0, 1)
    with queue.feed("--consumer", "third", "--idle", "0.3") as feed:
        feed.until("claimed")
        wait_for(lambda: queue.pending() == 0)
    assert sorted(queue.texts()) == ["Entry 0.", "Entry 1.", "Entry 2."]


def test_several_feeds_share_a_stream(queue: Queue) -> None:
    with queue.feed("--consumer", "a") as one, queue.feed("--consumer", "b") as two:
        one.until("ready")
        two.until("ready")
        added = 0
        while added < 200 or not (one.log("acknowledged") and two.log("acknowledged")):  # one may be held up
            assert added < 20_000
            queue.add(text=f"Entry {added}.")
            added += 1
        wait_for(lambda: len(queue.world.names()) == added)
        wait_for(lambda: queue.pending() == 0)
    assert len(set(queue.texts())) == added


def test_with_delete_what_was_taken_leaves_the_stream(queue: Queue) -> None:
    queue.add(text="Personal.")
    queue.add(texd="Wrong.")
    queue.once("--delete")
    assert queue.redis.xlen(queue.name) == 0
    assert queue.texts() == ["Personal."]
    assert len(queue.problems()) == 1


def test_source_fixes_the_source(queue: Queue) -> None:
    queue.add(text="None named.")
    queue.add(text="Its own.", source="tutor")
    queue.add(text="Another's.", source="quiz")
    queue.once("--source", "tutor")
    assert queue.texts() == ["None named.", "Its own."]
    assert {c["source"] for c in queue.world.gate()} == {"tutor"}
    (problem,) = queue.problems()
    assert "stages under the source 'tutor' and no other" in problem["why"]


# -- what cannot be used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"text": b"\xff\xfe\xfd"}, "a value is not UTF-8 text (byte 1)"),
        ({"source": "tutor"}, "raw_text is missing"),
        ({"text": "  "}, "raw_text is empty"),
        ({"text": "x", "skilltag": "WORK"}, "unknown field 'skilltag'; did you mean 'skill_tag'?"),
        ({"text": "x" * 60_000_000}, "the entry has 60,000,004 bytes; the most allowed is 1,000,000"),
        ({"text": "x" * 20_001}, "raw_text has 20,001 characters"),
        ({"json": "[1]"}, "one JSON object is expected"),
        ({"json": '{"text": "x", "text": "y"}'}, "is given twice"),
        ({"json": '{"text": "x"'}, "this is not valid JSON"),
        ({"json": '{"text": "\\ud800"}'}, "half a character"),
        ({"json": "[" * 200_000}, "nested too deeply"),
        ({f"f{n}": "x" for n in range(5_000)}, "unknown field"),
        ({"text": "x", "id": "../../etc"}, "id must be"),
        ({"text": "x", "source": "s" * 3_000}, "source has 3,000 characters"),
    ],
)
def test_what_cannot_be_used_goes_to_the_problems_with_the_reason(
    queue: Queue, fields: dict[str, Any], why: str
) -> None:
    wrong = queue.add(**fields)
    queue.add(text="Behind it.")
    done = queue.once()
    assert done.returncode == 0, done.stderr
    assert f"1 taken; 1 refused: see {queue.name}:problems" in done.stdout
    (problem,) = queue.problems()
    assert why in problem["why"]
    assert problem["remedy"]
    assert (problem["entry"], problem["stream"]) == (wrong, queue.name)
    size = sum(len(k) + len(v) for k, v in fields.items())
    if size > 64_000:
        assert problem["bytes"] == str(size)
    else:
        assert {name for name in problem if name.startswith("entry:")} == {f"entry:{name}" for name in fields}
    assert queue.pending() == 0
    assert queue.texts() == ["Behind it."]


def test_a_field_that_is_given_twice_is_noticed(queue: Queue) -> None:
    queue.redis.execute_command("XADD", queue.name, "*", "text", "a", "text", "b")
    queue.once()
    assert queue.problems()[0]["why"] == "a field is given twice"
    assert queue.texts() == []


def test_an_entry_that_was_trimmed_after_it_was_delivered_is_told(queue: Queue) -> None:
    queue.add(text="Gone.")
    queue.redis.xgroup_create(queue.name, "recursion-gate", "0")
    queue.redis.xreadgroup("recursion-gate", "mine", {queue.name: ">"})
    queue.redis.xtrim(queue.name, maxlen=0, approximate=False)
    assert queue.once("--consumer", "mine").returncode == 0
    assert "trimmed before it was taken" in queue.problems()[0]["why"]
    assert queue.pending() == 0


def test_no_text_is_logged(queue: Queue) -> None:
    queue.add(text="Private words.")
    queue.add(text="x", private_words="Private words.")
    said = queue.once()
    assert "private" not in (said.stderr + said.stdout).lower()


# -- what is not there ------------------------------------------------------------------------------------------------


def test_a_stream_that_is_something_else_is_said(queue: Queue) -> None:
    queue.redis.set(queue.name, "text")
    done = queue.once()
    assert done.returncode == 1
    assert f"'{queue.name}' at 127.0.0.1:{queue.server.port} is a string, and no stream" in done.stderr
    queue.redis.delete(queue.name)
    queue.redis.set(f"{queue.name}:problems", "text")
    queue.add(texd="Wrong.")
    assert queue.once().returncode == 1
    with queue.feed() as feed:  # a feed that runs does not wait for this either
        assert feed.process is not None
        assert feed.process.wait(PATIENCE) == 1
    assert queue.redis.xinfo_groups(queue.name) == []


def test_a_stream_that_becomes_something_else_is_waited_for(queue: Queue) -> None:
    with queue.feed() as feed:
        feed.until("ready")
        queue.redis.delete(queue.name)
        queue.redis.set(queue.name, "text")
        feed.until("waiting")
        queue.redis.delete(queue.name)
        queue.add(text="After it.")
        feed.until("resumed")
        wait_for(lambda: queue.world.names())
    assert queue.texts() == ["After it."]


def test_an_unknown_user_is_said_before_anything_is_read(queue: Queue) -> None:
    queue.add(text="x")
    done = call(queue.root, "feed", queue.server.url, "--stream", queue.name, "--user", "nobody", "--once")
    assert done.returncode == 1
    assert "there is no inbox of a user 'nobody'" in done.stderr
    assert queue.redis.xinfo_groups(queue.name) == []


def test_a_user_who_goes_and_comes_back_is_waited_for(queue: Queue) -> None:
    with queue.feed() as feed:
        feed.until("ready")
        away = queue.root.path / "away"
        queue.world.place.inbox.rename(away)
        queue.add(text="Kept.")
        assert "no inbox of a user 'alex'" in feed.until("waiting")
        assert queue.pending() == 1
        away.rename(queue.world.place.inbox)
        feed.until("resumed")
        wait_for(lambda: queue.pending() == 0)
    assert queue.texts() == ["Kept."]


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "redis://localhost:port"])
def test_what_is_no_address_is_said(queue: Queue, url: str) -> None:
    done = call(queue.root, "feed", url, *queue.arguments())
    assert done.returncode == 1
    assert "no address of a Redis server" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_such_host_is_said_and_waited_for(queue: Queue) -> None:
    done = call(queue.root, "feed", "redis://no-such-host.invalid", *queue.arguments("--once"))
    assert done.returncode == 1
    assert "not all was taken: Redis at no-such-host.invalid:6379" in done.stderr
    with FeedProcess(queue.root, "redis://no-such-host.invalid", *queue.arguments()) as feed:
        feed.until("waiting")
        assert feed.stop() == 0


def test_a_wrong_password_is_said_and_never_shown(queue: Queue, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", "--requirepass", "right-one") as server:
        url = f"redis://127.0.0.1:{server.port}"
        for address, env in (
            (url, {}),
            (url.replace("//", "//:wrong-one@"), {}),
            (url, {"REDISCLI_AUTH": "wrong-one"}),
        ):
            done = call(queue.root, "feed", address, *queue.arguments(), env={**os.environ, **env})
            assert done.returncode == 1
            assert f"Redis at 127.0.0.1:{server.port} does not let us in" in done.stderr
            assert "wrong-one" not in done.stderr
        server.client(password="right-one").xadd(queue.name, {"text": "Let in."})
        for address, env in (
            (url.replace("//", "//:right-one@"), {}),
            (url, {"REDISCLI_AUTH": "right-one"}),
        ):
            done = call(queue.root, "feed", address, *queue.arguments("--once"), env={**os.environ, **env})
            assert done.returncode == 0, done.stderr
            assert "right-one" not in done.stderr
    assert queue.texts() == ["Let in."]


def test_a_server_that_is_absent_or_restarts_is_waited_for_and_said_once(queue: Queue, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", port=free_port())
    with FeedProcess(queue.root, server.url, *queue.arguments()) as feed:
        feed.until("waiting")
        with server:
            client = server.client()
            client.xadd(queue.name, {"text": "First."})
            feed.until("resumed")
            wait_for(lambda: queue.world.names())
            server.kill()
            feed.until("waiting", 2)
            server.start()
            client.xadd(queue.name, {"text": "Second."})
            feed.until("resumed", 2)
            wait_for(lambda: len(queue.world.names()) == 2)
            wait_for(lambda: client.xpending(queue.name, "recursion-gate")["pending"] == 0)
        assert feed.stop() == 0
    assert len(feed.log("waiting")) <= 3  # the last one: the server has ended before the feed
    assert queue.texts() == ["First.", "Second."]


def test_a_server_that_hangs_is_noticed(queue: Queue, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        with FeedProcess(queue.root, url, *queue.arguments()) as feed:
            assert "imeout" in feed.until("waiting")


def test_a_full_disk_is_waited_for_and_nothing_is_acknowledged(queue: Queue, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "2m") as disk:
        root = make_root(disk / "root", "alex")
        queue.root = root
        filler = disk / "filler"
        with queue.feed() as feed:
            feed.until("ready")
            fill(filler)
            for number in range(20):
                queue.add(text=f"Entry {number}. " + "x" * 5_000)
            assert "no room on the disk" in feed.until("waiting")
            assert queue.pending() > 0
            assert feed.log("acknowledged") == []
            filler.unlink()
            feed.until("resumed")
            wait_for(lambda: len(World(root).names()) == 20)
            wait_for(lambda: queue.pending() == 0)
        assert len(feed.log("waiting")) == 1
        assert World(root).names() == [name for name in World(root).names() if not name.startswith(".")]


def test_once_says_why_not_all_was_taken(queue: Queue, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "1m") as disk:
        queue.root = make_root(disk / "root", "alex")
        fill(disk / "filler")
        queue.add(text="x" * 5_000)
        done = queue.once("--json")
        assert done.returncode == 1
        said = json.loads(done.stdout)
        assert (said["taken"], said["unacknowledged"]) == (0, 1)
        assert "no room on the disk" in said["stopped"]
        assert "no room on the disk" in done.stderr


@as_root
def test_an_account_that_may_not_drop_waits(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root", "alex")
    target = Inbox(root, "alex", None, "entries")
    root.place("alex").inbox.chmod(0o555)
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)

    def attempt() -> str:
        with pytest.raises(Later) as err:
            target.take(Proposal(b'{"text": "x"}', None), "redis:entries:1-1")
        return str(err.value)

    assert "this account may not drop for 'alex'" in as_nobody(attempt)


# -- the whole way ----------------------------------------------------------------------------------------------------


def test_redis_feeds_and_daemon_that_are_killed_lose_and_double_nothing(tmp_path: Path) -> None:
    """The short form of `python -m tests.torture.feed`."""
    needs_redis()
    assert kills(make_root(tmp_path / "root", "alex"), tmp_path / "redis", 200, 1.0) == []


@pytest.mark.parametrize("option", ["--stream", "--group", "--consumer", "--source"])
@pytest.mark.parametrize("value", ["", " ", "a\nb", "x" * 201])
def test_a_name_that_nobody_can_see_is_refused(queue: Queue, option: str, value: str) -> None:
    said = CliRunner().invoke(
        main, ["--root", str(queue.root.path), "feed", "redis://x", "--stream", "s", option, value]
    )
    assert said.exit_code == 2
    assert "1 to 200 visible characters" in said.output


def test_two_users_have_a_stream_each(queue: Queue) -> None:
    add_user(queue.root, "blake")
    queue.add(text="Alex's.")
    done = call(queue.root, "feed", queue.server.url, "--stream", queue.name, "--once")
    assert done.returncode == 2
    assert "which user?" in done.stderr
    queue.once()
    assert queue.texts() == ["Alex's."]
    assert not list(Root(queue.root.path).place("blake").inbox.glob("*.json"))
