"""Run a command that may do anything: never end, print gigabytes, fork and leave."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Done", "environments", "run"]

#: So many bytes of the output are kept: the last ones.
_KEPT = 64_000

#: After SIGTERM a command has so many seconds before SIGKILL.
_GRACE = 5.0

#: The variable by which what a command has started is known, also in another session.
_MARK = "RECURSION_GATE_RUN"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    #: The exit status; negative: the signal that ended it. None: it was ended here.
    status: int | None
    #: How it ended, in words.
    ended: str
    #: The end of what it wrote.
    output: str
    #: All the bytes that it wrote.
    size: int

    def tail(self, limit: int) -> str:
        """The last `limit` characters of its output."""
        text = self.output.strip()
        return text if len(text) <= limit else f"[...] {text[-limit:]}"


def run(
    command: Sequence[str],
    *,
    where: Path | None = None,
    text: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    echo: int | None = None,
    tick: Callable[[], str | None] = lambda: None,
    every: float = 1.0,
    stderr: int | None = subprocess.STDOUT,
) -> Done:
    """Run `command` in a process group of its own, with `text` on its standard input, and keep the end of its output
    (what it writes as errors belongs to it, unless `stderr` says otherwise, as in `subprocess.Popen`); all of it also
    goes to the file descriptor `echo`. After `timeout` seconds it is ended. `tick` is called about
    every `every` seconds, and ends it by giving a reason.

    When this returns, or raises, nothing of the command's group runs any more: also what it left in the background,
    and, where the system tells (/proc), what has left the group but kept its environment. Raises OSError when it
    cannot be started.
    """
    mark = secrets.token_hex(8)
    process = subprocess.Popen(
        command,
        cwd=where,
        env={**os.environ, **(env or {}), _MARK: mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )
    try:
        return _Watch(process, text.encode(), timeout, echo, tick, every).until_done()
    finally:
        _end_group(process)
        _end_marked(mark)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


class _Watch:
    """Feeds a process and drains it until it ends: neither side can block the other."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        text: bytes,
        timeout: float | None,
        echo: int | None,
        tick: Callable[[], str | None],
        every: float,
    ) -> None:
        self._process, self._left, self._echo, self._tick, self._every = process, memoryview(text), echo, tick, every
        self._ends = None if timeout is None else time.monotonic() + timeout
        self._timeout = timeout
        self._kept, self._size = bytearray(), 0
        self._selector = selectors.DefaultSelector()
        assert process.stdin is not None
        assert process.stdout is not None
        for pipe, event in ((process.stdin, selectors.EVENT_WRITE), (process.stdout, selectors.EVENT_READ)):
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, event)

    def until_done(self) -> Done:
        why: str | None = None
        next_tick = time.monotonic() + self._every
        while True:
            # The process may be over while something that it left holds the pipe open: that is not waited for.
            status = self._process.poll()
            if status is not None:
                self._drain()
                break
            now = time.monotonic()
            if self._ends is not None and now >= self._ends:
                why = f"was ended after {self._timeout:g} s"
            elif now >= next_tick:
                why = self._tick()
                next_tick = now + self._every
            if why is not None:
                break
            until = min(next_tick, self._ends or next_tick, now + 0.05)
            for key, _ in self._selector.select(max(0.0, until - now)):
                if key.fileobj is self._process.stdin:
                    self._feed()
                else:
                    self._take()
        self._selector.close()
        if why is None:
            assert status is not None
            why = f"exited with {status}" if status >= 0 else f"was ended by {_signal(-status)}"
            return Done(status, why, self._kept.decode(errors="replace"), self._size)
        return Done(None, why, self._kept.decode(errors="replace"), self._size)

    def _feed(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            self._left = self._left[os.write(stdin.fileno(), self._left[:65_536]) :] if self._left else self._left
        except BlockingIOError:
            return
        except OSError:  # it does not read
            self._left = self._left[:0]
        if not self._left:
            self._selector.unregister(stdin)
            with contextlib.suppress(OSError):
                stdin.close()

    def _take(self) -> bool:
        stdout = self._process.stdout
        assert stdout is not None
        try:
            data = os.read(stdout.fileno(), 1 << 20)
        except BlockingIOError:
            return False
        if not data:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(stdout)
            return False
        self._size += len(data)
        self._kept += data[-_KEPT:]
        del self._kept[:-_KEPT]
        if self._echo is not None:
            with contextlib.suppress(OSError):
                os.write(self._echo, data)
        return True

    def _drain(self) -> None:
        """What is in the pipe yet, up to a limit: something that was left in the background may write on."""
        for _ in range(64):
            if not self._take():
                return


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End all that runs in the command's group."""
    is_over = process.poll() is not None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    if not is_over:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_marked(mark: str) -> None:
    """End what the command has started and what has left its group since. It may start more meanwhile: a few times."""
    wanted = f"{_MARK}={mark}".encode()
    for _ in range(5):
        found = [pid for pid in _pids() if wanted in _environ(pid).split(b"\0")]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def environments(name: str) -> Iterator[dict[str, str]]:
    """The environments of the processes that were given a variable `name`, as far as the system tells, and tells this
    account."""
    start = f"{name}=".encode()
    for pid in _pids():
        data = _environ(pid)
        if start in data:
            words = (os.fsdecode(each).partition("=") for each in data.split(b"\0"))
            yield {key: value for key, _, value in words}


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _environ(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:  # gone, or another account's
        return b""
