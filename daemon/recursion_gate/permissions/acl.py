"""POSIX access control lists, as far as the lanes need them: acl(5), in the form that Linux keeps them in.

Where the file system or the system has none, `read` says so, and the plain modes of `lanes` decide alone.
"""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

__all__ = ["ACCESS", "DEFAULT", "Acl", "encode", "expand", "read", "supported", "writers"]

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
