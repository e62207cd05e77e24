"""Agents may stage, they may not merge: with real accounts, under a daemon of its own account (docs/security.md)."""

from __future__ import annotations

import contextlib
import dataclasses
import grp
import hashlib
import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.clients import people, tokens
from recursion_gate.core.paths import STATES, Place, Root, is_ignored
from recursion_gate.core.settings import load_settings
from recursion_gate.formats import cards, signature
from recursion_gate.permissions import acl
from recursion_gate.permissions.check import deviations
from recursion_gate.permissions.lanes import TABLE, apply, spots

from ..support.accounts import Account, Lanes, setup, throwaway_lanes, why_not, without
from ..support.attempts import ATTEMPTS, DROPS, Attempt, Drop
from ..support.daemon import Daemon
from ..support.world import wait_for


@pytest.fixture(scope="module", autouse=True)
def _can_be_tried() -> None:
    without(why_not())


@pytest.fixture(scope="module")
def lanes() -> Iterator[Lanes]:
    """Accounts and a root of theirs, where every account can get at it."""
    with throwaway_lanes() as made:
        hurry(made.root)
        yield made


def hurry(root: Root) -> None:
    """Have it wait less for files that may still be being written, and do nothing more once all is done."""
    text = root.settings.read_text()
    quick = "settle_seconds = 0.2\npatience_seconds = 1\nunknown_ending_seconds = 0.2\ncard_hints = false\n"
    root.settings.write_text(quick + text)


@pytest.fixture
def another(lanes: Lanes) -> Lanes:
    """Another root of the same accounts, where no daemon runs."""
    folder = Path(tempfile.mkdtemp(dir=lanes.root.path.parent))
    folder.chmod(0o755)
    made = dataclasses.replace(lanes, root=Root(folder / "root"))
    made.init()
    hurry(made.root)
    return made


@pytest.fixture(scope="module")
def daemon(lanes: Lanes) -> Iterator[Daemon]:
    with lanes.running() as running:
        yield running


@dataclasses.dataclass(frozen=True)
class Scene:
    """A root at work: a card waits, one was decided, one drop was refused, one lies there half written."""

    lanes: Lanes
    daemon: Daemon
    card: str

    def account(self, name: str) -> Account:
        account: Account = getattr(self.lanes, name)
        return account

    def tries(self, attempt: Attempt) -> subprocess.CompletedProcess[str]:
        account, process = self.account(attempt.who), self.daemon.process
        assert process is not None
        program = account.program
        start = f"{program.python} -m recursion_gate --root {self.lanes.root.path}"
        given = (self.lanes.root.path, self.lanes.place.inbox, self.card, "waits", process.pid, program.python, start)
        return account.sh(attempt.script, *map(str, given))


@pytest.fixture(scope="module")
def scene(lanes: Lanes, daemon: Daemon) -> Scene:
    place = lanes.place
    drop(lanes.other, place, "decided.json", {"id": "decided", "raw_text": "Decided long ago."})
    os.rename(card_of(place, "decided"), place.approved / "card.md")
    wait_for(lambda: len(receipts(place)) == 1)
    drop(lanes.other, place, "waits.json", {"id": "waits", "raw_text": "This waits."})
    drop(lanes.other, place, "bad.json", {"raw_text": "A private thought.", "skilltag": "THINK"})
    drop(lanes.other, place, "report.json.part", {"raw_text": "Half wri"})
    wait_for((place.problems / "bad.json").exists)
    return Scene(lanes, daemon, card_of(place, "waits").name)


def drop(account: Account, place: Place, name: str, data: dict[str, Any] | str, umask: int = 0o022) -> Path:
    """Write a file as agents do: with a shell, in place."""
    text = data if isinstance(data, str) else json.dumps(data)
    path = place.inbox / name
    done = account.sh('printf %s "$2" > "$1"', path, text, umask=umask)
    assert done.returncode == 0, done.stderr
    return path


def waiting(place: Place) -> dict[str, dict[str, Any]]:
    """What waits at the gate, by id."""
    return {c["id"]: c for c in json.loads(place.gate.read_bytes())} if place.gate.exists() else {}


def receipts(place: Place) -> list[dict[str, Any]]:
    """The receipts that are wholly written."""
    whole = place.ledger.read_text().split("\n")[:-1] if place.ledger.exists() else []
    return [json.loads(line) for line in whole]


def receipt_of(place: Place, candidate_id: str) -> dict[str, Any]:
    """The receipt of a candidate, as soon as its decision is carried out: it has one then, and no longer waits."""
    found: dict[str, Any] = wait_for(lambda: [r for r in receipts(place) if r["candidate_id"] == candidate_id])[0]
    wait_for(lambda: candidate_id not in waiting(place))
    return found


def card_of(place: Place, candidate_id: str) -> Path:
    """The card of a candidate in pending/, as soon as it is there."""

    def find() -> Path | None:
        found = (p for p in place.pending.glob("*.md") if cards.id_of(p.read_bytes()) == candidate_id)
        return next(found, None)

    card: Path = wait_for(find)
    return card


def staged(lanes: Lanes, candidate_id: str, text: str = "Looked at the moon.") -> Path:
    """Have an agent drop a candidate; gives its card."""
    drop(lanes.agent, lanes.place, f"{candidate_id}.json", {"id": candidate_id, "raw_text": text})
    return card_of(lanes.place, candidate_id)


