"""From the key to the next card: ``python -m tests.benchmarks.page_keys [--cards 3000] [--count 100]``.

A real Chromium, headless, at a page with a daemon at work and so many cards waiting, approves card after card by the
key ``a``. Measured in the browser: from the key until the next card is painted. Between them lie the decision, which
is synced to disk, and the page with the next card.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ..support.daemon import Daemon
from ..support.page import Page, chromium
from ..support.roots import installed
from ..support.world import World, wait_for
from .page import fill, said

#: In the browser: when the key was pressed, and how long after it the next page was painted, and was there at all.
_NOTE = """
    const now = () => performance.timeOrigin + performance.now();
    addEventListener("keydown", () => { sessionStorage.pressed = now(); }, true);
    const note = (name, ms) => {
      sessionStorage[name] = JSON.stringify([...JSON.parse(sessionStorage[name] || "[]"), ms]);
    };
    new PerformanceObserver((list) => {
      const paint = list.getEntriesByName("first-contentful-paint")[0];
      if (!paint || !sessionStorage.pressed) return;
      note("painted", performance.timeOrigin + paint.startTime - Number(sessionStorage.pressed));
      const loaded = performance.getEntriesByType("navigation")[0];
      note("answered", performance.timeOrigin + loaded.responseEnd - Number(sessionStorage.pressed));
      delete sessionStorage.pressed;
    }).observe({ type: "paint", buffered: true });
"""


def _approve(tab: Any, page: Page, count: int) -> None:
    tab.goto(page.link())
    tab.context.add_init_script(_NOTE)
    tab.goto(f"http://127.0.0.1:{page.port}/card/alex/n-0")
    for number in range(count):
        tab.wait_for_url(f"**/card/alex/n-{number}*")
        tab.locator("html[data-keys=on]").wait_for()
        tab.keyboard.press("a")
    tab.wait_for_function(f"JSON.parse(sessionStorage.painted || '[]').length == {count}")
    for name, what in (("answered", "until the next card has come"), ("painted", "until the next card is painted")):
        said(f"from the key {what}", [ms / 1000 for ms in json.loads(tab.evaluate(f"sessionStorage.{name}"))])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.page_keys", description=__doc__)
    parser.add_argument("--cards", type=int, default=3_000)
    parser.add_argument("--count", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        world = World(installed(Path(folder) / "root", "alex"))
        with Daemon(world.root), Page(world.root, "--only", "people") as page:
            fill(world, given.cards)
            print(f"load {os.getloadavg()}, {given.cards:,} cards", flush=True)
            _approve(browser.new_context().new_page(), page, given.count)
            wait_for(lambda: len(world.receipts()) == given.count, 60)
            ids = [each["candidate_id"] for each in world.receipts()]
            print(f"receipts: {len(ids)}, each once: {ids == [f'n-{n}' for n in range(given.count)]}")
            print(f"load {os.getloadavg()}")


if __name__ == "__main__":
    main()
