"""The roots that tests work at: the one place that makes them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from recursion_gate.admin import setup
from recursion_gate.core.paths import Place, Root

__all__ = ["RECORD", "add_user", "fill", "installed", "make_root", "mounted"]

#: The Record of a new user: the nine files of the contract, with the headings that entries go under.
RECORD = {
    "self.md": "# Self\n\nAlex, ten years old.\n",
    "self-evidence.md": "# Evidence\n\n## Activity Log\n\n- a seed line\n\n---\n\n## Notes\n\nBy hand.\n",
    "self-knowledge.md": "# Knowledge\n\n## Topics / Understanding\n\n- • a seed line\n",
    "self-curiosity.md": "# Curiosity\n\n## Interests\n",
    "self-personality.md": "# Personality\n\n## Observed Voice / Expression\n\n## Values\n\nKind.\n",
    "self-skill-think.md": "# THINK\n\n## Activity\n",
    "self-skill-write.md": "# WRITE\n\n## Activity\n",
    "self-skill-work.md": "# WORK\n\n## Activity\n",
    "self-skill-steward.md": "# STEWARD\n\n## Activity\n",
}


def add_user(root: Root, user: str) -> Place:
    """A user with an empty inbox and a Record of seed lines."""
    place = root.place(user)
    place.inbox.mkdir(parents=True)
    place.home.mkdir(parents=True)
    for name, text in RECORD.items():
        (place.home / name).write_bytes(text.encode())
    return place


def make_root(path: Path, *users: str) -> Root:
    """A root at `path` with these users and no settings file."""
    root = Root(path)
    for folder in (root.inbox, root.homes, root.receipts):
        folder.mkdir(parents=True)
    for user in users:
        add_user(root, user)
    return root


def installed(path: Path, *users: str) -> Root:
    """A root at `path` as `init` and `user add` make it, with these users."""
    root = Root(path)
    setup.make_root(root)
    for user in users:
        setup.add_user(root, user)
    return root


@contextmanager
def mounted(disk: Path, size: str) -> Iterator[Path]:
    """A small disk of its own at `disk`; skips the test where none can be mounted."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("to mount a small disk one must be root on Linux")
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here: {made.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return filler
