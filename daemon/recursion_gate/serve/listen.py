"""Sockets, and uvicorn on them: loopback, a unix socket, or the ones that systemd has opened (socket activation)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from ..core.errors import GateError
from ..service.systemd import notify
from .door import Door
from .protocol import protocol_with

__all__ = ["NoSocket", "address_of", "inherited", "loopback", "serve", "unix"]

#: The first of the sockets that systemd passes: sd_listen_fds(3).
_FIRST = 3
_BACKLOG = 4_096


class NoSocket(GateError):
    """There is no socket to listen on."""


def inherited() -> list[socket.socket]:
    """The sockets that systemd has opened for this process; none elsewhere. Raises NoSocket."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = os.environ.get("LISTEN_FDS", "")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):  # for us, not for a child
        os.environ.pop(name, None)
    found = []
    for number in range(_FIRST, _FIRST + int(count) if count.isdigit() else _FIRST):
        os.set_inheritable(number, False)
        one = socket.socket(fileno=number)
        if one.type != socket.SOCK_STREAM or not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise NoSocket("a socket that systemd passed is no stream that listens: see ListenStream= of the unit")
        found.append(one)
    return found


def loopback(port: int) -> socket.socket:
    """A socket on 127.0.0.1, and no other address; 0 is any free port. Raises NoSocket."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind(("127.0.0.1", port))
        one.listen(_BACKLOG)
    except OSError as err:
        one.close()
        raise NoSocket(f"127.0.0.1:{port}: {err.strerror}. Take another with --port N, or 0 for any.") from err
    return one


def unix(path: Path) -> socket.socket:
    """A unix socket at `path`, for this account and its group: in the place of one that nobody listens on any more.
    Raises NoSocket."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            if one.connect_ex(os.fspath(path)) == 0:
                raise NoSocket(f"{path}: another process listens there")
            path.unlink()
            one.close()
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o117)
        try:
            one.bind(os.fspath(path))
        finally:
            os.umask(old)
        one.listen(_BACKLOG)
    except OSError as err:
        one.close()
        raise NoSocket(f"{path}: {err.strerror or err}") from err
    return one


def address_of(one: socket.socket) -> str:
    """Where it is reached, in words."""
    name = one.getsockname()
    if one.family == socket.AF_UNIX:
        return f"unix:{name}"
    return f"http://[{name[0]}]:{name[1]}" if ":" in name[0] else f"http://{name[0]}:{name[1]}"


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        door: Door,
        sockets: Sequence[socket.socket],
        ready: Callable[[], None] | None,
        over: Callable[[], None] | None,
    ) -> None:
        super().__init__(config)
        self._door, self._sockets, self._ready, self._over = door, sockets, ready, over

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end it, with the exit status 0: uvicorn would raise them once more at the end."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            where = ",".join(map(address_of, self._sockets))
            self._door.say("ready", address=where, parts=",".join(sorted(self._door.parts)))
            if self._ready is not None:
                self._ready()
            notify("READY=1", f"STATUS=serving {where}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        if self._over is not None:
            self._over()
        await super().shutdown(sockets)
        self._door.say("stopped")


def serve(
    app: ASGIApp,
    door: Door,
    sockets: Sequence[socket.socket],
    own: Path | None = None,
    ready: Callable[[], None] | None = None,
    over: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests that have begun are ended first. `own` is a socket's path that goes with
    the door; `ready` is called once it serves, `over` when it begins to end."""
    _raise_file_limit()
    for one in sockets:
        if one.family != socket.AF_UNIX:  # handed down to each connection; asyncio knows not all of them for TCP
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for an ACK
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a bad request is the caller's news, not ours
    config = uvicorn.Config(
        app,
        http=protocol_with(door.limits),
        ws="none",
        lifespan="auto",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        backlog=_BACKLOG,
    )
    server = _Server(config, door, sockets, ready, over)
    asyncio.run(server.serve(sockets=list(sockets)))
    if own is not None:
        with contextlib.suppress(OSError):
            own.unlink()


def _raise_file_limit() -> None:
    """As many open files as the system lets: each connection is one."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else max(soft, 65_536), hard)
        )
