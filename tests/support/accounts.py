"""Real accounts and groups for the tests of the lanes: made by root, removed again, under names of their own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import recursion_gate
from recursion_gate.core.paths import Place, Root

from .daemon import Daemon
from .world import PATIENCE

__all__ = ["Account", "Lanes", "as_nobody", "as_root", "setup", "throwaway_lanes", "why_not", "without"]

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become another account"
)


def as_nobody(work: Callable[[], Any], uid: int = 65534) -> Any:
    """What `work` gives, as JSON, when an account without any rights of its own does it."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(write, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        told = file.read()
    os.waitpid(child, 0)
    return json.loads(told)


def why_not() -> str | None:
    """Why no accounts can be made here; None when they can."""
    if sys.platform != "linux":
        return "needs Linux's useradd and groupadd"
    if os.geteuid() != 0:
        return "needs root, to make accounts"
    missing = [tool for tool in ("useradd", "userdel", "groupadd", "groupdel", "unshare") if shutil.which(tool) is None]
    return f"needs {', '.join(missing)}" if missing else None


def without(reason: str | None) -> None:
    """Skip what cannot be tried here because of `reason`; fail where RECURSION_GATE_NEEDS_ALL is set, as by .ci/run."""
    if reason is not None and os.environ.get("RECURSION_GATE_NEEDS_ALL"):
        pytest.fail(f"this has to be tried here, and cannot be: {reason}")
    elif reason is not None:
        pytest.skip(reason)


def _admin(*command: str) -> None:
    """One change in the accounts; only one process at a time may make any, so it is tried again when another does."""
    until = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return
        assert time.monotonic() < until, f"{' '.join(command)}: {done.stderr}"
        time.sleep(0.05)


@dataclass(frozen=True)
class Program:
    """A Python and a recursion-gate that every account can get at."""

    python: str
    env: dict[str, str]

    @property
    def command(self) -> list[str]:
        return [self.python, "-m", "recursion_gate"]


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def program_at(folder: Path) -> Program:
    """What runs the tests, or, where that lies in a folder which is closed to others (a checkout or a Python in root's
    home), the same once more in `folder`."""
    package, base = Path(recursion_gate.__file__).parent, Path(sys.base_prefix)
    if all(map(_open_to_all, (Path(sys.executable), Path(sys.prefix) / "lib", base / "lib", package))):
        return Program(sys.executable, {})
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = folder / "lib" / version
    _copy(Path(sysconfig.get_paths()["stdlib"]), library)
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        for shared in (base / "lib").glob("libpython*"):
            _link(str(shared), str(folder / "lib" / shared.name))
    python = folder / version
    _link(os.path.realpath(sys.executable), str(python))
    _copy(package, library / package.name)
    wanted, seen = ["recursion-gate[serve,mcp]"], set()
    while wanted:
        name, extras = _name_and_extras(wanted.pop())
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        with contextlib.suppress(metadata.PackageNotFoundError):  # for another system or Python
            found = metadata.distribution(name)
            of_extras = [f'extra == "{extra}"' for extra in extras]
            required = [r.replace("'", '"') for r in found.requires or ()]
            wanted += [r for r in required if "extra ==" not in r or any(each in r for each in of_extras)]
            for file in found.files or ():
                ours = name != "recursion-gate" or ".dist-info/" in str(file)  # of ours: what tells the version
                is_new = ".." not in file.parts and not (library / file).exists()
                if ours and is_new and os.path.exists(file.locate()):
                    (library / file).parent.mkdir(parents=True, exist_ok=True)
                    _link(str(file.locate()), str(library / file))
    return Program(str(python), {"PYTHONHOME": str(folder), "LD_LIBRARY_PATH": str(folder / "lib")})


def _name_and_extras(requirement: str) -> tuple[str, tuple[str, ...]]:
    """``pyjwt[crypto]>=2``: ``pyjwt`` and ``crypto``."""
    found = re.match(r"([\w.-]+)\s*(?:\[([^\]]*)\])?", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[1].lower()), tuple(re.findall(r"[\w-]+", found[2] or ""))


def _copy(source: Path, target: Path) -> None:
    left_out = shutil.ignore_patterns(
        "site-packages", "test", "tests", "idlelib", "ensurepip", "config-*", "__pycache__"
    )
    shutil.copytree(source, target, copy_function=_link, ignore=left_out)