def move(account: Account, card: Path, to: Path) -> None:
    done = account.sh('mv "$1" "$2"', card, to)
    assert done.returncode == 0, done.stderr


def record(place: Place) -> str:
    return "".join(p.read_text() for p in sorted(place.home.glob("self*.md")))


def everything(root: Root) -> dict[str, tuple[object, ...]]:
    """Every file and folder of a root with its owner, mode and bytes, but what the daemon says of itself."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.path.rglob("*")):
        if path.parent == root.daemon:
            continue
        st = path.lstat()
        data = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(st.st_mode) else ""
        found[str(path)] = (st.st_mode, st.st_uid, st.st_gid, acl.read(path, acl.ACCESS), data)
    return found


# -- what the system denies -----------------------------------------------------------------------------------------


def rests(place: Place) -> bool:
    """Whether the daemon has nothing left to do."""
    drops = [p.name for p in place.inbox.iterdir() if not p.is_dir() and not is_ignored(p.name)]
    return not (drops or any(any(place.state(state).iterdir()) for state in ("approved", "rejected", "undo")))


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[a.what for a in ATTEMPTS])
def test_the_system_denies(scene: Scene, attempt: Attempt) -> None:
    wait_for(lambda: rests(scene.lanes.place) and rests(scene.lanes.root.place("bob")))
    before = everything(scene.lanes.root)
    done = scene.tries(attempt)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert attempt.says in said
    assert everything(scene.lanes.root) == before
    assert scene.daemon.process is not None
    assert scene.daemon.process.poll() is None


@pytest.mark.parametrize("dropped", DROPS, ids=[d.what for d in DROPS])
def test_the_daemon_denies(scene: Scene, dropped: Drop) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    gate, decided, text = waiting(place), len(receipts(place)), record(place)
    path = drop(lanes.agent, place, dropped.name, dropped.data)
    wait_for(lambda: not path.exists())
    if dropped.why is None:
        assert_harmless(lanes, path.stem)
        return
    assert waiting(place) == gate
    assert len(receipts(place)) == decided
    assert record(place) == text
    if dropped.why:
        told = lanes.agent.sh('cat "$1"', place.problems / f"{dropped.name}.why.txt")
        assert dropped.why in told.stdout


def assert_harmless(lanes: Lanes, candidate_id: str) -> None:
    """Decided by a person, it is one line a file, in its own section, and nobody is said to have decided it."""
    place = lanes.place
    before = {p.name: p.read_text().splitlines() for p in place.home.glob("self*.md")}
    move(lanes.joe, card_of(place, candidate_id), place.approved)
    receipt = receipt_of(place, candidate_id)
    assert (receipt["via"], receipt["by"], receipt["reason"]) == ("folder", None, None)
    wait_for(lambda: candidate_id not in waiting(place))
    for name, lines in before.items():
        after = (place.home / name).read_text().splitlines()
        added = receipt["lines"].get(name, [])
        assert len(added) <= 1
        assert len(after) == len(lines) + len(added)
        assert [line for line in after if line not in added] == lines


# -- the agents' lane -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o027, 0o077], ids=oct)
def test_a_drop_is_staged_whatever_the_umask_and_others_cannot_read_it(scene: Scene, umask: int) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    resting = drop(lanes.agent, place, "resting.part", "{", umask=umask)
    for other in (lanes.other, lanes.stranger, lanes.reader, lanes.nobody):
        assert other.sh('cat "$1"', resting).returncode != 0
    name = f"umask-{umask:o}"
    done = lanes.agent.sh('printf %s "$2" > "$1.part" && mv "$1.part" "$1"', place.inbox / f"{name}.json",
                          json.dumps({"id": name, "raw_text": "x"}), umask=umask)  # fmt: skip
    assert done.returncode == 0, done.stderr
    wait_for(lambda: name in waiting(place))


def test_the_stage_command_needs_no_list_and_survives_a_closed_umask(scene: Scene) -> None:
    lanes = scene.lanes
    done = lanes.agent.call(lanes.root, "stage", "Staged by name alone.", "--user", "alex", umask=0o077)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: any(c["raw_text"] == "Staged by name alone." for c in waiting(lanes.place).values()))


def test_who_may_not_drop_is_told_which_group_it_takes(scene: Scene) -> None:
    done = scene.lanes.stranger.call(scene.lanes.root, "stage", "x", "--user", "alex")
    assert done.returncode == 1
    assert "may not drop for 'alex'" in done.stderr


def test_a_name_that_is_taken_gets_a_number_though_nobody_may_list(scene: Scene) -> None:
    script = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from recursion_gate.disk.deliver import deliver
for _ in range(2):
    print(deliver(Path(sys.argv[1]), "same.part", b"{").name)
"""
    package = Path(cards.__file__).parents[2]
    if scene.lanes.agent.program.env:  # a copy, which needs no path
        package = Path("/")
    done = scene.lanes.agent.python(script, scene.lanes.place.inbox, package)
    assert done.stdout.split() == ["same.part", "same-2.part"], done.stderr


