"""A root with users, an agent that speaks MCP on stdio, and an HTTP door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from recursion_gate.core.paths import Root

from ..support.door import Door
from ..support.mcp_client import Agent, over_stdio
from ..support.roots import make_root
from ..support.world import World


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    return make_root(tmp_path_factory.mktemp("root"), "alex", "blake")


@pytest.fixture(scope="module")
def agent(root: Root) -> Iterator[Agent]:
    """alex's agent, on stdio."""
    with over_stdio(root) as opened:
        yield opened


@pytest.fixture(scope="module")
def door(root: Root) -> Iterator[Door]:
    with Door(root, "--rate", "0") as opened:
        yield opened


@pytest.fixture
def world(root: Root) -> World:
    return World(root)
