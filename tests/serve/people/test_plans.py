"""Plans on the page: how far each is, one task, and what a person may do there, which a file manager does too."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from recursion_gate.core.paths import Root
from recursion_gate.plans import claims
from recursion_gate.plans.model import Command, Sentence
from recursion_gate.serve.people import pulse
from recursion_gate.serve.people.pulse import Pulse

from ...support.page import Form, Page, forms
from ...support.plans import Plans, codebase, reading
from ...support.roots import make_root
from .test_browser import opened


@pytest.fixture
def plans(root: Root) -> Iterator[Plans]:
    """The plans of the shared root, which has none before and after."""
    made = Plans(root)
    yield made
    if root.plans.exists():
        for path in sorted(root.plans.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        root.plans.rmdir()


def buttons(client: httpx.Client, address: str) -> dict[str, Form]:
    """The forms of a task's page that move it, by where to."""
    return {form.fields["to"]: form for form in forms(client.get(address).text) if form.action.endswith("/move")}


def test_who_has_no_plans_never_sees_the_word(person: httpx.Client, root: Root) -> None:
    assert not root.plans.exists()
    for path in ("/", "/record", "/status", "/keys"):
        assert "lans" not in person.get(path).text
    assert person.get("/plans").status_code == 404
    root.plans.mkdir()
    (root.plans / "problems").mkdir()
    assert person.get("/plans").status_code == 404
    (root.plans / "problems").rmdir()
    root.plans.rmdir()


def test_the_list_says_how_far_each_plan_is_and_who_works(person: httpx.Client, plans: Plans) -> None:
    plans.add("voice", codebase("a"), codebase("b"), codebase("c", needs=["a"]), goal="Add <b>Voice</b>.")
    plans.add("other", reading("r"))
    claims.finish(plans.claim("ada", plan="voice"), "done", "The schema is there.")
    plans.claim("bob", plan="voice")
    plans.look()
    text = person.get("/plans").text
    assert '<a href="/plans">' in person.get("/").text
    assert "1 of 3 tasks done" in text
    assert "0 of 1 task done" in text
    assert "<bdi>bob</bdi>" in text
    assert "Add &lt;b&gt;Voice&lt;/b&gt;." in text


def test_a_plan_shows_its_tasks_by_state_and_what_each_waits_for(person: httpx.Client, plans: Plans) -> None:
    plans.add("voice", codebase("a", max_attempts=1), codebase("b"), codebase("c", needs=["b"]))
    claims.finish(plans.claim("ada"), "failed", "No network here.")
    plans.claim("bob")
    plans.look()
    text = person.get("/plans/voice").text
    titles = re.findall(r'<h2 id="h-(\w+)"[^>]*>[^<]+<span class="quiet">(\d+)', text)
    assert [(state, number) for state, number in titles if number != "0"] == [
        ("failed", "1"),
        ("claimed", "1"),
        ("waiting", "1"),
    ]
    assert "No network here." in text
    assert "ends in 14 minutes unless renewed" in text
    assert "needs b" in text
    picture = person.get(re.search(r'src="(/plans/voice/picture\.svg[^"]*)"', text)[1])  # type: ignore[index]
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "claimed · bob since" in picture.text
    assert person.get("/plans/voice?state=waiting").text.count('<li id="t-') == 1


def test_a_long_plan_comes_in_pages(person: httpx.Client, plans: Plans) -> None:
    plans.add("long", *(reading(f"t{number:03}") for number in range(230)))
    text = person.get("/plans/long").text
    assert text.count('<li id="t-') == 30
    assert "All 230" in text
    assert person.get("/plans/long?state=ready&page=3").text.count('<li id="t-') == 30
    for page in ("0", "99", "x"):
        assert person.get(f"/plans/long?state=ready&page={page}").status_code == 200


def test_a_task_tells_goal_scope_needs_criteria_and_notes(person: httpx.Client, plans: Plans) -> None:
    accept = [Command(run="python -m pytest -q"), Sentence(says="A reader understands it.")]
    plans.add("voice", codebase("a"), codebase("b", needs=["a"], goal="# Do <this>\n\nwell", accept=accept))
    claims.finish(plans.claim("ada"), "done", "The schema is in a/x.json.")
    plans.look()
    claims.finish(plans.claim("bob"), "failed", "The tests need a network.")
    plans.look()
    text = person.get("/plans/voice/b").text
    for words in (
        "# Do &lt;this&gt;\n\nwell",
        "<code>/b/</code>",
        "<code>python -m pytest -q</code> exits with 0",
        'A reader understands it. <span class="quiet">(a person judges that)',
        "The schema is in a/x.json.",
        "The tests need a network.",
    ):
        assert words in text, words
    assert "The schema is in a/x.json." in person.get("/plans/voice/a").text
    for path in ("/plans/voice/zz", "/plans/nothing", "/plans/nothing/a", "/plans/problems", "/plans/%2E%2E/a"):
        assert person.get(path).status_code == 404, path


