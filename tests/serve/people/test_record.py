"""The Record on the page: read, corrected, retracted, taken back, forgotten; activity, receipts, verify; status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from recursion_gate.store.seed_receipts import SeedReceipt, as_lines

from ...support.daemon import Daemon
from ...support.page import Form, Page, forms
from ...support.roots import installed
from ...support.world import World, wait_for

#: An entry that came with the Record.
BROUGHT = "ACT--p436yg2"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page at a root with a daemon at work."""
    root = installed(tmp_path_factory.mktemp("root") / "r", "alex")
    place = root.place("alex")
    brought = SeedReceipt(candidate_id="cand-1-p436yg2", evidence_id=BROUGHT, merged_at="2026-02-27T02:00:39Z")
    place.seed_receipts.write_bytes(as_lines([brought]))
    for file, line in (
        ("self-evidence.md", f"- {BROUGHT} — We drew a dragon. — 2026-02-27 — WORK\n"),
        ("self-skill-work.md", f"- • We drew a dragon. — {BROUGHT}\n"),
    ):
        path = place.home / file
        path.write_text(f"{path.read_text().rstrip()}\n{line}")
    with Daemon(root), Page(root, "--only", "people") as opened:
        yield opened


def form_to(client: httpx.Client, address: str, end: str) -> Form:
    return next(form for form in forms(client.get(address).text) if form.action.partition("?")[0].endswith(end))


def propose(world: World, name: str, text: str, **fields: Any) -> None:
    world.drop(f"{name}.json", {"id": name, "raw_text": text, **fields})
    wait_for(lambda: world.cards(name))


def approve(client: httpx.Client, world: World, name: str) -> str:
    """Approve by the page, and wait; gives the ACT id."""
    assert form_to(client, f"/card/alex/{name}", "/decide").send(client, action="approved").status_code == 303

    def made() -> str:
        mine = [each for each in world.receipts() if each["candidate_id"] == name]
        return str(mine[-1]["evidence_id"] or mine[-1]["retracts"]) if mine else ""

    return str(wait_for(made))


def card_of(sent: httpx.Response, world: World) -> str:
    """The id of the candidate by which an entry is to be changed; its card is the next page, unless the daemon takes
    long."""
    assert sent.status_code == 303
    location = sent.headers["location"].partition("?")
    if location[0].startswith("/card/alex/cand-"):
        return str(location[0].rpartition("/")[2])
    assert location[2] == "said=staged"
    (candidate_id,) = wait_for(lambda: [i for i in world.gate_ids() if i.startswith("cand-") and world.cards(i)])
    return str(candidate_id)


def record(client: httpx.Client, query: str = "") -> str:
    return client.get(f"/record{query}").text


def test_an_entry_is_corrected_by_a_card_that_shows_what_goes(person: httpx.Client, world: World) -> None:
    propose(world, "owl-1", "Owls hunt by day.")
    act = approve(person, world, "owl-1")
    wait_for(lambda: "Owls hunt by day." in record(person))
    sent = form_to(person, f"/entry/alex/{act}", "/change").send(
        person, text="Owls hunt at night.", skill="THINK", section="IX-A", do="correct"
    )
    name = card_of(sent, world)
    shown = person.get(f"/card/alex/{name}").text
    assert "takes the place of this entry" in shown
    assert '<blockquote class="target" dir="auto">Owls hunt by day.</blockquote>' in shown
    assert "goes: " in shown
    assert "Owls hunt by day." in shown
    approve(person, world, name)
    wait_for(lambda: "Owls hunt at night." in record(person))
    assert "superseded" in person.get(f"/entry/alex/{act}").text
    seq = next(each["seq"] for each in world.receipts() if each["candidate_id"] == "owl-1")
    assert "Owls hunt by day." in record(person, f"?at={seq}")
    assert "Owls hunt at night." not in record(person, f"?at={seq}")


def test_an_entry_that_came_with_the_record_is_corrected_too(person: httpx.Client, world: World) -> None:
    shown = person.get(f"/entry/alex/{BROUGHT}").text
    assert "/forget" not in shown
    sent = form_to(person, f"/entry/alex/{BROUGHT}", "/change").send(
        person, text="We drew a griffin.", skill="WORK", section="none", do="correct"
    )
    assert sent.status_code == 303
    card = sent.headers["location"]
    text = person.get(card).text
    assert "goes: " in text
    assert "We drew a dragon." in text
    approve(person, world, card.partition("?")[0].rpartition("/")[2])
    wait_for(lambda: "We drew a griffin." in record(person))
    assert "superseded" in person.get(f"/entry/alex/{BROUGHT}").text
    assert "We drew a dragon. (superseded by " in record(person)


