"""POSIX access control lists, as far as the lanes need them: acl(5), in the form that Linux keeps them in.

Where the file system or the system has none, `read` says so, and the plain modes of `lanes` decide alone.
"""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

__all__ = [
    "ACCESS",
    "DEFAULT",
    "Acl",
    "encode",
    "expand",
    "granted",
    "may_write",
    "mode_without",
    "names",
    "read",
    "supported",
    "without",
    "writers",
]

#: The two lists that a folder can have: who may do what with it, and what the files that are made in it start with.
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"

#: (tag, uid or gid) -> permissions, as the kernel numbers them.
Acl = dict[tuple[int, int], int]

_OWNER, _USER, _GROUP_OWNER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NOBODY = 0xFFFFFFFF
_NONE = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def expand(text: str, uids: dict[str, int], gids: dict[str, int]) -> Acl:
    """The list that `text` means: entries as ``setfacl`` takes them, in short (``u::rwx g:people:r-x o::---``), with
    the names in `uids` and `gids`; the mask is made from them."""
    acl: Acl = {}
    for entry in text.split():
        kind, name, letters = entry.split(":")
        bits = sum(bit for bit, letter in zip((4, 2, 1), "rwx", strict=True) if letter in letters)
        if kind == "u":
            acl[(_USER, uids[name]) if name else (_OWNER, _NOBODY)] = bits
        elif kind == "g":
            acl[(_GROUP, gids[name]) if name else (_GROUP_OWNER, _NOBODY)] = bits
        else:
            acl[_OTHER, _NOBODY] = bits
    if any(tag in (_USER, _GROUP) for tag, _ in acl):
        mask = 0
        for (tag, _), bits in acl.items():
            mask |= bits if tag in (_USER, _GROUP_OWNER, _GROUP) else 0
        acl[_MASK, _NOBODY] = mask
    return acl


def encode(acl: Acl) -> bytes:
    """`acl` as the kernel takes it."""
    entries = (struct.pack("<HHI", tag, bits, who) for (tag, who), bits in sorted(acl.items()))
    return struct.pack("<I", 2) + b"".join(entries)


def read(path: Path | str, which: str) -> Acl | None:
    """A list of the file or folder at `path`; empty where it has none beyond its mode, None where there are no lists
    on this file system. Raises OSError."""
    if not hasattr(os, "getxattr"):
        return None
    try:
        data = os.getxattr(path, which, follow_symlinks=False)
    except OSError as err:
        if err.errno == errno.ENODATA:
            return {}
        if err.errno in _NONE:
            return None
        raise
    found = struct.iter_unpack("<HHI", data[4:])
    return {(tag, who): bits for tag, bits, who in found}


def supported(path: Path | str) -> bool:
    """Whether the file system at `path` has access control lists. Raises OSError."""
    return read(path, ACCESS) is not None


def writers(listed: Acl) -> tuple[bool, list[int], list[int]]:
    """Who may write by a list that `read` has given: whether the owning group may, and the uids and gids that it names
    besides."""
    limit = listed.get((_MASK, _NOBODY), 7)
    may = [(tag, who) for (tag, who), bits in listed.items() if bits & limit & 2]
    return (
        any(tag == _GROUP_OWNER for tag, _ in may),
        [who for tag, who in may if tag == _USER],
        [who for tag, who in may if tag == _GROUP],
    )


def granted(listed: Acl, mode: int, uid: int, bits: int) -> Acl:
    """`listed`, the list of a file that has `mode`, with the right `bits` for one account more. Nobody else gets a
    right:
    what the mask has kept from others is taken out of their entries before it grows."""
    acl = dict(listed) or {
        (_OWNER, _NOBODY): mode >> 6 & 7,
        (_GROUP_OWNER, _NOBODY): mode >> 3 & 7,
        (_OTHER, _NOBODY): mode & 7,
    }
    limit = acl.pop((_MASK, _NOBODY), 7)
    acl = {key: bits & limit if key[0] in (_USER, _GROUP_OWNER, _GROUP) else bits for key, bits in acl.items()}
    acl[_USER, uid] = acl.get((_USER, uid), 0) | bits
    mask = 0
    for (tag, _), each in acl.items():
        mask |= each if tag in (_USER, _GROUP_OWNER, _GROUP) else 0
    return acl | {(_MASK, _NOBODY): mask}


def names(listed: Acl, uid: int) -> bool:
    """Whether the list has an entry for this account."""
    return (_USER, uid) in listed


def without(listed: Acl, uid: int) -> Acl:
    """The list without the entry of this account; empty where nothing is left beyond a mode."""
    acl = {key: bits for key, bits in listed.items() if key != (_USER, uid)}
    return acl if any(tag in (_USER, _GROUP) for tag, _ in acl) else {}


def mode_without(listed: Acl, mode: int) -> int:
    """The mode of a file that loses its list: the group gets what its own entry says, not what the mask did."""
    if not listed:
        return mode
    group = listed.get((_GROUP_OWNER, _NOBODY), 0) & listed.get((_MASK, _NOBODY), 7)
    return mode & ~0o070 | group << 3


def may_write(st: os.stat_result, listed: Acl, uid: int, gids: list[int]) -> bool:
    """Whether an account with these groups may write a file of this state and list."""
    if st.st_uid == uid:
        return bool(st.st_mode & 0o200)
    limit = listed.get((_MASK, _NOBODY), 7)
    if (_USER, uid) in listed:
        return bool(listed[_USER, uid] & limit & 2)
    group = listed.get((_GROUP_OWNER, _NOBODY), st.st_mode >> 3 & 7)
    own = [group & limit] if st.st_gid in gids else []
    own += [bits & limit for (tag, who), bits in listed.items() if tag == _GROUP and who in gids]
    return any(bits & 2 for bits in own) if own else bool(st.st_mode & 0o002)
