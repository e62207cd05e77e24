"""The people's page under an account of the people's lane: whom a receipt names, and who can make it say so."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from recursion_gate.clients import people
from recursion_gate.formats import signature

from ..support.accounts import Lanes, throwaway_lanes
from ..support.page import Page, forms
from ..support.world import wait_for
from .test_lanes import card_of, drop, hurry, receipt_of, staged


@pytest.fixture(scope="module")
def lanes() -> Iterator[Lanes]:
    with throwaway_lanes() as made:
        hurry(made.root)
        text = made.root.settings.read_text()
        made.root.settings.write_text(f'page_account = "{made.maria.name}"\n{text}')
        people.add(made.root, "anna", "passphrase of anna")
        with made.running():
            yield made


@pytest.fixture(scope="module")
def page(lanes: Lanes) -> Iterator[Page]:
    """The page, run by maria's account."""
    command, run_as = lanes.maria.program.command, lanes.maria.options()
    with Page(lanes.root, "--only", "people", program=command, run_as=run_as) as opened:
        yield opened


@pytest.fixture
def anna(page: Page) -> httpx.Client:
    with page.client() as first:
        answer = first.post("/sign-in", data={"name": "anna", "passphrase": "passphrase of anna"})
        assert answer.status_code == 303, answer.text
        client = page.client()
        client.cookies.update(first.cookies)
    return client


def test_the_receipt_names_who_signed_in_to_the_page(lanes: Lanes, anna: httpx.Client) -> None:
    staged(lanes, "by-anna", "Learned to whistle.")
    form = next(f for f in forms(anna.get("/card/alex/by-anna").text) if "/decide" in f.action)
    assert form.send(anna, action="approved").status_code == 303
    receipt = receipt_of(lanes.place, "by-anna")
    assert (receipt["via"], receipt["by"]) == ("web", "anna")
    act = receipt["evidence_id"]
    assert "Learned to whistle." in wait_for(lambda: (t := anna.get("/record").text) and act in t and t)
    for path in ("/activity", "/status", "/receipts", f"/entry/alex/{act}", "/brief"):
        assert anna.get(path).status_code == 200, path


def test_another_person_cannot_decide_under_that_name(lanes: Lanes) -> None:
    card = staged(lanes, "forged")
    signed = signature.sign(card.read_bytes(), "approved", "web", by="anna").decode()
    script = 'printf %s "$2" > "$1/.x.tmp" && chmod 644 "$1/.x.tmp" && mv "$1/.x.tmp" "$1/forged.md" && rm "$3"'
    done = lanes.joe.sh(script, lanes.place.approved, signed, card)
    assert done.returncode == 0, done.stderr
    assert receipt_of(lanes.place, "forged")["by"] != "anna"


def test_an_agent_can_neither_read_the_accounts_nor_make_one(lanes: Lanes) -> None:
    for script in ('cat "$1"', 'echo x >> "$1"', 'rm -f "$1" && test ! -e "$1"'):
        assert lanes.other.sh(script, lanes.root.people).returncode != 0, script
    assert lanes.maria.sh('cat "$1"', lanes.root.people).returncode == 0


def test_who_may_not_drop_proposes_by_the_page_all_the_same(lanes: Lanes, anna: httpx.Client) -> None:
    form = next(f for f in forms(anna.get("/propose").text) if f.action == "/propose")
    assert form.send(anna, user="alex", text="Hums in the bath.", skill="THINK", section="").status_code == 303
    wait_for(lambda: "Hums in the bath." in anna.get("/").text)
    drop(lanes.other, lanes.place, "wrong.json", '{"id": "wrong-1", "txt": "Drew a map."}')
    wait_for(lambda: "wrong.json" in anna.get("/status").text)
    back = next(f for f in forms(anna.get("/status").text) if f.action == "/put-back")
    assert back.send(anna, text='{"id": "wrong-1", "text": "Drew a map."}').status_code == 303
    card_of(lanes.place, "wrong-1")
