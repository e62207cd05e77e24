"""Deviations of a root from the table of the lanes, and other weaknesses of the lanes there. Reads only."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.paths import Root
from ..core.settings import Lanes
from . import acl
from .lanes import TABLE, Ids, Spot, apply_row, spots, stranger
from .ownership import account, members

__all__ = ["Deviation", "deviations"]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A deviation from the table."""

    path: Path
    problem: str
    remedy: str
    user: str | None = None
    #: Mends it.
    fix: Callable[[], None] | None = None


def deviations(root: Root, lanes: Lanes) -> Iterator[Deviation]:
    """The deviations of `root` from the table. Raises BadLanes, OSError."""
    ids = Ids(lanes)
    yield from _closed_above(root)
    yield from _in_two_lanes(root, ids)
    if not acl.supported(root.inbox):
        yield Deviation(
            root.inbox,
            "this file system has no access control lists: who knows the name of a drop may be able to read it, and "
            "drops made under umask 077 are refused",
            "Have the root on a file system with POSIX ACLs (ext4, xfs, btrfs), or let agents drop under umask 027.",
        )
    for spot in spots(root):
        try:
            problem = _differs(spot, ids)
        except FileNotFoundError:
            continue
        except PermissionError:
            problem = "cannot be read by this account"
        if problem and stranger(root, spot, ids):
            yield Deviation(spot.path, problem, "Look into it, then remove it.", spot.user)
        elif problem:
            yield Deviation(
                spot.path,
                problem,
                "'recursion-gate doctor --fix', as root, sets it right",
                spot.user,
                _fix(root, spot, ids),
            )


def _fix(root: Root, spot: Spot, ids: Ids) -> Callable[[], None]:
    return lambda: apply_row(root, spot, ids)


def _differs(spot: Spot, ids: Ids) -> str | None:
    row, st = spot.row, os.lstat(spot.path)
    if stat.S_ISDIR(st.st_mode) != row.is_folder or stat.S_ISLNK(st.st_mode):
        return f"this should be a {'folder' if row.is_folder else 'plain file'}"
    if row is TABLE["settings"]:  # root, too, may have written it
        safe = st.st_uid in (0, ids.uid) and not st.st_mode & 0o022
        return None if safe else "others than root and the daemon's account can change this file, and with it the lanes"
    if st.st_uid != ids.uid:
        return f"belongs to '{account(st.st_uid)}' instead of '{ids.lanes.daemon}'"
    if st.st_gid != ids.gid(row.group, spot.user):
        return f"belongs to another group than that of the {row.group}"
    mode = stat.S_IMODE(st.st_mode)
    if not acl.supported(spot.path):
        return None if mode == row.mode else f"has mode {mode:o} instead of {row.mode:o}"
    if mode >> 9 != row.mode >> 9 or (not row.access and mode != row.mode):
        return f"has mode {mode:o} instead of {row.mode:o}"
    lists = ids.lists(row, spot.user)
    if acl.read(spot.path, acl.ACCESS) != lists[acl.ACCESS]:
        return "has another access control list than it should"
    if row.is_folder and acl.read(spot.path, acl.DEFAULT) != lists[acl.DEFAULT]:
        return "has another default access control list than it should"
    return None


def _closed_above(root: Root) -> Iterator[Deviation]:
    for folder in root.path.absolute().parents:
        if not os.stat(folder).st_mode & stat.S_IXOTH:
            yield Deviation(
                folder,
                "agents and people cannot get to the root: this folder above it is closed to them",
                f"chmod o+x {folder}, or have the root elsewhere.",
            )


def _in_two_lanes(root: Root, ids: Ids) -> Iterator[Deviation]:
    people = members(ids.gid("people", None))
    agents: set[str] = set()
    for user in (None, *ids.lanes.agents_of):
        agents |= members(ids.gid("agents", user))
    for name in sorted((people & agents) - {ids.lanes.daemon}):
        yield Deviation(
            root.path,
            f"the account '{name}' may both drop and decide, so it must be a person's: for an agent that runs under "
            "it the rule that only a person decides would be a convention",
            "",
        )
