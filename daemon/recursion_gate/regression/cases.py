"""Regression cases: read one and play it (format: ``fixtures/README.md``).

A case is played in a root of its own, which the caller gives, with the moves of agents and people: files appear whole
and under their name, cards are renamed, copied, rewritten. In between the caller runs the program.
"""

from __future__ import annotations

import contextlib
import difflib
import glob
import os
import shlex
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from ..admin import setup
from ..core.errors import GateError
from ..core.paths import READ_ME, TEMP_NAME, Root
from ..disk import atomic
from ..disk.deliver import deliver

__all__ = [
    "USER",
    "BadCase",
    "Case",
    "Tree",
    "files_in",
    "find_cases",
    "lay_out",
    "play",
    "put",
    "read_case",
    "stopped_clock",
    "tree",
]

#: The user that every case's root has.
USER = "alex"

#: All files below a root, by their path from the root on.
Tree = dict[str, bytes]
#: The steps up to a `once`: nothing is carried out between them.
Group = tuple["Step", ...]

_NOW = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)
_FIRST_DROP = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)  # the mtime of the first drop; each next one is a second later
_TICK = 0.012  # seconds: file systems stamp a change by a clock that ticks every 1 to 10 ms; no person is as fast

_STEPS = {  # step: (fewest words, limit, usage)
    "drop": (1, 2, "drop FILE [TO]"),
    "move": (2, 2, "move FILES TO"),
    "copy": (2, 2, "copy FILES TO"),
    "edit": (3, 3, 'edit FILES "OLD TEXT" "NEW TEXT"'),
    "delete": (1, 1, "delete FILES"),
    "once": (0, 0, "once"),
}
_TOPS = ("inbox", "users", "receipts")


@dataclass(eq=False)
class BadCase(GateError):
    """A case that cannot be played: the place and the fault."""

    where: str
    problem: str
    sentence = "{e.where}: {e.problem}"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of ``steps.txt``."""

    where: str  # for messages: the file and the line
    verb: str
    words: tuple[str, ...]
    drops_before: int


@dataclass(frozen=True, slots=True)
class Case:
    """One case."""

    folder: Path
    groups: tuple[Group, ...]

    @property
    def name(self) -> str:
        return self.folder.name


def find_cases(folder: Path) -> list[Path]:
    """The cases in `folder`: those of its folders that hold a ``steps.txt``, or itself. Raises OSError."""
    if (folder / "steps.txt").is_file():
        return [folder]
    return sorted(f for f in folder.iterdir() if (f / "steps.txt").is_file())


def read_case(folder: Path) -> Case:
    """The case in `folder`. Raises BadCase, OSError."""
    try:
        lines = (folder / "steps.txt").read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise BadCase(f"{folder.name}/steps.txt", "this is not UTF-8 text") from None
    groups: list[Group] = []
    group: list[Step] = []
    drops = 0
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        step = _step(folder, f"{folder.name}/steps.txt, line {number}", line, drops)
        drops += step.verb == "drop"
        if step.verb == "once":
            groups.append(tuple(group))
            group = []
        else:
            group.append(step)
    if group or not groups:
        groups.append(tuple(group))
    return Case(folder, tuple(groups))


def _step(folder: Path, where: str, line: str, drops: int) -> Step:
    try:
        verb, *words = shlex.split(line)
    except ValueError as err:
        raise BadCase(where, f"a quote is not closed ({err})") from None
    if verb not in _STEPS:
        near = difflib.get_close_matches(verb, _STEPS, 1)
        raise BadCase(
            where,
            f"unknown step '{verb}'; " + (f"did you mean '{near[0]}'?" if near else f"known: {', '.join(_STEPS)}"),
        )
    fewest, limit, usage = _STEPS[verb]
    if not fewest <= len(words) <= limit:
        raise BadCase(where, f"usage: {usage}")
    for word in words[:1] if verb == "edit" else words:
        if ".." in PurePosixPath(word).parts or os.path.isabs(word):
            raise BadCase(where, f"'{word}' leads out of the root")
    if verb == "drop" and not (folder / "drops" / words[0]).is_file():
        raise BadCase(where, f"there is no file drops/{words[0]}")
    return Step(where, verb, tuple(words), drops)


@contextmanager
def stopped_clock() -> Iterator[None]:
    """Stop the program's clock at the cases' moment, so that receipts are the same each time."""
    before = os.environ.get("RECURSION_GATE_NOW")
    os.environ["RECURSION_GATE_NOW"] = _NOW.isoformat()
    try:
        yield
    finally:
        del os.environ["RECURSION_GATE_NOW"]
        if before is not None:
            os.environ["RECURSION_GATE_NOW"] = before


def lay_out(case: Case, root: Root) -> Tree:
    """Make the root that the case starts from: a new one with the user alex, and ``given/`` laid over it. Gives its
    tree. Raises BadCase, OSError."""
    setup.make_root(root)
    setup.add_user(root, USER)
    for path, data in files_in(case.folder / "given").items():
        put(root.path / path, data)
    put(root.settings, _settings(case))
    return tree(root)


def _settings(case: Case) -> bytes:
    """The case's settings, without waiting for files to be complete: here they always are."""
    own = case.folder / "given" / "recursion-gate.toml"
    text = own.read_text("utf-8-sig") if own.is_file() else ""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise BadCase(f"{case.name}/given/{own.name}", f"this is not TOML: {err}") from None
    waits = ("settle_seconds", "patience_seconds", "unknown_ending_seconds")
    added = [f"{name} = 0\n" for name in waits if name not in given]
    return "".join([text, "\n", *added]).encode()


