"""`notify` as a process: a real mail server and a real HTTP receiver on loopback, and one that fails at first."""

from __future__ import annotations

import email
import email.message
import email.policy
import json
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.notify.sender import NoAddress, addresses, text_of

from ..support.daemon import PROGRAM
from ..support.world import PATIENCE, World, wait_for


class Receiver:
    """Takes JSON posts; answers the first ones with 500."""

    def __init__(self, failing: int = 0) -> None:
        self.got: list[dict[str, Any]] = []
        self.failed = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.failed < failing:
                    outer.failed += 1
                    self.send_response(500)
                else:
                    outer.got.append(json.loads(body))
                    self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://user:secret-word@127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


class Said(list[str]):
    """The lines that a process has logged."""

    process: subprocess.Popen[str]


@contextmanager
def notifying(root: Root, urls: str, settings: str = "") -> Iterator[Said]:
    """The process, and what it logs."""
    (root.path / "recursion-gate-notify.txt").write_text(urls)
    root.settings.write_text(f"[notify]\nevery_minutes = 0\nrest_seconds = 0.5\nagain_seconds = 0.5\n{settings}")
    command = [*PROGRAM, "--root", str(root.path), "notify"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said = Said()
    said.process = process
    assert process.stderr is not None
    reader = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    reader.start()
    try:
        wait_for(lambda: any("event=ready" in line for line in said) or process.poll() is not None)
        yield said
    finally:
        process.terminate()
        process.send_signal(signal.SIGCONT)
        assert process.wait(PATIENCE) == 0
        reader.join(PATIENCE)


def test_a_digest_comes_by_http_without_the_text(root: Root, world: World) -> None:
    world.stage("before", "Was there before.")
    receiver = Receiver()
    with notifying(root, f"# mine\n{receiver.url}\n") as said:
        said.process.send_signal(signal.SIGSTOP)  # that they come within its time to rest, however busy it is here
        for number in range(40):
            world.drop(f"n{number}.json", {"id": f"n{number}", "raw_text": f"A private thought {number}."})
        world.reconcile()
        said.process.send_signal(signal.SIGCONT)
        wait_for(lambda: receiver.got)
    assert len(receiver.got) == 1
    assert receiver.got[0]["message"] == "alex: 40 new cards, 41 in all"
    assert "private thought" not in json.dumps(receiver.got) + "".join(said)


class Mailbox:
    """What a mail server has taken."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append(envelope)
        return "250 OK"


@contextmanager
def mail_server(mailbox: Mailbox) -> Iterator[int]:
    """A real one on loopback; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mail = Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE)
    mail.start()
    try:
        yield port
    finally:
        mail.stop()


def test_a_digest_comes_by_mail(root: Root, world: World) -> None:
    inbox = Mailbox()
    with mail_server(inbox) as port:
        url = f"mailto://127.0.0.1:{port}/?from=gate@example.org&to=anna@example.org&mode=insecure"
        with notifying(root, url):
            world.stage("mailed", "A private thought.")
            wait_for(lambda: inbox.got)
    assert inbox.got[0].rcpt_tos == ["anna@example.org"]
    assert b"A private thought" not in inbox.got[0].content


def test_a_digest_has_the_texts_where_they_are_asked_for(root: Root, world: World) -> None:
    world.stage("before", "Was there before.")
    receiver = Receiver()
    with notifying(root, receiver.url, "include_text = true\n") as said:
        said.process.send_signal(signal.SIGSTOP)
        for number in range(12):
            world.drop(
                f"n{number:02}.json", {"id": f"n{number:02}", "raw_text": f"Thought {number:02}. <b>{'x' * 300}"}
            )
        world.reconcile()
        said.process.send_signal(signal.SIGCONT)
        wait_for(lambda: receiver.got)
    first, *lines, last = receiver.got[0]["message"].split("\n")
    assert (first, last) == ("alex: 12 new cards, 13 in all", "- and 2 more")
    assert [line[:14] for line in lines] == [f"- Thought {number:02}. " for number in range(10)]
    assert all(line.endswith("…") and len(line) <= 202 for line in lines)
    assert "Thought" not in "".join(said)


def test_a_text_in_a_mail_is_text_and_no_markup(root: Root, world: World) -> None:
    inbox = Mailbox()
    with mail_server(inbox) as port:
        url = f"mailto://127.0.0.1:{port}/?from=gate@example.org&to=anna@example.org&mode=insecure"
        with notifying(root, url, "include_text = true\n"):
            world.stage("marked", "Likes <img src=http://evil.example/x> tea.")
            wait_for(lambda: inbox.got)
    message = email.message_from_bytes(inbox.got[0].content, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
    assert any("Likes" in text for text in parts.values())
    assert "<img" not in parts.get("text/html", "")


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (lambda card: card.unlink(), "(decided meanwhile)"),
        (lambda card: card.write_bytes(b"nothing"), "(a card that cannot be read)"),
        (lambda card: (card.unlink(), card.symlink_to("/etc/passwd")), "(a card that cannot be read)"),
        (lambda card: card.write_text(card.read_text().replace("tee", "tea")), "Likes tea."),
    ],
)
def test_the_text_of_a_card_is_what_stands_on_it(
    root: Root, world: World, break_it: Callable[[Path], object], expected: str
) -> None:
    card = world.stage("on-card", "Likes tee.")
    break_it(card)
    assert text_of(root, Settings(), "alex", card.name) == expected


def test_a_failure_is_logged_without_the_address_and_tried_again(root: Root, world: World) -> None:
    receiver = Receiver(failing=2)
    with notifying(root, receiver.url) as said:
        world.stage("later")
        wait_for(lambda: receiver.got)
    assert receiver.failed == 2
    assert sum("event=failed kind=json" in line for line in said) == 2
    assert "secret-word" not in "".join(said)


def test_in_quiet_hours_nobody_is_told(root: Root, world: World) -> None:
    now = datetime.now()
    begin, end = (now - timedelta(hours=1)).strftime("%H:%M"), (now + timedelta(hours=2)).strftime("%H:%M")
    quiet, loud = Receiver(), Receiver()
    with notifying(root, quiet.url, f'quiet = "{begin}-{end}"\n'):
        world.stage("at-night")
        with notifying(root, loud.url):
            world.stage("at-day")
            wait_for(lambda: loud.got)
    assert quiet.got == []


@pytest.mark.parametrize("text", ["", "# nothing\n", "no-such-kind://secret-word@x\n"])
def test_a_file_without_an_address_is_refused_without_telling_it(root: Root, text: str) -> None:
    path = root.path / "recursion-gate-notify.txt"
    path.write_text(text)
    with pytest.raises(NoAddress) as caught:
        addresses(path)
    assert "secret-word" not in str(caught.value)
