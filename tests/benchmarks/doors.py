"""The HTTP door: proposals a second by 8 clients, while so many wait, beside the companion-self app if it is there.

    python -m tests.benchmarks.doors --seconds 5
    python -m tests.benchmarks.doors --app ../companion-self/app      # with its node_modules

Each client is a process with one connection, which sends the next proposal when it has the answer to the last. The
daemon runs, too: what the door takes is staged meanwhile. The door's answers come once the drop is on disk; the app
writes its whole gate, unsynced, for each. With one client the times are those of a request alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing as mp
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..support.daemon import Daemon
from ..support.door import Door, answer
from ..support.roots import make_root
from ..support.world import wait_for
from . import rows

_BODY = {"text": "Read chapter 2 of Dragon Guide; summarized migration habits.", "skill_tag": "THINK"}
_USER, _OURS = "demo", "alex"  # that of the app; that of `rows.fill`


def _client(port: int, head: str, seconds: float, result: mp.Queue[tuple[list[float], int]]) -> None:
    """Propose for so long; gives the seconds of each request, and how many were not taken."""
    body = json.dumps(_BODY).encode()
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    times, refused = [], 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            one.sendall(request)
            refused += not answer(one).startswith(b"HTTP/1.1 201 ")
            times.append(time.perf_counter() - began)
    result.put((times, refused))


def load(port: int, token: str | None, clients: int, seconds: float) -> list[float]:
    """The seconds of each request, sorted, of so many clients at once. Raises AssertionError where one was refused."""
    head = "POST /api/activity HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    result: mp.Queue[tuple[list[float], int]] = mp.Queue()
    workers = [mp.Process(target=_client, args=(port, head, seconds, result)) for _ in range(clients)]
    for worker in workers:
        worker.start()
    found = [result.get() for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(refused for _, refused in found) == 0
    return sorted(each for times, _ in found for each in times)


def _shown(times: list[float], seconds: float) -> str:
    p50, p99 = statistics.median(times) * 1e3, times[int(len(times) * 0.99)] * 1e3
    return f"{len(times) / seconds:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def ours(folder: Path, pending: int, seconds: float) -> tuple[str, str, str]:
    """By 8 clients, by one, and the memory of the door after it."""
    root = make_root(folder / "root", _OURS)
    rows.fill(root, pending).close()
    with Daemon(root), Door(root, "--rate", "0") as door:
        idle = door.memory()
        token = door.token("bench", [_OURS])
        alone = load(door.port, token, 1, seconds)
        many = load(door.port, token, 8, seconds)
        inbox = root.place(_OURS).inbox
        wait_for(lambda: not [n for n in os.listdir(inbox) if n.endswith(".json")], 900)
        gate = json.loads(root.place(_OURS).gate.read_bytes())
        assert len(gate) == len({c["id"] for c in gate}) == pending + len(alone) + len(many)
        memory = f"{idle / 1e6:.0f} MB idle, {door.memory() / 1e6:.0f} MB after"
    return _shown(many, seconds), _shown(alone, seconds), memory


@contextlib.contextmanager
def _app(source: Path, folder: Path, pending: int) -> Iterator[int]:
    """The companion-self app, on a copy of its repository, with so many candidates at its gate."""
    shutil.copytree(source.parent, folder / "app-root", symlinks=True)
    top = folder / "app-root"
    gate = [
        {
            "id": f"cand-{n}",
            "raw_text": f"{_BODY['text']} {n}",
            "skill_tag": "THINK",
            "mind_category": "knowledge",
            "suggested_ix_section": "IX-A",
            "created_at": "2026-11-24T10:00:00.000Z",
            "status": "pending",
        }
        for n in range(pending)
    ]
    (top / "users" / _USER).mkdir(parents=True, exist_ok=True)
    (top / "users" / _USER / "recursion-gate.json").write_text(json.dumps(gate, indent=2))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["node", "server.js"], cwd=top / source.name, env=os.environ | {"PORT": str(port)}, stdout=subprocess.DEVNULL
    )

    def up() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    try:
        wait_for(up, 30)
        yield port
    finally:
        process.kill()
        process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.doors", description=__doc__)
    parser.add_argument("--pending", type=int, nargs="*", default=[100, 1_000, 4_000, 10_000])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (5)")
    parser.add_argument("--app", type=Path, metavar="DIR", help="the app/ folder of companion-self, installed")
    args = parser.parse_args()
    print("| pending | this door, 8 clients | one client | memory | companion-self, 8 clients |\n|---|---|---|---|---|")
    for pending in args.pending:
        with tempfile.TemporaryDirectory() as scratch:
            beside = "-"
            if args.app:
                with _app(args.app.resolve(), Path(scratch), pending) as port:
                    beside = _shown(load(port, None, 8, args.seconds), args.seconds)
            print(f"| {pending:,} | {' | '.join(ours(Path(scratch), pending, args.seconds))} | {beside} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
