"""Beside one user's heaviest drops and decisions, how long does another user's single drop wait?

    python -m tests.torture.neighbours

A daemon of its own runs on a new root with two users. For one come 60 drops of 75,000 unknown keys each, then drops
with a deep `meta`, then 20,000 drops that each link to the one before, all approved at once. Meanwhile single drops
come for the other. Prints how long these waited, and the daemon's peak memory; exits with 1 beyond 1 s or 250 MB.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from recursion_gate.admin.setup import add_user, make_root
from recursion_gate.core.paths import Place, Root

from ..support.daemon import Daemon
from ..support.world import wait_for
from .flood import _delay

_SECONDS, _MEGABYTES, _LONG = 1.0, 250, 600.0


def _wide() -> Iterator[tuple[str, str]]:
    for number in range(60):
        yield f"wide{number}.json", json.dumps({"raw_text": "Wide.", **{f"k{n}": n for n in range(75_000)}})


def _deep() -> Iterator[tuple[str, str]]:
    for number in range(15):
        meta = "[" * 40 + ",".join(["0"] * 40_000) + "]" * 40
        yield f"deep{number}.json", f'{{"id": "deep{number}", "raw_text": "Deep.", "meta": {{"m": {meta}}}}}'


def _linked(count: int) -> Iterator[tuple[str, str]]:
    for start in range(0, count, 1_000):
        these = [{"id": f"c{n}", "raw_text": f"Step {n}."} for n in range(start, min(count, start + 1_000))]
        for n, each in enumerate(these, start):
            each.update({"link_to_evidence_id": f"c{n - 1}"} if n else {})
        yield f"linked{start}.jsonl", "\n".join(map(json.dumps, these))


def _put(place: Place, drops: Iterator[tuple[str, str]]) -> None:
    for name, text in drops:
        (place.inbox / f".{name}.tmp").write_text(text)
        (place.inbox / f".{name}.tmp").rename(place.inbox / name)


#: In a process of its own: a thread would hold up the one that measures.
_MOVE = """import os, sys
for name in sorted(os.listdir(sys.argv[1]))[::-1]:
    os.rename(f"{sys.argv[1]}/{name}", f"{sys.argv[2]}/{name}")
"""


def _approve_all(place: Place) -> None:
    subprocess.run([sys.executable, "-c", _MOVE, place.pending, place.approved], check=True)


def _is_done(place: Place) -> bool:
    left = [path for path in place.inbox.iterdir() if path.is_file() and path.suffix in (".json", ".jsonl")]
    return not left and not any(place.approved.glob("*.md"))


def run(folder: Path, count: int) -> bool:
    """Print what was measured, and give whether it is within the limits."""
    root = Root(folder / "root")
    make_root(root)
    root.settings.write_text("max_pending = 100000\n")
    for user in ("many", "one"):
        add_user(root, user)
    many, one, number, good = root.place("many"), root.place("one"), 0, True
    stories: list[tuple[str, Callable[[], None]]] = [
        ("75,000 unknown keys", lambda: _put(many, _wide())),
        ("deep meta", lambda: _put(many, _deep())),
        (f"{count:,} linked drops", lambda: _put(many, _linked(count))),
        ("all approved at once", lambda: _approve_all(many)),
    ]
    print(f"{'beside':<24} {'n':>5} {'max s':>8} {'target':>7} {'peak MB':>8} {'target':>7}")
    with Daemon(root) as daemon:
        for what, story in stories:
            work = threading.Thread(target=story)
            delays: list[float] = []
            work.start()
            while not delays or work.is_alive() or not _is_done(many):
                number += 1
                delays.append(_delay(one, f"one-{number}"))
            work.join()
            assert daemon.process is not None
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{daemon.process.pid}/status").read_text())
            peak = int(found[1]) / 1024 if found else 0.0
            good &= max(delays) < _SECONDS and peak < _MEGABYTES
            print(f"{what:<24} {len(delays):>5} {max(delays):>8.2f} {_SECONDS:>7} {peak:>8.0f} {_MEGABYTES:>7}")
        wait_for(lambda: _is_done(many), _LONG)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linked", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where; else a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        return 0 if run(Path(folder), args.linked) else 1


if __name__ == "__main__":
    sys.exit(main())
