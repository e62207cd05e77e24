"""A root with a user, and a door at it that all tests of a file share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from recursion_gate.core.paths import Root

from ..support.door import Door
from ..support.roots import make_root
from ..support.world import World


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door at a root with the users alex and blake."""
    with Door(
        make_root(tmp_path_factory.mktemp("root"), "alex", "blake"), "--rate", "0", "--only", "agents,readers"
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def root(door: Door) -> Root:
    return door.root


@pytest.fixture(scope="module")
def token(door: Door) -> str:
    """A token of alex's tutor, which stages."""
    return door.token("tutor")


@pytest.fixture
def agent(door: Door, token: str) -> Iterator[httpx.Client]:
    with door.client(token) as client:
        yield client


@pytest.fixture(scope="module")
def reader(door: Door) -> Iterator[httpx.Client]:
    with door.client(door.token("dashboard", stage=False, read=True)) as client:
        yield client


@pytest.fixture
def world(root: Root) -> World:
    return World(root)
