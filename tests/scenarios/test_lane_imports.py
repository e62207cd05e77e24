"""The staging lane and the read-only lane from Python: neither imports what merges, and neither does more than it may.

Each runs in a fresh interpreter that watches what it opens for writing and what it imports.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.cli import COMMANDS
from recursion_gate.core.paths import Root

from ..support.world import World, tree

#: What decides, merges, or writes gate, Record and receipts.
MERGING = {"admin.setup", "archive.restore", "cli.deciding", "clients.decide", "engine", "regression", "service"}
MERGING |= {"store.gate", "store.ledger"}

_WATCHED = """
import json, os, sys
wrote = []
def hook(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & (
        os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    ):
        wrote.append([event, os.fspath(args[0]) if not isinstance(args[0], int) else str(args[0])])
    elif event == "sqlite3.connect":
        if args[0] != ":memory:":
            wrote.append([event, str(args[0])])
    elif event in ("fcntl.flock", "fcntl.lockf", "socket.connect", "subprocess.Popen", "os.system", "os.exec"):
        wrote.append([event, str(args)])
    elif event.startswith("os.") and event not in ("os.scandir", "os.listdir", "os.walk", "os.fwalk", "os.getxattr"):
        wrote.append([event, *(a if isinstance(a, str) else os.fsdecode(a) if isinstance(a, bytes) else str(a)
                               for a in args)])
sys.dont_write_bytecode = True
sys.addaudithook(hook)
{code}
imported = [m.removeprefix("recursion_gate.") for m in sys.modules if m.startswith("recursion_gate.")]
print(json.dumps([wrote, imported]), file=sys.stderr)
"""


def watched(code: str, *words: str) -> tuple[list[list[str]], set[str]]:
    """What `code` wrote, and which of our modules it imported."""
    run = [sys.executable, "-c", _WATCHED.replace("{code}", code), *words]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stderr.splitlines()[-1])
    modules = {name.removeprefix("recursion_gate.") for name in found[1]}
    return found[0], modules | {name.partition(".")[0] for name in modules if name.count(".")}


@pytest.fixture
def world(root: Root) -> World:
    """Alex: one approved, one waiting."""
    world = World(root)
    world.stage("c0", "Learned how tides work.")
    world.stage("c1", "Built a kite.")
    world.approve("c0")
    world.reconciler.close()
    return world


# -- staging ----------------------------------------------------------------------------------------------------------


def test_staging_writes_one_file_into_the_inbox_and_imports_nothing_that_merges_or_reads(world: World) -> None:
    before = tree(world.root.path, without=())
    wrote, imported = watched(
        "import recursion_gate\n"
        "print(recursion_gate.stage('Learned of spiders.', user='alex', root=sys.argv[1], source='agent'))",
        str(world.root.path),
    )
    assert imported & MERGING == set()
    assert imported.isdisjoint({"archive", "core.model", "formats", "reading", "spec", "store"})
    inbox = str(world.place.inbox)
    for _, *paths in wrote:
        assert all(Path(p).parent == Path(inbox) for p in paths if "/" in p), paths
    after = tree(world.root.path, without=())
    (new,) = after.keys() - before.keys()
    assert Path(new).parent == Path("inbox/alex")
    assert {path: after[path] for path in before} == before


def test_the_command_that_stages_imports_nothing_that_merges(world: World) -> None:
    _, imported = watched(_CALL, "--root", str(world.root.path), "stage", "Learned of spiders.", "--user", "alex")
    assert imported & MERGING == set()


def test_the_package_itself_imports_nothing() -> None:
    assert watched("import recursion_gate") == ([], set())


# -- reading ----------------------------------------------------------------------------------------------------------

_CALL = """
from recursion_gate.cli import main
try:
    main(sys.argv[1:])
except SystemExit as done:
    assert not done.code, done.code
"""

_READERS = """
import pkgutil
from recursion_gate import reading
from recursion_gate.archive import pack, unpack
from recursion_gate.reading import brief, edge, export, record, snapshot, voice, whole
from recursion_gate.schemas import registry
from recursion_gate.spec import context, texts
assert {m.name for m in pkgutil.iter_modules(reading.__path__)} - {"manifest", "history"} <= {
    m.removeprefix("recursion_gate.reading.") for m in sys.modules
}, "a reader was left out"
root = sys.argv[1]
taken = snapshot.snapshot(root, "alex")
for answer in (brief.brief(taken), edge.edge(taken), export.export(taken), record.record(taken), whole.whole(taken)):
    answer.as_json()
assert voice.ask(taken, "How do tides work?").known
assert "tides" in voice.prompt(taken).prompt
from recursion_gate.core.paths import Root
from pathlib import Path
for role in context.ROLES:
    context.pack(Root(Path(root)), role, "alex").as_json()
texts.parts()
for name in registry.SCHEMAS:
    registry.schema(name)
pack.pack(taken, ".zip")
"""


def test_the_readers_write_nothing_and_import_nothing_that_merges_or_writes(world: World) -> None:
    before = tree(world.root.path, without=())
    wrote, imported = watched(_READERS, str(world.root.path))
    assert wrote == []
    assert imported & (MERGING | {"disk.atomic", "clients"}) == set()
    assert tree(world.root.path, without=()) == before


@pytest.mark.parametrize(
    "words",
    [
        ["snapshot", "--json"],
        ["record"],
        ["edge"],
        ["brief"],
        ["export"],
        ["voice", "ask", "How do tides work?"],
        ["voice", "prompt"],
        ["context", "staging"],
        ["context", "reader"],
        ["context", "merge"],
        ["context", "planner"],
        ["spec", "all"],
        ["schema", "record"],
    ],
    ids=" ".join,
)
def test_a_reading_command_writes_nothing_and_imports_nothing_that_merges_or_writes(
    world: World, words: list[str]
) -> None:
    before = tree(world.root.path, without=())
    wrote, imported = watched(_CALL, "--root", str(world.root.path), *words)
    assert wrote == []
    assert imported & (MERGING | {"disk.atomic", "clients"}) == set()
    assert tree(world.root.path, without=()) == before
    assert words[0] in COMMANDS
