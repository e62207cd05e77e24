"""Every page for everybody: axe-core finds nothing, in both themes; nothing hangs over the edge; no script needed."""

from __future__ import annotations

from typing import Any

import pytest
from recursion_gate.plans import claims

from ...support.axe import violations
from ...support.page import Page
from ...support.plans import Plans, codebase
from ...support.world import World
from .test_browser import opened

LONG = "x" * 300 + " A long story about the sea." * 600


@pytest.fixture(scope="module")
def paths(page: Page) -> list[str]:
    """All kinds of pages, with something on each."""
    world = World(page.root)
    world.stage("plain", "Took the tides quiz.", rationale="Shows it.", confidence=0.5, tags=["a"], meta={"b": 1})
    world.stage("long", LONG[:19_000])
    world.stage("arabic", "الطفل يحب القراءة عن البحر والنجوم كل مساء.")
    world.stage("kept", "Likes rain.")
    world.stage("not-kept", "Likes rain, too.")
    world.approve("kept")
    world.reject("not-kept")
    world.drop("broken.json", '{"txt": 5}')
    world.reconcile()
    act = world.receipts()[0]["evidence_id"]
    cards = [f"/card/alex/{name}" for name in ("plain", "long", "arabic")]
    entry = f"/entry/alex/{act}"
    rest = [
        "/record",
        "/brief",
        "/activity",
        "/receipts",
        "/status",
        "/propose",
        "/keys",
        "/none",
        "/?q=nothing-like-it",
    ]
    plans = Plans(page.root)
    plans.add(
        "voice", codebase("a", max_attempts=1), codebase("b", needs=["a"]), codebase("c"), codebase("d"), goal=LONG
    )
    claims.finish(plans.claim("ada"), "failed", LONG[:2_000])
    plans.claim("bob")
    plans.look()
    plans.drop("broken.plan.yaml", f"tasks: [{{id: a, title: {'x' * 300}, need: b}}]")
    plans.look()
    rest += ["/plans", "/plans/voice", "/plans/voice?state=waiting", *(f"/plans/voice/{task}" for task in "abcd")]
    return ["/", *cards, "/card/alex/plain/edit", "/card/alex/gone", "/several", entry, f"{entry}/forget", *rest]


def test_axe_finds_nothing_on_any_page_in_either_theme(browser: Any, page: Page, paths: list[str]) -> None:
    tab = opened(browser, page, viewport={"width": 1280, "height": 900})
    found = []
    for path in paths:
        tab.goto(f"http://127.0.0.1:{page.port}{path}")
        for summary in tab.locator("summary").all():
            summary.click()
        for theme in ("light", "dark"):
            tab.emulate_media(color_scheme=theme)
            found += [f"{path} {theme} {each}" for each in violations(tab)]
    assert found == []


def test_nothing_hangs_over_the_edge_of_any_width(browser: Any, page: Page, paths: list[str]) -> None:
    tab = opened(browser, page)
    for path in paths:
        tab.goto(f"http://127.0.0.1:{page.port}{path}")
        for width in (320, 360, 640, 1280, 3840):
            tab.set_viewport_size({"width": width, "height": 800})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


def test_everything_that_decides_works_without_script(browser: Any, page: Page, paths: list[str]) -> None:
    world = World(page.root)
    world.stage("unscripted")
    tab = opened(browser, page, java_script_enabled=False)
    tab.goto(f"http://127.0.0.1:{page.port}/card/alex/unscripted")
    tab.get_by_text("Reject…").click()
    tab.get_by_label("Reason, if you like").fill("no script here")
    tab.get_by_role("button", name="Reject", exact=True).click()
    tab.get_by_text("Rejected. The Record stays as it is.").wait_for()
    tab.get_by_role("button", name="Undo").click()
    tab.get_by_text("Taken back: it waits again.").wait_for()
    world.reject("unscripted")


def test_a_task_is_tried_again_without_script(browser: Any, page: Page, paths: list[str]) -> None:
    tab = opened(browser, page, java_script_enabled=False)
    tab.goto(f"http://127.0.0.1:{page.port}/plans/voice")
    tab.get_by_role("link", name="A", exact=True).click()
    tab.get_by_role("button", name="Try it again").click()
    tab.get_by_text("It waits, and is tried again").wait_for()
    tab.get_by_role("button", name="Take it out").click()
    tab.get_by_role("button", name="Try it again").wait_for()