def test_a_task_is_tried_again_taken_out_and_done_by_hand(person: httpx.Client, plans: Plans) -> None:
    plans.add("voice", codebase("a", max_attempts=1))
    claims.finish(plans.claim("ada"), "failed", "no luck")
    plans.look()
    sent = buttons(person, "/plans/voice/a")["waiting"].send(person)
    assert (sent.status_code, sent.headers["location"]) == (303, "/plans/voice/a?said=moved-waiting")
    assert plans.standing("voice") == {"waiting": ["a.1.md"]}
    assert "is tried again" in person.get(sent.headers["location"]).text
    plans.look()
    assert plans.standing("voice") == {"ready": ["a.1.md"]}
    buttons(person, "/plans/voice/a")["failed"].send(person)
    plans.look()
    assert plans.standing("voice") == {"failed": ["a.1.md"]}
    buttons(person, "/plans/voice/a")["done"].send(person)
    plans.look()
    assert plans.standing("voice") == {"done": ["a.1.md"]}
    assert list(buttons(person, "/plans/voice/a")) == ["waiting"]


def test_a_worker_whose_task_is_taken_out_cannot_finish_it(person: httpx.Client, plans: Plans) -> None:
    plans.add("voice", codebase("a"))
    claim = plans.claim("ada")
    buttons(person, "/plans/voice/a")["failed"].send(person)
    with pytest.raises(claims.Ended):
        claims.finish(claim, "done")
    plans.look()
    assert plans.standing("voice") == {"failed": ["a.1.md"]}


def test_a_task_that_has_moved_since_it_was_shown_is_shown_again(person: httpx.Client, plans: Plans) -> None:
    plans.add("voice", codebase("a"))
    form = buttons(person, "/plans/voice/a")["failed"]
    plans.claim("ada")
    sent = form.send(person)
    assert sent.status_code == 409
    assert "it is ada&#39;s now. Nothing was done." in sent.text
    assert plans.standing("voice") == {"claimed": ["a.1.ada.md"]}
    assert form.send(person, to="claimed").status_code == 400
    assert form.send(person, csrf="of another session").status_code == 403
    assert form.send(person, shown="../../x").status_code == 409
    assert plans.standing("voice") == {"claimed": ["a.1.ada.md"]}


def test_without_a_session_nothing_is_shown_and_nothing_moves(page: Page, person: httpx.Client, plans: Plans) -> None:
    plans.add("voice", codebase("a"))
    form = buttons(person, "/plans/voice/a")["failed"]
    with page.client() as stranger:
        for path in ("/plans", "/plans/voice", "/plans/voice/a", "/plans/voice/picture.svg"):
            assert stranger.get(path).status_code == 303, path
        assert form.send(stranger).status_code == 403
        assert stranger.get("/events?of=plans").status_code == 204
    with page.client(Origin="http://evil.example") as other:
        other.cookies.update(person.cookies)
        assert form.send(other).status_code == 403
    assert plans.standing("voice") == {"ready": ["a.md"]}


def test_a_refused_plan_is_corrected_and_put_back(person: httpx.Client, plans: Plans) -> None:
    wrong = "tasks: [{id: a, title: A, lane: reading, needs: [b]}]"
    plans.drop("voice.plan.yaml", wrong)
    plans.look()
    text = person.get("/plans").text
    assert "which is no task here" in text
    form = next(form for form in forms(text) if form.action == "/plans/problems/put-back")
    assert form.fields["text"] == wrong
    still = form.send(person, text=wrong.replace("[b]", "[typed]"))
    assert still.status_code == 422
    assert "needs &#39;typed&#39;" in still.text
    assert next(f for f in forms(still.text) if f.action == form.action).fields["text"].endswith("needs: [typed]}]")
    sent = form.send(person, text="tasks: [{id: a, title: A, lane: reading}]")
    assert sent.headers["location"] == "/plans?said=plan-put-back"
    assert "voice.plan.yaml</code> is on its way" in person.get("/plans").text
    plans.look()
    assert plans.standing("voice") == {"ready": ["a.md"]}
    assert plans.refused() == {}
    assert form.send(person).status_code == 409


