"""A model of the disk behind `durable.calls`: what a kill leaves, and what a power cut may leave.

`Boundary` takes the place of `durable.calls`: it carries each call out, notes it, and can kill or fail at any. `Disk`
is fed with what was noted, and gives

* `Disk.seen`: the tree as every process sees it, and as it stands after a SIGKILL;
* `Disk.after_power_cut`: each tree that may stand after a power cut. What was not synced may be there or not, in any
  combination: of the bytes written to a file since its last sync nothing, all, a part, or NULs in the place of any
  half; of the names made, changed and removed in a folder since the folder's last sync any subset.

What is taken for granted is what the file systems that people use grant: a rename is one change, also from folder to
folder; changes of one name happen in their order; what was synced stays; a sync of a file does not sync its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from recursion_gate.core.paths import TEMP_NAME, is_aside
from recursion_gate.disk.atomic import Calls

__all__ = ["Boundary", "Disk", "Killed", "Op", "Tree"]


class Killed(BaseException):
    """The process is dead. Nothing may catch this."""


@dataclass(frozen=True, slots=True)
class Op:
    """One call that was made: its name, the file or folder, and what else it was given."""

    name: str
    path: str
    #: The open file it was made on (a number of our own); None for a call on a path, or on a folder.
    file: int | None = None
    data: bytes = b""
    size: int = 0
    other: str = ""


class Boundary(Calls):
    """Carries out each call and notes it. `at` is called before each one with its number, from 1, and may raise:
    OSError for a call that fails, Killed for a kill; what it returns, if anything, is called instead of the call."""

    def __init__(self, at: Callable[[int, Op], Callable[[], Any] | None] | None = None, *, sync: bool = False) -> None:
        self._at, self._sync = at, sync
        self.ops: list[Op] = []
        self.dead = False
        self._open: dict[int, tuple[int, str]] = {}
        self._opened = 0

    def _call(self, op: Op, do: Callable[[], Any]) -> Any:
        if self.dead:
            raise Killed
        self.ops.append(op)
        try:
            instead = self._at(len(self.ops), op) if self._at else None
            return (instead or do)()
        except Killed:
            self.dead = True
            for fd in self._open:  # the kernel does that for the dead
                with contextlib.suppress(OSError):
                    os.close(fd)
            self._open.clear()
            raise

    def _of(self, fd: int) -> tuple[int | None, str]:
        if self.dead:
            raise Killed
        return self._open.get(fd) or (None, os.readlink(f"/proc/self/fd/{fd}"))

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        def do() -> int:
            fd = super(Boundary, self).open(path, flags, mode)
            self._opened += 1
            self._open[fd] = (self._opened, path)
            return fd

        return int(self._call(Op("open", path, self._opened + 1, size=flags), do))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        file, path = self._of(fd)
        return int(self._call(Op("write", path, file, bytes(data)), lambda: super(Boundary, self).write(fd, data)))

    def fsync(self, fd: int) -> None:
        file, path = self._of(fd)
        self._call(Op("fsync", path, file), lambda: super(Boundary, self).fsync(fd) if self._sync else None)

    def syncfs(self, fd: int) -> None:
        self._call(Op("syncfs", self._of(fd)[1]), lambda: super(Boundary, self).syncfs(fd) if self._sync else None)

    def fchmod(self, fd: int, mode: int) -> None:
        file, path = self._of(fd)
        self._call(Op("fchmod", path, file, size=mode), lambda: super(Boundary, self).fchmod(fd, mode))

    def fchown(self, fd: int, uid: int, gid: int) -> None:
        file, path = self._of(fd)
        self._call(Op("fchown", path, file), lambda: super(Boundary, self).fchown(fd, uid, gid))

    def ftruncate(self, fd: int, size: int) -> None:
        file, path = self._of(fd)
        self._call(Op("ftruncate", path, file, size=size), lambda: super(Boundary, self).ftruncate(fd, size))

    def close(self, fd: int) -> None:
        file, path = self._of(fd)
        try:
            self._call(Op("close", path, file), lambda: None)
        finally:  # also where it fails: Linux has closed it then
            if self._open.pop(fd, None) is not None:
                super().close(fd)

    def rename(self, old: str, new: str) -> None:
        self._call(Op("rename", old, other=new), lambda: super(Boundary, self).rename(old, new))

    def rename_new(self, old: str, new: str) -> None:
        self._call(Op("rename", old, other=new), lambda: super(Boundary, self).rename_new(old, new))

    def exchange(self, old: str, new: str) -> None:
        self._call(Op("exchange", old, other=new), lambda: super(Boundary, self).exchange(old, new))

    def link(self, old: str, new: str) -> None:
        self._call(Op("link", old, other=new), lambda: super(Boundary, self).link(old, new))

    def unlink(self, path: str) -> None:
        self._call(Op("unlink", path), lambda: super(Boundary, self).unlink(path))

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        self._call(Op("mkdir", path), lambda: super(Boundary, self).mkdir(path, mode))


# -- trees ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tree:
    """Files with their bytes and modification times, and folders (no bytes), in the order in which they came to be
    where they are (their ctime, which decides the order of decisions)."""

    items: tuple[tuple[str, bytes | None, int | None], ...]

    @property
    def digest(self) -> bytes:
        """The same for trees with the same files; modification times count where they are set, which is for drops."""
        return hashlib.sha256(repr(sorted(self.items)).encode()).digest()

    @property
    def files(self) -> dict[str, bytes | None]:
        return {path: data for path, data, _ in self.items}

    @classmethod
    def read(cls, root: Path, *, without: tuple[str, ...] = (".daemon",)) -> Tree:
        """What stands at `root`."""
        found = []
        for folder, folders, names in os.walk(root):
            folders[:] = [f for f in folders if f not in without]
            for name in [*folders, *names]:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                data = None if name in folders else Path(path).read_bytes()
                shown = os.path.relpath(path, root)
                found.append((st.st_ctime_ns, shown, data, st.st_mtime_ns if _counts(shown) else None))
        return cls(tuple((p, d, m) for _, p, d, m in sorted(found, key=lambda item: item[:2])))

    def write(self, root: Path) -> None:
        """Make it at `root`, which is empty."""
        for path, data, _ in sorted(self.items):
            if data is None:
                os.makedirs(root / path, exist_ok=True)
        for path, data, mtime in self.items:
            if data is not None:
                with open(root / path, "wb") as file:
                    file.write(data)
                if mtime is not None:
                    os.utime(root / path, ns=(mtime, mtime))


def _counts(path: str) -> bool:
    """Whether a file's modification time means something: that of a drop is in its id."""
    return path.startswith("inbox/") and "/pending/" not in path


