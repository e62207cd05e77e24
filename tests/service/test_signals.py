"""Signals reach the loop, whatever the daemon was just doing."""

from __future__ import annotations

import os
import signal

import pytest
from recursion_gate.core.paths import Root

from ..support.daemon import Daemon
from ..support.world import PATIENCE

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no SIGSTOP here")


@pytest.mark.parametrize("attempt", range(3))  # which thread takes a signal is the system's choice
def test_a_stop_that_comes_as_a_pause_ends_is_heard(root: Root, attempt: int) -> None:
    """`systemctl stop` on a unit that stands still sends SIGTERM and SIGCONT one after the other; the thread that is
    awake first takes the signal, unless it blocks it."""
    root.settings.write_text("look_seconds = 3600\n")
    with Daemon(root) as daemon:
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(daemon.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        daemon.process.send_signal(signal.SIGCONT)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE) == 0, daemon.log()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_each_signal_that_ends_the_daemon_has_it_say_so(root: Root, number: signal.Signals) -> None:
    root.settings.write_text("look_seconds = 3600\n")
    with Daemon(root) as daemon:
        assert daemon.process is not None
        daemon.process.send_signal(number)
        assert daemon.process.wait(PATIENCE) == 0, daemon.log()
        assert "event=stopped" in daemon.log()
