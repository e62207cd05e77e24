"""A Redis server that the tests of a file share, and a stream, a root and a user for each test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.paths import Root

from ..support.daemon import call
from ..support.queue import FeedProcess, RedisServer, needs_redis
from ..support.roots import make_root
from ..support.world import World

_NUMBERS = count()


@dataclass
class Queue:
    """A stream of its own at a server, and feeds from it into a root of its own."""

    server: RedisServer
    root: Root
    name: str
    redis: Any = field(init=False)

    def __post_init__(self) -> None:
        self.redis = self.server.client()
        self.world = World(self.root)

    def add(self, *, at: str = "*", **fields: Any) -> str:
        """Add an entry, with the id `at`; gives its id."""
        return str(self.redis.xadd(self.name, fields, id=at).decode())

    def arguments(self, *more: str) -> list[str]:
        return ["--stream", self.name, "--user", "alex", *more]

    def feed(self, *more: str, **options: Any) -> FeedProcess:
        """A feed that runs until it is stopped."""
        return FeedProcess(self.root, self.server.url, *self.arguments(*more), **options)

    def once(self, *more: str, **options: Any) -> Any:
        """Take what is there; gives the process that has ended."""
        return call(self.root, "feed", self.server.url, *self.arguments("--once", *more), **options)

    def problems(self) -> list[dict[str, str]]:
        """What could not be used, with the reasons."""
        found = self.redis.xrange(f"{self.name}:problems")
        return [{k.decode(): v.decode(errors="replace") for k, v in fields.items()} for _, fields in found]

    def pending(self, group: str = "recursion-gate") -> int:
        """How many entries are delivered and not acknowledged."""
        return int(self.redis.xpending(self.name, group)["pending"])

    def texts(self) -> list[str]:
        """What stands at the gate, after the daemon's work."""
        self.world.reconcile()
        return [c["raw_text"] for c in self.world.gate()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    needs_redis()
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def queue(server: RedisServer, tmp_path: Path) -> Queue:
    return Queue(server, make_root(tmp_path / "root", "alex"), f"entries-{next(_NUMBERS)}")
