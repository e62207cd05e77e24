"""The doors' units, under a real systemd with real accounts: each is in its lane and no other (docs/security.md)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.accounts import without
from ..systemd.machine import Machine, until, why_not
from ..systemd.wheels import make_wheels
from .test_systemd import COMMAND, ROOT, UNITS, blocks

DOORS = {"agents": 8737, "readers": 8738}
PERSON = "maria"

_CALL = """
import json, sys, urllib.error, urllib.request
method, url, token, body = sys.argv[1:]
headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
try:
    request = urllib.request.Request(url, body.encode() if body else None, headers, method=method)
    with urllib.request.urlopen(request, timeout=90) as answer:
        print(json.dumps([answer.status, json.load(answer)]))
except urllib.error.HTTPError as err:
    print(json.dumps([err.code, json.load(err)]))
"""

_MCP = """
import asyncio, json, sys
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
url, token, *calls = sys.argv[1:]
async def main():
    http = create_mcp_http_client({"Authorization": "Bearer " + token})
    async with Client(streamable_http_client(url, http_client=http)) as client:
        told = [[tool.name for tool in (await client.list_tools()).tools]]
        for name, arguments in map(json.loads, calls):
            done = await client.call_tool(name, arguments)
            told.append([done.is_error, done.structured_content or done.content[0].text])
    print(json.dumps(told))
