"""The HTTP door as a process of its own, on a real socket, and a client for it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import Any, Self

import httpx
from recursion_gate.clients import tokens
from recursion_gate.core.paths import Root

from .daemon import PROGRAM
from .world import PATIENCE, wait_for

__all__ = ["Door"]


class Door:
    """``recursion-gate serve`` at a root, on any free port or on `uds`; in a ``with`` block it is ended at the end."""

    def __init__(
        self,
        root: Root,
        *args: str,
        uds: str | None = None,
        port: int = 0,
        run_as: dict[str, Any] | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.root, self._uds = root, uds
        self._args = [*args, "--uds", uds] if uds else ["--port", str(port), *args]
        self._run_as, self._program = run_as or {}, program
        self.process: subprocess.Popen[str] | None = None
        self.port = 0
        #: All lines that it has logged.
        self.said: list[str] = []

    def start(self, *, wait: bool = True) -> Door:
        """Start it, and wait until it is ready unless told not to."""
        command = [*self._program, "--root", str(self.root.path), "serve", *self._args]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **self._run_as)
        before = len(self.said)
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        if not wait:
            return self
        ready = wait_for(lambda: self._is_ready(before))
        if not self._uds:
            self.port = int(ready.partition("address=http://127.0.0.1:")[2].partition(" ")[0])
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line)

    def _is_ready(self, before: int) -> str:
        assert self.process is not None
        assert self.process.poll() is None, "".join(self.said)
        return next((line for line in self.said[before:] if line.startswith("event=ready")), "")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

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

    # -- clients ------------------------------------------------------------------------------------------------------

    def token(self, name: str = "tutor", users: Sequence[str] = ("alex",), **more: Any) -> str:
        return tokens.add(self.root, name, users, **more)

    def client(self, token: str | None = None, **headers: str) -> httpx.Client:
        """A client with this token."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        transport = httpx.HTTPTransport(verify=False, uds=self._uds)  # to load certificates takes longer than a request
        base = "http://localhost" if self._uds else f"http://127.0.0.1:{self.port}"
        return httpx.Client(base_url=base, headers=headers, transport=transport, timeout=PATIENCE)

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def raw(self, data: bytes) -> bytes:
        """What comes back for these bytes until the door, or we after the answer, close."""
        with self.connect() as one:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may refuse before it has read all
                one.sendall(data)
            return answer(one)

    def busy(self) -> float:
        """The seconds that its process has worked, which do not grow while others have the processor."""
        assert self.process is not None
        with open(f"/proc/{self.process.pid}/stat") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def has_read(self, one: socket.socket) -> bool:
        """Whether it has taken all that was sent on a connection."""
        here, there = (f"{port:04X}" for port in (one.getsockname()[1], self.port))
        with open("/proc/net/tcp") as file:
            rows = [line.split() for line in file]
        ends = {(row[1][-4:], row[2][-4:]): row[4].split(":") for row in rows[1:]}
        return int(ends[here, there][0], 16) == 0 == int(ends[there, here][1], 16)

    def memory(self) -> int:
        """The resident bytes of its process."""
        assert self.process is not None
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def answer(one: socket.socket) -> bytes:
    """One answer, or as much as comes of it before the other side closes."""
    data = b""
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        if end:
            length = next((int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
            if len(body) >= length:
                return data
        try:
            more = one.recv(65_536)
        except (ConnectionResetError, TimeoutError):
            return data
        if not more:
            return data
        data += more
