"""The daemon beside open pages: ``python -m tests.benchmarks.page_beside [--drops 1000] [--pages 5] [--rounds 6]``.

How long the daemon takes to stage so many drops, with a page served that nobody has open, and with so many open lists,
in turns (without, with, with, without ...), so that both meet the same machine. An open list does what the script of
the page does: it holds /events open, and after an event it asks for the list again, at most every quarter of a second.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ..support.daemon import Daemon
from ..support.page import Page
from ..support.roots import installed
from ..support.world import World, wait_for


class _Open:
    """One open list."""

    def __init__(self, client: httpx.Client) -> None:
        self.client, self.looks, self.ready = client, 0, threading.Event()
        self._changed, self._over = threading.Event(), False
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._listen, self._look)]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(httpx.HTTPError), self.client.stream("GET", "/events", timeout=120) as stream:
            for line in stream.iter_lines():
                if self._over:
                    return
                if line.startswith("data:") and not self.ready.is_set():
                    self.ready.set()
                elif line.startswith("data:"):
                    self._changed.set()

    def _look(self) -> None:
        while not self._over:
            if self._changed.wait(0.1):
                self._changed.clear()
                with contextlib.suppress(httpx.HTTPError):
                    self.client.get("/")
                    self.looks += 1
                time.sleep(0.25)

    def close(self) -> None:
        self._over = True
        self._threads[1].join(10)


@contextmanager
def _lists(page: Page, count: int) -> Iterator[list[_Open]]:
    """So many open lists."""
    opened = [_Open(page.person()) for _ in range(count)]
    for each in opened:
        assert each.ready.wait(30)
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


def measure(drops: int, pages: int) -> tuple[float, int]:
    """Seconds until so many drops are staged, beside so many open lists; and how often those have looked."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(installed(Path(folder) / "root", "alex"))
        with Daemon(world.root), Page(world.root, "--only", "people") as page, _lists(page, pages) as opened:
            began = time.perf_counter()
            for number in range(drops):
                text = f"Read {number * 7919 % 10007} pages and drew a picture."
                world.drop(f"n-{number}.json", {"id": f"n-{number}", "raw_text": text})
            wait_for(lambda: len(os.listdir(world.place.pending)) >= drops, 300)
            took = time.perf_counter() - began
            return took, sum(each.looks for each in opened)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.page_beside", description=__doc__)
    parser.add_argument("--drops", type=int, default=1_000)
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=6, help="Pairs of one run without and one with open pages.")
    given = parser.parse_args()
    print(f"load {os.getloadavg()}, {os.cpu_count()} cores, {given.drops:,} drops", flush=True)
    times: dict[int, list[float]] = {0: [], given.pages: []}
    for number in range(given.rounds):
        order = (0, given.pages) if number % 2 == 0 else (given.pages, 0)
        for pages in order:
            took, looks = measure(given.drops, pages)
            times[pages].append(took)
            print(
                f"{pages} pages: {took:.2f} s, {given.drops / took:,.0f} a second, {looks} lists asked for", flush=True
            )
    without, beside = (statistics.median(times[pages]) for pages in (0, given.pages))
    ratios = [b / a for a, b in zip(times[0], times[given.pages], strict=True)]
    print(f"median without: {without:.2f} s ({given.drops / without:,.0f} a second)")
    print(f"median beside {given.pages}: {beside:.2f} s ({given.drops / beside:,.0f} a second)")
    print(f"ratio, pair by pair: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"load {os.getloadavg()}")


if __name__ == "__main__":
    main()
