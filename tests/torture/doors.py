"""The HTTP door under kills and half-open connections: what was taken is not lost, and nothing is doubled.

    python -m tests.torture.doors --requests 10000 --every 2
    python -m tests.torture.doors --slow 2000

Clients propose, each entry under a key of its own, and try again with the same key until the door has answered 201. The
door is killed (SIGKILL) every so often, started again at the same port, and killed while it starts, too. A daemon runs.
At the end each entry stands at the gate once, and no drop or problem is left. With `--slow` so many connections send a
part of a request and no more, and it is measured how long a good request takes beside them. Exits with 1 when anything
is lost, doubled, or took longer than a second.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

from recursion_gate.core.paths import Root

from ..support.daemon import Daemon
from ..support.door import Door, answer
from ..support.roots import make_root
from ..support.world import World, wait_for

_CLIENTS = 8


class _Client(threading.Thread):
    """Proposes its entries one after the other, each until it is taken."""

    def __init__(self, port: int, token: str, keys: list[str]) -> None:
        super().__init__(daemon=True)
        self._port, self._token, self._keys = port, token, keys
        self.taken: dict[str, str] = {}
        self.attempts = self.replayed = 0

    def run(self) -> None:
        one: socket.socket | None = None
        for key in self._keys:
            while key not in self.taken:
                self.attempts += 1
                try:
                    one = one or socket.create_connection(("127.0.0.1", self._port), timeout=10)
                    self._propose(one, key)
                except OSError:
                    if one is not None:
                        one.close()
                    one = None
                    time.sleep(0.02)

    def _propose(self, one: socket.socket, key: str) -> None:
        body = json.dumps({"text": f"Entry {key}."}).encode()
        head = (
            f"POST /api/activity HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        one.sendall(head.encode() + body)
        said, _, entry = answer(one).partition(b"\r\n\r\n")
        if not said.startswith(b"HTTP/1.1 201 ") or not entry:
            raise OSError(f"not taken: {said[:60]!r}")
        self.replayed += b"idempotency-replayed" in said.lower()
        self.taken[key] = json.loads(entry)["id"]


def kills(root: Root, requests: int, every: float) -> list[str]:
    """What went wrong."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    door = Door(root, "--rate", "0", port=port).start()
    token = door.token()
    clients = [_Client(port, token, [f"{c}-{n}" for n in range(requests // _CLIENTS)]) for c in range(_CLIENTS)]
    count, began = 0, time.monotonic()
    with Daemon(root):
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            due = time.monotonic() + every
            while time.monotonic() < due and any(client.is_alive() for client in clients):
                time.sleep(0.05)
            door.kill()
            count += 1
            if count % 3 == 0:  # while it starts
                door.start(wait=False)
                time.sleep(0.3)
                door.kill()
            door.start()
        door.stop()
        wait_for(lambda: [n for n in World(root).names() if not n.startswith(".")] == [], 120)
    seconds = time.monotonic() - began
    taken = Counter(entry for client in clients for entry in client.taken.values())
    gate = Counter(c["id"] for c in World(root).gate())
    texts = Counter(c["raw_text"] for c in World(root).gate())
    attempts, replayed = (sum(getattr(c, name) for c in clients) for name in ("attempts", "replayed"))
    print(f"{len(taken):,} entries in {seconds:.0f} s, {count} kills, {attempts:,} attempts, {replayed:,} replayed")
    lost, doubled = taken - gate, [text for text, times in texts.items() if times > 1]
    print(f"lost: {len(lost)}, doubled: {len(doubled)}, problems: {len(World(root).names('problems'))}")
    found = [f"lost: {entry}" for entry in lost] + [f"doubled: {text}" for text in doubled]
    found += [f"not proposed: {entry}" for entry in gate - taken]
    return found + [f"refused: {name}" for name in World(root).names("problems")]


def slow(root: Root, connections: int, limit: float = 1.0) -> list[str]:
    """What went wrong."""
    head = (
        b"POST /api/activity HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n"
    )
    with Door(root, "--rate", "0") as door, door.client(door.token()) as client, ExitStack() as stack:

        def good() -> float:
            began = time.perf_counter()
            assert client.post("/api/activity", json={"text": "Past them."}).status_code == 201
            return time.perf_counter() - began

        before = [good() for _ in range(50)]
        for number in range(connections):
            one = stack.enter_context(door.connect())
            with suppress(OSError):
                one.sendall(head[: 10 + number % (len(head) - 10)])
        beside = [good() for _ in range(200)]
        memory = door.memory()
    for what, times in (("alone", before), (f"beside {connections:,} half-open connections", beside)):
        print(f"{what}: median {statistics.median(times) * 1e3:.1f} ms, longest {max(times) * 1e3:.1f} ms")
    print(f"memory: {memory / 1e6:.0f} MB")
    return [f"took {max(beside):.1f} s"] if max(beside) > limit else []


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.doors", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two kills (2)")
    parser.add_argument("--slow", type=int, default=0, help="half-open connections, in place of kills")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = make_root(Path(scratch) / "root", "alex")
        found = slow(root, args.slow) if args.slow else kills(root, args.requests, args.every)
    for line in found[:20]:
        print(line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