def test_an_entry_is_retracted_and_that_is_taken_back(person: httpx.Client, world: World) -> None:
    propose(world, "joke-1", "Can fly with both arms.")
    act = approve(person, world, "joke-1")
    retract = [form for form in forms(person.get(f"/entry/alex/{act}").text) if form.action.endswith("/change")][1]
    name = card_of(retract.send(person, text="It was a joke.", do="retract"), world)
    approve(person, world, name)
    wait_for(lambda: "retracted" in person.get(f"/entry/alex/{act}").text)
    undo = form_to(person, f"/entry/alex/{name}", "/undo")
    assert undo.send(person).status_code == 303
    wait_for(lambda: world.receipts()[-1]["action"] == "undone")
    assert world.receipts()[-1]["via"] == "web"
    wait_for(lambda: "Correct it" in person.get(f"/entry/alex/{act}").text)


def test_an_entry_is_forgotten_only_after_the_end_of_its_id_was_typed(person: httpx.Client, world: World) -> None:
    propose(world, "secret-1", "Told a very particular secret about the neighbour.")
    act = approve(person, world, "secret-1")
    form = form_to(person, f"/entry/alex/{act}/forget", "/forget")
    assert form.send(person, end="no").status_code == 422
    assert "particular secret" in world.place.ledger.read_text("utf-8")
    assert form.send(person, end=act[-4:]).status_code == 303
    wait_for(lambda: "particular secret" not in world.place.ledger.read_text("utf-8"))
    assert "particular secret" not in record(person)
    assert "particular secret" not in person.get("/receipts").text
    assert "forgotten" in person.get("/entry/alex/secret-1").text


def test_activity_counts_and_verify_holds(person: httpx.Client, world: World) -> None:
    propose(world, "counted-1", "Counted clouds.", source="counter")
    approve(person, world, "counted-1")
    text = wait_for(lambda: (t := person.get("/activity").text) and "counter" in t and "<rect" in t and t)
    assert re.search(r'counter</bdi></th><td data-of="proposed">1</td><td data-of="approved">1</td>', text)
    assert "Counted clouds." in person.get("/receipts?q=clouds&action=approved").text
    assert "Counted clouds." not in person.get("/receipts?q=clouds&action=rejected").text
    assert "they agree" in form_to(person, "/activity", "/verify").send(person).text


def test_a_refused_file_is_corrected_and_put_back(person: httpx.Client, world: World) -> None:
    world.drop("wrong.json", '{"id": "wrong-1", "txt": "Drew a map."}')
    wait_for(lambda: "wrong.json" in person.get("/status").text)
    text = person.get("/status").text
    assert "unknown field" in text
    form = form_to(person, "/status", "/put-back")
    assert form.send(person, text='{"id": "wrong-1", "text": "Drew a map."}').status_code == 303
    wait_for(lambda: world.cards("wrong-1"))
    assert world.names("problems") == []


def test_status_tells_of_the_daemon_and_of_a_parked_user(person: httpx.Client, world: World) -> None:
    assert "The daemon runs" in person.get("/status").text
    propose(world, "parked-1", "Built a kite.")
    gate = world.place.gate
    before = gate.read_bytes()
    gate.write_bytes(b"[{")
    try:
        assert person.get("/").status_code == 200
        assert "cannot be read" in person.get("/").text
        wait_for(lambda: "parked" in person.get("/status").text)
        assert person.get("/card/alex/any").status_code == 503
    finally:
        gate.write_bytes(before)


def test_pages_of_what_is_not_there_are_said_to_be_so(person: httpx.Client) -> None:
    for path in ("/record?user=nobody", "/entry/alex/ACT-2026-01-01-none", "/entry/nobody/x", "/brief?user=no", "/x/y"):
        assert person.get(path).status_code == 404, path
    assert person.get("/record?at=99999").status_code in (404, 422)
    assert person.get("/record?at=x").status_code == 400
    assert person.get("/brief").status_code == 200


def test_an_entry_that_came_with_the_record_says_what_was_decided_elsewhere(person: httpx.Client, world: World) -> None:
    evidence = world.place.home / "self-evidence.md"
    evidence.write_text(evidence.read_text() + "- ACT--p436yg2 — We drew a dragon — 2026-02-27 — WORK\n")
    before = SeedReceipt(candidate_id="cand-0", evidence_id="ACT--p436yg2", merged_at="2026-02-27T02:00:39.931Z")
    world.place.seed_receipts.write_bytes(as_lines([before]))
    shown = person.get("/entry/alex/ACT--p436yg2").text
    assert "where the Record was brought from, as cand-0" in shown
    assert "We drew a dragon" in shown
    for words in ("forgotten", "Nothing was decided yet", "Retract it", "Correct it"):
        assert words not in shown, words
