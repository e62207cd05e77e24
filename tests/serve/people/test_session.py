"""Who gets in: the link, the cookie, the form's token; and who does not."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from ...support.daemon import call
from ...support.page import Page, forms
from ...support.roots import make_root
from ...support.world import World, wait_for


def test_the_link_works_once_and_leads_to_a_clean_address(page: Page) -> None:
    link = page.link()
    with page.client() as first, page.client() as second:
        answer = first.get(link)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/"
        assert first.get("/").status_code == 200
        assert second.get(link).status_code == 403
        assert second.get("/").status_code == 303


def test_the_cookie_is_for_this_page_alone(page: Page) -> None:
    with page.client() as client:
        given = client.get(page.link()).headers["set-cookie"].lower()
    assert "httponly" in given
    assert "samesite=strict" in given
    assert "path=/" in given


@pytest.mark.parametrize("path", ["/", "/card/alex/c1", "/card/alex/c1/edit", "/propose", "/keys", "/nothing-here"])
def test_without_a_session_every_address_leads_to_the_sign_in_page(page: Page, path: str) -> None:
    with page.client() as client:
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?")


def test_a_session_that_somebody_brings_along_is_none(page: Page) -> None:
    with page.person() as person:
        name, value = next(iter(person.cookies.items()))
    with page.client() as client:
        client.cookies.set(name, value[:-4] + "AAAA")
        assert client.get("/").status_code == 303
    with page.client() as client:  # fixed by somebody before the person signs in: the person's is another one
        client.cookies.set(name, "chosen-by-somebody")
        client.get(page.link())
        assert "chosen-by-somebody" not in [cookie.value for cookie in client.cookies.jar if cookie.value != "" and
                                            cookie.domain.startswith("127")]  # fmt: skip


def test_who_has_signed_out_is_out_also_with_a_copy_of_the_cookie(page: Page) -> None:
    with page.person() as person, page.client() as thief:
        thief.cookies.update(person.cookies)
        assert thief.get("/").status_code == 200
        out = next(form for form in forms(person.get("/keys").text) if form.action == "/sign-out")
        assert out.send(person).status_code == 303
        assert thief.get("/").status_code == 303


def test_a_token_of_an_agent_opens_nothing_here(page: Page, world: World) -> None:
    world.stage("agents-own")
    token = page.token("intruder", stage=True, read=True)
    with page.client(token) as agent:
        assert agent.get("/").status_code == 303
        assert agent.get("/card/alex/agents-own").status_code == 303
        answer = agent.post("/card/alex/agents-own/decide", data={"action": "approved", "shown": "x", "csrf": "x"})
        assert answer.status_code == 403
    assert world.names("pending")
    assert world.names("approved") == []


def test_another_page_can_neither_rebind_nor_post(page: Page, world: World) -> None:
    card = world.stage("cross-site")
    with page.person() as person:
        form = next(form for form in forms(person.get("/card/alex/cross-site").text) if "/decide" in form.action)
        for name, value in (
            ("Host", "evil.example"),
            ("Host", "127.0.0.1.evil.example"),
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
        ):
            answer = person.post(form.action, data={**form.fields, "action": "approved"}, headers={name: value})
            assert answer.status_code == 403, (name, value)
    assert card.exists()
    world.reject("cross-site")


def test_a_form_of_another_session_decides_nothing(page: Page, world: World, person: httpx.Client) -> None:
    card = world.stage("stolen-form")
    with page.person() as other:
        stolen = next(form for form in forms(other.get("/card/alex/stolen-form").text) if "/decide" in form.action)
    answer = stolen.send(person, action="approved")
    assert answer.status_code == 403
    assert "another session" in answer.text
    assert card.exists()
    world.reject("stolen-form")
    world.reconcile()


def test_no_page_may_be_framed_and_nothing_in_it_runs(person: httpx.Client) -> None:
    for path in ("/", "/keys", "/nothing-here", "/static/page.js"):
        answer = person.get(path)
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_the_sign_in_page_leads_nowhere_else(person: httpx.Client, to: str) -> None:
    answer = person.get("/sign-in", params={"next": to})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"


def test_a_restart_signs_nobody_out_and_nobody_in(page: Page, world: World) -> None:
    world.stage("after-restart")
    with page.person() as person, page.person() as other:
        form = next(form for form in forms(person.get("/card/alex/after-restart").text) if "/decide" in form.action)
        gone = httpx.Cookies(other.cookies)
        next(f for f in forms(other.get("/keys").text) if f.action == "/sign-out").send(other)
        page.stop()
        page.start()
        for client in (person, other):
            client.base_url = httpx.URL(f"http://127.0.0.1:{page.port}")
        assert person.get("/").status_code == 200
        other.cookies.update(gone)
        assert other.get("/").status_code == 303, "who has signed out stays out, with a copy of the cookie"
        assert form.send(person, action="rejected").status_code == 303, "a form that was open still counts"


def test_sign_out_of_all_counts_at_once_and_after_a_restart(page: Page) -> None:
    with page.person() as person:
        assert person.get("/").status_code == 200
        done = call(page.root, "people", "sign-out", "--all")
        assert done.returncode == 0, done.stderr
        assert person.get("/").status_code == 303
        page.stop()
        page.start()
        person.base_url = httpx.URL(f"http://127.0.0.1:{page.port}")
        assert person.get("/").status_code == 303
    with page.person() as person:
        assert person.get("/").status_code == 200


def test_the_key_of_the_sessions_is_its_accounts_alone(page: Page) -> None:
    with page.person():
        assert (page.root.doors / "sessions.json").stat().st_mode & 0o777 == 0o600


def test_where_no_key_can_be_kept_serve_says_so_and_works(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    root.doors.write_text("in the way")
    with Page(root, "--only", "people") as page, page.person() as person:
        assert person.get("/").status_code == 200
        wait_for(lambda: any("people must sign in again after a restart" in line for line in page.said))
