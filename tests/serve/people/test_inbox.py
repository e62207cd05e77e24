"""Cards looked at and decided on by forms, as a browser without script does it, over a real socket."""

from __future__ import annotations

import re
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
        ("?user=blake", "No card that waits", "whales"),
        ("?age=older", "No card that waits", "birdhouse"),
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


def undo_form(text: str) -> Form:
    return next(form for form in forms(text) if form.action == "/undo")


def test_a_decision_is_taken_back_before_and_after_it_is_carried_out(person: httpx.Client, world: World) -> None:
    world.stage("back", "Hums.")
    onward = decide_form(person, "/card/alex/back").send(person, action="approved").headers["location"]
    assert undo_form(person.get(onward).text).send(person).status_code == 303
    assert world.cards("back"), "the card waits again"
    onward = decide_form(person, "/card/alex/back").send(person, action="approved").headers["location"]
    form = undo_form(person.get(onward).text)
    world.reconcile()
    assert "Hums." in (world.place.home / "self-evidence.md").read_text("utf-8")
    assert form.send(person).status_code == 303
    world.reconcile()
    assert "Hums." not in (world.place.home / "self-evidence.md").read_text("utf-8")
    receipt = world.receipts()[-1]
    assert (receipt["action"], receipt["via"]) == ("undone", "web")
    assert world.cards("back")
    world.reject("back")


def test_several_at_once_are_each_a_decision_on_what_was_shown(person: httpx.Client, world: World) -> None:
    cards = {name: world.stage(name, f"Says {name}.", source="many") for name in ("many-1", "many-2", "many-3")}
    page = person.get("/several?source=many").text
    assert page.count("self-evidence.md") == 3
    form = next(form for form in forms(page) if form.action.startswith("/several"))
    shown = [value for value in re.findall(r'name="pick" value="([^"]+)"', page) if "many-3" not in value]
    cards["many-2"].write_text(cards["many-2"].read_text("utf-8").replace("Says many-2.", "Says more."), "utf-8")
    answer = person.post(form.action, data={"csrf": form.fields["csrf"], "pick": shown, "action": "approved"})
    assert "1 card approved" in answer.text
    assert "was changed since it was shown" in answer.text
    world.reconcile()
    made = [each["candidate_id"] for each in world.receipts() if each["source"] == "many"]
    assert made == ["many-1"]
    for name in ("many-2", "many-3"):
        world.reject(name)


def test_a_card_says_how_its_source_has_fared_and_offers_the_last_reasons(person: httpx.Client, world: World) -> None:
    for name, what in (("f-1", "approved"), ("f-2", "approved"), ("f-3", "rejected")):
        world.stage(name, f"Text of {name}.", source="bot")
        decide_form(person, f"/card/alex/{name}").send(person, action=what, reason="not about Alex")
        world.reconcile()
    world.stage("f-4", source="bot")
    text = person.get("/card/alex/f-4").text
    assert "Decided so far of what this source proposed: 2 approved, 1 rejected." in text
    assert 'name="quick" value="not about Alex"' in text
    decide_form(person, "/card/alex/f-4").send(person, action="rejected", quick="not about Alex")
    world.reconcile()
    assert world.receipts()[-1]["reason"] == "not about Alex"
