"""Backups: each part of a root put back alone, at each moment of a story (docs/reliability.md, "Backups")."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from recursion_gate.cli import main
from recursion_gate.core.model import id_hash
from recursion_gate.core.paths import RECORD_FILES, Root
from recursion_gate.disk import lock

from ..support.roots import make_root
from ..support.world import World

PARTS = ("inbox", "users", "receipts", ".daemon")
IDS = ("a1", "a2", "a3", "r1", "w1")


def _drop(world: World, which: str) -> None:
    world.drop(f"{which}.json", {"id": which, "raw_text": f"Learned to do {which}.", "skill_tag": "THINK"})


#: What happens to the candidates, moment by moment.
STORY = ("drop a1", "drop a2", "approve a1", "drop r1", "approve a2", "reject r1", "drop a3", "drop w1", "approve a3")


def _step(world: World, step: str) -> None:
    what, which = step.split()
    if what == "drop":
        _drop(world, which)
        world.reconcile()
    elif what == "approve":
        world.approve(which)
    else:
        world.reject(which)


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, target)


def _call(root: Root, *args: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--root", str(root.path), *args], catch_exceptions=False)
    return done.exit_code, done.output


def _is_said(root: Root) -> bool:
    """Whether anything tells that something is not as it should be."""
    if any(_call(root, command)[0] for command in ("verify", "doctor")):
        return True
    _, status = _call(root, "status")
    return "parked" in status or "lacks" in status or any((root.place("alex").problems).iterdir())


def _doubled(world: World) -> list[str]:
    """The candidates that were decided twice, or whose lines stand twice in a file."""
    twice = [i for i, n in Counter(r["candidate_id"] for r in world.receipts()).items() if n > 1]
    for name in RECORD_FILES:
        text = (world.place.home / name).read_text() if (world.place.home / name).exists() else ""
        twice += [i for i in IDS if text.count(id_hash(i)) > 1]
    return twice


def _go_on(world: World) -> None:
    """All that was dropped is dropped again, and all that waits is approved."""
    world.reconcile()
    for which in IDS:
        _drop(world, which)
    world.reconcile()
    for card in list(world.place.pending.iterdir()) if world.place.pending.exists() else []:
        world.move(card, "approved")
    world.reconcile()
    world.reconcile()


def _merged(world: World) -> set[str]:
    text = "".join(p.read_text() for p in world.place.home.glob("self*.md"))
    return {i for i in IDS if id_hash(i) in text}


def _put_back(newer: Path, older: Path, part: str, target: Path, *, at_work: bool) -> World:
    """The root of the moment `newer` with `part` of the moment `older`; `at_work`: the daemon was at this user."""
    _copy(newer, target)
    world = World(Root(target))
    if at_work:
        _drop(world, "other")
        world.reconcile()
    _copy(older / part, target / part)
    return world


def check(newer: Path, older: Path, part: str, target: Path, *, at_work: bool) -> None:
    """Put `part` back, let everybody go on as if nothing had happened, then follow the remedies."""
    told = f"{part} of {older.name} at {newer.name}"
    decisions = World(Root(newer)).receipts()
    decided = {r["candidate_id"] for r in decisions}
    approved = {r["candidate_id"] for r in decisions if r["action"] == "approved"}
    world = _put_back(newer, older, part, target, at_work=at_work)
    for _ in range(2):
        _go_on(world)
        assert not _doubled(world), told
        if not decided <= {r["candidate_id"] for r in world.receipts()} or not approved <= _merged(world):
            assert _is_said(world.root), told
        world.reconciler.close()
        world.restart()
    world.reconciler.close()
    if not decided <= {r["candidate_id"] for r in world.receipts()}:
        assert part == "receipts", told
        _copy(newer / part, target / part)
    fixed = _call(world.root, "doctor", "--fix")
    world.restart()
    _go_on(world)
    world.reconciler.close()
    assert not _doubled(world), told
    assert decided <= {r["candidate_id"] for r in world.receipts()}, told
    assert approved <= _merged(world), (told, fixed)
    assert _call(world.root, "verify")[0] == 0, (told, _call(world.root, "verify"))


def tell_the_story(folder: Path) -> list[Path]:
    """Copies of a root at each moment of the story, oldest first."""
    world = World(make_root(folder / "root", "alex"))
    world.root.daemon.mkdir()
    moments: list[Path] = []
    for number, step in enumerate(["", *STORY]):
        if step:
            _step(world, step)
        world.reconciler.close()  # the index is whole in its one file
        moments.append(folder / f"{number}")
        _copy(world.root.path, moments[-1])
        world.restart()
    return moments


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("at_work", [False, True])
def test_a_part_put_back_alone_at_any_moment_decides_nothing_twice_and_is_not_silent(
    tmp_path: Path, part: str, at_work: bool
) -> None:
    moments = tell_the_story(tmp_path)
    for newer in (4, len(moments) - 1):  # python -m tests.torture.backups takes them all
        for older in range(newer):
            check(moments[newer], moments[older], part, tmp_path / "try", at_work=at_work)


def test_a_candidate_that_the_record_shows_as_approved_is_refused_where_all_other_witnesses_are_gone(
    tmp_path: Path,
) -> None:
    moments = tell_the_story(tmp_path)
    world = World(Root(moments[-1]))
    shutil.rmtree(world.root.daemon)
    _copy(moments[4] / "receipts", world.root.receipts)  # before a2 was approved
    for _ in range(2):
        _drop(world, "a2")
        world.reconcile()
        assert "the Record shows it, but the receipts do not" in world.why("a2.json")
        assert "a2" not in world.gate_ids()
        (world.place.problems / "a2.json").unlink()
        world.reconciler.close()
        world.restart()
    assert not _doubled(world)


def test_decided_cards_that_are_newer_than_the_receipts_park_the_user_and_move_aside_as_told(tmp_path: Path) -> None:
    moments = tell_the_story(tmp_path)
    world = World(Root(moments[-1]))
    shutil.rmtree(world.root.daemon)
    older = World(Root(moments[4])).place.ledger.read_bytes()
    world.place.ledger.write_bytes(older)
    for _ in range(2):
        world.reconcile()
        assert "older than the decided cards" in world.reconciler.problems["alex"]
        world.restart()
    assert "Leave it. Put back the newest copy" in _call(world.root, "verify")[1]  # not: take it out


def test_doctor_puts_no_line_back_while_a_daemon_runs(tmp_path: Path) -> None:
    moments = tell_the_story(tmp_path)
    world = World(Root(moments[-1]))
    _copy(moments[4] / "users", world.root.homes)
    with lock.hold(world.root):
        assert _call(world.root, "doctor", "--fix")[0] == 1
        assert _merged(world) == {"a1"}
    assert "mended" in _call(world.root, "doctor", "--fix")[1]
    assert _merged(world) == {"a1", "a2", "a3"}
    assert _call(world.root, "verify")[0] == 0


def test_status_names_a_record_that_is_behind(tmp_path: Path) -> None:
    moments = tell_the_story(tmp_path)
    world = World(Root(moments[-1]))
    _copy(moments[0] / "users", world.root.homes)
    assert "the Record lacks lines of 3 approved entries (receipt 1, 2 and 4)" in _call(world.root, "once")[1]
    assert "the Record lacks lines of 3 approved entries" in _call(world.root, "status")[1]


def test_a_card_that_is_staged_again_out_of_pending_gets_its_card_in_the_same_turn(tmp_path: Path) -> None:
    world = World(make_root(tmp_path / "root", "alex"))
    world.stage("a1")
    shutil.rmtree(world.root.homes)
    make_root(tmp_path / "other", "alex").homes.rename(world.root.homes)  # as it was before a1 came
    world.reconcile()
    assert world.gate_ids() == ["a1"]
    world.card("a1")
