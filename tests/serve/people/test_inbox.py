"""Cards looked at and decided on by forms, as a browser without script does it, over a real socket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from ...support.page import Form, Page, forms
from ...support.world import World


def decide_form(client: httpx.Client, address: str) -> Form:
    return next(form for form in forms(client.get(address).text) if "/decide" in form.action)


def test_an_approval_by_a_form_is_a_receipt_by_the_web(person: httpx.Client, world: World) -> None:
    world.stage("by-form", "Learned to whistle.")
    answer = decide_form(person, "/card/alex/by-form").send(person, action="approved")
    assert answer.status_code == 303
    world.reconcile()
    receipt = world.receipts()[-1]
    assert (receipt["candidate_id"], receipt["action"], receipt["via"]) == ("by-form", "approved", "web")
    assert receipt["by"]


def test_a_rejection_keeps_its_reason(person: httpx.Client, world: World) -> None:
    world.stage("no-thanks")
    decide_form(person, "/card/alex/no-thanks").send(person, action="rejected", reason="said: twice # really")
    world.reconcile()
    receipt = world.receipts()[-1]
    assert (receipt["action"], receipt["reason"]) == ("rejected", "said: twice # really")


def test_the_page_shows_what_the_card_does(person: httpx.Client, world: World) -> None:
    world.stage(
        "shown", "Took the tides quiz.", rationale="It was hard.", excerpt="A: which?\nB: that.", confidence=0.5
    )
    text = person.get("/card/alex/shown").text
    for words in ("Took the tides quiz.", "self-evidence.md", "self-knowledge.md", "It was hard.", "B: that.", "50%"):
        assert words in text
    decide_form(person, "/card/alex/shown").send(person, action="rejected")
    world.reconcile()


def test_a_card_that_changes_between_look_and_click_is_shown_again(person: httpx.Client, world: World) -> None:
    card = world.stage("changes", "Ate an apple.")
    form = decide_form(person, "/card/alex/changes")
    card.write_text(card.read_text("utf-8").replace("Ate an apple.", "Ate ten apples."), "utf-8")
    answer = form.send(person, action="approved")
    assert answer.status_code == 409
    assert "Ate ten apples." in answer.text
    assert card.exists()
    assert decide_form(person, "/card/alex/changes").send(person, action="rejected").status_code == 303
    world.reconcile()


def test_a_card_that_is_decided_between_look_and_click_is_not_decided_again(person: httpx.Client, world: World) -> None:
    world.stage("twice")
    form = decide_form(person, "/card/alex/twice")
    world.reject("twice")
    world.reconcile()
    before = len(world.receipts())
    answer = form.send(person, action="approved")
    assert answer.status_code == 409
    world.reconcile()
    assert len(world.receipts()) == before
    assert person.get("/card/alex/twice").status_code == 410


def test_two_people_who_decide_opposite_things_leave_one_receipt(page: Page, world: World) -> None:
    for number in range(12):
        name = f"both-{number}"
        world.stage(name)
        with page.person() as one, page.person() as other, ThreadPoolExecutor(2) as pool:
            sent = [
                (decide_form(one, f"/card/alex/{name}"), one, "approved"),
                (decide_form(other, f"/card/alex/{name}"), other, "rejected"),
            ]
            told = [job.result() for job in [pool.submit(form.send, who, action=what) for form, who, what in sent]]
            world.reconcile()
            made = [each for each in world.receipts() if each["candidate_id"] == name]
            codes = sorted(answer.status_code for answer in told)
            assert codes[0] == 303
            if codes[1] == 303:  # both cards stood there: the daemon carries out neither, and says so on the card
                assert made == []
                assert "It is here again" in one.get(f"/card/alex/{name}").text
                world.reject(name)
            else:
                assert codes[1] in (409, 422)
                assert len(made) == 1


def test_all_that_a_drop_may_say_is_text(person: httpx.Client, world: World) -> None:
    bad = '"><script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">x</a>\u202ereversed'
    world.stage(
        "bad", bad, source=bad, topic=bad, evidence_summary=bad, activity_type=bad, source_id=bad, score=bad,
        rationale=bad, excerpt=bad, url="javascript:alert(1)", tags=["<b>x</b>"], meta={bad: bad},
    )  # fmt: skip
    for path in ("/", "/card/alex/bad", "/card/alex/bad/edit"):
        text = person.get(path).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<b>x" not in text
        assert 'href="javascript:' not in text
        assert "\u202e" not in text
    decide_form(person, "/card/alex/bad").send(person, action="rejected")
    world.reconcile()


def test_filters_and_search_leave_out_the_rest(person: httpx.Client, world: World) -> None:
    world.stage("whales", "Read about whales.", source="reader", skill_tag="THINK")
    world.stage("boards", "Built a birdhouse.", source="builder", skill_tag="WORK")
    for query, there, gone in (
        ("?q=WHALES", "whales", "birdhouse"),
        ("?source=builder", "birdhouse", "whales"),
        ("?skill=WORK", "birdhouse", "whales"),
        ("?user=blake", "None of what waits", "whales"),
        ("?age=older", "None of what waits", "birdhouse"),
    ):
        text = person.get(f"/{query}").text.partition('id="live"')[2]
        assert there in text, query
        assert gone not in text, query
    for each in ("whales", "boards"):
        world.reject(each)
    world.reconcile()


def test_an_edit_shows_its_preview_and_is_what_is_merged(person: httpx.Client, world: World) -> None:
    world.stage("to-edit", "Likes tee.")
    form = next(form for form in forms(person.get("/card/alex/to-edit/edit").text) if form.action.endswith("/edit"))
    shown = form.send(person, text="Likes tea, with milk.", skill="WORK", section="IX-B", do="preview")
    assert "Likes tea, with milk." in shown.text
    assert "self-curiosity.md" in shown.text
    assert form.send(person, text="Likes tea, with milk.", skill="WORK", section="IX-B", do="save").status_code == 303
    decide_form(person, "/card/alex/to-edit").send(person, action="approved")
    world.reconcile()
    receipt = world.receipts()[-1]
    assert receipt["raw_text"] == "Likes tea, with milk."
    assert receipt["candidate"]["raw_text"] == "Likes tee."
    assert "Likes tea, with milk." in (world.place.home / "self-curiosity.md").read_text("utf-8")


def test_an_edit_of_a_card_that_has_changed_keeps_what_was_typed(person: httpx.Client, world: World) -> None:
    card = world.stage("both-edit", "One.")
    form = next(form for form in forms(person.get("/card/alex/both-edit/edit").text) if form.action.endswith("/edit"))
    card.write_text(card.read_text("utf-8").replace("One.", "Two."), "utf-8")
    answer = form.send(person, text="Three.", skill="THINK", section="IX-A", do="save")
    assert answer.status_code == 409
    assert "Three." in answer.text
    assert "Two." in card.read_text("utf-8")
    world.reject("both-edit")
    world.reconcile()


def test_an_entry_typed_by_hand_becomes_a_drop_and_nothing_more(person: httpx.Client, world: World) -> None:
    form = next(form for form in forms(person.get("/propose").text) if form.action == "/propose")
    answer = form.send(person, user="alex", text="Whistled.", skill="THINK", section="")
    assert answer.status_code == 303
    assert len(list(world.place.inbox.glob("by-hand-*.json"))) == 1
    world.reconcile()
    assert "Whistled." in person.get("/").text
