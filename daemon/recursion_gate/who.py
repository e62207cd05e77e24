"""Whose a card is, as far as the file system tells: who could have written it, who decided (docs/security.md)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["account", "is_unmoved", "stranger", "wrote"]

#: How long after its last write a file may get its name: `durable.deliver` syncs it in between.
_AT_ONCE_NS = 5_000_000_000


def account(uid: int) -> str:
    """The name of an account; its number where it has none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def _groups(uid: int) -> list[int]:
    import pwd

    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return []
    return os.getgrouplist(entry.pw_name, entry.pw_gid)


def _has_lanes(folder: Path) -> os.stat_result | None:
    """What the folder is, where the lanes are those of accounts (`lanes`): then its group are the people."""
    st = os.lstat(folder)
    return st if st.st_mode & stat.S_ISGID and hasattr(os, "getgrouplist") else None


def stranger(card: Path, st: os.stat_result, inbox: Path) -> str | None:
    """Who else than the daemon and those who may write in its folder could have written `card`, in words; None where
    nobody could, or nobody can tell.

    Where such a file lies is no decision: a person may have taken a drop for a card. Its other names do not matter,
    since each gives only the rights that its mode gives. Raises OSError.
    """
    people = _has_lanes(card.parent)
    if people is None:
        return None
    if st.st_uid not in (0, os.geteuid()) and people.st_gid not in _groups(st.st_uid):
        return f"this file belongs to '{account(st.st_uid)}', who may not decide"
    agents = os.lstat(inbox).st_gid
    if st.st_mode & stat.S_IWOTH or (st.st_mode & stat.S_IWGRP and st.st_gid == agents):
        return "agents can write this file"
    return None


def is_unmoved(st: os.stat_result) -> bool:
    """Whether a file has its name since it was written: a move sets its ctime, which nobody can set otherwise."""
    return st.st_ctime_ns - st.st_mtime_ns < _AT_ONCE_NS


def wrote(card: Path, st: os.stat_result) -> str | None:
    """The account that ran `approve`, `reject` or `review`, which write the card anew, so that it is theirs. (Who
    moved a file stands nowhere that could be read without rights over the whole system.) Raises OSError."""
    if st.st_uid == os.geteuid() and _has_lanes(card.parent):
        return None  # we decide nothing: somebody has written into a card that we made
    return account(st.st_uid)
