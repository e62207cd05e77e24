"""A real Redis server on a port and in a folder of its own, and feeds at it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis
from recursion_gate.core.paths import Root

from .accounts import without
from .daemon import PROGRAM
from .world import PATIENCE, wait_for

__all__ = ["FeedProcess", "RedisServer", "free_port", "needs_redis"]


def needs_redis() -> None:
    """Skip the test where there is no Redis."""
    without(None if shutil.which("redis-server") else "needs redis-server")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


class RedisServer:
    """``redis-server`` that keeps what it has acknowledged (append only, each write synced); in a ``with`` block it is
    ended at the end."""

    def __init__(self, folder: Path, *args: str, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._args, self._fixed = folder, args, port is not None
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self, *, wait: bool = True) -> RedisServer:
        self._start()
        if wait:
            wait_for(self._answers)
        return self

    def _start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always", *self._args]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            assert not self._fixed, "redis-server has ended"
            self.port, self._fixed = free_port(), True  # another has taken it meanwhile: one more try
            self._start()
        try:
            with self.client() as client:
                answers = bool(client.info("server")["process_id"] == self.process.pid)
        except redis.AuthenticationError:
            answers = True
        except redis.RedisError:
            return False
        self._fixed |= answers
        return answers

    def client(self, **more: Any) -> Any:
        return redis.Redis(port=self.port, protocol=2, **more)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def __enter__(self) -> RedisServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)


class FeedProcess:
    """``recursion-gate feed`` as a process of its own; in a ``with`` block it is ended at the end."""

    def __init__(self, root: Root | None, url: str, *args: str, env: Mapping[str, str] | None = None) -> None:
        at = ["--root", str(root.path)] if root is not None else []
        self._command = [*PROGRAM, *at, "feed", url, *args]
        self._env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen[str] | None = None
        #: All lines that it has logged, and what it has printed.
        self.said: list[str] = []

    def start(self) -> FeedProcess:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._env
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line)

    def log(self, event: str) -> list[str]:
        """The lines about `event`."""
        return [line for line in self.said if line.startswith(f"event={event} ")]

    def until(self, event: str, count: int = 1) -> str:
        """The first line about `event`, once there are `count`."""

        def there() -> bool:
            assert self.process is not None
            found = len(self.log(event)) >= count
            assert found or self.process.poll() is None, "".join(self.said)
            return found

        wait_for(there)
        return self.log(event)[0]

    def stop(self) -> int:
        """SIGTERM; gives the exit status, once all that it logged has been read."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def __enter__(self) -> FeedProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
