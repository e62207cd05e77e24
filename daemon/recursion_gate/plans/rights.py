"""A task's scope as rights of an account, where workers have accounts of their own: access control lists on the tree.

What was there before is written down first, so that it can be put back also after a stop in between. Only what a scope
covers wholly gets a right: a folder in which some names are outside of the scope can be given to nobody, so there the
files that are there already can be changed, and none made.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import GateError
from ..disk import atomic
from ..disk.hand_over import hand_over
from ..permissions import acl
from ..permissions.ownership import groups_of
from .claims import Claim
from .folder import PlanFolder
from .scopes import Scope, in_scope, overlap, scope

__all__ = ["Rights", "account_with_rights", "apply_rights", "take_back"]

#: A name that no pattern is made for.
_ANY = "\u4e00\u4e01"


@dataclass(slots=True)
class Rights:
    """What was given or taken back."""

    account: str
    paths: list[str] = field(default_factory=list)
    #: Folders in the scope in which no file can be made.
    closed: list[str] = field(default_factory=list)
    #: What else of the tree the account can write, so that the scope is not held.
    beyond: list[str] = field(default_factory=list)


def _journal(folder: PlanFolder, task: str, generation: int) -> Path:
    return folder.claims / f"{task}.{generation}.rights"


def _uid(account: str) -> int:
    import pwd

    try:
        return pwd.getpwnam(account).pw_uid
    except KeyError:
        raise GateError(f"there is no account '{account}'") from None


def account_with_rights(folder: PlanFolder, task: str, generation: int) -> str | None:
    """The account that was given rights for a claim and has them yet; None where that cannot be read."""
    try:
        return str(json.loads(_journal(folder, task, generation).read_bytes())["account"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def apply_rights(claim: Claim, top: Path, account: str) -> Rights:
    """Let `account` write what is in the claim's scope, in the tree at `top`. To be called by the tree's owner, or
    root. Raises GateError, OSError."""
    uid, where = _uid(account), scope(claim.task.scope)
    if not acl.supported(top):
        raise GateError(f"{top} is on a file system without access control lists: ext4, xfs and btrfs have them")
    rights, before = Rights(account), []
    gids = groups_of(uid)
    for path, name, st in _walk(top):
        is_folder = stat.S_ISDIR(st.st_mode)
        if _is_given(where, name, is_folder):
            before.append(_state(path, name, st))
        elif acl.may_write(st, acl.read(path, acl.ACCESS) or {}, uid, gids):
            rights.beyond.append(name)
        if is_folder and not _covers(where, name) and in_scope(where, f"{name}/{_ANY}"):
            rights.closed.append(name)
    journal = {"account": account, "top": str(top), "before": before}
    atomic.replace(_journal(claim.folder, claim.task.id, claim.record.generation), json.dumps(journal).encode())
    atomic.sync_folder(claim.folder.claims)
    known = {each["path"] for each in before}
    for path, name, st in _walk(top):
        if name in known:
            _grant(path, uid, st)
            rights.paths.append(name)
    return rights


def _is_given(where: Scope, name: str, is_folder: bool) -> bool:
    return _covers(where, name) if is_folder else in_scope(where, name)


def take_back(folder: PlanFolder, task: str, generation: int) -> Rights:
    """Put back what `apply_rights` has changed for a claim, whatever became of it; what was made in the scope meanwhile
    is the tree's owner's. Raises GateError where nothing was changed, OSError."""
    path = _journal(folder, task, generation)
    try:
        journal: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise GateError(f"no rights were given for {folder.name}/{task}@{generation}") from None
    top, uid = Path(journal["top"]), _uid(journal["account"])
    rights = Rights(journal["account"])
    known = {each["path"]: each for each in journal["before"]}
    owner = os.lstat(top)
    for file, name, st in _walk(top):
        was = known.get(name)
        if was is not None:
            lists = {which: bytes.fromhex(was[which]) if was[which] else None for which in (acl.ACCESS, acl.DEFAULT)}
            mode = was["mode"]
        elif _has(file, uid) or st.st_uid == uid:
            found = {which: acl.without(acl.read(file, which) or {}, uid) for which in (acl.ACCESS, acl.DEFAULT)}
            lists = {which: acl.encode(each) if each else None for which, each in found.items()}
            mode = stat.S_IMODE(st.st_mode)
            if not found[acl.ACCESS]:
                mode = acl.mode_without(acl.read(file, acl.ACCESS) or {}, mode)
        else:
            continue
        if not stat.S_ISDIR(st.st_mode):
            del lists[acl.DEFAULT]
        is_its = st.st_uid == uid and os.geteuid() == 0
        hand_over(file, owner.st_uid if is_its else -1, owner.st_gid if is_its else st.st_gid, mode, lists)
        rights.paths.append(name)
    atomic.remove(path)
    return rights


def _walk(top: Path) -> Iterator[tuple[str, str, os.stat_result]]:
    """The plain files and folders of the tree, git's own left out: a path to open each by, valid until the next, its
    name from the top on, and its state. The path goes by way of the open folder, so that nobody who may write there
    can lead root elsewhere by putting a link in a folder's place."""
    for folder, folders, files, fd in os.fwalk(top, follow_symlinks=False):
        folders[:] = sorted(name for name in folders if name != ".git")
        above = os.path.relpath(folder, top)
        for name in [*folders, *sorted(files)]:
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISDIR(st.st_mode) or stat.S_ISREG(st.st_mode):
                yield f"/proc/self/fd/{fd}/{name}", name if above == "." else f"{above}/{name}", st


def _covers(where: Scope, folder: str) -> bool:
    """Whether all that can ever be in the folder is in the scope."""
    if not in_scope(where, f"{folder}/{_ANY}"):
        return False
    names = "".join("?" if char in "*?[]\\!#" or not char.isprintable() else char for char in folder)
    inside = scope([f"/{names}/"])
    if any(p.negated and overlap(inside, scope([p.text.removeprefix("!")])) for p in where.patterns):
        return False
    return any(
        not p.negated and p.matches(f"{folder}/{_ANY}") and p.matches(f"{folder}/{_ANY}/{_ANY}") for p in where.patterns
    )


def _state(path: str, name: str, st: os.stat_result) -> dict[str, Any]:
    state: dict[str, Any] = {"path": name, "mode": stat.S_IMODE(st.st_mode), acl.ACCESS: "", acl.DEFAULT: ""}
    for which in (acl.ACCESS, acl.DEFAULT):
        listed = acl.read(path, which)
        state[which] = acl.encode(listed).hex() if listed else ""
    return state


def _has(path: str, uid: int) -> bool:
    return any(acl.names(acl.read(path, which) or {}, uid) for which in (acl.ACCESS, acl.DEFAULT))


def _grant(path: str, uid: int, st: os.stat_result) -> None:
    is_folder, mode = stat.S_ISDIR(st.st_mode), stat.S_IMODE(st.st_mode)
    bits = 7 if is_folder or mode & 0o111 else 6
    listed = acl.granted(acl.read(path, acl.ACCESS) or {}, mode, uid, bits)
    lists: dict[str, bytes | None] = {acl.ACCESS: acl.encode(listed)}
    if is_folder:
        lists[acl.DEFAULT] = acl.encode(acl.granted(acl.read(path, acl.DEFAULT) or {}, mode, uid, 7))
    hand_over(path, -1, st.st_gid, mode, lists)
