"""Bad input and attacks, over a real socket: each is answered, drops nothing, and leaves the door as it was."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from ..support.daemon import Daemon
from ..support.door import Door, answer
from ..support.roots import add_user, make_root, mounted
from ..support.world import World, tree, wait_for

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _still_there(agent: httpx.Client, world: World) -> Iterator[None]:
    """After each attack a good request is taken, and nothing but its drop lies in the inbox."""
    yield
    assert world.names() == []
    assert agent.post("/api/activity", json={"text": "Still there."}).status_code == 201
    assert len(world.names()) == 1
    world.reconcile()
    assert world.names("problems") == []


def head(token: str, *headers: str, form: str = "application/json") -> bytes:
    lines = ["POST /api/activity HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
    return "\r\n".join([*lines, f"Content-Type: {form}", *headers, "", ""]).encode()


def status(said: bytes) -> int:
    assert said.startswith(b"HTTP/1.1 "), said[:200]
    return int(said.split(b" ")[1])


# -- bodies -----------------------------------------------------------------------------------------------------------


def test_a_body_of_a_gigabyte_is_refused_before_it_is_sent(door: Door, token: str) -> None:
    said = door.raw(head(token, "Content-Length: 1000000000"))
    assert status(said) == 413
    assert b"connection: close" in said.lower()


def test_who_goes_away_in_the_middle_of_a_body_leaves_no_fault_in_the_log(door: Door, token: str) -> None:
    with Door(door.root) as mine:
        for _ in range(3):
            with mine.connect() as one:
                one.sendall(head(token, "Content-Length: 100", "Expect: 100-continue"))
                assert status(one.recv(100)) == 100, "it waits for the body"
                one.sendall(b'{"text": "Half')
        mine.stop()
    assert [line for line in mine.said if "Traceback" in line or "ClientDisconnect" in line] == []
    assert mine.said, "it has logged that it was ready"


def test_a_body_that_is_sent_though_it_is_too_large_costs_no_memory(door: Door, token: str) -> None:
    before, sent = door.memory(), 0
    with door.connect() as one:
        one.sendall(head(token, "Content-Length: 1000000000"))
        try:
            for _ in range(1_000):
                one.sendall(b"x" * 1_000_000)
                sent += 1
        except OSError:
            pass
    assert sent < 100
    assert door.memory() - before < 50_000_000


def test_a_body_that_comes_in_chunks_for_ever_is_cut_off(door: Door, token: str) -> None:
    with door.connect() as one:
        one.sendall(head(token, "Transfer-Encoding: chunked"))
        sent = 0
        try:
            while sent < 1_000:
                one.sendall(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
                sent += 1
        except OSError:
            pass
        assert sent < 200


def test_a_chunked_body_that_ends_is_as_good_as_another(agent: httpx.Client, world: World) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"text": "In '
        yield b'pieces."}'

    assert agent.post("/api/activity", content=parts(), headers=JSON).json()["raw_text"] == "In pieces."
    world.reconcile()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"text": "x"',
        b'{"text": "\xff\xfe"}',
        b'\xff\xfe{\x00"\x00',
        b'{"text": "\xed\xa0\x80"}',
        b'{"text": "\\ud800"}',
        b'{"text": "x\x00y"}',
        b'{"text": "a", "text": "b"}',
        b'{"text": "x", "score": NaN}',
        b'{"text": "x", "score": 1e999}',
        b'{"text": "x", "meta": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"text": "x", "meta": {"n": ' + b"9" * 10_000 + b"}}",
        json.dumps({"text": "x", **{f"key{n}": n for n in range(20_000)}}).encode(),
        b'{"text": "x", "meta": {' + b",".join(b'"%d":1' % n for n in range(70_000)) + b"}}",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b'{"text": 1}',
        b'{"text": null}',
        b'{"text": {"a": 1}}',
        b"text=x&user=alex",
        b"---\nraw_text: x\n---\n",
        b'{"text": "one"}\n{"text": "two"}\n',
        b'{"text": "x"} trailing',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_proposal_is_refused_with_the_reason(agent: httpx.Client, body: bytes) -> None:
    answered = agent.post("/api/activity", content=body, headers=JSON)
    assert answered.status_code in (413, 422), answered.text
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.json()["detail"]


def test_a_hundred_thousand_keys_are_refused_quickly(agent: httpx.Client, door: Door) -> None:
    body = b'{"text":"x",' + b",".join(b'"k%d":0' % n for n in range(90_000)) + b"}"
    assert len(body) < 1_000_000
    before = door.busy()
    answered = agent.post("/api/activity", content=body, headers=JSON)
    assert answered.status_code == 422
    assert door.busy() - before < 5


@pytest.mark.parametrize(
    ("form", "body", "expected"),
    [
        ("application/x-ndjson", b'{"text": "one", \n"topic": "two"}', 422),
        ("application/x-ndjson", b'[{"text": "one"}]', 422),
        ("application/x-ndjson", b'{"text": "one"}\x00', 422),
        ("application/x-ndjson", b"", 422),
        ("application/x-ndjson", b'{"text":"x"}\n' * 1_001, 422),
        ("application/x-ndjson", b'{"text":"x","id":"same"}\n' * 2, 422),
        ("application/json; charset=utf-16", '{"text": "x"}'.encode("utf-16"), 422),
        ("application/octet-stream", b'{"text": "x"}', 415),
        ("image/png", b'{"text": "x"}', 415),
        ("", b'{"text": "x"}', 415),
    ],
)
def test_a_content_type_that_lies_is_found_out(agent: httpx.Client, form: str, body: bytes, expected: int) -> None:
    assert agent.post("/api/activity", content=body, headers={"Content-Type": form}).status_code == expected


def test_a_compressed_body_is_not_unpacked(agent: httpx.Client) -> None:
    import gzip

    packed = gzip.compress(b'{"text": "x"}')
    answered = agent.post("/api/activity", content=packed, headers=JSON | {"Content-Encoding": "gzip"})
    assert (answered.status_code, answered.json()["field"]) == (415, "Content-Encoding")


# -- the shape of requests --------------------------------------------------------------------------------------------

_INNER = b'POST /api/activity HTTP/1.1\r\nHost: localhost\r\n\r\n{"text":"smuggled"}'


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: +5"],
        ["Content-Length: -1"],
        ["Content-Length: 5, 6"],
        ["Content-Length: 0x5"],
        ["Content-Length: 99999999999999999999999"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding:\x0bchunked"],
        [" Transfer-Encoding: chunked"],
        ["X: y\nTransfer-Encoding: chunked"],
    ],
    ids=str,
)
def test_a_request_of_two_lengths_is_refused_and_the_connection_closed(
    door: Door, token: str, headers: list[str]
) -> None:
    with door.connect() as one:
        one.settimeout(15)
        one.sendall(head(token, *headers) + b"0\r\n\r\n" + _INNER)
        said = b""
        try:
            while more := one.recv(65_536):
                said += more
        except (ConnectionResetError, TimeoutError):
            pass
    assert b" 201 " not in said
    assert said.count(b"HTTP/1.1 ") <= 2  # at most the second, without a token, is answered for itself
    assert all(part.startswith(b"4") for part in said.split(b"HTTP/1.1 ")[1:]), said


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /api/health\r\n\r\n",
        b"\r\n" * 100_000,
        b"GET /api/health HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 300_000,
        b"GET /api/health HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(100_000)),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://evil.example/api/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
    ids=lambda data: repr(data[:24]),
)
def test_what_is_no_request_of_this_door_is_refused(door: Door, data: bytes) -> None:
    with door.connect() as one:
        one.settimeout(15)
        try:
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert b" 20" not in answer(one)[:20]


@pytest.mark.parametrize(
    "path",
    [
        "../../users/alex/self.md",
        "..%2f..%2fusers%2falex%2fself.md",
        "%2e%2e/%2e%2e/recursion-gate-tokens.json",
        "..%5c..%5cself.md",
        "a%00b",
        "%ff",
        "a%0d%0aX:%20y",
        ".hidden",
        "a" * 129,
        "x/y",
        "*",
        "%3Fuser=blake",
    ],
)
def test_an_id_that_is_a_path_is_none(agent: httpx.Client, root_bytes: bytes, path: str) -> None:
    answered = agent.get(f"/api/candidates/{path}")
    assert answered.status_code == 404, answered.text
    assert root_bytes not in answered.content


@pytest.fixture
def root_bytes(world: World) -> bytes:
    """What the Record says, which no answer may."""
    return (world.place.home / "self.md").read_bytes()[:20]


# -- slow, many, and gone ---------------------------------------------------------------------------------------------


def test_two_thousand_half_open_connections_do_not_stop_a_good_one(door: Door, token: str) -> None:
    with ExitStack() as stack:
        for number in range(2_000):
            one = stack.enter_context(door.connect())
            one.sendall(head(token)[: 20 + number % 60])
        with door.client(token) as client:
            began = time.monotonic()
            answered = client.post("/api/activity", json={"text": "Past them."})
            assert time.monotonic() - began < 9.5  # before those that are half open are given up
        assert answered.status_code == 201
    World(door.root).reconcile()


def test_a_slow_head_and_a_slow_body_end(tmp_path: Path) -> None:
    """In ten seconds each, of which this test waits out one."""
    with Door(make_root(tmp_path / "root", "alex")) as door:
        token = door.token()
        began = time.monotonic()
        with door.connect() as slow_head, door.connect() as slow_body:
            slow_head.sendall(b"POST /api/activity HTTP/1.1\r\n")
            slow_body.sendall(head(token, "Content-Length: 100") + b"{")
            assert status(answer(slow_body)) == 408
            assert slow_head.recv(1_000) == b""
        assert time.monotonic() - began < 60


def test_a_caller_that_goes_away_leaves_nothing(door: Door, token: str, world: World) -> None:
    for cut in (10, 200, 1_000):
        with door.connect() as one:
            one.sendall((head(token, "Content-Length: 2000") + b'{"text": "' + b"x" * 1_500)[:cut])
    assert [name for name in os.listdir(world.place.inbox) if name.endswith(".tmp")] == []


def test_callers_beyond_the_most_take_the_place_of_those_that_wait_longest(tmp_path: Path) -> None:
    from recursion_gate.serve.door import Limits

    with ExitStack() as stack, Door(make_root(tmp_path / "root", "alex")) as door:
        token = door.token()
        first = stack.enter_context(door.connect())
        for _ in range(Limits().connections):
            stack.enter_context(door.connect()).sendall(b"GET")
        with door.client(token) as client:
            assert client.post("/api/activity", json={"text": "x"}).status_code == 201
        assert first.recv(10) == b""


# -- the disk, the daemon ---------------------------------------------------------------------------------------------


def test_a_full_disk_is_507_and_what_was_taken_is_there(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "2m") as disk:
        root = make_root(disk / "root", "alex")
        world = World(root)
        with Door(root, "--rate", "0", "--state", str(tmp_path / "state")) as door, door.client(door.token()) as client:
            taken: list[str] = []
            while (answered := client.post("/api/activity", json={"text": "x" * 19_000})).status_code == 201:
                taken.append(answered.json()["id"])
                assert len(taken) < 200
            assert answered.status_code == 507
            assert answered.headers["content-type"] == "application/problem+json"
            assert sorted(json.loads(p.read_bytes())["id"] for p in world.place.inbox.glob("*.json")) == sorted(taken)
            assert [name for name in os.listdir(world.place.inbox) if name.endswith(".tmp")] == []
            assert client.get("/api/health").status_code == 200
            lying = sorted(world.place.inbox.glob("*.json"))
            for path in lying[: len(lying) // 2]:
                path.unlink()
            assert client.post("/api/activity", json={"text": "Room again."}).status_code == 201


def test_a_full_disk_of_the_keys_is_507_and_nothing_is_dropped(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "200k") as disk:
        root = make_root(tmp_path / "root", "alex")
        with Door(root, "--rate", "0", "--state", str(disk)) as door, door.client(door.token()) as client:
            (disk / "filler").write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
            before = len(World(root).names())
            statuses = set()
            for number in range(300):
                key = {"Idempotency-Key": f"k{number}"}
                answered = client.post("/api/activity", json={"text": "x"}, headers=key)
                statuses.add(answered.status_code)
                if answered.status_code != 201:
                    break
                before += 1
            assert statuses <= {201, 507}
            assert 507 in statuses
            assert len(World(root).names()) == before
            (disk / "filler").unlink()
            assert client.post("/api/activity", json={"text": "x"}, headers=key).status_code == 201


def test_without_a_daemon_a_proposal_is_taken_and_that_is_said(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root", "alex")
    with Door(root) as door, door.client(door.token()) as client:
        first = client.post("/api/activity", json={"text": "Nobody there."})
        assert first.status_code == 201
        assert first.headers["Recursion-Gate-Notice"] == "no daemon runs here: it is staged when one does"
        assert client.get("/api/health").json()["daemon"] == "none"
        with Daemon(root):
            wait_for(lambda: len(World(root).gate()) == 1)
            assert client.get("/api/health").json()["daemon"] == "running"
            wait_for(lambda: "Recursion-Gate-Notice" not in client.post("/api/activity", json={"text": "x"}).headers)


def test_a_user_that_is_added_can_be_proposed_for_at_once_and_one_that_is_gone_is_told(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root", "alex")
    with Door(root) as door:
        add_user(root, "casey")
        token = door.token("new", ["casey"])
        with door.client(token) as client:
            assert client.post("/api/activity", json={"text": "x"}).status_code == 201
            inbox = root.place("casey").inbox
            inbox.rename(tmp_path / "away")
            before = tree(root.path, without=())
            answered = client.post("/api/activity", json={"text": "x"})
            assert (answered.status_code, answered.json()["field"]) == (404, "user")
            assert tree(root.path, without=()) == before


# -- kills ------------------------------------------------------------------------------------------------------------


def _reached(taken: dict[str, str], goal: int) -> bool:
    return len(taken) >= goal


def test_retries_with_keys_over_kills_of_the_door_lose_and_double_nothing(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root", "alex")
    door = Door(root, "--rate", "0").start()
    token, taken = door.token(), dict[str, str]()

    def propose(worker: int) -> None:
        for number in range(40):
            key = f"{worker}-{number}"
            while key not in taken:
                try:
                    with door.client(token) as client:
                        headers = {"Idempotency-Key": key}
                        answered = client.post("/api/activity", json={"text": f"Entry {key}."}, headers=headers)
                        assert answered.status_code == 201, answered.text
                        taken[key] = answered.json()["id"]
                except httpx.HTTPError:
                    time.sleep(0.01)

    threads = [threading.Thread(target=propose, args=(n,)) for n in range(4)]
    with Daemon(root):
        for thread in threads:
            thread.start()
        for _ in range(3):
            goal = min(len(taken) + 20, 160)
            wait_for(partial(_reached, taken, goal))
            door.kill()
            door.start()
        for thread in threads:
            thread.join()
        door.stop()
        # A kill may leave a drop under its temporary name, which nobody looks at.
        wait_for(lambda: [name for name in World(root).names() if not name.startswith(".")] == [])
    gate = World(root).gate()
    assert sorted(c["id"] for c in gate) == sorted(taken.values())
    assert len(gate) == len({c["raw_text"] for c in gate}) == 160
    assert World(root).names("problems") == []
