"""A root with two users and a page at it that all tests of a file share, and a daemon that works when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from recursion_gate.core.paths import Root

from ...support.page import Page, chromium
from ...support.roots import make_root
from ...support.world import World


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page at a root with the users alex and blake."""
    with Page(make_root(tmp_path_factory.mktemp("root"), "alex", "blake"), "--only", "people") as opened:
        yield opened


@pytest.fixture(scope="module")
def root(page: Page) -> Root:
    return page.root


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


@pytest.fixture
def person(page: Page) -> Iterator[httpx.Client]:
    with page.person() as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened
