"""The people's page as a process of its own, clients that have signed in, and a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from .door import Door
from .world import PATIENCE, wait_for

__all__ = ["Form", "Page", "chromium", "forms"]

_LINK = re.compile(r"http://\S+/sign-in\?token=\S+")


class Page(Door):
    """``recursion-gate serve --only people``, and people at it."""

    def start(self, *, wait: bool = True) -> Door:
        """Start it; the links of an earlier start are void."""
        self._given = set(self._links())
        return super().start(wait=wait)

    def _links(self) -> list[str]:
        return _LINK.findall("".join(self.said))

    def link(self) -> str:
        """A link that signs in, given once: the door prints the next one when it was used."""

        def newest() -> str:
            found = self._links()
            return found[-1] if found and found[-1] not in self._given else ""

        link: str = wait_for(newest)
        self._given.add(link)
        return link

    def person(self, **headers: str) -> httpx.Client:
        """A client that has signed in by the link. As a browser does, it follows no redirect unless told to."""
        with self.client() as first:
            assert first.get(self.link()).status_code == 303
            client = self.client(**headers)
            client.cookies.update(first.cookies)
        return client


class Form:
    """A form of a page: its address, and its fields as they stand there."""

    def __init__(self, action: str, fields: dict[str, str]) -> None:
        self.action, self.fields = action, fields

    def send(self, client: httpx.Client, **fields: str) -> httpx.Response:
        return client.post(self.action, data={**self.fields, **fields})


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._inside = False
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(said.get("action", ""), {}))
            self._inside = True
        elif self._inside and tag in ("input", "textarea") and said.get("name"):
            self.found[-1].fields[said["name"]] = said.get("value", "")
            self._area = said["name"] if tag == "textarea" else ""

    def handle_data(self, data: str) -> None:
        if self._inside and self._area:
            self.found[-1].fields[self._area] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            self._area = ""


def forms(html: str) -> list[Form]:
    """All forms of a page, in order."""
    parser = _Forms()
    parser.feed(html)
    return parser.found


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium, headless, driven by Playwright; the test skips where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"], timeout=1000 * PATIENCE)
        try:
            yield browser
        finally:
            browser.close()
