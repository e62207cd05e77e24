"""Whose a card is, as far as the file system tells: who could have written it, who decided (docs/security.md)."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from . import acl

__all__ = ["account", "decided_by", "groups_of", "is_unmoved", "lane_of", "members", "stranger", "wrote"]

#: How long after its last write a file may get its name: `deliver` syncs it in between.
_AT_ONCE_NS = 5_000_000_000


def account(uid: int) -> str:
    """The name of an account; its number where it has none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def groups_of(uid: int) -> list[int]:
    """The numbers of an account's groups; none where there is no such account."""
    import pwd

    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return []
    return os.getgrouplist(entry.pw_name, entry.pw_gid)


def members(gid: int) -> set[str]:
    """The names of the accounts that are in a group, as far as the system lists them. Raises KeyError where there is no
    such group."""
    import grp
    import pwd

    return {*grp.getgrgid(gid).gr_mem, *(p.pw_name for p in pwd.getpwall() if p.pw_gid == gid)}


def lane_of(folder: Path | str) -> os.stat_result | None:
    """The folder's `stat` where the lanes are accounts (`lanes`): its group are the people; else None. Raises
    OSError."""
    st = os.lstat(folder)
    return st if st.st_mode & stat.S_ISGID and hasattr(os, "getgrouplist") else None


def stranger(card: Path | str, st: os.stat_result, people: os.stat_result | None) -> str | None:
    """Who else than the daemon and those who may write in its folder, of which `people` is the `lane_of`, could have
    written `card`, in words; None where nobody could, or nobody can tell.

    Where such a file lies is no decision: a person may have taken a drop for a card. Its other names do not matter,
    since each gives only the rights that its mode gives. Raises OSError.
    """
    if people is None:
        return None
    if not _may_decide(st.st_uid, people.st_gid):
        return f"this file belongs to '{account(st.st_uid)}', who may not decide"
    group, users, groups = _writers(card, st)
    gids = [st.st_gid, *groups] if group else groups
    inbox = os.path.dirname(os.path.dirname(card))
    if st.st_mode & stat.S_IWOTH or os.lstat(inbox).st_gid in gids:
        return "agents can write this file"
    for uid in users:
        if not _may_decide(uid, people.st_gid):
            return f"'{account(uid)}', who may not decide, can write this file"
    for gid in gids:
        if not _all_may_decide(gid, people.st_gid):
            return f"the group '{_group(gid)}', in which not all may decide, can write this file"
    return None


def _writers(card: Path | str, st: os.stat_result) -> tuple[bool, list[int], list[int]]:
    """Whether the file's group can write it, and which accounts and groups else, but for the owner and all others."""
    listed = None
    with contextlib.suppress(FileNotFoundError):  # taken away in the meantime
        listed = acl.read(card, acl.ACCESS)
    return acl.writers(listed) if listed else (bool(st.st_mode & stat.S_IWGRP), [], [])


def _may_decide(uid: int, people: int) -> bool:
    return uid in (0, os.geteuid()) or people in groups_of(uid)


def _all_may_decide(gid: int, people: int) -> bool:
    """Whether all in a group are people, the daemon's account or root; false where that is unknown."""
    if gid == people:
        return True
    import pwd

    try:
        return all(_may_decide(pwd.getpwnam(name).pw_uid, people) for name in members(gid))
    except KeyError:
        return False


def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def is_unmoved(st: os.stat_result) -> bool:
    """Whether a file has its name since it was written: a move sets its ctime, which nobody can set otherwise."""
    return st.st_ctime_ns - st.st_mtime_ns < _AT_ONCE_NS


def wrote(card: Path | str, st: os.stat_result) -> str | None:
    """The account that ran `approve`, `reject` or `review`, which write the card anew, so that it is theirs. (Who
    moved a file stands nowhere that could be read without rights over the whole system.) Raises OSError."""
    has_lanes = lane_of(os.path.dirname(card)) is not None
    if has_lanes and st.st_uid == os.geteuid():
        return None  # we decide nothing: somebody has written into a card that we made
    if has_lanes and st.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None  # another person may have written it
    return account(st.st_uid)


def decided_by(card: Path | str, st: os.stat_result, signer: str | None, door: str | None) -> str | None:
    """Who decided with `card`: the account that `wrote` it; or the `signer` whom it names, an account of the people's
    page, where that page has written it: the account `door` runs it, or, where all is one account's, that one. Raises
    OSError."""
    by = wrote(card, st)
    if by is None or signer is None:
        return by
    has_lanes = lane_of(os.path.dirname(card)) is not None
    is_page = by == door if has_lanes else st.st_uid == os.geteuid()
    return signer if is_page else by
