"""Drops and cards as real tools make and move them; a tool that is not installed is a skip with its name.

The editors run at a terminal of their own and get the keys that a person would press.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root

from ..support.daemon import Daemon
from ..support.world import PATIENCE, World, wait_for


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def _tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not here (Debian: {package})")
    return path


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=PATIENCE)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A drop that lies elsewhere."""
    path = tmp_path / "elsewhere" / "quiz.json"
    path.parent.mkdir()
    path.write_text('{"id": "quiz", "text": "I learned to count to ten in Welsh."}')
    return path


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    folder = Path(tempfile.mkdtemp(prefix="recursion-gate-", dir=memory))
    yield folder
    shutil.rmtree(folder)


# -- tools that put files there ---------------------------------------------------------------------------------------


def _gio(source: Path, folder: Path) -> None:
    _run(_tool("gio", "libglib2.0-bin"), "move", source, folder)


def _gio_copy(source: Path, folder: Path) -> None:
    _run(_tool("gio", "libglib2.0-bin"), "copy", source, folder)


def _rsync(source: Path, folder: Path) -> None:
    _run(_tool("rsync", "rsync"), "-a", source, f"{folder}/")


def _rsync_in_place(source: Path, folder: Path) -> None:
    _run(_tool("rsync", "rsync"), "--inplace", "--remove-source-files", source, f"{folder}/")


def _mv(source: Path, folder: Path) -> None:
    _run("mv", source, folder)


def _cp_rm(source: Path, folder: Path) -> None:
    _run("cp", source, folder)
    _run("rm", source)


def _install(source: Path, folder: Path) -> None:
    _run("install", "-m", "644", source, folder)


def _dd(source: Path, folder: Path) -> None:
    _run("dd", f"if={source}", f"of={folder / source.name}", "bs=7")


def _tar(source: Path, folder: Path) -> None:
    _run("sh", "-c", f"tar -C '{source.parent}' -cf - '{source.name}' | tar -C '{folder}' -xf -")


WAYS = [_gio, _gio_copy, _rsync, _rsync_in_place, _mv, _cp_rm, _install, _dd, _tar]
ways = pytest.mark.parametrize("put", WAYS, ids=[way.__name__.strip("_") for way in WAYS])


@ways
def test_a_drop_and_its_decision_by_any_tool(world: World, outside: Path, put: Callable[[Path, Path], None]) -> None:
    put(outside, world.place.inbox)
    world.reconcile()
    assert world.gate_ids() == ["quiz"]
    assert world.names() == world.names("problems") == []
    put(world.card("quiz"), world.place.approved)
    world.reconcile()
    assert [(r["candidate_id"], r["action"]) for r in world.receipts()] == [("quiz", "approved")]
    assert world.gate_ids() == world.names("approved") == world.names("pending") == []


@ways
def test_a_card_taken_to_another_disk_and_brought_back_is_the_same_card(
    world: World, other_disk: Path, put: Callable[[Path, Path], None]
) -> None:
    card = world.stage("a", "I learned to fold a crane.")
    put(card, other_disk)
    world.reconcile()
    assert world.card("a")  # deleted, or copied: it is there
    put(other_disk / card.name, world.place.rejected)
    world.reconcile()
    assert [(r["candidate_id"], r["action"]) for r in world.receipts()] == [("a", "rejected")]
    assert world.names("pending") == world.names("problems") == []


