"""The address /mcp of a real door on a real socket: the same tokens, each request by itself."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.clients import tokens

from ..support.door import Door
from ..support.mcp_client import over_http
from ..support.roots import make_root
from ..support.world import World, wait_for

ACCEPT = {"Accept": "application/json, text/event-stream"}


def body(method: str = "tools/list", **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def test_without_a_token_or_with_a_wrong_one_nothing_is_told(door: Door) -> None:
    for token in (None, "rgt_wrong", "x" * 5_000):
        with door.client(token, **ACCEPT) as client:
            for method in ("initialize", "tools/list", "tools/call"):
                answered = client.post("/mcp", json=body(method))
                assert answered.status_code == 401
                assert "tools" not in answered.text


def test_a_page_of_another_site_cannot_call(door: Door) -> None:
    token = door.token("of-a-page")
    for header in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        with door.client(token, **ACCEPT, **header) as client:
            assert client.post("/mcp", json=body()).status_code == 403


def test_only_posts_are_answered_and_nothing_stays_open(door: Door) -> None:
    with door.client(door.token("getter"), **ACCEPT) as client:
        for method in ("GET", "DELETE", "PUT"):
            assert client.request(method, "/mcp").status_code == 405
        assert client.post("/mcp/", json=body()).status_code == 404
        assert client.post("/mcp/x", json=body()).status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"jsonrpc": "2.0"}',
        b'{"jsonrpc":"2.0","id":1,"method":5}',
        b"[" * 50_000,
    ],
)
def test_what_is_no_request_is_refused_and_the_door_goes_on(door: Door, data: bytes) -> None:
    token = tokens_of(door, "rubbish")
    with door.client(token, **ACCEPT) as client:
        answered = client.post("/mcp", content=data, headers={"Content-Type": "application/json"})
        assert 400 <= answered.status_code < 500, answered.text
        assert "Traceback" not in answered.text
        assert client.post("/mcp", json=body()).status_code == 200
        assert client.post("/mcp", json=body(), headers={"Content-Type": "text/plain"}).status_code in (400, 415)


def test_a_body_beyond_the_limit_is_refused(door: Door) -> None:
    with door.client(tokens_of(door, "large"), **ACCEPT) as client:
        big = json.dumps(body("tools/call", name="propose_entry", arguments={"text": "x" * 2_000_000})).encode()
        assert client.post("/mcp", content=big, headers={"Content-Type": "application/json"}).status_code == 413

        def pieces() -> Any:
            yield from (big[at : at + 65_536] for at in range(0, len(big), 65_536))

        assert client.post("/mcp", content=pieces(), headers={"Content-Type": "application/json"}).status_code == 413


def test_each_caller_proposes_under_its_own_source_however_many_call_at_once(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex", "blake")
    failed: list[BaseException] = []
    with Door(root, "--rate", "0") as door:

        def work(name: str, user: str) -> None:
            try:
                with over_http(door.port, tokens.add(root, name, [user], read=name == "b")) as agent:
                    for number in range(15):
                        made = agent.call("propose_entry", text=f"{name} saw {number}.")
                        assert made["source"] == name
                        assert ("read_record" in agent.tools()) == (name == "b")
            except BaseException as err:
                failed.append(err)

        callers = [threading.Thread(target=work, args=each) for each in (("a", "alex"), ("b", "alex"), ("c", "blake"))]
        for each in callers:
            each.start()
        for each in callers:
            each.join()
    assert failed == []
    for user, sources in (("alex", {"a", "b"}), ("blake", {"c"})):
        world = World(root, user=user)
        world.reconcile()
        assert {each["source"] for each in world.gate()} == sources
        assert all(each["raw_text"].startswith(each["source"]) for each in world.gate())


def test_a_door_that_was_killed_and_started_again_goes_on_with_the_same_clients(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    door = Door(root, "--rate", "0").start()
    token = door.token()
    with over_http(door.port, token) as agent:
        made = agent.call("propose_entry", text="Before.", key="one")
        door.kill()
        again = Door(root, "--rate", "0", port=door.port)
        with again:
            assert agent.call("propose_entry", text="Before.", key="one")["id"] == made["id"]
    world = World(root)
    world.reconcile()
    assert world.gate_ids() == [made["id"]]


def test_a_token_that_is_removed_stops_at_once(door: Door) -> None:
    with over_http(door.port, door.token("short-lived")) as agent:
        agent.call("my_proposals")
        tokens.remove(door.root, "short-lived")
        with pytest.raises(Exception, match="error response"):
            agent.call("my_proposals")


def test_an_sdk_that_cannot_be_loaded_is_said_and_the_door_goes_on(tmp_path: Path) -> None:
    broken = "import sys; sys.modules['mcp.server'] = None; from recursion_gate.cli import main; main()"
    with Door(make_root(tmp_path, "alex"), program=[sys.executable, "-c", broken]) as door:
        with door.client(door.token(), **ACCEPT) as client:
            for _ in range(2):
                answered = client.post("/mcp", json=body())
                assert answered.status_code == 503
                assert "pip install" in answered.json()["remedy"]
            assert client.post("/api/activity", json={"text": "Learned to whistle."}).status_code == 201
        wait_for(lambda: any(line.startswith("event=mcp_unusable why=") for line in door.said))


def test_the_sdk_is_loaded_by_the_first_call_only(tmp_path: Path) -> None:
    with Door(make_root(tmp_path, "alex"), "--only", "agents") as door:
        before = door.memory()
        with over_http(door.port, door.token()) as agent:
            agent.call("my_proposals")
        assert before < 0.8 * door.memory()


def tokens_of(door: Door, name: str) -> str:
    """A token of this name, made anew."""
    if any(each.name == name for each in tokens.load(door.root)):
        tokens.remove(door.root, name)
    return door.token(name)
