"""Webhooks over a real socket: who may send, what becomes of it, and what does not."""

from __future__ import annotations

import base64
import json
import os
import re
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from recursion_gate.core.paths import Root
from standardwebhooks import Webhook

from ..support.door import Door
from ..support.roots import make_root
from ..support.world import World, wait_for

SIGNING = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
OTHERS = "whsec_" + base64.b64encode(b"another secret, of others").decode()
FORM = "application/x-www-form-urlencoded; charset=utf-8"
SHARED = "correct horse battery staple"
PAGE = Path(__file__).parents[2] / "docs" / "sources.md"

SETTINGS = """
max_text_chars = 500
max_drop_bytes = 5000

[hooks.signed]
user = "alex"
secret_env = "HOOK_SIGNED"
text = "Did {{data.chore}}[ in {{data.minutes}} minutes]"

[hooks.others]
user = "alex"
secret_env = "HOOK_OTHERS"
text = "{{data.chore}}"

[hooks.shared]
user = "alex"
source = "chore app"
secret_file = "{folder}/shared"
secret_header = "X-Secret"
text = "Did {{data.chore}}"
id = "event"
only = {{ "type" = "done" }}

[hooks.open]
user = "alex"
secret_file = "{folder}/open"
secret_header = "X-Secret"
text = "Did {{data.chore}}"

[hooks.nobodys]
user = "nobody-here"
secret_env = "HOOK_SIGNED"
text = "Did {{data.chore}}"
"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("hooks")
    root = make_root(folder / "root", "alex")
    for name, mode in (("shared", 0o640), ("open", 0o644)):
        (folder / name).write_text(SHARED + "\n")
        (folder / name).chmod(mode)
    root.settings.write_text(SETTINGS.format(folder=folder))
    env = os.environ | {"HOOK_SIGNED": SIGNING, "HOOK_OTHERS": f"{OTHERS}\n"}
    with Door(root, "--host", "hooks.example.org", run_as={"env": env}) as opened:
        yield opened


@pytest.fixture
def sender(door: Door) -> Iterator[httpx.Client]:
    """A program elsewhere, through a proxy that keeps the name it called."""
    with door.client(Host="hooks.example.org") as client:
        yield client


@pytest.fixture
def world(door: Door) -> World:
    return World(door.root)


def signed(
    data: bytes, message: str, *, secret: str = SIGNING, at: float | None = None, form: str = "application/json"
) -> dict[str, str]:
    """The headers of a message, signed by the reference library."""
    seconds = int(time.time() if at is None else at)
    moment = datetime.fromtimestamp(seconds, UTC)
    return {
        "Content-Type": form,
        "webhook-id": message,
        "webhook-timestamp": str(seconds),
        "webhook-signature": Webhook(secret).sign(message, moment, data.decode()),
    }


def body(chore: Any = "the dishes", **more: Any) -> bytes:
    return json.dumps({"data": {"chore": chore, **more}}).encode()


def waiting(root: Root) -> list[dict[str, Any]]:
    World(root).reconcile()
    gate = root.place("alex").gate
    found: list[dict[str, Any]] = json.loads(gate.read_text()) if gate.exists() else []
    return found


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    return found


def test_a_signed_message_is_a_drop_and_waits_at_the_gate(door: Door, sender: httpx.Client) -> None:
    data = body("the windows", minutes=12.0)
    answer = sender.post("/hooks/signed", content=data, headers=signed(data, "msg_windows"))
    assert answer.status_code == 201, answer.text
    found = [each for each in waiting(door.root) if each["id"] == answer.json()["id"]]
    assert [each["raw_text"] for each in found] == ["Did the windows in 12 minutes"]
    assert found[0]["source"] == "signed"


def test_a_message_that_is_sent_again_is_the_same_candidate(door: Door, sender: httpx.Client) -> None:
    data = body("the floor")
    first = sender.post("/hooks/signed", content=data, headers=signed(data, "msg_floor"))
    waiting(door.root)
    again = sender.post("/hooks/signed", content=data, headers=signed(data, "msg_floor", at=time.time() - 60))
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert [each["raw_text"] for each in waiting(door.root)].count("Did the floor") == 1
    other = sender.post("/hooks/signed", content=data, headers=signed(data, "msg_floor_2"))
    assert other.json() != first.json()  # the same words, another event


def test_the_same_identity_with_other_words_is_refused(sender: httpx.Client) -> None:
    one, two = body("the roof"), body("the cellar")
    assert sender.post("/hooks/signed", content=one, headers=signed(one, "msg_roof")).status_code == 201
    said = problem(sender.post("/hooks/signed", content=two, headers=signed(two, "msg_roof")), 422)
    assert "used before" in said["detail"]


def test_who_does_not_sign_rightly_is_refused(door: Door, sender: httpx.Client, world: World) -> None:
    data = body("a forgery")
    now = time.time()
    good = signed(data, "msg_1")
    attempts = {
        "does not fit": [
            signed(data, "msg_1", secret=OTHERS),  # another hook's secret
            good | {"webhook-id": "msg_2"},
            good | {"webhook-timestamp": str(int(now) - 7)},
            signed(data + b" ", "msg_1"),
            good | {"webhook-signature": "v2," + good["webhook-signature"][3:]},
        ],
        "more than five minutes old": [signed(data, "msg_1", at=now - 400)],
        "more than five minutes ahead": [signed(data, "msg_1", at=now + 400)],
        "no number of seconds": [good | {"webhook-timestamp": each} for each in ("soon", "nan", "1e400")],
        "not the form": [good | {"webhook-signature": each} for each in ("v1", "v1,a,b", "v1,a")],
        "webhook-signature missing": [{k: v for k, v in good.items() if k != "webhook-signature"}],
        "webhook-id, webhook-timestamp, webhook-signature missing": [{"Content-Type": "application/json"}],
    }
    for said, tries in attempts.items():
        for headers in tries:
            answer = problem(sender.post("/hooks/signed", content=data, headers=headers), 401)
            assert said in answer["detail"], (headers, answer)
    assert "a forgery" not in json.dumps(waiting(door.root))


def test_a_shared_secret_is_known_and_no_other(door: Door, sender: httpx.Client) -> None:
    data = json.dumps({"type": "done", "event": 7, "data": {"chore": "the beds"}}).encode()
    headers = {"Content-Type": "application/json"}
    for wrong in ("", SHARED[:-1], SHARED + "x", SIGNING, "\xe9"):
        given = headers | {"X-Secret": wrong}
        answer = sender.post(
            "/hooks/shared", content=data, headers=[(k.encode(), v.encode("latin-1")) for k, v in given.items()]
        )
        assert "X-Secret" in problem(answer, 401)["detail"]
    twice = [("X-Secret", SHARED), ("X-Secret", "x"), ("Content-Type", "application/json")]
    problem(sender.post("/hooks/shared", content=data, headers=twice), 400)
    answer = sender.post("/hooks/shared", content=data, headers=headers | {"X-Secret": SHARED})
    assert answer.status_code == 201
    found = next(each for each in waiting(door.root) if each["id"] == answer.json()["id"])
    assert (found["raw_text"], found["source"]) == ("Did the beds", "chore app")
    assert SHARED not in "".join(door.said)


def test_messages_that_are_not_meant_are_answered_and_left(door: Door, sender: httpx.Client) -> None:
    before = len(waiting(door.root))
    headers = {"X-Secret": SHARED, "Content-Type": "application/json"}
    for event in ({"type": "ping"}, {}, {"type": None}, {"type": ["done"], "x": 1, "event": 9}):
        answer = sender.post("/hooks/shared", json=event, headers=headers)
        if event.get("type") == ["done"]:
            problem(answer, 422)  # as words it is "done", and then lacks the chore
            continue
        assert (answer.status_code, answer.json()) == (200, {"left": "type"})
    assert len(waiting(door.root)) == before


@pytest.mark.parametrize(
    ("data", "form", "status", "said"),
    [
        (b"{", "application/json", 422, "not valid JSON"),
        (b"[1]", "application/json", 422, "must be a JSON object"),
        (b'{"data": NaN}', "application/json", 422, "NaN is not valid JSON"),
        (b'{"data": ' + b"[" * 4_000, "application/json", 422, "JSON"),
        (b'{"data": ' + b"9" * 4_990 + b"}", "application/json", 422, "too large"),
        (b"", "application/json", 422, "not valid JSON"),
        (b"data.chore=x", "multipart/form-data; boundary=x", 415, "application/x-www-form-urlencoded"),
        (b"<data/>", "application/xml", 415, "application/json"),
        (body(None), "application/json", 422, "'data.chore': the body has null there"),
        (b'{"data": {"x": 1}}', "application/json", 422, "'data.chore': the body has nothing there; 'data' has 'x'"),
        (b'{"data": []}', "application/json", 422, "'data.chore': the body has nothing there; 'data' is a list of 0"),
        (b'{"a": 1}', "application/json", 422, "'data.chore': the body has nothing there; it has 'a'"),
        (body({"name": 1}), "application/json", 422, "'data.chore': an object is there, not a text; it has 'name'"),
        (body("x" * 600), "application/json", 422, "raw_text"),
        (b'{"data": {"chore": "\\ud800"}}', "application/json", 422, ""),
    ],
)
def test_a_body_that_cannot_be_used_is_told_with_its_path(
    door: Door, sender: httpx.Client, data: bytes, form: str, status: int, said: str
) -> None:
    answer = sender.post("/hooks/signed", content=data, headers=signed(data, "msg_bad", form=form))
    assert said in problem(answer, status)["detail"]
    if said.startswith("'data.chore'"):
        assert answer.json()["field"] == "data.chore"
    wait_for(lambda: any("event=hook_refused hook=signed" in line for line in door.said))


def test_a_body_that_is_no_utf8_or_too_large_is_refused(sender: httpx.Client) -> None:
    data = b'{"data": "\xff"}'
    headers = signed(b"{}", "msg_utf8")
    problem(sender.post("/hooks/signed", content=data, headers=headers), 401)
    problem(sender.post("/hooks/shared", content=data, headers=headers | {"X-Secret": SHARED}), 422)
    large = body("x" * 6_000)
    problem(sender.post("/hooks/signed", content=large, headers=signed(large, "msg_large")), 413)


def test_a_form_is_taken_too(door: Door, sender: httpx.Client) -> None:
    data = b"data.chore=the+g%C3%A4rden&data.minutes=5"
    answer = sender.post("/hooks/signed", content=data, headers=signed(data, "msg_form", form=FORM))
    found = next(each for each in waiting(door.root) if each["id"] == answer.json()["id"])
    assert found["raw_text"] == "Did the gärden in 5 minutes"


def test_the_log_has_no_word_of_a_body(door: Door, sender: httpx.Client) -> None:
    data = b"my secret diary"  # as a form, all of it is a name
    answer = sender.post("/hooks/signed", content=data, headers=signed(data, "msg_d", form=FORM))
    assert "my secret diary" in problem(answer, 422)["detail"]  # that is for who has sent it
    wait_for(lambda: any("field=data.chore" in line and "nothing there" in line for line in door.said))
    assert "diary" not in "".join(door.said)


def test_a_hook_that_is_not_there_is_404_whatever_is_sent(door: Door, sender: httpx.Client) -> None:
    data = body()
    for headers in (signed(data, "m"), {"Content-Type": "application/json"}, {"X-Secret": SHARED}):
        for name in ("nothing", "signed2", "%20", "signed%00"):
            problem(sender.post(f"/hooks/{name}", content=data, headers=headers), 404)
    problem(sender.post("/hooks/", content=data), 404)
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        assert sender.request(method, "/hooks/signed").status_code == 405


def test_a_secret_that_everybody_may_read_is_not_used_and_the_log_says_so(door: Door, sender: httpx.Client) -> None:
    headers = {"X-Secret": SHARED, "Content-Type": "application/json"}
    said = problem(sender.post("/hooks/open", content=body(), headers=headers), 503)
    assert "chmod" not in said["detail"]  # that is for whoever set it up
    wait_for(lambda: any("event=hook_unusable hook=open" in line and "chmod 640" in line for line in door.said))


def test_a_hook_of_an_unknown_user_asks_the_sender_to_come_again(sender: httpx.Client) -> None:
    data = body()
    problem(sender.post("/hooks/nobodys", content=data, headers=signed(data, "msg_nobody")), 503)


def test_another_name_or_page_may_not_call_a_hook(door: Door) -> None:
    data = body()
    with door.client() as client:
        for more in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            problem(client.post("/hooks/signed", content=data, headers=signed(data, "msg_o") | more), 403)


def test_a_flood_at_one_hook_is_slowed_and_no_other(door: Door) -> None:
    data = body("the flood")
    env = os.environ | {"HOOK_SIGNED": SIGNING}
    with Door(door.root, "--rate", "1", run_as={"env": env}) as slow, slow.client() as client:
        headers = {"Content-Type": "application/json"}
        answers = [client.post("/hooks/others", content=data, headers=headers) for _ in range(20)]
        assert {answer.status_code for answer in answers} >= {429}
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert client.post("/hooks/signed", content=data, headers=signed(data, "msg_flood")).status_code == 201


def test_a_new_secret_counts_at_once_and_the_old_one_until_it_is_taken_out(door: Door, sender: httpx.Client) -> None:
    hooks = tomllib.loads(door.root.settings.read_text())["hooks"]
    path, new = Path(hooks["shared"]["secret_file"]), "another horse, another staple"

    def status(secret: str) -> int:
        headers = {"X-Secret": secret, "Content-Type": "application/json"}
        return sender.post("/hooks/shared", json={"type": "ping"}, headers=headers).status_code

    assert (status(SHARED), status(new)) == (200, 401)
    path.write_text(f"{SHARED}\n{new}\n")
    assert (status(SHARED), status(new)) == (200, 200)
    path.write_text(f"{new}\n")
    assert (status(SHARED), status(new)) == (401, 200)
    path.write_text("short\n")
    assert (status("short"), status(new)) == (503, 503)
    path.unlink()
    assert status(new) == 503
    path.write_text(f"{SHARED}\n")
    path.chmod(0o640)
    assert status(SHARED) == 200


# -- the examples of the page -----------------------------------------------------------------------------------------

EXAMPLES = re.findall(
    r"^```toml\n(\[hooks\..*?)^```\n+```(json|form)\n(.*?)^```\n.*?^```json\n(.*?)^```\n",
    PAGE.read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)


def test_the_page_has_three_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each[0].split("]")[0][7:])
def test_an_example_of_the_page_gives_the_drop_that_it_shows(example: tuple[str, ...], tmp_path: Path) -> None:
    settings, form, shown, expected = example
    root = make_root(tmp_path / "root", "demo")
    secret = tmp_path / "secret"
    secret.touch(0o600)
    root.settings.write_text(re.sub(r'(?m)^(secret_file = ").*"', rf'\1{secret}"', settings))
    [(name, hook)] = tomllib.loads(settings)["hooks"].items()
    data = shown.strip().encode()
    media_type = {"json": "application/json", "form": "application/x-www-form-urlencoded"}[form]
    if header := hook.get("secret_header"):
        secret.write_text(SHARED)
        given = {header: f"Bearer {SHARED}" if header == "Authorization" else SHARED, "Content-Type": media_type}
    else:
        secret.write_text(SIGNING)
        given = signed(data, "msg_of_the_page", form=media_type)
    with Door(root) as opened, opened.client() as client:
        answers = [client.post(f"/hooks/{name}", content=data, headers=given) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
    inbox = root.place("demo").inbox
    drops = [json.loads(path.read_text()) for path in inbox.glob("*.json")]
    assert answers[0].json() == answers[1].json()
    assert {each.pop("id") for each in drops} == {answers[0].json()["id"]}
    assert drops
    assert all(each == json.loads(expected) for each in drops)
    world = World(root, user="demo")
    world.reconcile()
    texts = [each["raw_text"] for each in json.loads(root.place("demo").gate.read_text())]
    assert texts.count(json.loads(expected)["raw_text"]) == 1  # though it was sent twice
    assert list((inbox / "problems").glob("*")) == []
