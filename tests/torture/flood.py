"""One user's agents drop as fast as they can; how long does another user's single drop wait?

    python -m tests.torture.flood --drops 100000

A daemon of its own runs on a new root with two users. Before the flood, while it comes in, and until all of it is
staged, somebody drops one file for the other user every so often, and it is measured how long each takes from the
rename that puts it there until it stands at that user's gate. With `--rest` the flood lies there already when the
daemon starts. Promise 8 asks for less than a second; exits with 1 when one took longer, or when anything is missing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import sys
import tempfile
import time
from pathlib import Path

from recursion_gate.core.paths import Place
from recursion_gate.disk.lock import is_held
from recursion_gate.store.gate import Gate

from ..support.daemon import Daemon
from ..support.roots import installed
from ..support.world import wait_for

_LIMIT = 1.0  # seconds; docs/security.md
_EVERY = 0.25
_PATIENCE = 30.0
_HEAD = "another user's single drop"


def _drop(place: Place, name: str, text: str) -> None:
    """Write a drop the safe way: under another name, then renamed."""
    temp, target = place.inbox / f".{name}.tmp", place.inbox / f"{name}.json"
    temp.write_text(json.dumps({"id": name, "raw_text": text}))
    os.rename(temp, target)


def _flood(place: Place, first: int, last: int) -> None:
    for number in range(first, last):
        _drop(place, f"flood-{number}", f"One of many: {number}.")


def _delay(place: Place, name: str) -> float:
    """Drop one file; gives the seconds until it stands at the gate."""
    start = time.perf_counter()
    _drop(place, name, "The only one.")
    wanted = f'"{name}"'.encode()
    while time.perf_counter() - start < _PATIENCE:
        if place.gate.exists() and wanted in place.gate.read_bytes():
            return time.perf_counter() - start
        time.sleep(0.002)
    return time.perf_counter() - start


def _line(what: str, delays: list[float]) -> str:
    ordered = sorted(delays)
    middle, late = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{what:<28} {len(ordered):>5} {1000 * middle:>9.1f} {1000 * late:>9.1f} {1000 * ordered[-1]:>9.1f}"


def _left(place: Place) -> int:
    return sum(name.endswith(".json") for name in os.listdir(place.inbox))


def run(folder: Path, drops: int, writers: int, rest: bool) -> bool:
    """Flood a new root at `folder`, print what was measured, and give whether the promise holds."""
    root = installed(folder / "root", "many", "one")
    many, one = root.place("many"), root.place("one")
    cut = [drops * n // writers for n in range(writers + 1)]
    processes = [mp.Process(target=_flood, args=(many, cut[n], cut[n + 1])) for n in range(writers)]
    if rest:
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    delays: dict[str, list[float]] = {"before": [], "during": [], "until all is staged": []}
    count = 0

    def measure(when: str) -> None:
        nonlocal count
        count += 1
        delays[when].append(_delay(one, f"one-{count}"))
        time.sleep(_EVERY)

    start = time.perf_counter()
    # A daemon is ready when what it found is staged, so one that starts with the flood is not waited for.
    with Daemon(root, wait=not rest):
        if rest:
            wait_for(lambda: is_held(root))
        else:
            for _ in range(20):
                measure("before")
            start = time.perf_counter()
            for process in processes:
                process.start()
            while any(process.is_alive() for process in processes):
                measure("during")
        while _left(many):
            measure("until all is staged")
        seconds = time.perf_counter() - start
    staged = len(Gate.load(many)) + (0 if len(Gate.load(one)) == count else -1)
    print(f"{drops:,} drops by {writers} processes for one user, staged in {seconds:.1f} s ({drops / seconds:,.0f}/s)")
    print(f"{_HEAD:<28} {'n':>5} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9}")
    for when, these in delays.items():
        if these:
            print(_line(when, these))
    worst = max(max(these) for these in delays.values() if these)
    return staged == drops and worst < _LIMIT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drops", type=int, default=100_000)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--rest", action="store_true", help="drop all before the daemon starts")
    parser.add_argument("--folder", type=Path, help="where; else a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        return 0 if run(Path(folder), args.drops, args.writers, args.rest) else 1


if __name__ == "__main__":
    sys.exit(main())