def test_an_agent_that_closes_its_drop_to_the_daemon_is_told_what_to_do(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    done = lanes.agent.sh(
        'echo {} > "$1.part" && chmod 600 "$1.part" && mv "$1.part" "$1"', place.inbox / "closed.json"
    )
    assert done.returncode == 0, done.stderr
    why = place.problems / "closed.json.why.txt"
    wait_for(lambda: (place.problems / "closed.json").exists())
    assert "chmod" in lanes.agent.sh('cat "$1"', why).stdout


def test_what_was_refused_stays_its_makers_and_nothing_reads_it_again(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    drop(lanes.agent, place, "mine.json", {"raw_text": "x", "skil": "y"})
    assert lanes.agent.sh('mkdir "$1" && echo x > "$1/inner"', place.inbox / "folder").returncode == 0
    wait_for((place.problems / "mine.json").exists)
    wait_for((place.problems / "folder").exists)
    before = (waiting(place), receipts(place), record(place))
    again = {"id": "again", "raw_text": "Corrected where it lies."}
    for path in (place.problems / "mine.json", place.problems / "folder" / "again.json"):
        assert lanes.agent.sh('printf %s "$2" > "$1"', path, json.dumps(again)).returncode == 0
    staged(lanes, f"after-{secrets.token_hex(3)}")
    assert "again" not in waiting(place)
    assert (receipts(place), record(place)) == before[1:]
    # People cannot remove the folder, and once it is closed the daemon's account cannot either; root can.
    assert lanes.agent.sh('chmod 700 "$1"', place.problems / "folder").returncode == 0
    for account in (lanes.joe, lanes.daemon):
        assert account.sh('rm -rf "$1"', place.problems / "folder").returncode != 0
    shutil.rmtree(place.problems / "folder")
    assert lanes.joe.sh('rm "$1" "$1.why.txt"', place.problems / "mine.json").returncode == 0


def test_people_read_what_was_refused_and_stage_a_corrected_copy(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    wrong = {"id": "corrected", "raw_text": "Built a kite.", "skil": "WORK"}
    drop(lanes.agent, place, "wrong.json", wrong, umask=0o077)
    refused = place.problems / "wrong.json"
    wait_for(refused.exists)
    assert lanes.joe.sh('echo x >> "$1"', refused).returncode != 0
    done = lanes.joe.sh(
        'sed s/skil/skill_tag/ "$1" > "$2" && rm "$1" "$1.why.txt"', refused, place.approved / "kite.json"
    )
    assert done.returncode == 0, done.stderr
    card_of(place, "corrected")
    assert waiting(place)["corrected"]["skill_tag"] == "WORK"
    assert "corrected" not in [r["candidate_id"] for r in receipts(place)]


def test_the_reason_of_a_refusal_is_for_this_users_agents_and_people_and_holds_no_text(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    why = place.problems / "bad.json.why.txt"
    for allowed in (lanes.other, lanes.agent, lanes.joe):
        told = allowed.sh('cat "$1"', why).stdout
        assert "did you mean 'skill_tag'?" in told
        assert "private thought" not in told
    for denied in (lanes.stranger, lanes.reader, lanes.nobody):
        assert denied.sh('cat "$1"', why).returncode != 0


def test_the_agents_of_one_user_reach_only_its_inbox(scene: Scene) -> None:
    lanes, bob = scene.lanes, scene.lanes.root.place("bob")
    drop(lanes.stranger, bob, "bobs.json", {"id": "bobs", "raw_text": "Bob's own."})
    wait_for(lambda: "bobs" in waiting(bob))
    resting = drop(lanes.stranger, bob, "resting.part", "{")
    for script in ('cat "$1"', 'echo x > "$1"', 'rm -f "$1"', 'ls "${1%/*}"', 'cd "${1%/*}"'):
        assert lanes.agent.sh(script, resting).returncode != 0, script
    assert resting.read_text() == "{"


# -- what was seen is what is merged ----------------------------------------------------------------------------------


def test_a_handle_or_a_link_that_an_agent_kept_changes_nothing(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    drop_path = place.inbox / "kept.json"
    script = """
import json, os, sys
path, link = sys.argv[1:]
with open(path + ".part", "w") as file:
    file.write(json.dumps({"id": "kept", "raw_text": "What was seen."}))
    file.flush()
    os.link(path + ".part", link)
    os.rename(path + ".part", path)
    print("dropped", flush=True)
    sys.stdin.readline()
    file.seek(0)
    file.write(json.dumps({"id": "kept", "raw_text": "What was slipped in."}))
print("written", flush=True)
"""
    agent = subprocess.Popen(
        [lanes.agent.program.python, "-S", "-c", script, str(drop_path), str(place.inbox / ".link")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **lanes.agent.options(),
    )
    with agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        assert agent.stdout.readline() == "dropped\n"
        card = card_of(place, "kept")
        agent.stdin.write("now\n")
        agent.stdin.flush()
        assert agent.stdout.readline() == "written\n"
    move(lanes.joe, card, place.approved)
    assert receipt_of(place, "kept")["raw_text"] == "What was seen."
    wait_for(lambda: "kept" not in waiting(place))
    assert "What was seen." in record(place)
    assert "slipped" not in record(place)


@pytest.mark.parametrize("state", ["approved", "rejected"])
def test_an_agents_file_that_somebody_took_for_a_card_decides_nothing(scene: Scene, state: str) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    name = f"foreign-{state}"
    card = staged(lanes, name)
    forged = drop(lanes.agent, place, f"{name}.part", card.read_text().replace("the moon", "nothing"))
    # No account of the lanes could move it there; root, or somebody in two lanes, can.
    os.rename(forged, place.state(state) / f"{name}.md")
    why = place.problems / f"{name}.md.why.txt"
    wait_for(why.exists)
    assert f"belongs to '{lanes.agent.name}', who may not decide" in why.read_text()
    assert name in waiting(place)
    assert not [r for r in receipts(place) if r["candidate_id"] == name]
    move(lanes.joe, card_of(place, name), place.approved)
    assert receipt_of(place, name)["raw_text"] == "Looked at the moon."


def test_a_card_that_agents_could_write_decides_nothing(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    card = staged(lanes, "writable")
    done = lanes.joe.sh('cp "$1" "$2/.w" && chmod 666 "$2/.w" && mv "$2/.w" "$2/writable.md"', card, place.approved)
    assert done.returncode == 0, done.stderr
    why = place.problems / "writable.md.why.txt"
    wait_for(why.exists)
    assert "agents can write this file" in why.read_text()
    assert "writable" in waiting(place)


#: Whom a list lets write a card, and who then is said to be able to; None: it counts.
LISTED = {
    "g:{agents}:rw": "agents can write this file",
    "g:{bobs}:rw": "the group '{bobs}', in which not all may decide, can write this file",
    "g:{agent.name}:rw": "the group '{agent.name}', in which not all may decide, can write this file",
    "u:{agent.name}:rw": "'{agent.name}', who may not decide, can write this file",
    "u:{reader.name}:rw": "'{reader.name}', who may not decide, can write this file",
    "g:4000000000:rw": "the group '4000000000', in which not all may decide, can write this file",
    "g:{agents}:rw,m:r": None,  # the mask takes it back
    "g:{agents}:r": None,
    "u:{maria.name}:rw,g:{joe.name}:rw,g:{people}:rw": None,
}


@pytest.mark.parametrize("listed", LISTED)
def test_a_card_that_a_list_lets_others_than_people_write_decides_nothing(scene: Scene, listed: str) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    words = {**vars(lanes), **lanes.groups}
    name = f"listed-{list(LISTED).index(listed)}"
    card = staged(lanes, name)
    there = place.approved / f".{name}"
    done = lanes.joe.sh('cp "$1" "$2"', card, there)
    assert done.returncode == 0, done.stderr
    os.setxattr(there, acl.ACCESS, acl.encode(_list_of(listed.format(**words))))
    move(lanes.joe, there, place.approved / f"{name}.md")
    told = LISTED[listed]
    if told is None:
        assert receipt_of(place, name)["action"] == "approved"
        return
    why = place.problems / f"{name}.md.why.txt"
    wait_for(why.exists)
    assert told.format(**words) in why.read_text()
    assert name in waiting(place)


def _list_of(text: str) -> acl.Acl:
    """The list of a card with these entries besides, as `setfacl -m` takes them."""
    uids = {p.pw_name: p.pw_uid for p in pwd.getpwall()}
    gids = {g.gr_name: g.gr_gid for g in grp.getgrall()} | {"4000000000": 4_000_000_000}
    more, _, mask = text.partition(",m:")
    listed = acl.expand(f"u::rw g::rw o::- {more.replace(',', ' ')}", uids, gids)
    return listed | {(0x10, 0xFFFFFFFF): 4} if mask else listed


@pytest.mark.parametrize("other", ["bobs", "agent", "joe"])
def test_a_card_of_a_group_in_which_not_all_are_people_decides_nothing(scene: Scene, other: str) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    gid = grp.getgrnam(lanes.groups["bobs"]).gr_gid if other == "bobs" else lanes.joe.gid
    gid = lanes.agent.gid if other == "agent" else gid
    card = staged(lanes, f"group-{other}")
    there = place.approved / f".{other}"
    assert lanes.joe.sh('cp "$1" "$2"', card, there).returncode == 0
    os.chown(there, -1, gid)  # as it comes from a folder of that group
    there.chmod(0o664)
    move(lanes.joe, there, place.approved / f"group-{other}.md")
    if other == "joe":
        assert receipt_of(place, "group-joe")["action"] == "approved"
    else:
        why = place.problems / f"group-{other}.md.why.txt"
        wait_for(why.exists)
        assert "in which not all may decide, can write this file" in why.read_text()
        assert f"group-{other}" in waiting(place)


def test_a_link_that_stands_for_a_card_is_refused_and_what_it_points_to_is_not_read(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    for where, account in ((place.inbox, lanes.agent), (place.approved, lanes.joe)):
        done = account.sh('ln -s "$1" "$2"', place.home / "self.md", where / f"link-{where.name}.md")
        assert done.returncode == 0, done.stderr
        why = place.problems / f"link-{where.name}.md.why.txt"
        wait_for(why.exists)
        assert "symbolic link" in why.read_text()
        assert (place.home / "self.md").read_text() not in why.read_text()
    assert not [c for c in waiting(place).values() if "link-" in c["source"]]


def test_what_lies_in_the_way_stops_nobody(scene: Scene) -> None:
    """A pipe, a folder that the daemon may not move, a lease that makes an open wait: each the agent's own."""
    lanes, place = scene.lanes, scene.lanes.place
    script = """
import fcntl, os, sys
inbox = sys.argv[1]
os.mkfifo(inbox + "/pipe.json")
os.makedirs(inbox + "/closed/inner")
os.chmod(inbox + "/closed", 0o700)
with open(inbox + "/.leased", "w+") as file:
    file.write("{}")
with open(inbox + "/.leased", "r+") as file:
    fcntl.fcntl(file, fcntl.F_SETSIG, 10)
    import signal
    signal.signal(10, signal.SIG_IGN)
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    os.rename(inbox + "/.leased", inbox + "/leased.json")
    print("leased", flush=True)
    sys.stdin.read()
"""
    agent = subprocess.Popen(
        [lanes.agent.program.python, "-S", "-c", script, str(place.inbox)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **lanes.agent.options(),
    )
    with agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "leased\n"
        drop(lanes.other, place, "beside.json", {"id": "beside", "raw_text": "Beside all that."})
        wait_for(lambda: "beside" in waiting(place))
        wait_for((place.problems / "pipe.json.why.txt").exists)
        wait_for((place.problems / "leased.json.why.txt").exists)
        assert "keeps this file to itself" in (place.problems / "leased.json.why.txt").read_text()
    assert (place.inbox / "closed").is_dir()  # it stays; doctor says so
    status = json.loads(lanes.root.status.read_text())
    assert status["parked"] == {}
    lanes.agent.sh('chmod 755 "$1"; rmdir "$1/inner" "$1"', place.inbox / "closed")


@pytest.fixture
def plain(another: Lanes, monkeypatch: pytest.MonkeyPatch) -> Lanes:
    """A root as it is on a file system without access control lists."""
    monkeypatch.setattr(acl, "read", lambda path, which: None)
    settings = load_settings(another.root)
    assert settings.lanes is not None
    for spot in spots(another.root):
        for which in (acl.ACCESS, acl.DEFAULT):
            with contextlib.suppress(OSError):
                os.removexattr(spot.path, which)
    apply(another.root, settings.lanes)
    return another


def test_without_access_control_lists_the_modes_alone_keep_the_lanes_apart(plain: Lanes) -> None:
    place = plain.place
    assert [line.partition(": ")[2] for line in _found(plain)] == [
        "this file system has no access control lists: who knows the name of a drop may be able to read it, and drops "
        "made under umask 077 are refused"
    ]
    for name, umask in (("open", 0o022), ("group", 0o027), ("closed", 0o077)):
        drop(plain.agent, place, f"{name}.json", {"id": name, "raw_text": "x"}, umask=umask)
    assert plain.agent.call(plain.root, "stage", "Staged.", "--user", "alex", umask=0o077).returncode == 0
    for denied in (
        'ls "$1"',
        'echo x > "$1/open.json"',
        'rm -f "$1/open.json"',
        'ls "$1/pending"',
        'touch "$1/approved/x"',
    ):
        assert plain.other.sh(denied, place.inbox).returncode != 0, denied
    once = plain.daemon.call(plain.root, "once", umask=0o077)
    assert once.returncode == 0, once.stderr
    assert {"open", "group"} < set(waiting(place))
    assert len(waiting(place)) == 3
    assert "chmod 644" in plain.agent.sh('cat "$1"', place.problems / "closed.json.why.txt").stdout
    assert plain.stranger.sh('touch "$1/x"', place.inbox).returncode != 0
    move(plain.joe, card_of(place, "open"), place.approved)
    assert plain.daemon.call(plain.root, "once", umask=0o077).returncode == 0
    assert [r["candidate_id"] for r in receipts(place)] == ["open"]
    assert len(_found(plain)) == 1


# -- the people's lane ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_people_edit_and_move_each_others_cards(scene: Scene, umask: int) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    name = f"edited-{umask:o}"
    card = staged(lanes, name)
    # Saved by a rename, as editors do, by one; in place by the other.
    for account, edit in (
        (lanes.maria, "sed -i 's/moon/stars/' \"$1\""),
        (lanes.joe, 'sed "s/Looked/Gazed/" "$1" > "$1~" && cat "$1~" > "$1"; rm "$1~"'),
    ):
        done = account.sh(edit, card, umask=umask)
        assert done.returncode == 0, done.stderr
    move(lanes.maria, card, place.pending / "renamed.md")
    move(lanes.joe, place.pending / "renamed.md", place.approved)
    receipt = receipt_of(place, name)
    assert receipt["raw_text"] == "Gazed at the stars."
    assert receipt["candidate"]["raw_text"] == "Looked at the moon."
    assert (receipt["via"], receipt["by"]) == ("folder", None)


def test_a_copy_made_under_a_closed_umask_decides_as_well(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    card = staged(lanes, "copied")
    done = lanes.joe.sh('cp "$1" "$2"', card, place.rejected, umask=0o077)
    assert done.returncode == 0, done.stderr
    receipt = receipt_of(place, "copied")
    assert (receipt["action"], receipt["via"], receipt["by"]) == ("rejected", "folder", None)


def test_a_receipt_names_the_account_that_ran_approve(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    staged(lanes, "by-maria")
    done = lanes.maria.call(lanes.root, "approve", "by-maria", umask=0o077)
    assert done.stdout.startswith("by-maria: approved"), done.stderr
    receipt = receipt_of(place, "by-maria")
    assert (receipt["via"], receipt["by"]) == ("cli", lanes.maria.name)


def test_a_person_takes_back_corrects_and_forgets_by_command(scene: Scene) -> None:
    """Also one who may not drop: what is proposed goes through approved/, and waits at the gate as any drop does."""
    lanes, place = scene.lanes, scene.lanes.place
    staged(lanes, "after-1", "I learned that owls sleep at night.")
    assert lanes.maria.call(lanes.root, "approve", "after-1").returncode == 0
    act = receipt_of(place, "after-1")["evidence_id"]
    for args in (
        ("correct", act, "I learned that owls hunt at night.", "--yes"),
        ("undo", "--last", "--user", "alex"),
        ("retract", act, "It was a joke.", "--yes"),
        ("undo", "--last", "--user", "alex"),
        ("undo", "after-1"),
        ("forget", "after-1", "--yes"),
    ):
        done = lanes.maria.call(lanes.root, *args, umask=0o077)
        assert done.returncode == 0, done.stdout + done.stderr
    made = receipts(place)[-6:]
    assert [(r["action"], r["via"], r["by"]) for r in made] == [
        (action, "cli", lanes.maria.name)
        for action in ("approved", "undone", "approved", "undone", "undone", "forgotten")
    ]
    assert "owls" not in record(place)
    assert "after-1" not in waiting(place)


def test_a_person_takes_back_in_a_file_manager(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    before = record(place)
    move(lanes.joe, staged(lanes, "by-folder"), place.approved)
    receipt = receipt_of(place, "by-folder")
    filed = place.receipts / receipt["merged_at"][:7] / receipt["card"]
    wait_for(filed.exists)
    done = lanes.maria.sh('cp "$1" "$2/"', filed, place.undo)
    assert done.returncode == 0, done.stderr
    card_of(place, "by-folder")
    last = receipts(place)[-1]
    assert (last["action"], last["via"], last["by"]) == ("undone", "folder", None)
    assert record(place) == before


@pytest.mark.parametrize("field", ["supersedes", "retracts"])
def test_a_drop_that_changes_an_entry_only_waits(scene: Scene, field: str) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    name = f"{field}-of-an-agent"
    before, decided = record(place), len(receipts(place))
    act = receipt_of(place, "decided")["evidence_id"]
    drop(lanes.agent, place, f"{name}.json", {"id": name, "raw_text": "Forged.", field: act})
    card = card_of(place, name)
    assert waiting(place)[name][field] == act
    assert (record(place), len(receipts(place))) == (before, decided)
    move(lanes.joe, card, place.rejected)
    assert receipt_of(place, name)["action"] == "rejected"
    assert record(place) == before


@pytest.mark.parametrize("kind", ["id", "forget"])
def test_an_agents_file_that_a_person_takes_for_a_request_is_none(scene: Scene, kind: str) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    name = f"request-{kind}.part"  # the daemon waits for its end, so that a person sees it there
    before = (record(place), len(receipts(place)))
    drop(lanes.agent, place, name, f"---\n{kind}: decided\n---\nx\n")
    # People may read drops, not move them; root may.
    (place.inbox / name).rename(place.undo / f"request-{kind}.md")
    why = place.problems / f"request-{kind}.md.why.txt"
    wait_for(why.exists)
    assert "who may not decide" in why.read_text()
    assert (record(place), len(receipts(place))) == before


def test_an_undo_folder_that_an_agent_made_is_not_used(another: Lanes) -> None:
    place = another.place
    drop(another.agent, place, "one.json", {"id": "one", "raw_text": "One."})
    assert another.daemon.call(another.root, "once").returncode == 0
    move(another.joe, card_of(place, "one"), place.approved)
    assert another.daemon.call(another.root, "once").returncode == 0
    before = (record(place), len(receipts(place)))
    place.undo.rmdir()
    done = another.agent.sh('mkdir "$1" && printf -- "---\nforget: one\n---\n" > "$1/x.md"', place.undo)
    assert done.returncode == 0, done.stderr
    once = another.daemon.call(another.root, "once")
    assert once.returncode == 1
    assert "belongs to another account" in once.stderr
    assert (record(place), len(receipts(place))) == before


def test_a_receipt_never_guesses_who_decided(scene: Scene) -> None:
    """What `approve` wrote no longer counts for its account once it was edited, moved elsewhere or moved back."""
    lanes, place = scene.lanes, scene.lanes.place
    signed: dict[str, Callable[[bytes], bytes]] = {
        "edited": lambda card: signature.sign(card, "approved", "cli").replace(b"the moon", b"the sun"),
        "other-folder": lambda card: signature.sign(card, "rejected", "cli"),
        "moved-back": lambda card: signature.sign(card, "approved", "cli"),
        "typed-in": lambda card: card.replace(b"\n---\n", b"\nvia: cli\n---\n", 1),
    }
    for name, sign in signed.items():
        card = staged(lanes, name)
        there = place.approved / f".{name}"
        there.write_bytes(sign(card.read_bytes()))
        os.chown(there, lanes.maria.uid, there.stat().st_gid)
        there.chmod(0o640)
        if name == "moved-back":
            os.utime(there, (there.stat().st_mtime - 60,) * 2)
        there.rename(place.approved / f"{name}.md")
        receipt = receipt_of(place, name)
        assert (receipt["action"], receipt["via"], receipt["by"]) == ("approved", "folder", None), name
    # Written by a person into the card that the daemon made: how is what the person says, who is not known.
    card = staged(lanes, "in-place")
    done = lanes.joe.sh('printf %s "$2" > "$1"', card, signature.sign(card.read_bytes(), "approved", "cli").decode())
    assert done.returncode == 0, done.stderr
    move(lanes.joe, card, place.approved)
    assert receipt_of(place, "in-place")["by"] is None


def test_a_receipt_does_not_name_a_person_for_what_another_may_have_written(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    card = staged(lanes, "forged-name")
    assert lanes.maria.sh('sed -i s/moon/sun/ "$1"', card).returncode == 0  # it is maria's file now
    signed = signature.sign(card.read_bytes(), "approved", "cli").decode()
    script = 'mv "$1" "$2/.x" && printf %s "$3" > "$2/.x" && mv "$2/.x" "$2/x.md"'
    assert lanes.joe.sh(script, card, place.approved, signed).returncode == 0
    receipt = receipt_of(place, "forged-name")
    assert (receipt["raw_text"], receipt["by"]) == ("Looked at the sun.", None)


def test_who_may_only_decide_can_ask_whether_the_daemon_runs(scene: Scene) -> None:
    done = scene.lanes.joe.call(scene.lanes.root, "status")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("running")


def test_nobody_but_the_daemon_can_hold_its_lock(another: Lanes) -> None:
    _work(another, 0o022)
    for account in (another.joe, another.maria, another.reader):
        assert account.sh('flock -n "$1" true', another.root.lock).returncode != 0
        told = account.call(another.root, "status")
        assert told.returncode == 1
    assert another.joe.call(another.root, "status").stdout.startswith("not running")


# -- the readers' lane ------------------------------------------------------------------------------------------------


def test_readers_read_record_and_receipts_and_can_prove_them(scene: Scene) -> None:
    lanes, place = scene.lanes, scene.lanes.place
    done = lanes.reader.sh('cat "$1"/* "$2"/*.jsonl', place.home, place.receipts)
    assert done.returncode == 0, done.stderr
    assert "Decided long ago." in done.stdout
    proof = lanes.reader.call(lanes.root, "verify", "--user", "alex")
    assert proof.returncode == 0, proof.stdout + proof.stderr


# -- owners and modes -------------------------------------------------------------------------------------------------


def _found(lanes: Lanes) -> list[str]:
    settings = load_settings(lanes.root)
    assert settings.lanes is not None
    return [f"{d.path}: {d.problem}" for d in deviations(lanes.root, settings.lanes) if d.remedy]


def _work(lanes: Lanes, umask: int) -> None:
    """One of each thing that the daemon makes, under `umask`: card, gate, reason, receipt, decided card."""
    place = lanes.place
    drop(lanes.agent, place, "one.json", {"id": "one", "raw_text": "One."})
    drop(lanes.agent, place, "two.json", {"id": "two", "raw_text": "Two."})
    drop(lanes.agent, place, "bad.json", {"raw_text": "x", "skil": "y"})
    for _ in range(2):
        done = lanes.daemon.call(lanes.root, "once", umask=umask)
        assert done.returncode == 0, done.stderr
        if (card := next(place.pending.glob("think_one*"), None)) is not None:
            move(lanes.joe, card, place.approved)


@pytest.mark.parametrize("umask", [0o000, 0o077], ids=oct)
def test_what_the_daemon_makes_fits_the_lanes_whatever_its_umask(another: Lanes, umask: int) -> None:
    _work(another, umask)
    assert _found(another) == []
    place = another.place
    (month,) = (p for p in place.receipts.iterdir() if p.is_dir())
    made = {next(place.pending.iterdir()): 0o660, place.problems / "bad.json.why.txt": 0o660, place.gate: 0o640,
            place.ledger: 0o640, place.baseline: 0o640, month: 0o2750, next(month.iterdir()): 0o640,
            another.root.lock: 0o600}  # fmt: skip
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in made} == made
    assert {path.owner() for path in made} == {another.daemon.name}


def test_doctor_finds_each_wrong_owner_mode_and_list_and_sets_it_right(another: Lanes) -> None:
    _work(another, 0o022)
    assert another.daemon.sh('echo {} > "$1"', another.root.status, umask=0o027).returncode == 0
    tokens.add(another.root, "tutor", [another.place.user])  # as root: the file is the daemon's all the same
    people.add(another.root, "anna", "a passphrase of some length")
    before = everything(another.root)
    there = [spot for spot in spots(another.root) if spot.path.exists()]
    assert {spot.row.where for spot in there} == {row.where for row in TABLE.values()}
    spoiled: dict[str, Callable[[Path], object]] = {
        "owner": lambda path: os.chown(path, another.nobody.uid, -1),
        "group": lambda path: os.chown(path, -1, another.nobody.gid),
        "mode": lambda path: path.chmod(path.stat().st_mode ^ 0o002),
        "list": lambda path: os.setxattr(path, acl.ACCESS, _let_in(another.agent, path)),
    }
    for sort, spoil in spoiled.items():
        wrong = set()
        for spot in there:
            if spot.row is TABLE["settings"] and sort in ("group", "list"):
                continue  # who can write it is all that matters
            if sort == "owner" and spot.row in (TABLE["state"], TABLE["problems"]):
                continue  # see below
            spoil(spot.path)
            wrong.add(str(spot.path))
        assert {line.split(": ")[0] for line in _found(another)} == wrong, sort
        _mend(another)
        assert _found(another) == [], sort
    assert everything(another.root) == before


def test_doctor_does_not_hand_over_a_folder_that_an_agent_made(another: Lanes) -> None:
    for state in STATES:
        os.chown(another.place.state(state), another.agent.uid, -1)
    _mend(another)
    assert {another.place.state(state).owner() for state in STATES} == {another.agent.name}
    assert len(_found(another)) == len(STATES)


def _let_in(account: Account, path: Path) -> bytes:
    """The list of `path` with one more account that may do everything."""
    mode = path.stat().st_mode
    listed = acl.read(path, acl.ACCESS) or acl.expand(
        f"u::{_letters(mode >> 6)} g::{_letters(mode >> 3)} o::{_letters(mode)}", {}, {}
    )
    extra = acl.expand("u:a:rwx", {"a": account.uid}, {})
    return acl.encode(listed | extra)


def _letters(bits: int) -> str:
    return "".join(letter if bits & bit else "-" for bit, letter in ((4, "r"), (2, "w"), (1, "x")))


def _mend(lanes: Lanes) -> None:
    settings = load_settings(lanes.root)
    assert settings.lanes is not None
    for found in deviations(lanes.root, settings.lanes):
        if found.fix is not None:
            found.fix()


def test_doctor_fix_restores_a_folder_that_was_removed(another: Lanes) -> None:
    place = another.place
    for folder in (place.pending, place.approved):
        folder.rmdir()
    # What the daemon makes itself is closed: in an inbox all that is made belongs to the agents' group.
    assert another.daemon.call(another.root, "once").returncode == 0
    assert stat.S_IMODE(place.pending.stat().st_mode) & 0o077 == 0
    assert another.joe.sh('ls "$1"', place.pending).returncode != 0
    assert another.agent.sh('touch "$1/x"', place.approved).returncode != 0
    setup(another.root, "doctor", "--fix")
    assert _found(another) == []
    assert another.joe.sh('ls "$1"', place.pending).returncode == 0


def test_a_folder_that_an_agent_made_in_place_of_one_is_not_used(another: Lanes) -> None:
    place = another.place
    place.approved.rmdir()
    card = {"id": "forged", "raw_text": "Forged."}
    done = another.agent.sh('mkdir "$1" && printf %s "$2" > "$1/forged.json"', place.approved, json.dumps(card))
    assert done.returncode == 0, done.stderr
    once = another.daemon.call(another.root, "once")
    assert once.returncode == 1
    assert "belongs to another account" in once.stderr
    assert waiting(place) == {}
    init = subprocess.run([*another.daemon.program.command, "--root", str(another.root.path), "init"],
                          capture_output=True, text=True, env=another.daemon.options()["env"], cwd="/")  # fmt: skip
    assert init.returncode == 1
    assert f"belongs to '{another.agent.name}'" in init.stderr


def test_a_root_of_one_account_becomes_one_of_lanes_with_all_that_is_in_it(lanes: Lanes) -> None:
    folder = Path(tempfile.mkdtemp(dir=lanes.root.path.parent))
    folder.chmod(0o755)
    old = dataclasses.replace(lanes, root=Root(folder / "root"))
    setup(old.root, "init", str(old.root.path), "--user", "alex", umask=0o022)
    place = old.place
    for name in ("one", "two"):
        place.inbox.joinpath(f"{name}.json").write_text(json.dumps({"id": name, "raw_text": name.title()}))
    setup(old.root, "once")
    os.rename(card_of(place, "one"), place.approved / "one.md")
    setup(old.root, "once")
    old.init()
    assert _found(old) == []
    move(old.joe, card_of(place, "two"), place.approved)
    assert old.daemon.call(old.root, "once").returncode == 0
    assert [r["candidate_id"] for r in receipts(place)] == ["one", "two"]
    assert old.reader.call(old.root, "verify").returncode == 0


def test_the_daemons_account_can_add_a_user_and_others_are_told_who_can(another: Lanes) -> None:
    done = another.daemon.call(another.root, "user", "add", "kim", f"--agents={another.groups['bobs']}", umask=0o077)
    assert done.returncode == 0, done.stderr
    assert _found(another) == []
    drop(another.stranger, another.root.place("kim"), "x.part", "x")
    assert another.agent.sh('touch "$1/x"', another.root.place("kim").inbox).returncode != 0
    assert another.agent.call(another.root, "user", "add", "eve").returncode != 0
    assert not another.root.place("eve").home.exists()


def test_nothing_is_made_for_a_user_whose_agents_group_the_daemon_is_not_in(another: Lanes) -> None:
    for who in (["user", "add", "eve", "--agents=root"], ["user", "add", "eve", "--agents=no-such-group"]):
        done = another.daemon.call(another.root, *who)
        assert done.returncode == 1
        assert "usermod -aG root" in done.stderr or "groupadd --system no-such-group" in done.stderr
    assert not any(folder.exists() for folder in (another.root.inbox / "eve", another.root.place("eve").receipts))


def test_a_user_from_an_archive_comes_into_the_lanes(scene: Scene, another: Lanes, tmp_path: Path) -> None:
    archive = str(tmp_path / "bob.zip")
    setup(scene.lanes.root, "export", "--all", archive, "--user", "bob")
    setup(another.root, "import-archive", archive)
    assert _found(another) == []
    assert another.agent.sh('touch "$1/x.part"', another.root.place("bob").inbox).returncode == 0


def test_root_is_told_to_run_the_daemon_under_its_account(another: Lanes) -> None:
    done = subprocess.run([*another.daemon.program.command, "--root", str(another.root.path), "once"],
                          capture_output=True, text=True, env=another.daemon.options()["env"], cwd="/")  # fmt: skip
    assert done.returncode == 1
    assert f"runuser -u {another.daemon.name}" in done.stderr


def test_init_names_the_account_or_group_that_is_missing(tmp_path: Path) -> None:
    for options, told in (
        (["--daemon", "nobody-of-this-name"], "useradd --system nobody-of-this-name"),
        (["--daemon", "root", "--agents", "no-such-group"], "groupadd --system no-such-group"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "recursion_gate", "init", str(tmp_path / "root"), *options],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert told in done.stderr
        assert not (tmp_path / "root").exists()
