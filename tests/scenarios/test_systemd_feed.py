"""The feed's unit, under a real systemd with real accounts and a real Redis (docs/doors.md, "A queue")."""

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
from ..support.queue import needs_redis
from ..systemd.machine import Machine, until, why_not
from ..systemd.wheels import make_wheels
from .test_systemd import ROOT, UNITS, blocks

UNIT = "recursion-gate-feed@demo"


def start_redis(machine: Machine) -> None:
    words = ("redis-server", "--bind", "127.0.0.1", "--save", "", "--dir", "/var/tmp")
    machine.run("systemd-run", "--quiet", "--collect", "--unit=queue", *words)
    until("Redis", lambda: machine.run("redis-cli", "PING", ok=False).stdout.strip() == "PONG")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with daemon, doors and feed installed by the README's steps, and a Redis."""
    without(why_not())
    needs_redis()
    wheels = tmp_path_factory.mktemp("wheels")
    wheels.chmod(0o755)
    make_wheels("recursion-gate", wheels, "serve", "mcp", "redis")
    with Machine(wheels) as booted:
        start_redis(booted)
        for block in (blocks("Several accounts")[0], blocks("The doors")[0], blocks("The queue")[0]):
            booted.run("sh", "-eux", stdin=f"cd /usr/src/recursion-gate\n{block}")
        yield booted


def gate(machine: Machine) -> list[str]:
    path = machine.disk(f"{ROOT}/users/demo/recursion-gate.json")
    return [c["raw_text"] for c in json.loads(path.read_text())] if path.exists() else []


def show(machine: Machine, what: str) -> str:
    return machine.ask("systemctl", "show", "--value", f"--property={what}", UNIT)


def add(machine: Machine, *fields: str) -> None:
    machine.run("redis-cli", "XADD", "entries", "*", *fields)


def test_the_exposure_is_what_the_pages_say_and_at_most_one_and_a_half() -> None:
    without(None if shutil.which("systemd-analyze") else "needs systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", "recursion-gate-feed@.service"],
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
        for page in (UNITS / "README.md", UNITS.parent / "docs" / "doors.md"):
            assert re.search(rf"exposure (?:is )?{shown[1]} of 10", " ".join(page.read_text("utf-8").split())), page


def test_systemd_finds_no_fault_in_the_unit(machine: Machine) -> None:
    unit = f"/etc/systemd/system/{UNIT.replace('demo', '')}.service"
    assert machine.run("systemd-analyze", "verify", "--recursive-errors=no", unit).stderr == ""


def test_an_entry_comes_to_the_gate_and_is_acknowledged(machine: Machine) -> None:
    add(machine, "text", "Learned to whistle.", "source", "tutor")
    until("the gate", lambda: "Learned to whistle." in gate(machine))
    until("the acknowledgement", lambda: machine.ask("redis-cli", "XPENDING", "entries", "recursion-gate")[0] == "0")
    assert show(machine, "StatusText") == "reading 127.0.0.1:6379"
    assert "histle" not in machine.ask("journalctl", f"--unit={UNIT}", "--output=cat")


def test_a_restart_of_redis_and_a_kill_of_the_feed_lose_nothing(machine: Machine) -> None:
    before = show(machine, "MainPID")
    machine.run("systemctl", "stop", "queue")
    until("it waits", lambda: show(machine, "StatusText").startswith("waiting: Redis at 127.0.0.1:6379"))
    start_redis(machine)
    add(machine, "text", "After the restart.")
    until("the gate", lambda: "After the restart." in gate(machine), 30)
    assert show(machine, "MainPID") == before
    machine.run("systemctl", "kill", "--signal=KILL", UNIT)
    add(machine, "text", "After the kill.")
    until("the gate", lambda: "After the kill." in gate(machine), 30)
    assert len(gate(machine)) == len(set(gate(machine)))


def test_it_stops_at_once_and_cleanly(machine: Machine) -> None:
    machine.run("systemctl", "restart", UNIT)
    machine.run("systemctl", "stop", UNIT)
    assert show(machine, "Result") == "success"
    machine.run("systemctl", "start", UNIT)


@pytest.mark.parametrize(
    "attempt",
    [
        f"cat {ROOT}/users/demo/self.md",
        f"cat {ROOT}/users/demo/recursion-gate.json",
        f"ls {ROOT}/inbox/demo",
        f"touch {ROOT}/inbox/demo/approved/x.md",
        f"touch {ROOT}/x",
        "cat /etc/recursion-gate/feed/demo.env",
    ],
)
def test_the_account_may_not_whatever_the_feed_would(machine: Machine, attempt: str) -> None:
    until("the feed", lambda: show(machine, "MainPID") != "0")
    enter = ("nsenter", f"--target={show(machine, 'MainPID')}", "--mount", "--net", "--")
    drop = ("setpriv", "--reuid=recursion-gate-agents", "--regid=recursion-gate-agents", "--init-groups", "--")
    done: Any = machine.run(*enter, *drop, "sh", "-c", attempt, ok=False)
    assert done.returncode != 0
    assert re.search("denied|Read-only|not permitted", done.stderr), done.stderr