def test_gio_trash_decides_nothing(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gio = _tool("gio", "libglib2.0-bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    card = world.stage("a")
    if subprocess.run([gio, "trash", str(card)], capture_output=True, check=False).returncode:
        pytest.skip("no trash here")
    world.reconcile()
    assert world.card("a")
    assert world.receipts() == []


# -- editors ----------------------------------------------------------------------------------------------------------


_STYLES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]")


def _at_a_terminal(command: list[str], keys: list[tuple[str, bytes]], home: Path) -> None:
    """Run `command` at a terminal; press each of `keys` once its word is on the screen, and wait for the end."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", HOME=str(home), LC_ALL="C.UTF-8")
        os.execv(command[0], command)
    termios.tcsetwinsize(terminal, (40, 150))
    shown, left, until = b"", list(keys), time.monotonic() + PATIENCE
    try:
        while time.monotonic() < until:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    more = os.read(terminal, 65_536)
                except OSError:  # the other side is closed
                    break
                if not more:
                    break
                shown += more
            elif left and left[0][0] in _STYLES.sub(b"", shown).decode(errors="replace"):
                shown = b""
                os.write(terminal, left.pop(0)[1])  # once the screen is at rest: some throw away what is typed before
        assert not left, f"never saw {left[0][0]!r}: {shown[-2000:]!r}"
    finally:
        try:
            os.kill(pid, signal.SIGKILL if time.monotonic() >= until else 0)
        finally:
            _, status = os.waitpid(pid, 0)
            os.close(terminal)
    assert status == 0


EX = b":%s/teh/the/\r:wq\r"
NANO = [("teh", b"\x1c"), ("Search", b"teh\r"), ("Replace with", b"the\r"), ("this instance?", b"A"),
        ("eplaced", b"\x0f"), ("Write", b"\r"), ("Wrote", b"\x18")]  # fmt: skip
EDITORS = {
    "vi": ("vi", "vim-tiny", ["-u", "NONE", "-N"], [("teh", EX)]),
    "vim-backup": ("vim", "vim", ["-u", "NONE", "-N", "--cmd", "set backup backupcopy=no"], [("teh", EX)]),
    "nano": ("nano", "nano", [], NANO),
}  # fmt: skip


@pytest.mark.parametrize("which", ["vi", "vim-backup", "nano"])
@pytest.mark.parametrize("live", [False, True], ids=["alone", "under the daemon"])
def test_a_card_edited_with_an_editor_and_approved(world: World, which: str, live: bool, tmp_path: Path) -> None:
    name, package, options, keys = EDITORS[which]
    program = _tool(name, package)
    card = world.stage("a", "Wrote teh story.")
    if live:
        with Daemon(world.root):
            _at_a_terminal([program, *options, str(card)], keys, tmp_path)
            world.move(card, "approved")
            wait_for(lambda: len(world.receipts()) == 1)
    else:
        _at_a_terminal([program, *options, str(card)], keys, tmp_path)
        world.reconcile()
        assert "Wrote the story." in card.read_text()
        world.approve("a")
    (receipt,) = world.receipts()
    assert receipt["raw_text"] == "Wrote the story."
    assert receipt["candidate"]["raw_text"] == "Wrote teh story."
    world.reconcile()
    assert world.names("problems") == []
    assert world.gate_ids() == []


@pytest.mark.parametrize(
    "command",
    [["sed", "-i", "s/teh/the/"], ["sed", "-i.bak", "s/teh/the/"], ["perl", "-pi", "-e", "s/teh/the/"], ["unix2dos"]],
    ids=["sed", "sed with a backup", "perl", "unix2dos"],
)
def test_a_card_edited_by_a_command_in_its_folder(world: World, command: list[str]) -> None:
    _tool(command[0], {"unix2dos": "dos2unix"}.get(command[0], command[0]))
    card = world.stage("a", "Wrote teh story.")
    _run(*command, card)
    world.reconcile()
    world.move(card, "approved")
    world.reconcile()
    (receipt,) = world.receipts()
    assert receipt["raw_text"] == ("Wrote teh story." if command[0] == "unix2dos" else "Wrote the story.")
    assert "\r" not in json.dumps(receipt["lines"])
    assert world.gate_ids() == []


def test_mc_moves_a_card_as_a_person_does(world: World, tmp_path: Path) -> None:
    mc = _tool("mc", "mc")
    world.stage("a")
    command = [mc, "--nosubshell", "--nocolor", "-u", str(world.place.pending), str(world.place.approved)]
    # Down from "..", F6, yes to the target it proposes (the other panel), F10 to leave.
    keys = [("Hint", b"\x1bOB"), ("think_", b"\x1b6"), ("[< OK", b"\r"), ("think_", b"\x1b0")]
    _at_a_terminal(command, keys, tmp_path)
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == ["a"]


# -- what goes on for a while -----------------------------------------------------------------------------------------


def test_a_writer_that_pauses_is_neither_refused_nor_holds_up_others(world: World) -> None:
    """A daemon at work, a text that comes bit by bit over a second, and no last write before it is closed."""
    with Daemon(world.root):
        wait_for(world.place.pending.is_dir)
        with open(world.place.inbox / "slow.txt", "wb", buffering=0) as slow:
            for number, piece in enumerate([b"I learned", b" to wait", b" for the tide."]):
                slow.write(piece)
                world.drop(f"{number}.json", {"id": f"quick-{number}", "text": "Not held up."})
                wait_for(lambda number=number: f"quick-{number}" in world.gate_ids())  # type: ignore[misc]
            wait_for(lambda: world.names() == ["slow.txt"])  # the others go a moment after they are on the gate
        wait_for(lambda: len(world.gate()) == 4)  # long before patience_seconds are over
    assert world.gate()[-1]["raw_text"] == "I learned to wait for the tide."
    assert world.names("problems") == []


def test_a_script_that_appends_line_by_line_gives_one_drop(world: World) -> None:
    world.root.settings.write_text("settle_seconds = 4\n")  # a busy machine may take long between two lines
    with Daemon(world.root):
        script = "for n in 1 2 3 4 5; do echo \"line $n\" >> 'notes.txt'; sleep 0.05; done"
        subprocess.run(["sh", "-c", script], cwd=world.place.inbox, check=True)
        wait_for(world.gate)
    assert [c["raw_text"].splitlines() for c in world.gate()] == [[f"line {n}" for n in range(1, 6)]]


def test_a_drop_rewritten_again_and_again_while_it_is_read_ends_as_its_last_text(world: World) -> None:
    with Daemon(world.root):
        path = world.place.inbox / "busy.json"
        for number in range(300):
            path.write_text(json.dumps({"id": f"v{number}", "text": f"Version {number}."}))
        wait_for(lambda: "v299" in world.gate_ids())
        wait_for(lambda: not world.names())
    ids = world.gate_ids()
    assert len(ids) == len(set(ids))
    assert world.names("problems") == []


CONFLICTS = (
    "{0} (copy).md", "{0} (1).md", "{0} - Copy.md", "{0} (conflicted copy 2026-11-24).md", "Copy of {0}.md",
    "{0}.sync-conflict-20261124-101010-ABCDEFG.md", "{0}_conflict-20261124-101010.md",
    "{0} (Alex's conflicted copy).md",
    "{0} 2.md", "{0}~1.md", "{0} \N{LEFT-TO-RIGHT MARK}kopie.md",
)  # fmt: skip


@pytest.mark.parametrize("name", CONFLICTS)
def test_a_copy_under_any_sync_tools_name_is_still_one_decision(world: World, name: str) -> None:
    card = world.stage("a")
    shutil.copy(card, world.place.approved / name.format(card.stem))
    world.move(card, "approved")
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == ["a"]
    assert len([line for line in world.lines("self-evidence.md") if line.startswith("- ACT-")]) == 1
    assert world.names("approved") == world.names("pending") == world.names("problems") == []


def test_a_hard_link_is_a_drop_of_its_own_and_its_other_name_stays(world: World, outside: Path) -> None:
    before = outside.read_bytes()
    os.link(outside, world.place.inbox / "linked.json")
    world.reconcile()
    assert world.gate_ids() == ["quiz"]
    assert outside.read_bytes() == before
    assert world.names() == []


def test_a_huge_sparse_file_is_refused_at_once(world: World) -> None:
    with open(world.place.inbox / "huge.json", "wb") as file:
        file.truncate(10 << 30)
    world.drop("good.json", {"id": "good", "text": "Fine."})
    world.reconcile()
    assert world.gate_ids() == ["good"]
    assert "10,737,418,240 bytes" in world.why("huge.json")