asyncio.run(main())
"""


class Doors:
    """Both doors, as an account of the machine calls them."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.token = self.make_token("tutor")
        self.reading = self.make_token("dashboard", "--read-only")

    def make_token(self, *words: str) -> str:
        done = self.machine.run(
            *("runuser", "-u", "recursion-gate", "--", COMMAND, "--root", ROOT, "token", "add", *words),
            *("--user", "demo"),
        )
        return done.stdout.split()[-1]

    def call(self, door: str, method: str, path: str, token: str, body: dict[str, Any] | None = None) -> Any:
        """The status and the answer."""
        url = f"http://127.0.0.1:{DOORS[door]}{path}"
        said = self.machine.run("python3", "-c", _CALL, method, url, token, json.dumps(body) if body else "")
        return json.loads(said.stdout)

    def mcp(self, door: str, token: str, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """The tools that the official client finds at ``/mcp``, and for each call whether it failed, and its answer."""
        python, url = COMMAND.replace("bin/recursion-gate", "bin/python"), f"http://127.0.0.1:{DOORS[door]}/mcp"
        told: list[Any] = json.loads(self.machine.run(python, "-c", _MCP, url, token, *map(json.dumps, calls)).stdout)
        return told

    def show(self, door: str, what: str) -> str:
        return self.machine.ask("systemctl", "show", "--value", f"--property={what}", f"recursion-gate-{door}")

    def inside(self, door: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the door's account, where the door stands."""
        pid = self.show(door, "MainPID")
        account = f"recursion-gate-{door}"
        enter = ("nsenter", f"--target={pid}", "--mount", "--net", "--")
        drop = ("setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups", "--")
        return self.machine.run(*enter, *drop, "sh", "-c", *words, ok=False)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A machine with the daemon and the doors installed by the README's steps."""
    without(why_not())
    wheels = tmp_path_factory.mktemp("wheels")
    wheels.chmod(0o755)
    make_wheels("recursion-gate", wheels, "serve", "mcp")
    with Machine(wheels) as booted:
        booted.run("systemd-sysusers", "-", stdin=f'u {PERSON} - "-" /home/{PERSON} /bin/sh\n')
        for block in (blocks("Several accounts")[0], blocks("The doors")[0]):
            booted.run("sh", "-eux", stdin=f"cd /usr/src/recursion-gate\n{block}")
        booted.run("usermod", "-aG", "rg-people,rg-readers", PERSON)
        yield Doors(booted)


@pytest.mark.parametrize("door", DOORS)
def test_the_exposure_of_each_door_is_what_the_page_says_and_at_most_one_and_a_half(door: str) -> None:
    without(None if shutil.which("systemd-analyze") else "needs systemd-analyze")
    page = " ".join((UNITS / "README.md").read_text("utf-8").split())
    said = re.search(r"The exposure of each unit is ([\d.]+) of 10", page)
    assert said
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", f"recursion-gate-{door}.service"],
        cwd=UNITS / "system",
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_PAGER": "", "SYSTEMD_UNIT_PATH": f"{UNITS / 'system'}:"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert shown
    assert float(shown[1]) <= 1.5
    if subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True).stdout.split()[1] == "252":
        assert shown[1] == said[1]


def test_systemd_finds_no_fault_in_the_units(doors: Doors) -> None:
    units = [f"/etc/systemd/system/recursion-gate-{d}.{kind}" for d in DOORS for kind in ("socket", "service")]
    assert doors.machine.run("systemd-analyze", "verify", "--recursive-errors=no", *units).stderr == ""


def test_an_agent_proposes_a_person_approves_and_a_reader_reads(doors: Doors) -> None:
    machine = doors.machine
    status, made = doors.call("agents", "POST", "/api/activity", doors.token, {"text": "Learned to whistle."})
    assert status == 201, made
    inbox = machine.disk(f"{ROOT}/inbox/demo")
    until("a card", lambda: list((inbox / "pending").glob("*.md")))
    (card,) = (inbox / "pending").glob("*.md")
    gate = json.loads(machine.disk(f"{ROOT}/users/demo/recursion-gate.json").read_text())
    assert gate == [made]
    assert doors.call("readers", "GET", "/api/recursion-gate", doors.reading) == [200, gate]
    fate = f"/api/candidates/{made['id']}"
    assert doors.call("readers", "GET", fate, doors.token)[1]["state"] == "waiting"
    assert doors.call("agents", "GET", fate, doors.token)[1]["state"] == "taken"
    machine.run("mv", f"{ROOT}/inbox/demo/pending/{card.name}", f"{ROOT}/inbox/demo/approved/", user=PERSON)
    until("the receipt", lambda: doors.call("readers", "GET", fate, doors.token)[1]["state"] == "approved")
    until(
        "the line",
        lambda: "whistle" in doors.call("readers", "GET", "/api/record", doors.reading)[1]["knowledge"][-1],
    )
    machine.run("runuser", "-u", "recursion-gate", "--", COMMAND, "--root", ROOT, "verify")


def test_the_agents_door_serves_mcp_and_only_proposes_and_the_readers_only_reads(doors: Doors) -> None:
    both = doors.make_token("assistant", "--read")
    said = {"text": "Learned to juggle three oranges."}
    tools, made, reading = doors.mcp("agents", both, ("propose_entry", said), ("read_record", {}))
    assert set(tools) == {"propose_entry", "propose_correction", "propose_retraction", "my_proposals"}
    assert not made[0], made
    assert reading[0], reading
    gate = doors.machine.disk(f"{ROOT}/users/demo/recursion-gate.json")
    until("it is staged", lambda: made[1]["id"] in gate.read_text())
    staged = next(each for each in json.loads(gate.read_text()) if each["id"] == made[1]["id"])
    assert (staged["raw_text"], staged["source"]) == (said["text"], "assistant")

    tools, proposing, record, own = doors.mcp(
        "readers", both, ("propose_entry", said), ("read_record", {}), ("my_proposals", {})
    )
    assert set(tools) == {"read_record", "ask_record", "next_focus", "my_proposals"}
    assert proposing[0], proposing
    assert not record[0], record
    assert (record[1]["user"], "text" in record[1]) == ("demo", True)
    assert [(each["id"], each["state"]) for each in own[1]["proposals"]] == [(made[1]["id"], "waiting")]

    status = doors.machine.disk(f"/proc/{doors.show('agents', 'MainPID')}/status").read_text()
    assert "Seccomp:\t2" in status


def test_a_refused_drop_is_told_by_the_agents_door(doors: Doors) -> None:
    taken = {"id": "taken", "text": "By the door of another."}
    assert doors.call("agents", "POST", "/api/activity", doors.token, taken)[0] == 201
    other = doors.make_token("other")
    assert doors.call("agents", "POST", "/api/activity", other, taken | {"text": "Something else."})[0] == 201
    until(
        "the why",
        lambda: doors.call("agents", "GET", "/api/candidates/taken", other)[1]["state"] == "problem",
    )
    assert "the id 'taken' is taken" in doors.call("agents", "GET", "/api/candidates/taken", other)[1]["why"]


def test_each_door_does_nothing_of_the_others_lane(doors: Doors) -> None:
    both = doors.make_token("both", "--read")
    assert doors.call("agents", "GET", "/api/record", both)[0] == 404
    assert doors.call("readers", "POST", "/api/activity", both, {"text": "x"})[0] == 404
    assert doors.call("agents", "GET", "/api/health", "")[1]["parts"] == ["agents"]
    assert doors.call("readers", "GET", "/api/health", "")[1]["parts"] == ["readers"]


@pytest.mark.parametrize(
    ("door", "attempt"),
    [
        ("agents", f"cat {ROOT}/users/demo/self.md"),
        ("agents", f"cat {ROOT}/users/demo/recursion-gate.json"),
        ("agents", f"ls {ROOT}/receipts"),
        ("agents", f"ls {ROOT}/inbox/demo"),
        ("agents", f"ls {ROOT}/inbox/demo/pending"),
        ("agents", f"touch {ROOT}/inbox/demo/approved/x.md"),
        ("agents", f"touch {ROOT}/x"),
        ("agents", f"echo '[]' > {ROOT}/recursion-gate-tokens.json"),
        ("agents", "touch /tmp/../etc/x"),
        ("agents", f"ls {ROOT}/.daemon"),
        ("readers", f"touch {ROOT}/inbox/demo/x.json"),
        ("readers", f"ls {ROOT}/inbox/demo"),
        ("readers", f"touch {ROOT}/users/demo/x"),
        ("readers", f"echo x >> {ROOT}/users/demo/self.md"),
        ("readers", f"echo x >> {ROOT}/receipts/demo/merge-receipts.jsonl"),
        ("readers", f"echo '[]' > {ROOT}/recursion-gate-tokens.json"),
        ("readers", "touch /var/lib/recursion-gate-agents/x"),
    ],
)
def test_the_account_of_a_door_may_not_whatever_the_door_would(doors: Doors, door: str, attempt: str) -> None:
    doors.call(door, "GET", "/api/health", "")
    done = doors.inside(door, attempt)
    assert done.returncode != 0, attempt
    assert re.search("denied|Read-only|not permitted|No such file", done.stderr), done.stderr


def test_the_account_of_a_door_may_do_its_own(doors: Doors) -> None:
    for door in DOORS:
        doors.call(door, "GET", "/api/health", "")
    assert doors.inside("readers", f"cat {ROOT}/users/demo/self.md && ls {ROOT}/receipts/demo").returncode == 0
    done = doors.inside("agents", f"touch {ROOT}/inbox/demo/.own.tmp && rm {ROOT}/inbox/demo/.own.tmp")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("door", DOORS)
def test_a_door_has_no_rights_no_network_and_little_to_write(doors: Doors, door: str) -> None:
    doors.call(door, "GET", "/api/health", "")
    machine, pid = doors.machine, doors.show(door, "MainPID")
    status = machine.disk(f"/proc/{pid}/status").read_text()
    account = machine.run("id", "-u", f"recursion-gate-{door}").stdout.strip()
    assert re.search(r"^Uid:\s+(.*)$", status, re.M)[1].split() == [account] * 4  # type: ignore[index]
    for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert re.search(rf"^{field}:\s+0+$", status, re.M), status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert os.readlink(machine.disk(f"/proc/{pid}/ns/net")) != os.readlink(machine.disk("/proc/1/ns/net"))
    soft = re.search(r"^Max open files\s+(\d+)", machine.disk(f"/proc/{pid}/limits").read_text(), re.M)
    assert soft
    assert int(soft[1]) == 16384


@pytest.mark.parametrize("door", DOORS)
def test_a_door_starts_at_its_first_request_and_again_after_a_kill(doors: Doors, door: str) -> None:
    unit = f"recursion-gate-{door}"
    doors.machine.run("systemctl", "stop", unit)
    assert doors.show(door, "MainPID") == "0"
    assert doors.call(door, "GET", "/api/health", "")[0] == 200
    before = doors.show(door, "MainPID")
    doors.machine.run("systemctl", "kill", "--signal=KILL", unit)
    until("it is gone", lambda: doors.show(door, "MainPID") != before)
    assert doors.call(door, "GET", "/api/health", "")[0] == 200
    assert doors.show(door, "MainPID") not in ("0", before)


def test_keys_are_kept_over_a_kill_of_the_agents_door(doors: Doors) -> None:
    code = _CALL.replace('"Content-Type"', '"Idempotency-Key": "k-1", "Content-Type"')
    url = f"http://127.0.0.1:{DOORS['agents']}/api/activity"

    def send(text: str) -> Any:
        said = doors.machine.run("python3", "-c", code, "POST", url, doors.token, json.dumps({"text": text}))
        return json.loads(said.stdout)

    first = send("With a key.")
    doors.machine.run("systemctl", "kill", "--signal=KILL", "recursion-gate-agents")
    assert send("With a key.") == first
    assert send("Something else.")[0] == 422
    gate = doors.machine.disk(f"{ROOT}/users/demo/recursion-gate.json")
    until("it is staged", lambda: "With a key." in gate.read_text())
    assert gate.read_text().count("With a key.") == 1


def test_a_token_that_is_made_while_the_doors_run_is_known_and_belongs_to_the_daemon(doors: Doors) -> None:
    doors.machine.run(COMMAND, "--root", ROOT, "token", "add", "by-root", "--user", "demo")
    st = doors.machine.run("stat", "-c", "%U:%G %a", f"{ROOT}/recursion-gate-tokens.json").stdout.strip()
    assert st == "recursion-gate:recursion-gate 644"
    assert "recursion-gate-tokens.json" not in doors.machine.ask(COMMAND, "--root", ROOT, "doctor")


def test_the_journal_has_no_token_and_no_text(doors: Doors) -> None:
    doors.call("agents", "POST", "/api/activity", doors.token, {"text": "Private words."})
    doors.call("agents", "POST", "/api/activity", doors.token, {"texd": "Private words."})
    told = doors.machine.ask("journalctl", "--unit=recursion-gate-agents", "--output=cat")
    assert "event=proposed user=demo token=tutor" in told
    assert "rivate words" not in told
    assert doors.token[:12] not in told