# -- the disk ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    """A file or folder, whatever its names."""

    entries: dict[str, int] | None  # of a folder, as processes see it
    data: bytes = b""
    synced: bytes = b""
    versions: list[bytes] = field(default_factory=list)  # of the data, since the last sync
    mtime: int | None = None


_Change = list[tuple[int, str, int | None]]  # folder, name, node: what the name stands for from then on


class Disk:
    """What is on the disk for sure, and what is only in the kernel's memory."""

    def __init__(self, root: Path, tree: Tree) -> None:
        """`tree` stands at `root`, and all of it is on the disk."""
        self._root = str(root)
        self._nodes: list[_Node] = [_Node({})]
        self._durable: dict[tuple[int, str], int] = {}
        self._pending: list[_Change] = []
        self._files: dict[int, int] = {}
        #: Whether the last `after_power_cut` has left something out.
        self.sampled = False
        for path, data, mtime in sorted(tree.items, key=lambda i: (i[1] is not None, "/" in i[0], len(i[0]))):
            folder, name = self._at(os.path.join(self._root, path))
            node = self._new(None if data is not None else {})
            self._nodes[node].data = self._nodes[node].synced = data or b""
            self._nodes[node].mtime = mtime
            self._entries(folder)[name] = node
            self._durable[folder, name] = node
        self._order = [path for path, _, _ in tree.items]

    # -- what is done to it -------------------------------------------------------------------------------------------

    def apply(self, op: Op) -> None:
        """One call was made."""
        if op.name == "open":
            self._open(op)
        elif op.name in ("write", "ftruncate"):
            node = self._nodes[self._files[op.file or 0]]
            node.data = node.data + op.data if op.name == "write" else node.data[: op.size]
            node.versions.append(node.data)
            changed = os.path.relpath(op.path, self._root)  # its ctime is later now than that of all others
            if changed in self._order:
                self._order.remove(changed)
                self._order.append(changed)
        elif op.name == "fsync" and op.file is not None:
            node = self._nodes[self._files[op.file]]
            node.synced, node.versions = node.data, []
        elif op.name == "fsync":
            self._sync_folder(self._find(op.path))
        elif op.name == "syncfs":
            for node in self._nodes:
                node.synced, node.versions = node.data, []
            for change in self._pending:
                _put(self._durable, change)
            self._pending = []
        elif op.name == "rename":
            node_id = self._find(op.path)
            self._change((*self._at(op.path), None), (*self._at(op.other), node_id))
        elif op.name == "exchange":
            one, other = self._find(op.path), self._find(op.other)
            self._change((*self._at(op.path), other), (*self._at(op.other), one))
        elif op.name == "link":
            self._change((*self._at(op.other), self._find(op.path)))
        elif op.name == "unlink":
            self._change((*self._at(op.path), None))
        elif op.name == "mkdir":
            self._change((*self._at(op.path), self._new({})))

    def _open(self, op: Op) -> None:
        folder, name = self._at(op.path)
        node = self._entries(folder).get(name)
        if node is None:
            node = self._new(None)
            self._change((folder, name, node))
        self._files[op.file or 0] = node

    def _new(self, entries: dict[str, int] | None) -> int:
        self._nodes.append(_Node(entries))
        return len(self._nodes) - 1

    def _entries(self, folder: int) -> dict[str, int]:
        entries = self._nodes[folder].entries
        assert entries is not None
        return entries

    def _at(self, path: str) -> tuple[int, str]:
        above, name = os.path.split(path)
        return self._find(above), name

    def _find(self, path: str) -> int:
        node = 0
        inside = os.path.relpath(path, self._root)
        for part in inside.split(os.sep) if inside != "." else ():
            node = self._entries(node)[part]
        return node

    def _change(self, *change: tuple[int, str, int | None]) -> None:
        for folder, name, node in change:
            if node is None:
                del self._entries(folder)[name]
            else:
                self._entries(folder)[name] = node
        self._pending.append(list(change))

    def _sync_folder(self, folder: int) -> None:
        due = {(f, n) for change in self._pending for f, n, _ in change if f == folder}
        keep: list[_Change] = []
        flush: list[_Change] = []
        for change in reversed(self._pending):  # with a change, those before it of the same names
            if any((f, n) in due for f, n, _ in change):
                due.update((f, n) for f, n, _ in change)
                flush.append(change)
            else:
                keep.append(change)
        for change in reversed(flush):
            _put(self._durable, change)
        self._pending = keep[::-1]

    def shown(self, path: str) -> str:
        """The path of a call as trees name it."""
        return os.path.relpath(path, self._root)

    # -- what it holds ------------------------------------------------------------------------------------------------

    def seen(self) -> Tree:
        """The tree as processes see it."""
        names = {(i, name): n for i, node in enumerate(self._nodes) for name, n in (node.entries or {}).items()}
        return self._tree(names, {})

    def after_power_cut(self, most: int, chance: random.Random) -> Iterator[Tree]:
        """The trees that a power cut now may leave; where there are more than `most`, that many of them by `chance`."""
        self.sampled = False
        layouts: dict[frozenset[tuple[int, str, int | None]], None] = {frozenset(): None}
        for change in self._pending:
            for known in list(layouts):
                after = {(f, n): node for f, n, node in known}
                if any(node is None and is_aside(n) and not self._is_there(after, (f, n)) for f, n, node in change):
                    continue  # changes of one name happen in their order: nothing leaves a name that it never had
                after.update({(f, n): node for f, n, node in change})
                layouts[frozenset((f, n, node) for (f, n), node in after.items())] = None
            if len(layouts) > 8 * most:
                layouts = dict.fromkeys(chance.sample(list(layouts), 4 * most))
                self.sampled = True
        found = 0
        chosen = list(layouts)
        chance.shuffle(chosen)
        for layout in chosen:
            names = dict(self._durable)
            _put(names, list(layout))
            dirty = [n for n in _reached(self._nodes, names) if self._nodes[n].versions]
            options = [self._options(n, names) for n in dirty]
            total = 1
            for option in options:
                total *= len(option)
            every: Iterator[tuple[bytes, ...]] = product(*options)
            if total > most:
                self.sampled = True
                every = (tuple(chance.choice(o) for o in options) for _ in range(most))
            for datas in every:
                found += 1
                yield self._tree(names, dict(zip(dirty, datas, strict=True)))
            if found > 2 * most:
                self.sampled = True
                return

    def _is_there(self, layout: dict[tuple[int, str], int | None], name: tuple[int, str]) -> bool:
        return layout.get(name, self._durable.get(name)) is not None

    def _options(self, node_id: int, names: dict[tuple[int, str], int]) -> list[bytes]:
        """What may be in a file that was not synced."""
        if {name for (_, name), n in names.items() if n == node_id} == {TEMP_NAME}:
            return [self._nodes[node_id].data]  # nobody reads it; it is removed as it is
        node = self._nodes[node_id]
        options = {node.synced: None}
        for data in node.versions:
            base = len(node.synced) if data.startswith(node.synced) else 0
            half = base + (len(data) - base) // 2
            for option in (
                data,
                data[:half],
                data[:-1],
                data[:base] + bytes(len(data) - base),
                data[:half] + bytes(len(data) - half),
                data[:base] + bytes(half - base) + data[half:],
            ):
                options[option] = None
        return list(options)

    def _tree(self, names: dict[tuple[int, str], int], datas: dict[int, bytes]) -> Tree:
        inside: dict[int, list[tuple[str, int]]] = {}
        for (folder, name), node in names.items():
            inside.setdefault(folder, []).append((name, node))
        found: list[tuple[str, bytes | None, int | None]] = []

        def walk(folder: int, path: str) -> None:
            for name, node_id in inside.get(folder, ()):
                node = self._nodes[node_id]
                here = f"{path}{name}"
                if node.entries is None:
                    found.append((here, datas.get(node_id, node.data), node.mtime))
                else:
                    found.append((here, None, None))
                    walk(node_id, f"{here}/")

        walk(0, "")
        rank = {path: n for n, path in enumerate(self._order)}
        return Tree(tuple(sorted(found, key=lambda item: (rank.get(item[0], len(rank)), item[0]))))


def _put(names: dict[tuple[int, str], int], change: _Change) -> None:
    for folder, name, node in change:
        if node is None:
            names.pop((folder, name), None)
        else:
            names[folder, name] = node


def _reached(nodes: list[_Node], names: dict[tuple[int, str], int]) -> set[int]:
    """The files that have a name."""
    return {node for node in names.values() if nodes[node].entries is None}
