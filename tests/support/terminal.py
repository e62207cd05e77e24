"""A command on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

from recursion_gate.core.paths import Root

from .daemon import PROGRAM
from .world import PATIENCE


class Terminal:
    """A command on a terminal of its own, `size` columns by lines; what is typed, and what it says."""

    def __init__(self, root: Root, *args: str, size: tuple[int, int] = (80, 24), **env: str) -> None:
        self.said = b""
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            for name in ("COLUMNS", "LINES", "NO_COLOR"):
                os.environ.pop(name, None)
            os.environ |= {"TERM": "dumb", **env}
            os.execv(sys.executable, [*PROGRAM, "--root", str(root.path), *args])

    def _read(self, seconds: float) -> bool:
        if not select.select([self._fd], [], [], seconds)[0]:
            return False
        try:
            got = os.read(self._fd, 4096)
        except OSError:  # EIO: it has ended
            got = b""
        self.said += got
        return bool(got)

    def type_until(self, key: str, what: str, *, every: float = 0.2) -> None:
        """Press `key` until `what` is said, `every` so many seconds: going over to single keys throws away what was
        typed before. Ctrl-C is never thrown away, and a second one would count."""
        start = len(self.said)
        for _ in range(int(PATIENCE / every)):
            os.write(self._fd, key.encode())
            while self._read(every):
                if what.encode() in self.said[start:]:
                    return
        raise AssertionError(self.said.decode())

    def hold(self, key: str, seconds: float) -> bool:
        """Hold `key` down, once it has begun to repeat; gives whether it was never let go for as long as a tenth of a
        second, as a busy machine may have it."""
        pressed = time.monotonic()
        until, longest = pressed + seconds, 0.0
        while pressed < until:
            os.write(self._fd, key.encode())
            now = time.monotonic()
            pressed, longest = now, max(longest, now - pressed)
            while (left := pressed + 0.033 - time.monotonic()) > 0:
                self._read(left)
        return longest < 0.1

    def end(self) -> tuple[int, str]:
        """Wait for its end; its exit code, and all it said without colours."""
        while self._read(PATIENCE):
            pass
        os.close(self._fd)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.said.decode()).replace("\r\n", "\n")
