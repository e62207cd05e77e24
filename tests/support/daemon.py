"""The real program as a process of its own, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recursion_gate.core.paths import Root
from recursion_gate.disk.lock import holder, is_held
from recursion_gate.service.daemon import Service

from .world import PATIENCE, wait_for

PROGRAM = [sys.executable, "-m", "recursion_gate"]


def call(root: Root | Path, *args: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run one command on `root` and give what it said."""
    path = root.path if isinstance(root, Root) else root
    return subprocess.run(
        [*PROGRAM, "--root", str(path), *args],
        capture_output=True,
        text=True,
        **{"timeout": PATIENCE, "check": False, **more},
    )


def run_here(service: Service, story: Callable[[], object]) -> None:
    """Run `service` in this process while `story` is played in a thread of its own; then stop it."""
    failed: list[BaseException] = []

    def play() -> None:
        try:
            wait_for(service.root.status.exists)
            story()
        except BaseException as err:
            failed.append(err)
        finally:
            service.stop()

    other = threading.Thread(target=play)
    other.start()
    service.run()
    other.join()
    if failed:
        raise failed[0]


class Daemon:
    """``recursion-gate run`` on a root; in a ``with`` block it is ended at the end."""

    def __init__(
        self,
        root: Root,
        *args: str,
        env: dict[str, str] | None = None,
        program: list[str] = PROGRAM,
        run_as: dict[str, Any] | None = None,
        wait: bool = True,
    ) -> None:
        self._wait = wait
        self.root, self._args, self._program = root, args, program
        #: Options for `subprocess`: the account, and its environment.
        self._options = {"env": os.environ | (env or {}), **(run_as or {})}
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Daemon:
        """Start it, and wait until it is ready unless told not to."""
        self.root.daemon.mkdir(exist_ok=True)
        self._log = open(self.root.daemon / "log", "a")  # noqa: SIM115
        self.process = subprocess.Popen(
            [*self._program, "--root", str(self.root.path), "run", *self._args],
            stderr=self._log,
            text=True,
            **self._options,
        )
        process = self.process
        before = self.log().count("event=ready")

        def ready() -> bool:
            assert process.poll() is None, f"the daemon ended:\n{self.log()}"
            return self.log().count("event=ready") > before and is_held(self.root) is True

        if not self._wait:
            return self
        wait_for(ready)
        assert holder(self.root) == process.pid
        return self

    def log(self) -> str:
        return (self.root.daemon / "log").read_text()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)
        self._log.close()

    def freeze(self) -> None:
        """SIGSTOP, and wait until every thread has stopped."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self.process.pid}/task")
        wait_for(lambda: all(" T " in (task / "stat").read_text() for task in tasks.iterdir()))

    def thaw(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; gives the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self._log.close()
        return status

    def __enter__(self) -> Daemon:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
