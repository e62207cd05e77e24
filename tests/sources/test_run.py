"""An import adds what is new, once: twice, grown, after a kill, after a rejection; and never more than fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.sources.entry import BadSource, Options, WrongOption
from recursion_gate.sources.file import SourceFile
from recursion_gate.sources.mapping import parse_map
from recursion_gate.sources.registry import find
from recursion_gate.sources.run import Report, Request, import_file

from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def chores(tmp_path: Path, *numbers: int) -> Path:
    path = tmp_path / "chores.csv"
    path.write_text("Task,Date\n" + "".join(f"Chore {n},2026-11-{n % 28 + 1:02}\n" for n in numbers))
    return path


def run(
    world: World, path: Path, settings: Settings | None = None, mapping: tuple[str, ...] = (), **more: object
) -> Report:
    form, file = find(SourceFile(path))
    options = Options(map=parse_map(mapping))
    request = Request(file, form, world.user, options, **more)  # type: ignore[arg-type]
    return import_file(request, world.root, settings or Settings())


def texts(world: World) -> list[str]:
    return [candidate["raw_text"] for candidate in world.gate()]


def test_what_is_imported_waits_at_the_gate_and_a_second_run_adds_nothing(world: World, tmp_path: Path) -> None:
    path = chores(tmp_path, 1, 2, 3)
    assert run(world, path).counts["new"] == 3
    again = run(world, path)  # no daemon has been there: they lie in the inbox
    assert (again.counts["new"], again.counts["waits"], again.files) == (0, 3, [])
    world.reconcile()
    assert texts(world) == ["Chore 1", "Chore 2", "Chore 3"]
    again = run(world, path)
    assert (again.counts["new"], again.counts["waits"]) == (0, 3)
    assert world.names() == []


def test_a_grown_export_adds_only_what_is_new_wherever_it_stands(world: World, tmp_path: Path) -> None:
    run(world, chores(tmp_path, 1, 2))
    world.reconcile()
    assert run(world, chores(tmp_path, 5, 2, 1, 6)).counts["new"] == 2
    world.reconcile()
    assert texts(world) == ["Chore 1", "Chore 2", "Chore 5", "Chore 6"]


def test_what_was_decided_is_not_proposed_again_and_what_was_rejected_only_when_asked(
    world: World, tmp_path: Path
) -> None:
    path = chores(tmp_path, 1, 2)
    run(world, path)
    world.reconcile()
    first, second = world.gate_ids()
    world.approve(first)
    world.reject(second)
    report = run(world, path)
    assert (report.counts["approved"], report.counts["rejected"], report.counts["new"]) == (1, 1, 0)
    assert run(world, path, again=True).counts["new"] == 1
    world.reconcile()
    assert world.gate_ids() == [f"{second}-2"]
    assert run(world, path, again=True).counts["waits"] == 1
    world.reject(f"{second}-2")
    run(world, path, again=True)
    world.reconcile()
    assert world.gate_ids() == [f"{second}-3"]


def test_a_run_that_was_killed_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    path = chores(tmp_path, *range(1_200))
    stopped = RuntimeError("killed")

    def killed(done: int, total: int) -> None:
        if len(world.names()) == 2:  # two files are written: 200 entries are in memory only
            raise stopped

    form, file = find(SourceFile(path))
    from recursion_gate.sources import run as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module._Batch, "flush", _not_at_the_end(module._Batch.flush, world))
        with pytest.raises(RuntimeError, match="killed"):
            import_file(Request(file, form, world.user, Options()), world.root, Settings(), killed)
    assert len(world.names()) == 2
    report = run(world, path)
    assert (report.counts["new"], report.counts["waits"]) == (200, 1_000)
    world.reconcile()
    assert sorted(texts(world)) == sorted(f"Chore {n}" for n in range(1_200))


def _not_at_the_end(flush: object, world: World) -> object:
    """A kill writes nothing any more."""

    def flushed(batch: object) -> None:
        if len(world.names()) < 2:
            flush(batch)  # type: ignore[operator]

    return flushed


def test_an_entry_that_stands_twice_in_the_file_is_proposed_once(world: World, tmp_path: Path) -> None:
    report = run(world, chores(tmp_path, 1, 1))
    assert report.counts["new"] == 1
    assert report.reasons == {"the same entry as one before it in the file": (1, "line 3")}


def test_a_limit_is_kept_and_the_next_run_takes_the_next_ones(world: World, tmp_path: Path) -> None:
    path = chores(tmp_path, *range(5))
    assert run(world, path, limit=2).stopped.startswith("--limit 2 is reached")
    assert run(world, path, limit=2).counts["new"] == 2
    report = run(world, path, limit=2)
    assert (report.counts["new"], report.stopped) == (1, "")


def test_no_more_is_staged_than_fits_at_the_gate_and_the_rest_comes_later(world: World, tmp_path: Path) -> None:
    path, settings = chores(tmp_path, *range(5)), Settings(max_pending=3)
    report = run(world, path, settings)
    assert report.counts["new"] == 3
    assert report.stopped.startswith("the gate is full")
    world.reconcile()
    world.approve(*world.gate_ids()[:2])
    assert run(world, path, settings).counts["new"] == 2
    world.reconcile()
    assert world.names("problems") == []


def test_an_entry_with_a_trigger_needs_room_for_its_line_too(world: World, tmp_path: Path) -> None:
    path, settings = tmp_path / "quiz.csv", Settings(max_pending=4)
    path.write_text("Quiz,Score\n" + "".join(f"Tides {n},{n}/10\n" for n in range(3)))
    report = run(world, path, settings)
    assert (report.counts["new"], report.suggested) == (2, 2)
    assert report.stopped.startswith("the gate is full")
    world.reconcile()
    assert [candidate["id"][-5:] == "-line" for candidate in world.gate()] == [False, True, False, True]
    assert world.names("problems") == []


def test_drops_are_small_enough_for_the_daemon_whatever_is_in_the_file(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    tags = [f"t{n}" for n in range(20)]
    lines = [json.dumps({"text": f"{n} " + "long " * 500, "tags": tags}) for n in range(600)]
    path.write_text("\n".join([*lines, json.dumps({"text": "x" * 30_000})]))
    report = run(world, path)
    assert report.counts["new"] == 600
    assert list(report.reasons) == ["raw_text has 30,000 characters; the most allowed is 20,000"]
    world.reconcile()
    assert (len(world.gate()), world.names("problems")) == (600, [])


def test_a_dry_run_writes_nothing(world: World, tmp_path: Path) -> None:
    report = run(world, chores(tmp_path, 1, 2), dry_run=True)
    assert (report.counts["new"], report.files, world.names()) == (2, [], [])


def test_an_error_in_the_middle_keeps_what_came_before(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Task\nSwept\n" + '"never closed ' + "x\n" * 600_000)
    with pytest.raises(BadSource, match="never closed"):
        run(world, path)
    world.reconcile()
    assert texts(world) == ["Swept"]


def test_an_ambiguous_date_stops_with_the_question(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Task,Date\nSwept,3/4/2026\n")
    with pytest.raises(WrongOption, match="--day-first"):
        run(world, path)
    assert world.names() == []


def test_a_file_of_no_form_says_what_was_tried(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x01\x02" * 100)
    with pytest.raises(BadSource, match=r"not known \(tried: .*csv.*--map text=COLUMN"):
        find(SourceFile(tmp_path / "a.bin"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadSource, match="this is a folder of no known form"):
        find(SourceFile(tmp_path / "folder"))
