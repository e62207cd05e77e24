"""Compare this program's results with those that regression cases expect (contract: "Commands", `check`).

Each case is played in a temporary root of its own, by `once`. Only `accept` writes outside it: into the case's
``expected/``.
"""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import GateError
from ..core.paths import READ_ME, Root
from ..core.settings import load_settings
from ..disk import atomic
from ..service.once import once
from .cases import BadCase, Case, Tree, files_in, lay_out, play, put, read_case, stopped_clock

__all__ = ["Difference", "Result", "accept", "check", "differences"]

_RECEIPTS = "merge-receipts.jsonl"
_FIELDS = ("candidate_id", "action", "evidence_id")  # of a receipt, where a case does not say which matter


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that differs from the expected one; None: no file."""

    path: str
    expected: bytes | None
    found: bytes | None

    def diff(self) -> str:
        """As a unified diff, from expected to found."""
        names = (
            "/dev/null" if self.expected is None else f"expected/{self.path}",
            "/dev/null" if self.found is None else f"found/{self.path}",
        )
        lines = list(difflib.unified_diff(_lines(self.expected), _lines(self.found), *names, lineterm=""))
        lines = lines or [f"--- {names[0]}", f"+++ {names[1]}"]  # an empty file, and none
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one case."""

    name: str
    #: Why it could not be played; "" if it was.
    problem: str
    differences: list[Difference]

    @property
    def report(self) -> str:
        """The problem and the differences as text; empty if there are none."""
        return (f"{self.problem}\n" if self.problem else "") + "".join(d.diff() for d in self.differences)


def _compared(case: Case, start: Tree, after: Tree) -> Iterator[tuple[str, bytes | None, bytes | None]]:
    """Each path with the expected and the found bytes; None: no file."""
    expected = files_in(case.folder / "expected")
    wanted = {path: data for path, data in start.items() if not path.startswith("inbox/")} | expected
    for path in sorted(wanted.keys() | after.keys()):
        want, have = wanted.get(path), after.get(path)
        if path.endswith(f"/{_RECEIPTS}"):
            want, have = _reduced(case, path, want, have)
        elif want is None and path.startswith("receipts/"):
            continue  # cards and baseline: compared only where the case has them
        elif want is None and path.endswith("/recursion-gate.json") and have == b"[]\n":
            continue  # an empty gate equals no gate
        elif want is None and path.endswith(f"/{READ_ME}"):
            continue
        yield path, want, have


def _reduced(case: Case, path: str, want: bytes | None, have: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Receipts, reduced to the fields that the expected ones name; null stands for one that is not there, too."""
    named = [_object(line) for line in (want or b"").splitlines()]
    if None in named:
        raise BadCase(f"{case.name}/expected/{path}", "each line must be one JSON object")
    made = []
    for number, line in enumerate((have or b"").splitlines()):
        receipt = _object(line)
        names = (named[number] if number < len(named) else None) or dict.fromkeys(_FIELDS, "")
        kept = {n: receipt.get(n) for n, value in names.items() if n in receipt or value is None} if receipt else {}
        made.append(line + b"\n" if receipt is None else _line(kept))
    wanted = [_line(fields) for fields in named if fields is not None]
    return None if want is None else b"".join(wanted), None if have is None else b"".join(made)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def differences(case: Case, start: Tree, after: Tree) -> list[Difference]:
    """The files that differ from the case's expectation. Raises BadCase, OSError."""
    return [Difference(*found) for found in _compared(case, start, after) if found[1] != found[2]]


def _lines(data: bytes | None) -> list[str]:
    """The lines of a file, with invisible parts made visible: \\r, control characters, a missing last line end."""
    text = (data or b"").decode("utf-8", "backslashreplace")
    lines = text.split("\n")
    last = lines.pop()
    if last:
        lines.append(last)
    visible = ["".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in line) for line in lines]
    return [*visible[:-1], f"{visible[-1]}\n\\ No newline at end of file"] if last else visible


def check(folder: Path) -> Result:
    """Play the case in `folder` through `once`, in a temporary root. Raises OSError."""
    try:
        case = read_case(folder)
        with tempfile.TemporaryDirectory(prefix="recursion-gate-check-") as temp, stopped_clock():
            root = Root(Path(temp).resolve() / "root")
            start = lay_out(case, root)
            settings = load_settings(root)
            *_, after = play(case, root, lambda: once(root, settings))
        return Result(case.name, "", differences(case, start, after))
    except GateError as err:
        return Result(folder.name, str(err), [])


def accept(folder: Path, found: Iterable[Difference]) -> None:
    """Write the found files into the ``expected/`` of the case in `folder`. Raises OSError."""
    for difference in found:
        path = folder / "expected" / difference.path
        if difference.found is None:
            atomic.remove(path)
        else:
            put(path, difference.found)
