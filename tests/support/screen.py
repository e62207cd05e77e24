"""A real terminal (tmux) with a program in it: keys are pressed, and what stands on the screen is read."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from .world import PATIENCE, wait_for

__all__ = ["Screen", "screen_of"]


class Screen:
    """One terminal of 100 columns and 70 lines."""

    def __init__(self, socket: str) -> None:
        self._tmux = ["tmux", "-u", "-f", "/dev/null", "-S", socket]

    def call(self, *words: str) -> str:
        """A command of tmux."""
        done = subprocess.run([*self._tmux, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self) -> str:
        """What stands on it."""
        return self.call("capture-pane", "-p")

    def cursor(self) -> tuple[int, int, str, str]:
        """The column and the row of the cursor, the last line above it that says something, and its own."""
        x, y = map(int, self.call("display-message", "-p", "#{cursor_x} #{cursor_y}").split())
        lines = [*self.text().split("\n"), ""]
        above = [line for line in lines[:y] if line.strip()]
        return x, y, above[-1] if above else "", lines[min(y, len(lines) - 1)]

    def press(self, *keys: str) -> None:
        """Press keys, by their names in tmux: ``Enter``, ``Tab``, ``Down``, ``C-u``."""
        self.call("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text."""
        self.call("send-keys", "-l", text)

    def see(self, *texts: str) -> None:
        """Wait until all of these stand on it."""
        self.wait(lambda: all(text in self.text() for text in texts), f"{texts} to stand on")

    def rest(self, other_than: tuple[int, int, str, str] | None = None) -> tuple[int, int, str, str]:
        """Wait until the cursor rests, somewhere else than it was; gives where. (It travels while a program draws.)"""
        seen = [self.cursor()]

        def rests() -> bool:
            seen.append(self.cursor())
            return seen[-1] == seen[-2] != other_than

        self.wait(rests, "the cursor to rest on")
        return seen[-1]

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something to become so."""
        try:
            wait_for(condition, PATIENCE)
        except AssertionError:
            raise AssertionError(f"waited for {what} this screen:\n{self.text()}\n{self.cursor()}") from None


@contextmanager
def screen_of(command: Sequence[str], env: Mapping[str, str]) -> Iterator[Screen]:
    """A terminal in which `command` runs; the test skips where tmux is not there."""
    if shutil.which("tmux") is None:
        pytest.skip("no tmux here: apt-get install tmux")
    with tempfile.TemporaryDirectory() as folder:
        made = Screen(os.path.join(folder, "tmux"))
        # Its own size is that of the terminal, whatever a worker's readline has written into the environment.
        kept = {k: v for k, v in os.environ.items() if k not in ("TMUX", "LINES", "COLUMNS")}
        known = {**kept, "LANG": "C.UTF-8", **env}
        words = ["env", "-i", *(f"{name}={value}" for name, value in known.items()), "TERM=screen", *command]
        made.call("new-session", "-d", "-x", "100", "-y", "70", shlex.join(words))
        try:
            yield made
        finally:
            made.call("kill-server")