def test_a_plan_that_cannot_be_read_is_said_to_be_so(person: httpx.Client, plans: Plans) -> None:
    folder = plans.add("voice", codebase("a"))
    folder.plan.write_text("tasks: [{id: a, titel: A}]")
    assert "unknown field &#39;titel&#39;" in person.get("/plans").text
    assert "unknown field &#39;titel&#39;" in person.get("/plans/voice").text
    assert person.get("/plans/voice/a").status_code == 404
    assert person.get("/plans/voice/picture.svg").status_code == 404


def test_markup_of_a_planner_is_text_also_in_the_picture(browser: Any, page: Page, plans: Plans) -> None:
    evil = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
    plans.add("voice", codebase("a", title=evil, goal=evil, max_attempts=1), goal=evil)
    claims.finish(plans.claim("ada"), "failed", evil)
    plans.look()
    tab = opened(browser, page)
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    for path in ("/plans", "/plans/voice", "/plans/voice/a", "/plans/voice/picture.svg"):
        tab.goto(f"http://127.0.0.1:{page.port}{path}")
        assert tab.title() != "taken"
        assert tab.locator("img[onerror]").count() == 0
    assert said == []  # not even what the policy has kept from running


def test_an_open_plan_follows_the_folders_and_keeps_the_focus(browser: Any, page: Page, plans: Plans) -> None:
    plans.add("voice", codebase("a"), codebase("b"), codebase("c", needs=["a"]))
    tab = opened(browser, page)
    tab.goto(f"http://127.0.0.1:{page.port}/plans/voice")
    tab.locator("html[data-live=on]").wait_for()
    before = tab.locator("#picture").get_attribute("src")
    tab.get_by_role("link", name="B", exact=True).focus()
    claim = plans.claim("ada")
    tab.locator("#s-claimed #t-a").wait_for()
    assert tab.locator("#s-ready #t-a").count() == 0
    claims.finish(claim, "done", "fine")
    plans.look()
    tab.locator("#s-done #t-a").wait_for()
    tab.locator("#s-ready #t-c").wait_for()
    tab.locator("#s-waiting").wait_for(state="hidden")
    tab.get_by_text("1 of 3 tasks done").wait_for()
    assert tab.locator("#picture").get_attribute("src") != before
    assert tab.evaluate("document.activeElement.textContent") == "B"


def test_an_open_task_says_that_it_has_moved(browser: Any, page: Page, plans: Plans) -> None:
    plans.add("voice", codebase("a"))
    tab = opened(browser, page)
    tab.goto(f"http://127.0.0.1:{page.port}/plans/voice/a")
    tab.locator("html[data-live=on]").wait_for()
    plans.claim("ada")
    tab.get_by_text("This task has moved since you saw it.").wait_for()
    tab.get_by_role("link", name="Look again").click()
    tab.get_by_role("button", name="Give it to another").wait_for()


def test_an_open_inbox_is_not_told_of_plans(person: httpx.Client, root: Root, plans: Plans) -> None:
    """A fleet of workers renews its claims all the time."""

    def values() -> list[str]:
        return [asked(lambda of=of: of(root)) for of in (pulse.inboxes, pulse.plans)]  # type: ignore[misc]

    def asked(places: Callable[[], Iterable[Path]]) -> str:
        with ThreadPoolExecutor(1) as other:  # in this thread Playwright has a loop of its own
            return other.submit(lambda: asyncio.run(Pulse(places).value())).result()

    plans.add("voice", codebase("a"))
    before = values()
    claim = plans.claim("ada")
    claimed = values()
    claims.renew(claim)
    renewed = values()
    assert before[0] == claimed[0] == renewed[0]
    assert len({before[1], claimed[1], renewed[1]}) == 3
    assert person.get("/events?of=else").status_code == 404


def test_plans_that_this_account_may_not_read_are_not_there(tmp_path: Any) -> None:
    from recursion_gate.plans.overview import is_used

    root = make_root(tmp_path / "r", "alex")
    root.plans.write_text("no folder")  # as good as one that cannot be listed
    assert not is_used(root)
