"""File events that fail, at full size: the kernel's queue overflows, with more files, and more folders, than it holds.

    python -m tests.torture.events
    python -m tests.torture.events --files 5000 --users 200

First, 50,000 files come at once for one user while the daemon cannot read its events, and one file for another user,
of which nobody tells. Then the queue overflows at a root with more folders than the queue has room for: what watchdog
does to make good for that would overflow it again, without end. The periodic look is put off to an hour in both.
Exits with 1 where anything is missing, or the daemon does not come to rest.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from recursion_gate.core.paths import Root

from ..support.daemon import Daemon
from ..support.roots import add_user, make_root
from ..support.world import World, wait_for


def _rare(folder: Path, *users: str) -> Root:
    root = make_root(folder, *users)
    root.settings.write_text("look_seconds = 3600\n")
    return root


def _seen_after(world: World, name: str) -> float:
    """Drop one file; the seconds until it is staged."""
    began = time.monotonic()
    world.drop(f"{name}.json", {"id": name, "text": "Told of."})
    wait_for(lambda: name in world.gate_ids(), 120)
    return time.monotonic() - began


def many_files(folder: Path, count: int) -> None:
    root = _rare(folder, "alex", "sam")
    alex, sam = World(root), World(root, user="sam")
    with Daemon(root) as daemon:
        daemon.freeze()
        for number in range(count):
            (alex.place.inbox / f"{number}.json").write_text(json.dumps({"id": f"c{number}", "text": f"No. {number}."}))
        sam.drop("one.json", {"id": "one", "text": "The only one."})
        began = time.monotonic()
        daemon.thaw()
        wait_for(lambda: sam.gate_ids() == ["one"], 600)
        other = time.monotonic() - began
        wait_for(lambda: not alex.names(), 1800)
        done = time.monotonic() - began
        wait_for(lambda: "event=events-lost" in daemon.log() or count < 8_000)
        again = [_seen_after(sam, f"again-{n}") for n in range(10)]
    ids = alex.gate_ids()
    assert sorted(ids) == sorted(f"c{n}" for n in range(count)), "not all are staged, or not once"
    print(f"files at once:   {count:,}; all staged after {done:,.1f} s, another user's single one after {other:,.2f} s")
    print(f"                 events come again: a drop is seen after {1000 * sorted(again)[5]:,.0f} ms")


def many_folders(folder: Path, users: int) -> None:
    names = [f"user{n}" for n in range(users)]
    root = _rare(folder, *names[:1])
    for name in names[1:]:
        add_user(root, name)
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    first, last = World(root, user=names[0]), World(root, user=names[-1])
    daemon = Daemon(root, wait=False).start()
    try:
        wait_for(lambda: "event=ready" in daemon.log() and last.place.problems.is_dir(), 900)
        _seen_after(last, "before")
        daemon.freeze()
        for number in range(limit + 100):  # by turns: the same event twice in a row is kept once
            os.close(os.open(first.place.inbox / f".{number % 2}", os.O_WRONLY | os.O_CREAT))
        last.drop("lost.json", {"id": "lost", "text": "Not told of."})
        began = time.monotonic()
        daemon.thaw()
        wait_for(lambda: "lost" in last.gate_ids(), 600)
        found = time.monotonic() - began
        busy = wait_for(lambda: _at_rest(daemon), 600)
        rest = time.monotonic() - began
        again = [_seen_after(last, f"again-{n}") for n in range(10)]
    finally:
        daemon.stop()
    print(f"folders watched: {5 * users:,} and a queue of {limit:,}; after an overflow what was lost is found after")
    print(f"                 {found:,.1f} s, the daemon at rest after {rest:,.1f} s ({busy}), started anew")
    print(f"                 {daemon.log().count('event=events-lost')} times; then a drop is seen after ", end="")
    print(f"{1000 * sorted(again)[5]:,.0f} ms")


def _at_rest(daemon: Daemon) -> str:
    """How busy the daemon was for two seconds; "" where that is more than a twentieth."""
    assert daemon.process is not None

    def used() -> int:
        fields = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(") ")[2].split()  # type: ignore[union-attr]
        return int(fields[11]) + int(fields[12])

    before = used()
    time.sleep(2)
    share = (used() - before) / os.sysconf("SC_CLK_TCK") / 2
    return f"{100 * share:.0f} % of a processor" if share <= 0.05 else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--users", type=int, default=4_000, help="each has five folders that are watched")
    parser.add_argument("--folder", type=Path, help="where to work; else a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        many_files(Path(name) / "files", given.files)
        many_folders(Path(name) / "folders", given.users)
    return 0


if __name__ == "__main__":
    sys.exit(main())
