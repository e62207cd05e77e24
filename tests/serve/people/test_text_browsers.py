"""Lynx and w3m, in a real terminal, use the page: sign in, approve, undo, reject with a reason, edit, propose."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from recursion_gate.clients import people

from ...support.daemon import Daemon
from ...support.page import Page
from ...support.roots import installed
from ...support.screen import Screen, screen_of
from ...support.world import World, wait_for


class Lynx:
    """A field is typed into where it stands, once Enter was pressed there (-tna)."""

    command: tuple[str, ...] = ("lynx", "-accept_all_cookies", "-nopause", "-tna")
    #: To the first line of the page; to the next link, button or field.
    top, onward = "Home", "Down"

    def __init__(self, on: Screen) -> None:
        self.on = on

    def find(self, text: str) -> None:
        """Go to a link or a button by its text, or to a field by the label before it or above it."""
        self.on.press(self.top)
        self.on.wait(lambda: self.on.cursor()[1] <= 1, "the cursor to go to the top of")
        here = self.on.rest()
        for _ in range(120):
            x, _, above, line = here
            ahead = re.sub(r"^\s*\(\w+\) ", "", line[x:]).lstrip()  # Lynx says (BUTTON), or its value, before a button
            is_field = line[x:].lstrip().startswith("_") or "[" in line[max(0, x - 1) : x + 1]
            if ahead.startswith(text) or (is_field and line[:x].rstrip(" [").endswith(text)) or above.strip() == text:
                return
            self.on.press(self.onward)
            here = self.on.rest(here)
        raise AssertionError(f"there is no '{text}' on this page:\n{self.on.text()}")

    def follow(self, text: str, then: str) -> None:
        """Follow a link or press a button; wait for what comes then."""
        self.find(text)
        self.on.press("Enter")
        self.on.see(then)

    def fill(self, label: str, value: str, shown: str = "") -> None:
        """Type into the field behind `label`."""
        self.find(label)
        self.on.see("Inactive")
        self.on.press("Enter")
        self.on.see("Enter text")
        self.on.press("C-u")
        self.on.type(value)
        self.on.see(shown or value)
        self.on.press("Tab")
        self.on.wait(lambda: "Enter text" not in self.on.text(), "the field to be left on")

    def write(self, label: str, new: str) -> None:
        """Another text in a field of several lines."""
        self.fill(label, new)

    def press_next(self, then: str) -> None:
        """Press the button behind a field that was filled."""
        self.on.press("Enter")
        self.on.see(then)


class W3m(Lynx):
    """A field is typed into at the foot of the screen, or in an editor."""

    command = ("w3m", "-cookie", "-o", "confirm_qq=false")
    top, onward = "g", "Tab"

    def fill(self, label: str, value: str, shown: str = "") -> None:
        self.find(label)
        self.on.press("Enter")
        self.on.see("Password:" if shown else "TEXT:")
        self.on.type(value)
        self.on.press("Enter")
        self.on.see(f"[{shown or value}")

    def write(self, label: str, new: str) -> None:
        self.find(label)
        self.on.press("Enter")  # which starts $EDITOR
        self.on.see(new)

    def press_next(self, then: str) -> None:
        self.on.press("Tab", "Enter")
        self.on.see(then)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(installed(tmp_path / "root", "alex"))
    people.add(made.root, "anna", "passphrase of anna")
    with Daemon(made.root):
        yield made


@pytest.fixture
def page(world: World) -> Iterator[Page]:
    with Page(world.root, "--only", "people") as opened:
        yield opened


def receipt(world: World, name: str, count: int = 1) -> tuple[str, str, str | None, str]:
    """The last of so many receipts of a candidate: action, via and by, reason, text."""
    found = wait_for(lambda: (r := [e for e in world.receipts() if e["candidate_id"] == name])[count - 1 :] and r, 60)
    last = found[-1]
    return last["action"], f"{last['via']} {last['by']}", last.get("reason"), last.get("raw_text")


def _has_cards(world: World, count: int) -> bool:
    return len(world.names("pending")) == count


@pytest.mark.parametrize("browser", [Lynx, W3m])
def test_a_text_browser_decides_and_takes_back(browser: type[Lynx], page: Page, world: World, tmp_path: Path) -> None:
    if shutil.which(browser.command[0]) is None:
        pytest.skip(f"no {browser.command[0]} here: apt-get install {browser.command[0]}")
    mine = browser.__name__.lower()
    texts = {"whistle": "Learned to whistle.", "moon": "Saw the moon.", "tea": "Likes tee."}
    for at, (name, text) in enumerate(texts.items()):
        world.drop(f"{mine}-{name}.json", {"id": f"{mine}-{name}", "raw_text": text, "source": "tutor"})
        wait_for(partial(_has_cards, world, at + 1), 60)
    env = {"HOME": str(tmp_path), "EDITOR": "sed -i s/tee/tea/"}
    with screen_of([*browser.command, f"http://127.0.0.1:{page.port}/"], env) as on:
        use = browser(on)
        on.see("Sign in", "Passphrase")
        use.fill("Name", "anna")
        use.fill("Passphrase", "passphrase of anna", shown="*" * 18)
        use.press_next(then="3 cards wait")

        use.follow("Learned", then="If you approve")
        use.follow("Approve", then="Approved. The daemon writes it into the Record.")
        assert receipt(world, f"{mine}-whistle")[:2] == ("approved", "web anna")
        use.follow("Undo", then="Taken back: it waits again.")
        assert receipt(world, f"{mine}-whistle", 2)[:2] == ("undone", "web anna")

        use.follow("Inbox", then="3 cards wait")
        use.follow("Saw the moon.", then="If you approve")
        use.fill("Reason, if you like", "said as a joke")
        use.press_next(then="Rejected. The Record stays as it is.")
        assert receipt(world, f"{mine}-moon")[:3] == ("rejected", "web anna", "said as a joke")

        use.follow("Inbox", then="2 cards wait")
        use.follow("Likes tee.", then="If you approve")
        use.follow("Edit", then="Edit the card")
        use.write("Text", "Likes tea.")
        use.follow("Save", then="Saved. The card below says what you have written.")
        use.follow("Approve", then="Approved. The daemon writes it into the Record.")
        assert receipt(world, f"{mine}-tea")[3] == "Likes tea."

        use.follow("Approve", then="Nothing waits")
        assert receipt(world, f"{mine}-whistle", 3)[:2] == ("approved", "web anna")
        use.follow("Record", then="Likes tea.")
