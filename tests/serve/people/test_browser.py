"""A real Chromium uses the page: keys, and nothing loaded from elsewhere."""

from __future__ import annotations

from typing import Any

from ...support.page import Page
from ...support.world import World, wait_for


def opened(browser: Any, page: Page, **more: Any) -> Any:
    """A tab that has signed in."""
    link = page.link()
    tab = browser.new_context(**more).new_page()
    tab.goto(link)
    wait_for(lambda: page.link() != link, 10)
    return tab


def press(tab: Any, key: str) -> None:
    """Press a key once keys count."""
    tab.locator("html[data-keys=on]").wait_for()
    tab.keyboard.press(key)


def test_keys_decide_card_after_card(browser: Any, page: Page, world: World) -> None:
    for number in range(3):
        world.stage(f"key-{number}", f"Text {number}.")
    tab = opened(browser, page)
    tab.goto(f"http://127.0.0.1:{page.port}/card/alex/key-0")
    for action, text in (("approved", "Text 1."), ("approved", "Text 2.")):
        press(tab, "a")
        tab.get_by_role("article").get_by_text(text, exact=True).first.wait_for()
        assert world.names(action)
    press(tab, "r")
    tab.keyboard.type("a reason")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/?said=rejected*")
    world.reconcile()
    made = [(each["action"], each["reason"], each["via"]) for each in world.receipts()[-3:]]
    assert made == [("approved", None, "web"), ("approved", None, "web"), ("rejected", "a reason", "web")]


def test_a_key_before_the_card_was_seen_decides_nothing(browser: Any, page: Page, world: World) -> None:
    card = world.stage("too-early")
    tab = opened(browser, page)
    tab.goto(f"http://127.0.0.1:{page.port}/card/alex/too-early")
    tab.evaluate(
        "() => { dispatchEvent(new PageTransitionEvent('pageshow'));"
        " document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', bubbles: true})); }"
    )
    assert tab.locator("form[data-sent]").count() == 0
    assert card.exists()
    world.reject("too-early")
    world.reconcile()


def test_script_in_a_drop_does_not_run_and_nothing_comes_from_elsewhere(browser: Any, page: Page, world: World) -> None:
    world.stage(
        "hostile", "<script>document.title='taken'</script><img src='http://evil.example/x'>", url="http://x.example"
    )
    tab = opened(browser, page)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/card/alex/hostile", "/card/alex/hostile/edit"):
        tab.goto(f"http://127.0.0.1:{page.port}{path}")
        assert tab.title() != "taken"
    assert [url for url in asked if not url.startswith(f"http://127.0.0.1:{page.port}/")] == []
    world.reject("hostile")
    world.reconcile()
