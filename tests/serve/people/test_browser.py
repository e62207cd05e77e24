"""A real Chromium uses the page: keys, and nothing loaded from elsewhere."""

from __future__ import annotations

import time
from typing import Any

from ...support.page import Page
from ...support.world import PATIENCE, World


def opened(browser: Any, page: Page, **more: Any) -> Any:
    """A tab that has signed in."""
    tab = browser.new_context(**more).new_page()
    tab.set_default_timeout(1000 * PATIENCE)
    tab.goto(page.link())
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


def test_u_takes_back_what_was_just_decided(browser: Any, page: Page, world: World) -> None:
    world.stage("oops")
    tab = opened(browser, page)
    tab.goto(f"http://127.0.0.1:{page.port}/card/alex/oops")
    press(tab, "a")
    tab.get_by_role("button", name="Undo").wait_for()
    assert world.names("approved")
    press(tab, "u")
    tab.get_by_text("Taken back").wait_for()
    assert world.names("approved") == []
    world.reject("oops")


def test_a_list_does_not_load_anew_while_something_is_on_its_way(browser: Any, page: Page, world: World) -> None:
    """An undo at the empty list was lost: its entry came back before the answer, and the list was loaded anew."""
    tab = opened(browser, page)
    tab.locator("html[data-live=on]").wait_for()
    tab.evaluate(
        "() => { window.still = true; const form = document.body.appendChild(document.createElement('form'));"
        " form.dataset.sent = '1'; }"
    )
    with tab.expect_response(f"http://127.0.0.1:{page.port}/"):
        world.stage("came-back")
    tab.wait_for_timeout(300)  # the page waits as long before it looks again: what it does with this answer is done
    assert tab.evaluate("window.still")
    tab.evaluate("() => document.querySelector('form[data-sent]').remove()")
    world.stage("came-next")
    tab.get_by_role("link", name="Looked at the moon.").first.wait_for()
    for name in ("came-back", "came-next"):
        world.reject(name)


def test_a_swipe_decides_and_offers_to_undo_it(browser: Any, page: Page, world: World) -> None:
    world.stage("swiped")
    tab = opened(browser, page, has_touch=True, viewport={"width": 360, "height": 740})
    tab.goto(f"http://127.0.0.1:{page.port}/card/alex/swiped")
    tab.locator("html[data-keys=on]").wait_for()
    wire = tab.context.new_cdp_session(tab)
    y = tab.locator(".says").bounding_box()["y"] + 20
    points = [("touchStart", 40), *(("touchMove", x) for x in range(60, 260, 20))]
    for kind, x in points:
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    wire.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    tab.get_by_role("button", name="Undo").wait_for()
    assert world.names("approved")
    world.reconcile()


def test_an_open_list_follows_the_folders_and_keeps_focus_and_scroll(browser: Any, page: Page, world: World) -> None:
    for number in range(30):
        world.stage(f"live-{number:02}", f"Line {number}.")
    tab = opened(browser, page, viewport={"width": 800, "height": 500})
    tab.locator("html[data-live=on]").wait_for()
    held = tab.get_by_role("link", name="Line 20.")
    held.focus()
    before = tab.evaluate("scrollY")
    assert before > 0
    world.stage("live-new", "Came just now.")
    tab.get_by_role("link", name="Came just now.").wait_for()
    world.reject("live-29")
    tab.get_by_role("link", name="Line 29.").wait_for(state="detached")
    assert tab.evaluate("document.activeElement.textContent") == "Line 20."
    assert tab.evaluate("scrollY") == before
    for number in range(29):
        world.reject(f"live-{number:02}")
    world.reject("live-new")


def test_two_browsers_on_one_card_the_second_is_told(browser: Any, page: Page, world: World) -> None:
    world.stage("shared")
    one, other = opened(browser, page), opened(browser, page)
    for tab in (one, other):
        tab.goto(f"http://127.0.0.1:{page.port}/card/alex/shared")
    other.locator("html[data-live=on]").wait_for()
    one.get_by_role("button", name="Approve").click()
    one.get_by_text("Approved.").wait_for()
    other.get_by_text("This card was decided, or is gone.").wait_for()
    other.get_by_role("button", name="Approve").click()
    other.get_by_role("heading", name="That was not done").or_(
        other.get_by_role("heading", name="It has changed")
    ).wait_for()
    world.reconcile()
    assert [each["action"] for each in world.receipts() if each["candidate_id"] == "shared"] == ["approved"]


def test_the_door_ends_at_once_while_pages_are_open(browser: Any, page: Page) -> None:
    tab = opened(browser, page)
    tab.locator("html[data-live=on]").wait_for()
    began = time.monotonic()
    assert page.stop() == 0
    assert time.monotonic() - began < 9.5  # it would wait ten for what does not end
    page.start()


def test_the_preview_follows_what_is_typed(browser: Any, page: Page, world: World) -> None:
    world.stage("typed-in", "Likes tee.")
    tab = opened(browser, page)
    tab.goto(f"http://127.0.0.1:{page.port}/card/alex/typed-in/edit")
    tab.get_by_label("Text").fill("Likes tea, with a little milk.")
    tab.locator("#effect").get_by_text("Likes tea, with a little milk.").first.wait_for()
    assert "Likes tee." in world.card("typed-in").read_text("utf-8")
    world.reject("typed-in")


def test_keys_can_be_turned_off(browser: Any, page: Page, world: World) -> None:
    card = world.stage("no-keys")
    tab = opened(browser, page)
    tab.goto(f"http://127.0.0.1:{page.port}/keys")
    tab.get_by_label("Use these keys in this browser").uncheck()
    tab.goto(f"http://127.0.0.1:{page.port}/card/alex/no-keys")
    press(tab, "a")
    tab.get_by_role("link", name="Edit").click()
    tab.get_by_role("heading", name="Edit the card").wait_for()
    assert card.exists()
    world.reject("no-keys")
