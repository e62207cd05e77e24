"""A kill at any instant leads, after a restart, to the same bytes (contract: promises 1, 2, 4, 5, 7).

In process, at the one boundary that writes: `tests.torture.crash_points` does the same to the real program with
strace. See docs/reliability.md.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import recursion_gate
from recursion_gate.core.paths import RECORD_FILES, Place
from recursion_gate.reading import snapshot

from ..conftest import RECORD
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
        count = every_chain_of_kills(chapter, folder / "killed", _what_a_reader_would_miss)
        assert not count.broken, "\n".join(count.broken)
        assert count.states > 5


def _what_a_reader_would_miss(place: Place) -> str | None:
    if place.gate.exists():
        json.loads(place.gate.read_bytes())
    seen = snapshot.snapshot(place.root, place.user)
    receipted = Counter((f, line) for r in seen.receipts() for f, lines in r.lines.items() for line in lines)
    for source, texts in (("on disk", _texts(place)), ("in the snapshot", dict(seen.texts))):
        added: Counter[tuple[str, str]] = Counter()
        for name in RECORD_FILES:
            more = Counter(texts[name].splitlines()) - Counter(RECORD[name].splitlines())
            added.update({(name, line): n for line, n in more.items()})
        if added - receipted:
            return f"lines {source} that no receipt accounts for: {added - receipted}"
        if source == "in the snapshot" and receipted - added:
            return f"receipts whose lines a reader does not see: {receipted - added}"
    return None


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


#: What changes a disk, by the names it goes by in Python.
_CHANGES = {
    *("rename", "renames", "replace", "link", "symlink", "unlink", "remove", "removedirs", "rmdir", "mkdir"),
    *("makedirs", "truncate", "ftruncate", "chmod", "fchmod", "chown", "fchown", "utime", "write", "pwrite", "fsync"),
    *("fdatasync", "write_text", "write_bytes", "touch", "symlink_to", "hardlink_to", "rmtree", "copy", "copytree"),
}
#: What goes through `atomic.calls`.
_BOUNDARY = {"disk/atomic", "disk/deliver", "disk/hand_over", "disk/syscalls"}
#: The lock, an index that can be thrown away, and the copy of it that `verify` reads. None is in the contract's tree.
_ALLOWED = {("disk/lock", "ftruncate"), ("disk/lock", "pwrite"), ("store/index", "unlink"), ("store/index", "mkdir")}
_ALLOWED |= {("store/index", "open to write")}


def test_only_one_module_of_the_daemon_changes_the_disk() -> None:
    """So that the boundary at which these tests kill is the whole of it."""
    package = Path(recursion_gate.__file__).parent
    found = set()
    for path in sorted(p for part in ("disk", "engine", "service", "store") for p in (package / part).glob("*.py")):
        name = f"{path.parent.name}/{path.stem}"
        if name in _BOUNDARY:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            on = (
                node.func.value.id
                if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
                else ""
            )
            if called == "open" and on != "atomic":
                modes = [
                    a.value for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)
                ]
                if any(isinstance(m, str) and set(m) & set("wax+") and len(m) < 4 for m in modes):
                    found.add((name, "open to write"))
            elif called in _CHANGES and on not in ("atomic", "texts") and not _of_text(node):
                found.add((name, called))
    assert found <= _ALLOWED, found - _ALLOWED


def _of_text(node: ast.Call) -> bool:
    """Whether this is str.replace, or dataclasses.replace."""
    assert isinstance(node.func, ast.Attribute | ast.Name)
    named = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    return named == "replace" and (isinstance(node.func, ast.Name) or len(node.args) == 2)
