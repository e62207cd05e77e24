"""The server on standard input and output, as a process of its own: what it says, and what ends it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.paths import Root

from ..support.daemon import PROGRAM, Daemon, call
from ..support.mcp_client import Agent, over_stdio
from ..support.roots import make_root, mounted
from ..support.world import PATIENCE, World, wait_for

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


def command(root: Root) -> list[str]:
    return [*PROGRAM, "--root", str(root.path), "mcp", "--user", "alex", "--source", "claude"]


def proposal(number: int, text: str) -> dict[str, Any]:
    params = {"name": "propose_entry", "arguments": {"text": text}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def test_standard_output_carries_the_protocol_and_nothing_else(root: Root) -> None:
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    process = subprocess.Popen(command(root), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    answered: list[dict[str, Any]] = []
    for sent in (
        HELLO,
        ready,
        proposal(2, "Said on a pipe."),
        proposal(3, ""),
        "this is no JSON",
        proposal(4, "Again."),
    ):
        process.stdin.write((sent if isinstance(sent, str) else json.dumps(sent)).encode() + b"\n")
        process.stdin.flush()
        if isinstance(sent, dict) and "id" in sent:
            while not answered or answered[-1].get("id") != sent["id"]:
                answered.append(json.loads(process.stdout.readline()))  # each line is a message
    out, err = process.communicate(timeout=PATIENCE)  # the end of its input ends it
    assert (process.returncode, out) == (0, b"")
    assert all(each["jsonrpc"] == "2.0" for each in answered)
    assert b"Said on a pipe" not in err
    assert err.count(b"event=proposed") == 2
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    ("line", "called", "code", "words"),
    [
        ("this is no JSON", None, -32700, "no JSON"),
        ('{"jsonrpc": "2.0", "id": 7, "method": "tools/call"', None, -32700, "no JSON"),
        ("[" * 5000, None, -32700, "no JSON"),
        ("[]", None, -32600, "no JSON-RPC 2.0 message"),
        ('{"jsonrpc": "2.0"}', None, -32600, "no JSON-RPC 2.0 message"),
        ('{"jsonrpc": "2.0", "id": 8, "method": 9}', 8, -32600, "no JSON-RPC 2.0 message"),
        (json.dumps(proposal(9, "bad \ud800")), 9, -32602, "half a character"),
        (json.dumps({**proposal(0, "x \udc00"), "id": "nine"}), "nine", -32602, "half a character"),
        (f'{{"jsonrpc": "2.0", "id": 10, "method": "x", "params": {"[" * 300}{"]" * 300}}}', 10, -32602, "too deeply"),
        (json.dumps({"jsonrpc": "2.0", "id": 11, "method": {}}), 11, -32600, "no JSON-RPC 2.0 message"),
        (json.dumps({**proposal(0, "x"), "id": "\ud800"}), None, -32700, "no JSON"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_line_that_cannot_be_read_is_answered_and_the_server_goes_on(
    root: Root, line: str, called: int | str | None, code: int, words: str, first: bool
) -> None:
    """The caller of such a line used to wait for ever."""
    sent = [line, "", json.dumps(HELLO)] if first else [json.dumps(HELLO), "", line]
    with subprocess.Popen(command(root), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            answered = []
            for each in sent:
                process.stdin.write(each.encode() + b"\n")
                process.stdin.flush()
                if each:
                    assert select.select([process.stdout], [], [], PATIENCE)[0], "no answer"
                    answered.append(json.loads(process.stdout.readline()))
        finally:
            process.kill()
    refused = answered[0 if first else 1]
    assert (refused["id"], refused["error"]["code"]) == (called, code)
    assert words in refused["error"]["message"]
    assert answered[1 if first else 0]["result"]["serverInfo"]


def test_a_client_that_goes_away_in_the_middle_leaves_whole_drops_only(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    world = World(root)
    with subprocess.Popen(command(root), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(HELLO).encode() + b"\n")
        for number in range(2, 60):
            process.stdin.write(json.dumps(proposal(number, f"Learned the number {number}.")).encode() + b"\n")
        process.stdin.flush()
        wait_for(lambda: len([name for name in world.names() if name[0] != "."]) > 5)
        process.kill()
    world.reconcile()
    assert world.names("problems") == []
    assert len({each["raw_text"] for each in world.gate()}) == len(world.gate()) > 5


def test_four_servers_at_once_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    world = World(root)

    def propose(source: str) -> list[str]:
        with over_stdio(root, source=source) as agent:
            return [agent.call("propose_entry", text=f"{source} saw {n}.", key=f"k{n}")["id"] for n in range(20)]

    with Daemon(root), ThreadPoolExecutor(4) as pool:
        made = [each for ids in pool.map(propose, ["a", "b", "c", "d"]) for each in ids]
        wait_for(lambda: len(world.gate()) == 80)
    assert sorted(world.gate_ids()) == sorted(made)
    assert len(set(made)) == 80


def test_without_a_daemon_a_proposal_is_taken_and_that_is_said_and_with_one_it_is_not(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    world = World(root)
    with over_stdio(root) as agent:
        made = agent.call("propose_entry", text="Nobody is there.")
        assert "No daemon runs" in made["notice"]
        assert agent.call("my_proposals", id=made["id"])["proposals"][0]["state"] == "dropped"
        with Daemon(root):
            wait_for(lambda: made["id"] in world.gate_ids())
            assert "notice" not in agent.call("propose_entry", text="Somebody is there.")


def test_a_full_disk_is_said_and_the_server_goes_on(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "2m") as disk:
        root = make_root(disk / "root", "alex")
        filler = disk / "filler"
        with over_stdio(root) as agent:
            agent.call("propose_entry", text="There is room.")
            filler.write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
            assert "no room on the disk" in agent.refused("propose_entry", text="There is none. " * 400)
            filler.unlink()
            agent.call("propose_entry", text="Room again.")
        assert len(World(root).names()) == 2


def test_a_broken_gate_is_said_and_proposing_goes_on(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    World(root).place.gate.write_text("{ no gate")
    with over_stdio(root) as agent:
        said = agent.refused("my_proposals")
        assert "recursion-gate.json" in said
        assert "Traceback" not in said
        assert agent.call("propose_entry", text="Proposed all the same.")["id"]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--user", "nobody", "--source", "x"], "nobody"),
        (["--user", "../alex", "--source", "x"], "alex"),
        (["--user", "alex"], "--source"),
        (["--user", "alex", "--source", " "], "a source is 1 to 200"),
        (["--user", "alex", "--source", "two\nlines"], "a source is 1 to 200"),
    ],
)
def test_what_cannot_be_served_ends_at_once_with_the_reason(root: Root, args: list[str], why: str) -> None:
    done = call(root, "mcp", *args, stdin=subprocess.DEVNULL)
    assert done.returncode in (1, 2)
    assert why in done.stderr
    assert done.stdout == ""


def test_without_the_extra_one_sentence_names_it_and_serve_does_without(root: Root) -> None:
    without = "import sys; sys.modules['mcp'] = None; from recursion_gate.cli import main; main()"
    start = [sys.executable, "-c", without, "--root", str(root.path)]
    done = subprocess.run(
        [*start, "mcp", "--user", "alex", "--source", "x"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'recursion-gate[mcp]'" in done.stderr
    assert "Traceback" not in done.stderr
    with subprocess.Popen([*start, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True) as served:
        assert served.stderr is not None
        lines = iter(served.stderr)
        assert any(line.startswith("event=ready") for line in lines)
        served.terminate()
        served.wait(PATIENCE)


def test_the_older_handshake_works_too(root: Root) -> None:
    with over_stdio(root, mode="legacy") as agent:
        assert agent.call("propose_entry", text="With the older handshake.")["source"] == "claude"


def test_of_a_name_in_any_script_the_source_is_kept(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    with over_stdio(root, source="Übung 日本") as agent:
        made = agent.call("propose_entry", text="Ünïcode 👩‍👩‍👧 stays.")
    world = World(root)
    world.reconcile()
    assert [(each["id"], each["source"]) for each in world.gate()] == [(made["id"], "Übung 日本")]


def test_the_agent_reads_the_same_as_the_command(agent: Agent, root: Root) -> None:
    told = json.loads(call(root, "edge", "--user", "alex", "--json").stdout)
    mine = agent.call("next_focus")
    for each in (told, mine):
        each["asOf"].pop("readAt")
    assert mine == told
