"""The floor: the same bytes moved by bare system calls, with the same syncs, and nothing decided."""

from __future__ import annotations

import ctypes
import json
import os
import struct
from pathlib import Path

_IN_MOVED_TO = 0x80
_libc = ctypes.CDLL(None, use_errno=True)


def put(path: str, data: bytes, *, sync: bool) -> None:
    """A file, made under another name and renamed over the old one."""
    temp = path + ".floor"
    fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    if sync:
        os.fsync(fd)
    os.close(fd)
    os.rename(temp, path)


def sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def sync_disk(path: str) -> None:
    """All that was written to the file system of `path`: one call for many small files (syncfs(2))."""
    fd = os.open(path, os.O_RDONLY)
    if _libc.syncfs(fd):
        raise OSError(ctypes.get_errno(), "syncfs")
    os.close(fd)


def read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    data = os.read(fd, 1 << 20)
    os.close(fd)
    return data


def write_new(path: str, data: bytes, *, sync: bool = False) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(fd, data)
    if sync:
        os.fsync(fd)
    os.close(fd)


def append(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)


def stage(inbox: str, gate: str, pending: str, card: bytes, before: bytes = b"") -> None:
    """Take in all that lies in `inbox`: read and parse each, one synced gate write, one card each, unlink each."""
    names = os.listdir(inbox)
    chunks = []
    for name in names:
        drop = json.loads(read(f"{inbox}/{name}"))
        chunks.append(json.dumps(drop, indent=2).encode())
    put(gate, before + b",\n".join(chunks), sync=True)
    sync_folder(os.path.dirname(gate))
    for name in names:
        os.unlink(f"{inbox}/{name}")
    sync_folder(inbox)
    for number, _ in enumerate(names):
        write_new(f"{pending}/{number}-{os.getpid()}.md", card)


def approve(root: Path, record: dict[str, Path], lines: bytes, receipts: bytes, gate: bytes) -> None:
    """Carry out what lies in ``approved/``: read each card and each Record file, one synced append, the Record files
    and the gate once each, synced; the cards filed, synced, and taken away."""
    approved, month = root / "approved", root / "month"
    names = os.listdir(approved)
    cards = {name: read(f"{approved}/{name}") for name in names}
    append(f"{root}/receipts.jsonl", receipts)
    for name, path in record.items():
        put(f"{root}/{name}", path.read_bytes() + lines, sync=True)
    put(f"{root}/gate.json", gate, sync=True)
    sync_folder(str(root))
    for name, card in cards.items():
        write_new(f"{month}/{name}", card)
    sync_disk(str(month))
    for name in names:
        os.unlink(f"{approved}/{name}")


class Inotify:
    """Bare inotify on one folder: blocks until a file is moved in."""

    def __init__(self, folder: str) -> None:
        self.fd = _libc.inotify_init1(os.O_CLOEXEC)
        if _libc.inotify_add_watch(self.fd, os.fsencode(folder), _IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")

    def next(self) -> str:
        data = os.read(self.fd, 4096)
        (length,) = struct.unpack_from("I", data, 12)
        return os.fsdecode(data[16 : 16 + length].rstrip(b"\0"))
