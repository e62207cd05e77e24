"""People with accounts sign in, decide under their name, and are slowed down when they guess."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from recursion_gate.clients import people
from recursion_gate.formats import signature

from ...support.page import Page, forms
from ...support.roots import make_root
from ...support.world import World
from .test_inbox import decide_form


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root = make_root(tmp_path_factory.mktemp("root"), "alex")
    for name in ("anna", "bea", "cleo"):
        people.add(root, name, f"passphrase of {name}")
    with Page(root, "--only", "people") as opened:
        yield opened


def sign_in(page: Page, name: str, passphrase: str | None = None) -> httpx.Client:
    client = page.client()
    answer = client.post("/sign-in", data={"name": name, "passphrase": passphrase or f"passphrase of {name}"})
    client.cookies.update(answer.cookies)
    client.headers["X-Status"] = str(answer.status_code)
    return client


def test_there_is_no_link_where_people_have_accounts(page: Page) -> None:
    assert not any("/sign-in?token=" in line for line in page.said)


def test_the_receipt_names_who_signed_in(page: Page, world: World) -> None:
    world.stage("by-anna", "Hums while drawing.")
    client = sign_in(page, "anna")
    assert decide_form(client, "/card/alex/by-anna").send(client, action="approved").status_code == 303
    world.reconcile()
    receipt = world.receipts()[-1]
    assert (receipt["via"], receipt["by"]) == ("web", "anna")
    form = next(f for f in forms(client.get("/?said=approved&of=alex/by-anna").text) if f.action == "/undo")
    assert form.send(client).status_code == 303
    world.reconcile()
    receipt = world.receipts()[-1]
    assert (receipt["action"], receipt["via"], receipt["by"]) == ("undone", "web", "anna")


def test_a_name_on_a_card_that_was_moved_or_edited_by_hand_counts_for_nothing(world: World) -> None:
    card = world.stage("forged", "Sings.")
    signed = signature.sign(card.read_bytes(), "approved", "web", by="anna").replace(b"Sings.", b"Shouts.")
    card.write_bytes(signed)
    world.approve("forged")
    receipt = world.receipts()[-1]
    assert (receipt["candidate_id"], receipt["via"], receipt["by"]) == ("forged", "folder", None)


def test_who_is_removed_is_out_at_once_and_so_is_who_has_another_passphrase(page: Page) -> None:
    client = sign_in(page, "cleo")
    assert client.get("/").status_code == 200
    people.remove(page.root, "cleo")
    assert client.get("/").status_code == 303
    people.add(page.root, "cleo", "another passphrase")
    assert client.get("/").status_code == 303


def test_who_is_signed_out_everywhere_signs_in_again_with_the_same_passphrase(page: Page) -> None:
    people.add(page.root, "dora", "passphrase of dora")
    here, elsewhere, other = (sign_in(page, name) for name in ("dora", "dora", "bea"))
    assert here.get("/").status_code == elsewhere.get("/").status_code == 200
    people.sign_out(page.root, ["dora"])
    assert here.get("/").status_code == elsewhere.get("/").status_code == 303
    assert other.get("/").status_code == 200
    assert sign_in(page, "dora").get("/").status_code == 200


def test_a_wrong_passphrase_a_thousand_times_slows_that_name_and_no_other(page: Page) -> None:
    answers = []
    began = time.monotonic()
    with page.client() as guesser:
        for number in range(1_000):
            data = {"name": "anna", "passphrase": f"guess number {number}"}
            answers.append(guesser.post("/sign-in", data=data).status_code)
        took = time.monotonic() - began
        assert set(answers) == {403, 429}
        assert answers.count(403) <= 5 + took, "nearly all were not even looked at"
        refused = guesser.post("/sign-in", data={"name": "anna", "passphrase": "passphrase of anna"})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
    assert sign_in(page, "bea").get("/").status_code == 200


def test_the_answer_does_not_tell_whether_there_is_such_a_name(page: Page) -> None:
    with page.client() as client:
        there = client.post("/sign-in", data={"name": "bea", "passphrase": "wrong passphrase"})
        none = client.post("/sign-in", data={"name": "nobody-here", "passphrase": "wrong passphrase"})
    assert (there.status_code, there.text) == (none.status_code, none.text)
