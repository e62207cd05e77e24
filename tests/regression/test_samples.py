"""Samples of imports: each gives the drops beside it, and staged twice it is staged once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.regression import samples
from recursion_gate.sources.registry import FORMS
from recursion_gate.sources.run import import_file

from ..support.world import World

SAMPLES = Path(__file__).parents[2] / "fixtures" / "sources"
ALL = samples.find_samples(SAMPLES)
named = pytest.mark.parametrize("sample", ALL, ids=lambda path: f"{path.parent.name}/{path.name}")


@named
def test_a_sample_gives_the_drops_beside_it(sample: Path) -> None:
    assert samples.check_sample(sample).report == ""


@named
def test_a_sample_staged_twice_waits_once_and_the_daemon_takes_all_of_it(root: Root, sample: Path) -> None:
    world = World(root)
    request = samples.request_of(sample, world.user)
    staged = import_file(request, root, Settings()).counts["new"]
    world.reconcile()
    entries = [candidate for candidate in world.gate() if not candidate["id"].endswith("-line")]
    assert (len(entries), world.names("problems")) == (staged, [])
    assert import_file(request, root, Settings()).files == []


@pytest.mark.parametrize("form", FORMS)
def test_each_form_has_a_sample_of_fifty_records_at_least(form: str) -> None:
    lines = [Path(f"{s}{samples.DROPS}").read_text().splitlines() for s in ALL if s.parent.name == form]
    if form == "transcript":  # one conversation, of as many messages
        assert any("120 messages" in line for each in lines for line in each)
    else:
        assert max(map(len, lines), default=0) >= 50


def test_a_sample_that_gives_something_else_is_told_and_accepted(tmp_path: Path) -> None:
    folder = tmp_path / "sources" / "csv"
    folder.mkdir(parents=True)
    (folder / "chores.csv").write_text("Task,Date\nSwept,2026-11-24\n")
    (sample,) = samples.find_samples(tmp_path)
    result = samples.check_sample(sample)
    assert '+{"id": "imp-csv-' in result.report
    samples.accept_sample(sample, result)
    assert samples.check_sample(sample).report == ""
    (sample,) = samples.find_samples(tmp_path)
    (folder / "chores.csv").write_text("Task,Date\nSwept,2026-11-25\n")
    assert "2026-11-25" in samples.check_sample(sample).report


def test_a_sample_that_is_taken_for_another_form_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "sources" / "json"
    folder.mkdir(parents=True)
    shutil.copy(SAMPLES / "csv" / "chores-excel.csv", folder)
    (sample,) = samples.find_samples(tmp_path)
    assert "taken for 'csv'" in samples.check_sample(sample).problem
    (folder / "chores-excel.csv.options").write_text("--colour red")
    assert "unknown option '--colour'" in samples.check_sample(sample).problem


def test_the_drops_of_the_samples_are_json_a_line() -> None:
    for sample in ALL:
        for line in Path(f"{sample}{samples.DROPS}").read_text("utf-8").splitlines():
            assert isinstance(json.loads(line), dict)