def _link(source: str, target: str) -> None:
    """A second name where that is possible, since it costs nothing; else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)  # with its time, by which compiled code is known


@dataclass(frozen=True)
class Account:
    """An account, and the groups it has."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    #: How this account starts recursion-gate.
    program: Program
    #: A folder of its own.
    home: Path

    def options(self) -> dict[str, Any]:
        """For `subprocess`: to run as this account, with nothing of ours."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "USER": self.name,
            "LANG": "C.UTF-8",
        } | self.program.env
        return {"user": self.uid, "group": self.gid, "extra_groups": self.groups, "cwd": "/", "env": env}

    def sh(self, script: str, *args: str | Path, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
        """Run a shell script as this account; gives what it said."""
        return subprocess.run(
            ["sh", "-c", script, "sh", *map(str, args)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
            umask=umask,
            **self.options(),
        )

    def python(self, script: str, *args: str | Path, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
        """Run a Python script as this account."""
        return subprocess.run(
            [self.program.python, "-S", "-c", script, *map(str, args)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            umask=umask,
            **self.options(),
        )

    def call(self, root: Root, *args: str, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
        """Run one `recursion-gate` command as this account."""
        return subprocess.run(
            [*self.program.command, "--root", str(root.path), *args],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            umask=umask,
            **self.options(),
        )


@dataclass(frozen=True)
class Lanes:
    """A root whose lanes are those of accounts, and the accounts."""

    root: Root
    daemon: Account
    #: Two agents, who may drop for alex.
    agent: Account
    other: Account
    #: An agent who may drop for bob only.
    stranger: Account
    #: Two people.
    maria: Account
    joe: Account
    reader: Account
    #: An account in no group of ours.
    nobody: Account
    #: The groups' names, by what they are for.
    groups: dict[str, str]

    @property
    def place(self) -> Place:
        return self.root.place("alex")

    def init(self) -> None:
        """Set `root` up for these accounts, with a user alex."""
        options = [f"--{what}={self.groups[what]}" for what in ("agents", "people", "readers")]
        setup(self.root, "init", str(self.root.path), *options, f"--daemon={self.daemon.name}", "--user", "alex")

    def running(self, **env: str) -> Daemon:
        """The daemon under its account."""
        run_as = self.daemon.options()
        run_as["env"] |= env
        return Daemon(self.root, program=self.daemon.program.command, run_as=run_as)


@contextlib.contextmanager
def throwaway_lanes() -> Iterator[Lanes]:
    """Accounts, groups, and a root set up for them by `init` and `user add`, where each of them can get at it; removed
    afterwards. Skips where accounts cannot be made."""
    without(why_not())
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with _lanes_at(Path(folder)) as made:
            yield made


@contextlib.contextmanager
def _lanes_at(folder: Path) -> Iterator[Lanes]:
    program = program_at(folder / "program")
    tag = f"rg{secrets.token_hex(3)}"
    groups = {what: f"{tag}-{what}" for what in ("agents", "people", "readers", "bobs")}
    members = {
        "daemon": ("agents", "people", "readers", "bobs"),
        "agent": ("agents",),
        "other": ("agents",),
        "stranger": ("bobs",),
        "maria": ("people", "readers"),
        "joe": ("people",),
        "reader": ("readers",),
        "nobody": (),
    }
    made: list[tuple[str, str]] = []
    try:
        for group in groups.values():
            _admin("groupadd", "--system", group)
            made.append(("groupdel", group))
        accounts = {}
        for who, of in members.items():
            name = f"{tag}-{who}"
            listed = [f"--groups={','.join(groups[g] for g in of)}"] if of else []
            _admin("useradd", "--system", "--user-group", "--no-create-home", "--shell=/bin/sh", *listed, name)
            made.append(("userdel", name))
            accounts[who] = _account(name, program, folder / f"home-{who}")
        lanes = Lanes(root=Root(folder / "root"), groups=groups, **accounts)
        lanes.init()
        setup(lanes.root, "user", "add", "bob", f"--agents={groups['bobs']}")
        yield lanes
    finally:
        for command, name in reversed(made):
            _admin(command, *(["--force"] if command == "userdel" else []), name)


def setup(root: Root, *args: str, umask: int = 0o077, status: int = 0) -> None:
    """Run a command as root, with a umask that would close everything."""
    done = subprocess.run(
        [sys.executable, "-m", "recursion_gate", "--root", str(root.path), *args],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        umask=umask,
    )
    assert done.returncode == status, done.stderr


def _account(name: str, program: Program, home: Path) -> Account:
    import pwd

    entry = pwd.getpwnam(name)
    groups = tuple(g for g in os.getgrouplist(name, entry.pw_gid) if g != entry.pw_gid)
    home.mkdir()
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return Account(name, entry.pw_uid, entry.pw_gid, groups, program, home)
