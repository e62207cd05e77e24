"""The page's unit, under a real systemd: installed by the README's steps, it lets people decide, and can do no more."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from ..support.accounts import without
from ..systemd.machine import Machine, until, why_not
from ..systemd.wheels import make_wheels
from .test_systemd import COMMAND, ROOT, UNITS, blocks

UNIT = "recursion-gate-page"

_DECIDE = """
import http.cookiejar, re, sys, urllib.parse, urllib.request
base, name, passphrase, candidate = sys.argv[1:]
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
send = lambda path, **form: browser.open(base + path, urllib.parse.urlencode(form).encode(), timeout=90)
send("/sign-in", name=name, passphrase=passphrase)
page = browser.open(f"{base}/card/demo/{candidate}", timeout=90).read().decode()
field = lambda name: re.search(rf'name="{name}" value="([^"]+)"', page)[1]
print(send(f"/card/demo/{candidate}/decide", csrf=field("csrf"), shown=field("shown"), action="approved").status)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with the daemon and the page installed by the README's steps, and an account anna on the page."""
    without(why_not())
    wheels = tmp_path_factory.mktemp("wheels")
    wheels.chmod(0o755)
    make_wheels("recursion-gate", wheels, "serve")
    with Machine(wheels) as booted:
        for block in (blocks("Several accounts")[0], blocks("The page")[0]):
            booted.run("sh", "-eux", stdin=f"cd /usr/src/recursion-gate\n{block}")
        booted.run(COMMAND, "--root", ROOT, "people", "add", "anna", stdin="passphrase of anna\n")
        yield booted


def show(machine: Machine, what: str) -> str:
    return machine.ask("systemctl", "show", "--value", f"--property={what}", UNIT)


def inside(machine: Machine, script: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the page's account, where the page stands."""
    enter = ("nsenter", f"--target={show(machine, 'MainPID')}", "--mount", "--net", "--")
    drop = ("setpriv", f"--reuid={UNIT}", f"--regid={UNIT}", "--init-groups", "--")
    return machine.run(*enter, *drop, "sh", "-c", script, ok=False)


def test_a_person_decides_on_the_page_and_the_receipt_names_them(machine: Machine) -> None:
    drop = json.dumps({"id": "by-page", "text": "Learned to whistle."})
    machine.run("sh", "-c", f"printf %s '{drop}' > {ROOT}/inbox/demo/x.json")
    pending = machine.disk(f"{ROOT}/inbox/demo/pending")
    until("a card", lambda: list(pending.glob("*.md")))
    done = machine.run("python3", "-c", _DECIDE, "http://127.0.0.1:8739", "anna", "passphrase of anna", "by-page")
    assert done.stdout.strip() == "200"
    ledger = machine.disk(f"{ROOT}/receipts/demo/merge-receipts.jsonl")
    until("the receipt", lambda: ledger.exists() and '"by-page"' in ledger.read_text().rpartition("\n")[0])
    receipt = json.loads(ledger.read_text().splitlines()[-1])
    assert (receipt["candidate_id"], receipt["via"], receipt["by"]) == ("by-page", "web", "anna")


def test_the_page_can_write_neither_gate_nor_record_nor_receipts(machine: Machine) -> None:
    for path in ("users/demo/recursion-gate.json", "users/demo/self.md", "receipts/demo/merge-receipts.jsonl",
                 "recursion-gate.toml", "recursion-gate-people.json"):  # fmt: skip
        assert inside(machine, f"echo x >> {ROOT}/{path}").returncode != 0, path
    assert inside(machine, f"cat {ROOT}/users/demo/self.md && ls {ROOT}/inbox/demo/pending").returncode == 0


def test_the_account_has_no_rights_beyond_its_lane(machine: Machine) -> None:
    machine.run("systemctl", "start", UNIT)  # else the first request starts it
    status = machine.disk(f"/proc/{show(machine, 'MainPID')}/status").read_text()
    for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert re.search(rf"^{field}:\s+0+$", status, re.M), status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


def test_systemd_finds_no_fault_in_the_units(machine: Machine) -> None:
    units = [f"/etc/systemd/system/{UNIT}.{kind}" for kind in ("socket", "service")]
    assert machine.run("systemd-analyze", "verify", "--recursive-errors=no", *units).stderr == ""


def test_its_exposure_is_what_the_page_says() -> None:
    without(None if shutil.which("systemd-analyze") else "needs systemd-analyze")
    said = re.search(r"Its exposure is ([\d.]+) of 10. As root, in a checkout, after the\nsteps of \"Several",
                     (UNITS / "README.md").read_text("utf-8"))  # fmt: skip
    assert said
    env = {**os.environ, "SYSTEMD_PAGER": "", "SYSTEMD_UNIT_PATH": f"{UNITS / 'system'}:"}
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", f"{UNIT}.service"]
    done = subprocess.run(command, cwd=UNITS / "system", capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert shown
    assert float(shown[1]) <= 1.5
    if subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True).stdout.split()[1] == "252":
        assert shown[1] == said[1]
