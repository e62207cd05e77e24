"""The file systems that a root is on, by ``/proc/self/mountinfo`` (proc(5)); elsewhere nothing is known."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core.paths import Root

__all__ = ["MOUNTS", "kind_at", "silent"]

MOUNTS = Path("/proc/self/mountinfo")

#: Where others can change what we see without the kernel here having a part in it, so that it tells of nothing. All
#: that is FUSE is one of them (not fuseblk, which is a local disk).
_SILENT = {
    *("nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "coda", "ceph", "lustre", "beegfs"),
    *("gpfs", "gfs2", "ocfs2", "orangefs", "pvfs2", "glusterfs", "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs"),
    *("drvfs", "fakeowner", "fuse"),
}


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    """The mount points and their types, in the order in which they were mounted."""
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) >= 5:
            yield re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[4]), right.split(" ")[0]


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def kind_at(path: Path, text: str) -> str | None:
    """The type of the file system that `path` is on."""
    best, kind = -1, None
    where = os.path.realpath(path)
    for point, type_ in _mounts(text):
        if _is_in(where, point) and len(point) >= best:  # of two at the same place the later one hides the earlier
            best, kind = len(point), type_
    return kind


def _is_silent(kind: str | None) -> bool:
    return kind is not None and (kind in _SILENT or kind.startswith("fuse."))


def silent(root: Root) -> str:
    """Where in `root` changes may come from elsewhere without an event, and on which file system: ``inbox (nfs4)``; ""
    where nowhere, as far as is known."""
    try:
        text = MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return ""
    return ", ".join(_silent_in((root.inbox, root.homes), root, text))


def _silent_in(folders: Iterable[Path], root: Root, text: str) -> Iterator[str]:
    for folder in folders:
        if _is_silent(kind := kind_at(folder, text)):
            yield f"{folder.relative_to(root.path)} ({kind})"
        where = os.path.realpath(folder)
        for point in sorted({point for point, _ in _mounts(text) if point != where and _is_in(point, where)}):
            if _is_silent(kind := kind_at(Path(point), text)):
                yield f"{folder.name}{point[len(where) :]} ({kind})"
