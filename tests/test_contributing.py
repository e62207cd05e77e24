"""CONTRIBUTING.md leads to places that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "daemon" / "recursion_gate"
PAGE = (TOP / "CONTRIBUTING.md").read_text("utf-8")
_STEP = re.compile(r"^    ([a-z_]+/[a-z_]+\.py) +([\w.]+)  ", re.MULTILINE)
_NAMED = re.compile(r"`([a-z_]+/[\w-]+\.(?:py|md))` \(([^)]+)\)")


def _defined(path: str) -> set[str]:
    """The names at the top of a module, and ``Class.method``."""
    names = set()
    for node in ast.parse((PACKAGE / path).read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
            names |= {f"{node.name}.{each.name}" for each in ast.walk(node) if isinstance(each, ast.FunctionDef)}
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_each_step_of_the_flows_is_a_function_in_the_module_it_names() -> None:
    steps = _STEP.findall(PAGE)
    assert len(steps) >= 12
    assert [(path, name) for path, name in steps if name not in _defined(path)] == []


def test_each_place_to_go_to_is_there() -> None:
    for path, names in _NAMED.findall(PAGE):
        assert set(re.findall(r"`(\w+)`", names)) <= _defined(path), path
    for path in re.findall(r"`((?:[a-z_]+/)+[\w-]+\.(?:py|md))`", PAGE):
        assert (PACKAGE / path).is_file() or (TOP / path).is_file(), path
