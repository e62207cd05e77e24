"""Tests mirror the packages: the tests of `recursion_gate/<package>/<module>.py` are found in `tests/<package>/`.

Either in `test_<module>.py`, or in another file of that folder that imports the module; the few that are proven
elsewhere are named here, with where and why.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "daemon" / "recursion_gate"

#: Module -> the file that proves it, and why no file of its package's folder names it. ``*``: all of the package
#: that no test names.
ELSEWHERE = {
    "audit/differences": ("audit/test_verify.py", "what the edits of a person are called"),
    "cli/*": ("cli/test_cli.py", "a command is run by its name, as people do"),
    "clients/own": ("serve/people/test_record.py", "what a person proposes on the page"),
    "clients/stage": ("scenarios/test_isolation.py", "what an agent can and cannot do"),
    "disk/aside": ("scenarios/test_renames.py", "between a look and a removal"),
    "disk/hand_over": ("scenarios/test_lanes.py", "needs accounts of their own"),
    "disk/syscalls": ("disk/test_atomic.py", "as atomic.calls"),
    "doctor/context": ("doctor/test_doctor.py", "what every check is given"),
    "doctor/put_back": ("scenarios/test_put_back.py", "a whole story: copies, older copies, mended"),
    "engine/*": ("engine/test_reconcile.py", "a turn passes all of them: the tests run whole turns"),
    "formats/gate_json": ("store/test_gate.py", "the gate's file, as it is written and read"),
    "formats/json_words": ("formats/test_drops.py", "what a refusal says"),
    "mcp_door/*": ("mcp_door/test_server.py", "the official client, on stdio and over HTTP, passes all of them"),
    "plans/*": ("plans/test_keeper.py", "a look passes all of them: the tests make whole looks"),
    "permissions/check": ("scenarios/test_lanes.py", "needs accounts of their own"),
    "reading/*": ("reading/test_readers.py", "a reader is run by its command"),
    "schemas/answers": ("schemas/test_schemas.py", "the answers of the commands fit their schemas"),
    "serve/*": ("serve/test_agents.py", "a real uvicorn on a real socket passes all of them"),
    "service/listening": ("scenarios/test_events.py", "lost events, no room for watches, folders that go away"),
    "service/systemd": ("service/test_watchdog.py", "with the service, whose heartbeat it carries"),
    "sources/*": ("regression/test_samples.py", "each form's samples give the drops beside them"),
    "store/filed": ("audit/test_card_check.py", "with those who look for filed cards"),
    "store/forgotten": ("scenarios/test_taken_back.py", "what readers say wherever the daemon stops"),
    "store/gate_reader": ("store/test_gate.py", "read as it is written"),
    "store/recovery": ("scenarios/test_crash_points.py", "what every kill leaves"),
}


@cache
def modules() -> list[str]:
    """``package/module`` of each module in a package."""
    found = (path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.glob("*/*.py"))
    return sorted(name for name in found if not name.endswith("/__init__"))


@cache
def imported(path: Path) -> set[str]:
    """The modules of the program, as ``package/module``, that a test file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("recursion_gate."):
            parts = (node.module or "").split(".")[1:]
            found |= {"/".join(parts)} | {"/".join([*parts, alias.name]) for alias in node.names}
    return found


@cache
def is_proven_beside(module: str) -> bool:
    """Whether a test file in the folder of the module's package is this module's, or imports it."""
    package, _, name = module.partition("/")
    files = list((TESTS / package).glob("test_*.py"))
    return any(path.stem == f"test_{name}" or module in imported(path) for path in files)


def row_of(module: str) -> str | None:
    """The row of the table for a module."""
    package = module.partition("/")[0]
    return next((row for row in (module, f"{package}/*") if row in ELSEWHERE), None)


def test_each_module_is_proven_in_the_folder_of_its_package_or_named_in_the_table() -> None:
    assert [module for module in modules() if not is_proven_beside(module) and row_of(module) is None] == []


@pytest.mark.parametrize("row", sorted(ELSEWHERE))
def test_each_row_of_the_table_is_needed_and_names_a_file(row: str) -> None:
    where, why = ELSEWHERE[row]
    assert [module for module in modules() if row_of(module) == row and not is_proven_beside(module)]
    assert (TESTS / where).is_file()
    assert why


def test_each_folder_of_tests_is_a_packages_or_known() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    folders = {path.parent.name for path in TESTS.glob("*/*.py")}
    others = {"scenarios", "support", "torture", "fuzz", "benchmarks", "systemd", "voice", "hints"}
    assert folders - packages == others
    assert packages <= folders
