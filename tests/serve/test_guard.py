"""Who is let in: by Host, Origin and token, over a real socket."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from recursion_gate.clients import tokens
from recursion_gate.core.paths import Root

from ..support.door import Door
from ..support.roots import make_root
from ..support.world import World

ADDRESSES = [
    ("GET", "/api/record"),
    ("GET", "/api/recursion-gate"),
    ("GET", "/api/candidates/x"),
    ("POST", "/api/activity"),
    ("GET", "/api/openapi.json"),
    ("GET", "/nowhere"),
    ("OPTIONS", "/api/activity"),
    ("GET", "/api/health/"),
    ("GET", "//api/health"),
    ("GET", "/api/%2e%2e/api/record"),
]


def test_the_health_needs_no_token_and_tells_no_more_than_health(door: Door) -> None:
    with door.client() as anybody:
        answer = anybody.get("/api/health")
    assert answer.status_code == 200
    assert set(answer.json()) == {"ok", "version", "parts", "daemon"}
    assert answer.json()["daemon"] == "none"


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic dHV0b3I6"},
        {"Authorization": "rgt_"},
        {"X-User-Id": "alex"},
        {"Cookie": "token=x"},
    ],
    ids=str,
)
def test_nothing_else_is_told_without_a_token(
    door: Door, method: str, path: str, headers: dict[str, str], world: World
) -> None:
    with door.client() as anybody:
        answer = anybody.request(method, path, headers=headers)
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["status"] == 401
    assert world.names() == []


def test_a_token_in_the_address_or_given_twice_is_none(door: Door, token: str) -> None:
    with door.client() as anybody:
        assert anybody.get("/api/candidates", params={"token": token, "access_token": token}).status_code == 401
    head = f"GET /api/candidates HTTP/1.1\r\nHost: localhost\r\n{f'Authorization: Bearer {token}' + chr(13) + chr(10)}"
    once, twice = (door.raw(f"{head}{more}\r\n".encode()) for more in ("", f"Authorization: Bearer {token}\r\n"))
    assert once.startswith(b"HTTP/1.1 200")
    assert twice.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8737", "127.0.0.1.evil.example", "localhost.", "[::2]", "", "a b", "[", "0"]
)
def test_a_page_of_another_name_that_resolves_to_this_computer_is_refused(door: Door, token: str, host: str) -> None:
    """DNS rebinding: to the browser it is that page's own server."""
    request = f"GET /api/candidates HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    assert door.raw(request.encode()).split(b" ")[1] in (b"403", b"400")
    health = f"GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n"
    assert door.raw(health.encode()).split(b" ")[1] in (b"403", b"400")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8737", "[::1]", "[::1]:80"])
def test_this_computers_own_names_are_taken(door: Door, host: str) -> None:
    answer = door.raw(f"GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200"), answer


def test_a_name_that_was_given_is_taken_and_no_part_of_it(tmp_path: Path) -> None:
    with Door(make_root(tmp_path / "root", "alex"), "--host", "notes.example.org") as door:
        for host, expected in (("notes.example.org", 200), ("Notes.Example.org:443", 200), ("example.org", 403)):
            said = door.raw(f"GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert int(said.split(b" ")[1]) == expected, host


def test_a_request_with_no_host_or_two_is_refused(door: Door) -> None:
    assert door.raw(b"GET /api/health HTTP/1.0\r\n\r\n").split(b" ")[1] == b"403"
    two = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    assert door.raw(two).split(b" ")[1] in (b"400", b"403")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "file://"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
    ids=str,
)
def test_a_page_of_another_site_can_post_nothing_even_with_a_token(
    door: Door, token: str, world: World, headers: dict[str, str]
) -> None:
    with door.client(token, **headers) as page:
        answer = page.post("/api/activity", json={"text": "From another page."})
    assert answer.status_code == 403
    assert world.names() == []


def test_a_page_of_the_doors_own_may_call_it(door: Door, token: str) -> None:
    own = f"http://127.0.0.1:{door.port}"
    with door.client(token, Origin=own, **{"Sec-Fetch-Site": "same-origin"}) as page:
        assert page.get("/api/candidates").status_code == 200