def play(
    case: Case,
    root: Root,
    work: Callable[[], object],
    hold: Callable[[Group], AbstractContextManager[None]] = lambda group: nullcontext(),
) -> Iterator[Tree]:
    """Take the steps of the case at `root` and have `work` do the program's part after each group of them; gives the
    tree each time. `hold` is entered around the steps of a group. Raises BadCase, OSError."""
    for group in case.groups:
        with hold(group):
            for step in group:
                _take(case, root, step)
        work()
        yield tree(root)


def _take(case: Case, root: Root, step: Step) -> None:
    """Take one step, as an agent or a person does: files appear whole, under their name, at once."""
    if step.verb == "drop":
        source = case.folder / "drops" / step.words[0]
        target = _target(root, step.words[1] if len(step.words) > 1 else "", source.name)
        atomic.make_folder(target.parent)
        coming = deliver(target.parent, ".coming", source.read_bytes(), over=True)
        moment = (_FIRST_DROP + timedelta(seconds=step.drops_before)).timestamp()
        os.utime(coming, (moment, moment))
        atomic.move(coming, target)
        return
    found = _matches(root, step)
    if step.verb in ("move", "copy") and len(found) > 1 and not _is_folder(root, step.words[1]):
        raise BadCase(step.where, f"{len(found)} files match {step.words[0]}; end '{step.words[1]}' with a slash")
    for path in found:
        if step.verb == "delete":
            atomic.remove(path)
        elif step.verb == "edit":
            _edit(step, path)
        elif step.verb == "move":
            target = _target(root, step.words[1], path.name)
            atomic.make_folder(target.parent)
            atomic.move(path, target)
        else:
            put(_target(root, step.words[1], path.name), path.read_bytes())
    time.sleep(_TICK)


def _edit(step: Step, path: Path) -> None:
    old, new = (word.replace("\\n", "\n").encode() for word in step.words[1:])
    data = path.read_bytes()
    if old not in data:
        raise BadCase(step.where, f"'{step.words[1]}' is not in {path.name}:\n{data.decode(errors='replace')}")
    put(path, data.replace(old, new, 1))


def _at(root: Root, path: str) -> Path:
    """A path as steps name it: from the root on where it begins with inbox/, users/ or receipts/, else from the
    user's inbox on."""
    base = root.path if path.split("/", 1)[0] in _TOPS else root.place(USER).inbox
    return base / path


def _target(root: Root, to: str, name: str) -> Path:
    return _at(root, to) / name if _is_folder(root, to) else _at(root, to)


def _is_folder(root: Root, to: str) -> bool:
    return not to or to.endswith("/") or _at(root, to).is_dir()


def _matches(root: Root, step: Step) -> list[Path]:
    pattern = _at(root, step.words[0])
    if os.path.lexists(pattern):
        return [pattern]
    found = sorted(Path(p) for p in glob.glob(str(pattern)) if Path(p).name != READ_ME)
    if not found:
        there = sorted(p for p in tree(root) if p.startswith(f"inbox/{USER}/") and not p.endswith(f"/{READ_ME}"))
        raise BadCase(step.where, f"nothing matches {step.words[0]}; there is: {', '.join(there) or 'no file at all'}")
    return found


def put(path: Path, data: bytes) -> None:
    """Make the file, whole at once, in place of any other. Raises OSError."""
    atomic.make_folder(path.parent)
    deliver(path.parent, path.name, data, over=True)


def files_in(folder: Path) -> Tree:
    """All files below `folder`; none where there is no such folder."""
    found: Tree = {}
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            inside = os.path.relpath(path, folder).replace(os.sep, "/")
            with contextlib.suppress(FileNotFoundError):  # a daemon may be at work
                if os.path.islink(path):
                    found[inside] = f"a symbolic link to {os.readlink(path)}\n".encode()
                elif os.path.isfile(path):
                    found[inside] = Path(path).read_bytes()
    return found


def tree(root: Root) -> Tree:
    """All files of a root, without the daemon's own."""
    return {
        f"{top}/{path}": data
        for top in _TOPS
        for path, data in files_in(root.path / top).items()
        if not path.endswith(TEMP_NAME)
    }
