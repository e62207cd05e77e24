"""Whatever was decided, corrected, retracted, linked and edited by hand: a decision that is taken back is as if it had
not been taken, byte for byte; `verify` holds after every step; and the index tells what the receipts tell (contract, "A
merge"; promises 7, 11)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from recursion_gate.core.entry import Entry
from recursion_gate.core.model import id_hash
from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import Settings
from recursion_gate.store import entries
from recursion_gate.store.index import Decided
from recursion_gate.store.ledger import Ledger

from ..support.audited import faults, look
from ..support.roots import RECORD, make_root
from ..support.world import World

_FILES = [name for name in RECORD if name != "self.md"]

#: Ways in which a file of the Record may be when it all begins.
_SHAPES = st.sampled_from(["plain", "crlf", "no last newline", "no section", "empty", "section last", "blanks"])


def _shaped(text: str, shape: str) -> bytes:
    match shape:
        case "crlf":
            return text.replace("\n", "\r\n").encode()
        case "no last newline":
            return text.rstrip("\n").encode()
        case "no section":
            return b"# Nothing here\n\nBut prose.\n"
        case "empty":
            return b""
        case "section last":
            return (text.rstrip("\n") + "\n\n## Activity\n\n- kept by hand").encode()
        case "blanks":
            return text.replace("\n\n", "\n \n\n").encode() + b"\n\n  \n"
    return text.encode()


@contextmanager
def _a_world(shapes: list[str]) -> Iterator[World]:
    folder = tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    try:
        root = make_root(Path(folder) / "root", "alex")
        root.daemon.mkdir()
        world = World(root, Settings(settle_seconds=0, patience_seconds=0, unknown_ending_seconds=0))
        for name, shape in zip(_FILES, shapes, strict=True):
            (world.place.home / name).write_bytes(_shaped(RECORD[name], shape))
        yield world
        world.reconciler.close()
    finally:
        shutil.rmtree(folder)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["approve", "approve", "link", "correct", "correct", "retract", "reject", "edit"]),
        st.integers(0, 7),
        st.sampled_from(["IX-A", "IX-B", "IX-C", None]),
        st.sampled_from(["THINK", "WRITE", "WORK"]),
    ),
    min_size=1,
    max_size=7,
)


def _act(candidate_id: str) -> str:
    return f"ACT-2026-11-24-{id_hash(candidate_id)}"


_BY_HAND = b"By hand, at the top.\n"


@dataclass(frozen=True)
class _Decision:
    """What is staged and decided; or an edit by hand of a file."""

    id: str
    folder: str = "approved"
    fields: dict[str, object] = field(default_factory=dict)
    #: The entry that it rests on.
    target: str | None = None
    edit: str | None = None


def _plan(steps: list[tuple[str, int, str | None, str]]) -> list[_Decision]:
    found: list[_Decision] = []
    standing: list[str] = []
    for number, (what, which, section, skill) in enumerate(steps):
        if what == "edit":
            found.append(_Decision("", edit=_FILES[which % len(_FILES)]))
            continue
        fields: dict[str, object] = {
            "skill_tag": skill,
            "suggested_ix_section": section,
            "created_at": "2026-11-24T10:00:00Z",
        }
        target = standing[which % len(standing)] if standing and what in ("link", "correct", "retract") else None
        if target and what == "link":
            fields["link_to_evidence_id"] = target
        elif target:
            fields["supersedes" if what == "correct" else "retracts"] = _act(target)
            standing.remove(target)
        if what in ("approve", "correct"):
            standing.append(f"c{number}")
        found.append(_Decision(f"c{number}", "rejected" if what == "reject" else "approved", fields, target))
    return found


def _carry_out(world: World, decision: _Decision) -> None:
    if decision.edit:  # a person writes where the daemon writes nothing
        path = world.place.home / decision.edit
        path.write_bytes(_BY_HAND + path.read_bytes())
        return
    world.stage(decision.id, f"Did thing {decision.id}.", **decision.fields)
    world.move(world.card(decision.id), decision.folder)
    world.reconcile()
    assert world.gate_ids() == [], world.card(decision.id).read_text()
    assert faults(look(world)) == []


def _take_back(world: World, candidate_id: str) -> None:
    (world.place.undo / "back.md").write_text(f'---\nid: "{candidate_id}"\n---\n')
    world.reconcile()
    assert world.names("problems") == []
    assert faults(look(world)) == []


_WORLDS = st.lists(_SHAPES, min_size=len(_FILES), max_size=len(_FILES))


@settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(shapes=_WORLDS, plan=_STEPS.map(_plan))
def test_what_is_taken_back_is_as_if_it_had_not_been_decided(shapes: list[str], plan: list[_Decision]) -> None:
    """All of it, the last first: each step back leads to the Record before that decision, but for what was written by
    hand since."""
    with _a_world(shapes) as world:
        before: list[tuple[str, dict[str, bytes]]] = []
        for decision in plan:
            if decision.edit:
                before = [(i, {n: _BY_HAND * (n == decision.edit) + t for n, t in r.items()}) for i, r in before]
            else:
                before.append((decision.id, world.record()))
            _carry_out(world, decision)
        ids = [i for i, _ in before]
        _the_index_tells_what_the_receipts_tell(world, ids)
        for candidate_id, was in reversed(before):
            _take_back(world, candidate_id)
            assert world.record() == was, candidate_id
            _the_index_tells_what_the_receipts_tell(world, ids)
        assert world.gate_ids() == ids[::-1]


@settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(shapes=_WORLDS, plan=_STEPS.map(_plan), which=st.integers(0, 100))
def test_one_that_nothing_rests_on_is_taken_back_as_if_it_alone_had_not_been_decided(
    shapes: list[str], plan: list[_Decision], which: int
) -> None:
    """Whatever came after it: as in a world in which it was never decided."""
    free = [d.id for d in plan if d.id and d.id not in {other.target for other in plan}]
    assume(free)
    one = free[which % len(free)]
    with _a_world(shapes) as world, _a_world(shapes) as other:
        for decision in plan:
            _carry_out(world, decision)
            if decision.id != one:
                _carry_out(other, decision)
        _take_back(world, one)
        assert world.record() == other.record()


def _the_index_tells_what_the_receipts_tell(world: World, ids: list[str]) -> None:
    """The index that has grown, one made anew, and the receipts read from the first to the last."""
    grown = world.reconciler.state_of("alex")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".daemon").mkdir()
        decided = Decided(Root(Path(folder)))
        anew = Ledger.open(Place(world.root.path, "alex"), decided)
        for candidate_id in ids:
            for named in (candidate_id, _act(candidate_id)):
                told = [_short(entries.find(world.place, named)), _short(anew.entry(named))]
                told += [_short(grown.ledger.entry(named))] if grown else []
                assert all(each == told[0] for each in told), (named, told)
        decided.close()


def _short(entry: Entry | None) -> object:
    return None if entry is None else (entry.receipt.seq, entry.gone.seq if entry.gone else None)
