"""A throw-away machine with a real systemd, to try the units in: see `boot.sh` for what it consists of.

with Machine() as machine:
    machine.run("systemctl", "start", "recursion-gate")
    machine.disk("/srv/recursion-gate/inbox/demo/a.txt").write_text("...")
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ..support.world import PATIENCE

__all__ = ["Machine", "until", "why_not"]

_HERE = Path(__file__).parent
#: How long one call in the machine may take, in seconds: an installation is many steps.
_STEPS = 600
_PATH = "/opt/python/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TOOLS = ("unshare", "nsenter", "setpriv", "mount", "chroot", "systemctl", "journalctl", "systemd-analyze")


def why_not() -> str | None:
    """Why no machine can be booted here; None when it can."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing or not Path("/lib/systemd/systemd").exists():
        return f"needs systemd and util-linux (not found: {', '.join(missing) or '/lib/systemd/systemd'})"
    with tempfile.TemporaryDirectory() as scratch:
        # The three things that a container may forbid, or a kernel lack.
        tried = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _ATTEMPT, scratch],
            capture_output=True,
            text=True,
        )
    return None if tried.returncode == 0 else f"no namespaces, overlay or cgroup2 here: {tried.stderr.strip()}"


_ATTEMPT = """
mount -t tmpfs tmpfs "$0"; mkdir "$0/upper" "$0/work" "$0/disk" "$0/groups"
mount -t overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" overlay "$0/disk"
mount -t cgroup2 cgroup2 "$0/groups"
unshare --cgroup --pid --uts --ipc --net --fork true
"""


def until(what: str, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for `condition` to hold. Raises AssertionError with `what` when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.02)


class Machine:
    """One machine, from the `with` on to its end. Commands run in it as root unless told."""

    def __init__(self, wheels: Path) -> None:
        self._wheels = wheels
        self._scratch = Path(tempfile.mkdtemp(prefix="recursion-gate-machine-"))
        self._boot: subprocess.Popen[str] | None = None
        self._first = 0  # the machine's first process, by its pid out here

    def __enter__(self) -> Machine:
        environment = {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "SCRATCH": str(self._scratch),
            "UNITS": str(_HERE.parents[1] / "systemd"),
            "PYTHON": "" if Path(sys.base_prefix).is_relative_to("/usr") else sys.base_prefix,
            "WHEELS": str(self._wheels),
        }
        self._boot = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", str(_HERE / "boot.sh")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests, which then end the machine
        )
        try:
            assert self._boot.stdout is not None
            parent = int(self._boot.stdout.readline())
            until("the first process", lambda: self._find_first(parent))
            until("the system is up", self._is_up)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the machine, and with it everything that was done in it."""
        if self._boot is not None and self._boot.stdin is not None and self._boot.stdout is not None:
            with contextlib.suppress(BrokenPipeError):
                self._boot.stdin.close()
            self._boot.wait(PATIENCE)
            self._boot.stdout.close()
        with contextlib.suppress(FileNotFoundError):  # else it did not come as far as to remove it
            self._scratch.rmdir()

    def _find_first(self, parent: int) -> bool:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n":
            self._first = int(children[0])
        return self._first > 0

    def _is_up(self) -> bool:
        return self.ask("systemctl", "is-system-running") in ("running", "degraded")

    def _enter(self, command: tuple[str, ...], user: str | None, env: dict[str, str] | None) -> list[str]:
        inside = ["env", "-i", f"PATH={_PATH}", "LANG=C.UTF-8"]
        inside += [f"{name}={value}" for name, value in (env or {}).items()]
        if user is not None:
            inside = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *inside]
        spaces = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd")
        return ["nsenter", f"--target={self._first}", *spaces, "--", *inside, *command]

    def run(
        self,
        *command: str,
        user: str | None = None,
        env: dict[str, str] | None = None,
        stdin: str = "",
        ok: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run `command`, as `user` with the groups of that account. Raises AssertionError when it fails, unless not
        `ok`."""
        done = subprocess.run(
            self._enter(command, user, env), input=stdin, capture_output=True, text=True, timeout=_STEPS
        )
        assert done.returncode == 0 or not ok, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done

    def ask(self, *command: str, user: str | None = None, env: dict[str, str] | None = None) -> str:
        """What `command` prints, whether or not it succeeds."""
        return self.run(*command, user=user, env=env, ok=False).stdout.strip()

    def disk(self, path: str) -> Path:
        """A path of the machine, as it is reached from out here."""
        return Path(f"/proc/{self._first}/root{path}")
