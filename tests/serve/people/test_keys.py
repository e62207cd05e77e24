"""Cards decided one after the other by keys in a real Chromium, beside a daemon at work: each once, none unseen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from ...support.daemon import Daemon
from ...support.page import Page
from ...support.roots import installed
from ...support.world import PATIENCE, World, wait_for
from .test_browser import opened

#: Notes, in the browser, each form that was sent: from which card, and how long that had been on the screen.
_NOTE = """
    addEventListener("pageshow", () => { window.cameAt = performance.now(); });
    addEventListener("DOMContentLoaded", () => addEventListener("submit", (event) => { // after the page's own listener
      if (event.defaultPrevented) return;
      const sent = JSON.parse(sessionStorage.sent || "[]");
      sent.push([location.pathname, performance.now() - window.cameAt]);
      sessionStorage.sent = JSON.stringify(sent);
    }));
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(installed(tmp_path_factory.mktemp("keys") / "root", "alex"))
    with Daemon(made.root):
        yield made


@pytest.fixture(scope="module")
def page(world: World) -> Iterator[Page]:
    with Page(world.root, "--only", "people") as opened_page:
        yield opened_page


def fill(world: World, prefix: str, count: int) -> list[str]:
    """So many cards that wait; gives their ids in the order of the list."""
    names = [f"{prefix}-{number:03}" for number in range(count)]
    lines = (json.dumps({"id": name, "raw_text": f"Text of {name}.", "source": prefix}) for name in names)
    world.drop(f"{prefix}.jsonl", "\n".join(lines))
    wait_for(lambda: len(world.names("pending")) == count)
    return names


def first_card(browser: Any, page: Page, names: list[str]) -> Any:
    """A tab at the first of these cards."""
    tab = opened(browser, page)
    tab.context.add_init_script(_NOTE)
    tab.goto(f"http://127.0.0.1:{page.port}/card/alex/{names[0]}")
    return tab


def receipts(world: World, names: list[str]) -> list[dict[str, Any]]:
    """The receipts of these, once all have one."""
    wait_for(lambda: {each["candidate_id"] for each in world.receipts()} >= set(names))
    return [each for each in world.receipts() if each["candidate_id"] in set(names)]


def approve_all_by_keys(browser: Any, page: Page, world: World, names: list[str]) -> None:
    tab = first_card(browser, page, names)
    for name in names:
        tab.wait_for_url(f"**/card/alex/{name}*")
        tab.get_by_role("article").get_by_text(f"Text of {name}.", exact=True).first.wait_for()
        tab.locator("html[data-keys=on]").wait_for()
        tab.keyboard.press("a")
    tab.wait_for_url("**/?said=approved*")
    made = receipts(world, names)
    assert [each["candidate_id"] for each in made] == names, "each once, in the order of the list"
    assert {(each["action"], each["via"]) for each in made} == {("approved", "web")}
    assert all(each["raw_text"] == f"Text of {each['candidate_id']}." for each in made)


def test_twenty_cards_are_approved_by_keys_each_once(browser: Any, page: Page, world: World) -> None:
    approve_all_by_keys(browser, page, world, fill(world, "twenty", 20))


def test_a_hundred_cards_are_approved_by_keys_each_once(browser: Any, page: Page, world: World) -> None:
    approve_all_by_keys(browser, page, world, fill(world, "hundred", 100))


def test_a_key_that_is_hammered_decides_no_card_that_was_not_seen(browser: Any, page: Page, world: World) -> None:
    """Some thirty presses a second: each card is still on the screen for 0.3 seconds, and decided once."""
    names = fill(world, "hammered", 12)
    tab = first_card(browser, page, names)
    until = time.monotonic() + 4 * PATIENCE
    while world.names("pending"):
        assert time.monotonic() < until, world.names("pending")
        tab.keyboard.press("a", delay=15)
        tab.wait_for_timeout(15)
    made = receipts(world, names)
    assert [(each["candidate_id"], each["action"]) for each in made] == [(name, "approved") for name in names]
    tab.wait_for_url("**/?said=approved*")
    sent = json.loads(tab.evaluate("sessionStorage.sent"))
    assert [path for path, _ in sent] == [f"/card/alex/{name}" for name in names]
    assert min(seen for _, seen in sent) >= 300


def test_a_key_held_down_decides_one_card(browser: Any, page: Page, world: World) -> None:
    names = fill(world, "held", 3)
    tab = first_card(browser, page, names)
    tab.locator("html[data-keys=on]").wait_for()
    for _ in range(60):  # as the system repeats a key that is down
        tab.keyboard.down("a")
        tab.wait_for_timeout(25)
    tab.keyboard.up("a")
    tab.wait_for_url(f"**/card/alex/{names[1]}*")
    assert [each["candidate_id"] for each in receipts(world, names[:1])] == names[:1]
    assert len(world.names("pending")) == 2
    for name in names[1:]:
        world.move(world.card(name), "rejected")
    receipts(world, names)


def test_two_browsers_that_approve_the_same_list_by_keys_decide_each_card_once(
    browser: Any, page: Page, world: World
) -> None:
    from playwright.sync_api import Error

    names = fill(world, "both", 10)
    tabs = [first_card(browser, page, names) for _ in range(2)]
    until = time.monotonic() + 4 * PATIENCE
    while world.names("pending"):
        assert time.monotonic() < until, world.names("pending")
        for tab in tabs:
            with suppress(Error):  # a form is on its way, whose answer comes instead
                if "/card/alex/" not in tab.url or tab.locator(".decide [data-key=a]").count() == 0:
                    tab.goto(f"http://127.0.0.1:{page.port}/")  # told that it was decided: on with the list
                    link = tab.locator(".list a.text").first
                    if link.count() == 0:
                        continue
                    link.click()
                tab.keyboard.press("a")
    made = receipts(world, names)
    assert sorted(each["candidate_id"] for each in made) == names
