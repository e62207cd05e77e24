"""The sign of life comes from the loop that does the work: one that hangs is silent, and nothing else speaks for it."""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root

from ..support.daemon import Daemon
from ..support.world import World, wait_for

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets here")

HANGING = Path(__file__).parents[1] / "systemd" / "hanging.py"
#: How long a service manager would wait for a sign of life, in seconds.
LIMIT = 0.6


class Manager:
    """What systemd is to a service: a socket that it reports to."""

    def __init__(self, path: Path) -> None:
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(LIMIT * 1e6))}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def hears(self, seconds: float = 20.0) -> str | None:
        """The next report; None when none comes within `seconds`."""
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return None

    def forget(self) -> None:
        """Leave out what has been reported by now."""
        while self.hears(0) is not None:
            pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket may have no more than a hundred bytes
        manager = Manager(Path(folder) / "notify")
        yield manager
        manager.close()


def test_a_loop_that_hangs_gives_no_sign_of_life_though_its_process_lives(root: Root, manager: Manager) -> None:
    world = World(root)
    with Daemon(root, program=[sys.executable, str(HANGING)], env=manager.environment) as daemon:
        assert daemon.process is not None
        told = [manager.hears() for _ in range(6)]
        assert "READY=1\nSTATUS=watching" in told
        assert told.count("WATCHDOG=1") >= 4  # and they go on coming while there is nothing to do
        world.drop("other.json", {"id": "other", "raw_text": "x"})
        wait_for(lambda: "other" in world.gate_ids())  # and while there is

        world.drop("hang.json", {"raw_text": "x"})
        wait_for((root.daemon / "hung").exists)
        manager.forget()
        heard, ended = manager.hears(3 * LIMIT), daemon.process.poll()
        daemon.kill()
        assert heard is None
        assert ended is None


def test_one_that_is_started_in_its_place_does_what_the_other_left(root: Root, manager: Manager) -> None:
    world = World(root)
    daemon = Daemon(root, program=[sys.executable, str(HANGING)], env=manager.environment)
    with daemon:
        world.drop("hang.json", {"id": "hang", "raw_text": "x"})
        wait_for((root.daemon / "hung").exists)
        daemon.kill()
        manager.forget()
        daemon.start()
        wait_for(lambda: world.gate_ids() == ["hang"])
        wait_for(lambda: manager.hears() == "WATCHDOG=1")
