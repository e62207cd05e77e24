"""The queue's door under kills: what a producer was told is in the stream is not lost, and nothing is doubled.

    python -m tests.torture.feed --entries 10000 --every 3

Producers add entries to a Redis Stream, each until the server has acknowledged it, under another text at each attempt.
Two feeds, a daemon and Redis (which syncs each write) are each killed (SIGKILL) at moments of their own, every so many
seconds on average, and started again, the feeds also while they start. At the end each entry that stands in the stream
stands at the gate once, and no drop and no problem is left. Exits with 1 when anything is lost or doubled.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from recursion_gate.core.paths import Root
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..support.daemon import Daemon
from ..support.queue import FeedProcess, RedisServer
from ..support.roots import make_root
from ..support.world import World, wait_for

_PRODUCERS = 8
_STREAM = "entries"
#: Seconds between two entries of a producer: so that there are kills while they add.
_REST = 0.02


class _Producer(threading.Thread):
    """Adds its entries one after the other, each until it is acknowledged."""

    def __init__(self, server: RedisServer, name: str, count: int) -> None:
        super().__init__(daemon=True)
        self._name, self._count = name, count
        self._redis = server.client(socket_timeout=5, retry=Retry(NoBackoff(), 0))
        #: By text: the ids of what was acknowledged.
        self.added: dict[str, str] = {}
        self.attempts = 0

    def run(self) -> None:
        for number in range(self._count):
            attempt = 0
            while True:
                attempt += 1
                self.attempts += 1
                text = f"Entry {self._name}-{number}, attempt {attempt}."
                try:
                    self.added[text] = self._redis.xadd(_STREAM, {"text": text}).decode()
                    time.sleep(_REST)
                    break
                except redis.RedisError:
                    time.sleep(0.02)


@dataclass
class _Killed:
    """One of the programs, killed again and again."""

    name: str
    kill: Callable[[], object]
    start: Callable[[], object]
    #: Wait until it is at work: a busy machine may take longer to start it than lies between two kills.
    settled: Callable[[], object] = lambda: None
    kills: int = 0


class _Started:
    """A feed that is started again and again."""

    def __init__(self, feed: FeedProcess) -> None:
        self._feed, self._seen = feed, 0

    def start(self) -> None:
        self._seen = self._count()
        self._feed.start()

    def settled(self) -> None:
        """Wait until it has said that it is ready, or waits for the server."""
        wait_for(lambda: self._count() > self._seen)

    def _count(self) -> int:
        return len(self._feed.log("ready")) + len(self._feed.log("waiting"))


def _kill_until(ended: threading.Event, one: _Killed, every: float, chance: random.Random, failed: list[str]) -> None:
    while not ended.wait(every * chance.uniform(0.5, 1.5)):
        try:
            one.kill()
            one.kills += 1
            one.start()
            if one.name.startswith("feed") and one.kills % 3 == 0:  # while it starts
                time.sleep(chance.uniform(0, 0.5))
                one.kill()
                one.kills += 1
                one.start()
            one.settled()
        except Exception as err:
            failed.append(f"{one.name}: {type(err).__name__}: {err}")
            return


def kills(root: Root, folder: Path, entries: int, every: float, seed: int = 0) -> list[str]:
    """What went wrong."""
    server, daemon = RedisServer(folder).start(), Daemon(root).start()
    feeds = [
        FeedProcess(root, server.url, "--stream", _STREAM, "--user", "alex", "--consumer", name, "--idle", "1")
        for name in ("a", "b")
    ]
    producers = [_Producer(server, str(n), entries // _PRODUCERS) for n in range(_PRODUCERS)]
    victims = [
        _Killed("redis", server.kill, server.start),
        _Killed("daemon", daemon.kill, daemon.start),
        *(
            _Killed(f"feed {n}", feed.kill, again.start, again.settled)
            for n, (feed, again) in enumerate(((feed, _Started(feed)) for feed in feeds), 1)
        ),
    ]
    ended, failed, began = threading.Event(), list[str](), time.monotonic()
    killers = [
        threading.Thread(target=_kill_until, args=(ended, one, every, random.Random(seed + n), failed), daemon=True)
        for n, one in enumerate(victims)
    ]
    for feed in feeds:
        feed.start()
    for thread in (*producers, *killers):
        thread.start()
    client = server.client(socket_timeout=5)
    try:
        wait_for(lambda: failed or not any(p.is_alive() for p in producers), 3600)
        wait_for(lambda: failed or _all_acknowledged(client), 3600)
        ended.set()
        for killer in killers:
            killer.join(60)
        wait_for(lambda: failed or _all_acknowledged(client), 120)
        seconds = time.monotonic() - began
        world = World(root)
        wait_for(lambda: failed or [n for n in world.names() if not n.startswith(".")] == [], 120)
        told = _differences(world, client, producers)
        waits = sum(len(feed.log("waiting")) for feed in feeds)
        claims = sum(len(feed.log("claimed")) for feed in feeds)
    finally:
        ended.set()
        for feed in feeds:
            feed.__exit__()
        daemon.__exit__()
        server.__exit__()
    counts = ", ".join(f"{one.name} {one.kills}" for one in victims)
    attempts = sum(p.attempts for p in producers)
    print(f"{entries:,} entries by {_PRODUCERS} producers in {seconds:.0f} s, {attempts:,} attempts; kills: {counts}")
    print(f"feeds waited {waits} times and claimed {claims} times; {len(told)} lost, doubled or refused")
    return failed + told


def _all_acknowledged(client: Any) -> bool:
    """Whether the group has read all of the stream, and acknowledged it."""
    try:
        (group,) = client.xinfo_groups(_STREAM)
        last = client.xinfo_stream(_STREAM)["last-generated-id"]
    except (redis.RedisError, ValueError):
        return False
    return bool(group["last-delivered-id"] == last and group["pending"] == 0)


def _differences(world: World, client: Any, producers: list[_Producer]) -> list[str]:
    gate = Counter(c["raw_text"] for c in world.gate())
    stream = {entry.decode(): fields[b"text"].decode() for entry, fields in client.xrange(_STREAM)}
    acknowledged = {text: entry for producer in producers for text, entry in producer.added.items()}
    found = [f"Redis lost what it had acknowledged: {t}" for t, entry in acknowledged.items() if entry not in stream]
    found += [f"lost: {text}" for text in stream.values() if text not in gate]
    found += [f"{times} times: {text}" for text, times in gate.items() if times > 1]
    found += [f"never in the stream: {text}" for text in gate.keys() - set(stream.values())]
    found += [f"refused: {name}" for name in world.names("problems")]
    return found + ["there are problems in the stream"] * int(client.xlen(f"{_STREAM}:problems") > 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.feed", description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two kills of each program (3)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if shutil.which("redis-server") is None:
        parser.error("needs redis-server")
    with tempfile.TemporaryDirectory() as scratch:
        root = make_root(Path(scratch) / "root", "alex")
        found = kills(root, Path(scratch) / "redis", args.entries, args.every, args.seed)
    for line in found[:20]:
        print(line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
