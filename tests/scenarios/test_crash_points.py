"""A kill at any instant leads, after a restart, to the same bytes (contract: promises 1, 2, 4, 5, 7).

In process, at the one boundary that writes: `tests.torture.crash_points` does the same to the real program with
strace. See docs/reliability.md.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import recursion_gate
from recursion_gate.core.model import act_key, id_hash
from recursion_gate.core.paths import RECORD_FILES, Place
from recursion_gate.core.receipt import Receipt
from recursion_gate.reading import snapshot

from ..torture.disk import Boundary, Disk, Killed, Tree
from ..torture.harness import (
    chapters,
    differences,
    every_chain_of_kills,
    every_kill,
    killed_at,
    memory,
    settle,
    start_again,
    stopped_clock,
)
from ..torture.stories import STORIES


@pytest.fixture
def folder() -> Iterator[Path]:
    with stopped_clock(), memory() as made:
        yield made


def test_a_kill_before_after_or_in_any_call_leads_to_the_same_bytes(folder: Path) -> None:
    points = 0
    for chapter in chapters(STORIES["three"], folder / "story"):
        count = every_kill(chapter, folder / "killed")
        assert not count.broken, "\n".join(count.broken)
        points += count.points
    assert points > 200


@pytest.mark.parametrize("name", [name for name in STORIES if name != "many"])  # that one takes a while
def test_killed_again_and_again_in_the_recovery_it_still_leads_to_the_same_bytes(name: str, folder: Path) -> None:
    """And in each of the trees on the way, a reader finds every file whole, and no line without its receipt."""
    for chapter in chapters(STORIES[name], folder / "story"):
        place = start_again(chapter.before, folder / "begins")
        base = _lines(_texts(place))
        base.subtract(_done(_receipts(place), _in_midst(place)))
        count = every_chain_of_kills(chapter, folder / "killed", partial(_what_a_reader_would_miss, base))
        assert not count.broken, "\n".join(count.broken)
        assert count.states > 5


_Lines = Counter[tuple[str, str]]


def _what_a_reader_would_miss(base: _Lines, place: Place) -> str | None:
    """`base`: the lines of the Record that no receipt of this story has put in."""
    if place.gate.exists():
        json.loads(place.gate.read_bytes())
    came = base + _done(_receipts(place), None, out=False)
    if more := _lines(_texts(place)) - came:
        return f"lines on disk that no receipt accounts for: {more}"
    seen = snapshot.snapshot(place.root, place.user)
    is_there, due = _lines(dict(seen.texts)), Counter(base)
    due.update(_done(list(seen.receipts()), _in_midst(place)))
    if is_there - due:
        return f"lines in the snapshot that no receipt accounts for: {is_there - due}"
    if +due - is_there:
        return f"receipts whose lines a reader does not see: {+due - is_there}"
    return None


def _receipts(place: Place) -> list[Receipt]:
    lines = place.ledger.read_bytes().split(b"\n")[:-1] if place.ledger.exists() else []
    return [Receipt.model_validate_json(line) for line in lines]


def _in_midst(place: Place) -> str | None:
    """The candidate that is being forgotten."""
    receipts = _receipts(place)
    return receipts[-1].candidate_id if receipts and receipts[-1].action == "forgotten" else None


def _done(receipts: list[Receipt], forgotten: str | None, *, out: bool = True) -> _Lines:
    """What these receipts put into the Record, and, with `out`, take out of it: how often each line."""
    found: _Lines = Counter()
    for receipt in receipts:
        own = receipt.candidate_id == forgotten
        about = bool(forgotten and receipt.target and act_key(receipt.target) == id_hash(forgotten))
        old = receipt.old if receipt.old and not about else {"lines": {}, "removed": {}, "spots": {}}
        for lines in () if own else (receipt.lines, old["lines"]):
            found.update((file, line) for file, these in lines.items() for line in these)
        for lines in () if own or not out else (receipt.removed, old["removed"]):
            found.subtract((file, line) for file, these in lines.items() for line in these)
    return found


def _lines(texts: dict[str, str]) -> _Lines:
    return Counter((name, line) for name in RECORD_FILES for line in texts[name].splitlines())


def _texts(place: Place) -> dict[str, str]:
    return {name: (place.home / name).read_bytes().decode() for name in RECORD_FILES}


def test_the_model_of_the_disk_sees_what_the_disk_holds(folder: Path) -> None:
    """What the other tests build on: the noted calls, played on the model, give the tree that they gave on the disk."""
    for name, story in STORIES.items():
        for chapter in chapters(story, folder / name):
            place = start_again(chapter.before, folder / "played")
            boundary = Boundary()
            settle(place, boundary)
            disk = Disk(place.root, chapter.before)
            for op in boundary.ops:
                disk.apply(op)
            assert disk.seen().files == Tree.read(place.root).files == chapter.after


def test_a_kill_is_felt(folder: Path) -> None:
    """The harness itself: where the work is cut off for good, the bytes are not the same."""
    chapter = chapters(STORIES["one"], folder / "story")[1]
    place = start_again(chapter.before, folder / "killed")
    with pytest.raises(Killed):
        settle(place, Boundary(killed_at(12, "before")))
    assert differences(chapter.after, place)


#: What changes a disk: functions of `os` and `shutil`, and methods that only a path has.
_OS = {
    *(
        "rename",
        "renames",
        "replace",
        "link",
        "symlink",
        "unlink",
        "remove",
        "removedirs",
        "rmdir",
        "mkdir",
        "makedirs",
    ),
    *("mkfifo", "mknod", "truncate", "ftruncate", "chmod", "fchmod", "lchmod", "chown", "fchown", "lchown", "utime"),
    *("write", "writev", "pwrite", "pwritev", "sendfile", "copy_file_range", "posix_fallocate", "fsync", "fdatasync"),
    *("sync", "setxattr", "removexattr"),
}
_SHUTIL = {"copy", "copy2", "copyfile", "copyfileobj", "copymode", "copystat", "copytree", "move", "rmtree", "chown"}
_PATH = {
    "write_text",
    "write_bytes",
    "touch",
    "symlink_to",
    "hardlink_to",
    "unlink",
    "rmdir",
    "mkdir",
    "chmod",
    "rename",
}
_TO_WRITE = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"}

#: The boundary, and what stands on it: their functions may be called anywhere.
_OURS = {"atomic", "calls"}

#: All that changes the disk elsewhere than in disk/syscalls, and why that is no part of a merge.
_ALLOWED = {
    "disk/lock": {"os.open to write", "os.ftruncate", "os.pwrite"},  # the lock's own file
    "store/index": {"os.unlink", ".mkdir", ".open to write", "shutil.copyfileobj"},  # it can be made again
    "regression/cases": {"os.utime"},  # the times of a case's drops, in a folder of its own
    "cli/__init__": {"os.open to write"},  # /dev/null
    "cli/trouble": {"os.open to write"},  # /dev/null
    "archive/pack": {"tarfile.open to write"},  # in memory
    # Outside of the merge: the clients' own folder, a drop's time, another program's file opened read-only by SQLite,
    # the socket, and the source tree that workers change.
    "clients/keys": {".mkdir", "os.unlink"},
    "clients/sessions": {".mkdir", "os.unlink"},
    "disk/deliver": {"os.utime"},
    "sources/anki": {".open to write"},
    "serve/listen": {".unlink"},
    "serve/people/status": {".unlink"},
    "cli/plan": {".write_text"},  # the picture that somebody asks for
    "plans/branches": {"os.open to write"},
    "plans/git": {".mkdir", "os.rename", "shutil.rmtree"},
    "plans/processes": {"os.write"},
    "plans/trees": {".mkdir", "shutil.rmtree"},
    "plans/scope_check": {".mkdir", "os.chmod"},
}


def test_only_one_module_of_the_program_changes_the_disk() -> None:
    """So that the boundary at which these tests kill is the whole of it: `syscalls.calls`."""
    package = Path(recursion_gate.__file__).parent
    found = {p.relative_to(package).with_suffix("").as_posix(): _changes(p.read_text()) for p in package.rglob("*.py")}
    assert {name: changes for name, changes in found.items() if changes and name != "disk/syscalls"} == _ALLOWED


def _changes(text: str) -> set[str]:
    """The calls in a module that change the disk."""
    nodes = list(ast.walk(ast.parse(text)))
    # Names that stand for flags to write with.
    flags = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _names(node.value) & _TO_WRITE
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return {change for node in nodes if isinstance(node, ast.Call) and (change := _change(node, _TO_WRITE | flags))}


def _change(node: ast.Call, to_write: set[str]) -> str | None:
    on, called, is_method = "", "", isinstance(node.func, ast.Attribute)
    if isinstance(node.func, ast.Attribute):
        called, value = node.func.attr, node.func.value
        on = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
    elif isinstance(node.func, ast.Name):
        called = node.func.id
    if on in _OURS:
        return None
    if called == "open":
        values = [*node.args, *(k.value for k in node.keywords)]
        modes = [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
        if any(re.fullmatch("[rwaxbt+]+", m) and set(m) & set("wax+") for m in modes) or any(
            _names(v) & to_write for v in values
        ):
            return f"{on if on in ('os', 'tarfile') else ''}{'.' * is_method}open to write"
        return None
    if on in ("os", "shutil"):
        return f"{on}.{called}" if called in (_OS if on == "os" else _SHUTIL) else None
    return f".{called}" if is_method and called in _PATH else None


def _names(node: ast.AST) -> set[str]:
    """The names in an expression, of attributes and those in strings too."""
    return {
        n.id if isinstance(n, ast.Name) else n.attr if isinstance(n, ast.Attribute) else str(n.value)
        for n in ast.walk(node)
        if isinstance(n, ast.Name | ast.Attribute | ast.Constant)
    }


@pytest.mark.parametrize(
    "text",
    [
        "os.rename(a, b)",
        "path.unlink()",
        "Path(a).write_text(b)",
        "self.path.rename(b)",
        "shutil.rmtree(a)",
        "open(a, 'wb')",
        "path.open('a')",
        "os.open(a, os.O_WRONLY | os.O_CREAT)",
        "FLAGS = os.O_RDONLY | getattr(os, 'O_CREAT', 0)\nos.open(a, FLAGS)",
    ],
)
def test_a_change_of_the_disk_is_found(text: str) -> None:
    assert _changes(text)
