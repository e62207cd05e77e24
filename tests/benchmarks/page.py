"""The people's page with many cards waiting: ``python -m tests.benchmarks.page [--cards 3000] [--pages 10]``.

Server time and size of the list, a decision and the card after it, 100 approvals in a row; then how long after a file
event that many open pages (connections to /events) are told, and the daemon's pace beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from ..support.daemon import Daemon
from ..support.page import Page, forms
from ..support.roots import installed
from ..support.world import World, wait_for


def said(name: str, seconds: Sequence[float], more: str = "") -> None:
    ms = sorted(1000 * each for each in seconds)
    p95 = ms[min(len(ms) - 1, int(len(ms) * 0.95))]
    print(f"{name}: median {statistics.median(ms):.0f} ms, p95 {p95:.0f} ms, longest {ms[-1]:.0f} ms{more}", flush=True)


def fill(world: World, cards: int) -> None:
    for start in range(0, cards, 1_000):
        lines = (
            {
                "id": f"n-{n}",
                "raw_text": f"Read {n * 7919 % 10007} pages and drew a picture.",
                "source": f"agent-{n % 7}",
            }
            for n in range(start, min(cards, start + 1_000))
        )
        world.drop(f"many-{start}.jsonl", "\n".join(map(json.dumps, lines)))
    wait_for(lambda: len(world.names("pending")) >= cards, 300)


def _decide(client: httpx.Client, world: World, count: int) -> None:
    address, decisions, cards = "/card/alex/n-0", [], []
    for _ in range(count):
        began = time.perf_counter()
        text = client.get(address).text
        cards.append(time.perf_counter() - began)
        form = next(form for form in forms(text) if "/decide" in form.action)
        began = time.perf_counter()
        address = form.send(client, action="approved").headers["location"]
        decisions.append(time.perf_counter() - began)
    said("a decision, synced", decisions)
    said("the card after it", cards)
    wait_for(lambda: len(world.receipts()) >= count, 60)
    print(f"receipts: {len(world.receipts())}, all by the web: {all(r['via'] == 'web' for r in world.receipts())}")


def _live(page: Page, world: World, pages: int, drops: int) -> None:
    told: list[float] = []
    ready = threading.Semaphore(0)
    at = [0.0]

    def watch(client: httpx.Client) -> None:
        with client, client.stream("GET", "/events", timeout=60) as stream:
            first = True
            for line in stream.iter_lines():
                if line.startswith("data:") and not first and at[0]:
                    told.append(time.perf_counter() - at[0])
                if line.startswith("data:"):
                    first = False
                    ready.release()

    for _ in range(pages):
        threading.Thread(target=watch, args=(page.person(),), daemon=True).start()
    for _ in range(pages):
        ready.acquire()
    paces = []
    for number in range(drops):
        time.sleep(1.2)
        at[0] = began = time.perf_counter()
        world.drop(f"live-{number}.json", {"id": f"live-{number}", "raw_text": f"Live {number}."})
        name = f'"live-{number}"'.encode()
        while name not in world.place.gate.read_bytes():
            time.sleep(0.002)
        paces.append(time.perf_counter() - began)
    time.sleep(1.5)
    said(f"told to {pages} open pages after a drop", told, f" ({len(told)} events)")
    said("staged meanwhile", paces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=3_000)
    parser.add_argument("--pages", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = World(installed(Path(folder) / "root", "alex"))
        print(f"load {os.getloadavg()}, {given.cards:,} cards", flush=True)
        with Daemon(world.root), Page(world.root, "--only", "people") as page, page.person() as client:
            fill(world, given.cards)
            times, size = [], 0
            for _ in range(40):
                began = time.perf_counter()
                size = len(client.get("/").content)
                times.append(time.perf_counter() - began)
            said("the list", times, f", {size / 1000:.0f} KB")
            _decide(client, world, 100)
            print(f"memory: {page.memory() / 1e6:.0f} MB", flush=True)
            _live(page, world, given.pages, 10)
            print(f"memory with {given.pages} pages open: {page.memory() / 1e6:.0f} MB; load {os.getloadavg()}")


if __name__ == "__main__":
    main()
