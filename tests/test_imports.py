"""The house's floors: a package imports only packages on floors below its own (CONTRIBUTING.md, "The house").

The table in CONTRIBUTING.md is the one place where the floors are written; the imports are read from the code, lazy
ones and module names in strings included.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "daemon" / "recursion_gate"
_ROW = re.compile(r"^\| (\d+) \| `(\w+)/` \|")
_IN_STRING = re.compile(r"recursion_gate\.([a-z_]+)(?:\.[a-z_]+)*\Z")


def floors() -> dict[str, int]:
    """Each package's floor, as the table has it."""
    rows = map(_ROW.match, (TOP / "CONTRIBUTING.md").read_text("utf-8").splitlines())
    return {row[2]: int(row[1]) for row in rows if row}


def imported(path: Path, package: Path = PACKAGE) -> Iterator[str]:
    """The packages that the module at `path` imports, anywhere in it, its own excepted."""
    parts = path.relative_to(package).parts
    home, own = parts[:-1], parts[0] if len(parts) > 1 else ""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.level:
            base = list(home[: len(home) - (node.level - 1)]) + (node.module or "").split(".")
            base = [part for part in base if part]
            names = base[:1] or [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "recursion_gate":
            names = (node.module or "").split(".")[1:2] or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name.split(".")[1] for a in node.names if a.name.startswith("recursion_gate.")]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (m := _IN_STRING.match(node.value)):
            names = [m[1]]
        yield from (name for name in names if name != own)


def climbs(package: Path, floor: dict[str, int]) -> list[str]:
    """The imports that go up, or sideways to another package of the same floor."""
    told = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).parts
        if len(parts) == 1:  # the package's own front door: __init__, __main__
            continue
        told += [
            f"{'/'.join(parts)} (floor {floor[parts[0]]}) imports {name} (floor {floor[name]})"
            for name in imported(path, package)
            if name in floor and floor[name] >= floor[parts[0]]
        ]
    return told


def test_arrows_between_packages_go_down_only() -> None:
    assert climbs(PACKAGE, floors()) == []


def test_every_package_has_a_floor_and_every_floor_a_package() -> None:
    assert set(floors()) == {p.parent.name for p in PACKAGE.glob("*/__init__.py")}


def test_only_the_front_door_lies_at_the_top_of_the_package() -> None:
    assert {p.name for p in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize("name", sorted(floors()))
def test_each_package_says_what_belongs_in_it_and_what_it_may_import(name: str) -> None:
    said = ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text("utf-8")))
    assert said is not None
    allowed = re.search(r"^May import: (.+?)\.$", said, re.MULTILINE | re.DOTALL)
    assert allowed is not None
    below = {package for package, floor in floors().items() if floor < floors()[name]}
    words = set(re.findall(r"\w+", allowed[1])) & set(floors())
    may = below if allowed[1].startswith("all") else words
    assert may <= below
    used = {n for path in (PACKAGE / name).rglob("*.py") for n in imported(path) if n in floors()}
    assert used <= may


@pytest.mark.parametrize(
    "text",
    [
        "from ..service import daemon",
        "def f():\n    from ..cli.output import say",
        'NAME = "recursion_gate.engine.apply"',
    ],
)
def test_an_arrow_up_is_found_wherever_it_stands(tmp_path: Path, text: str) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "gate.py").write_text(text)
    assert len(climbs(tmp_path, floors())) == 1