@pytest.mark.parametrize("form", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
def test_a_form_is_no_proposal(agent: httpx.Client, world: World, form: str) -> None:
    """These three a page may post anywhere without asking."""
    answer = agent.post("/api/activity", content=b'{"text": "x"}', headers={"Content-Type": form})
    assert (answer.status_code, answer.json()["field"]) == (415, "Content-Type")
    assert world.names() == []


# -- what a token is for ----------------------------------------------------------------------------------------------


def test_a_token_is_for_its_users_and_no_other(door: Door, agent: httpx.Client) -> None:
    for user in ("blake", "nobody", "../alex", "_template", "pending", "ALEX", ""):
        for answer in (
            agent.post("/api/activity", json={"text": "x"}, params={"user": user}),
            agent.post("/api/activity", json={"text": "x"}, headers={"X-User-Id": user}),
            agent.get("/api/candidates", params={"user": user}),
        ):
            assert (answer.status_code, answer.json()["field"]) == (403, "user"), user
    both = agent.post("/api/activity", json={"text": "x"}, params={"user": "alex"}, headers={"X-User-Id": "blake"})
    assert both.status_code == 400
    assert World(door.root, user="blake").names() == []


def test_a_misspelt_parameter_is_refused_and_not_dropped(agent: httpx.Client, world: World) -> None:
    answer = agent.post("/api/activity", json={"text": "x"}, params={"usr": "alex"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "unknown parameter 'usr'; did you mean 'user'?")
    twice = agent.get("/api/candidates?user=alex&user=alex")
    assert (twice.status_code, twice.json()["field"]) == (400, "user")
    assert world.names() == []


def test_a_token_for_two_users_has_to_say_which(door: Door) -> None:
    with door.client(door.token("both", ["alex", "blake"])) as client:
        assert client.post("/api/activity", json={"text": "x"}).json()["field"] == "user"
        assert client.post("/api/activity", json={"text": "x"}, headers={"X-User-Id": "blake"}).status_code == 201
        assert client.post("/api/activity", json={"text": "x"}, params={"user": "alex"}).status_code == 201
    for user in ("alex", "blake"):
        found = World(door.root, user=user)
        assert len(found.names()) == 1
        found.reconcile()


def test_a_token_stages_under_its_own_source(agent: httpx.Client, world: World) -> None:
    answer = agent.post("/api/activity", json={"text": "x", "source": "somebody-else"})
    assert (answer.status_code, answer.json()["field"]) == (403, "source")
    assert world.names() == []


def test_a_token_that_stages_reads_nothing_and_one_that_reads_stages_nothing(
    agent: httpx.Client, reader: httpx.Client, world: World
) -> None:
    for path in ("/api/record", "/api/edge", "/api/export", "/api/recursion-gate"):
        assert agent.get(path).status_code == 403
        assert reader.get(path).status_code == 200
    assert reader.post("/api/activity", json={"text": "x"}).status_code == 403
    assert world.names() == []


def test_a_removed_token_is_refused_from_the_next_request_on(door: Door) -> None:
    with door.client(door.token("short-lived")) as client:
        assert client.get("/api/candidates").status_code == 200
        tokens.remove(door.root, "short-lived")
        assert client.get("/api/candidates").status_code == 401


def test_a_file_of_tokens_that_is_none_lets_nobody_in_and_says_so(tmp_path: Path) -> None:
    with Door(make_root(tmp_path / "root", "alex")) as door:
        token = door.token()
        door.root.tokens.write_text("{")
        with door.client(token) as client:
            answer = client.get("/api/candidates")
    assert answer.status_code == 503
    assert "recursion-gate-tokens.json" in answer.json()["detail"]


def test_neither_tokens_nor_texts_are_logged(tmp_path: Path) -> None:
    with Door(make_root(tmp_path / "root", "alex")) as door:
        token = door.token()
        with door.client(token) as client:
            client.post("/api/activity", json={"text": "Something personal."})
            client.post("/api/activity", json={"texd": "Something personal."})
            client.get("/nowhere", params={"q": "Something personal."})
        with door.client(f"{token[:-1]}x") as wrong:
            wrong.get("/api/candidates")
    said = "".join(door.said)
    assert "event=proposed user=alex token=tutor" in said
    assert token[:12] not in said
    assert "personal" not in said


def test_no_address_decides(door: Door, agent: httpx.Client, root: Root) -> None:
    made = agent.post("/api/activity", json={"text": "To be decided."}).json()["id"]
    World(root).reconcile()
    with door.client(door.token("all", read=True)) as client:
        paths = [path for path in client.get("/api/openapi.json").json()["paths"] if path != "/api/activity"]
        for path in [*paths, "/api/review", "/api/approve", f"/api/candidates/{made}"]:
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                body = json.dumps({"candidate_id": made, "action": "approve"})
                answer = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
                assert answer.status_code in (404, 405), (method, path)
    World(root).reconcile()
    assert made in World(root).gate_ids()
