"""Every case in ``fixtures/``, through `once` and through a daemon that runs all the while (contract: promises 2, 3, 5,
7, 9, 10 as files)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import load_settings
from recursion_gate.regression.cases import Case, Group, Tree, find_cases, lay_out, play, read_case, stopped_clock, tree
from recursion_gate.regression.runner import Difference, check, differences
from recursion_gate.service.once import once

from ..support.daemon import Daemon
from ..support.world import wait_for

FIXTURES = Path(__file__).parents[2] / "fixtures"
each_case = pytest.mark.parametrize("folder", find_cases(FIXTURES), ids=lambda folder: folder.name)


def _once(root: Root) -> None:
    once(root, load_settings(root))


def _how_they_differ(wanted: Tree, found: Tree) -> str:
    paths = sorted(p for p in wanted.keys() | found.keys() if wanted.get(p) != found.get(p))
    return "".join(Difference(p, wanted.get(p), found.get(p)).diff() for p in paths)


@each_case
def test_a_case_ends_as_expected_through_once(folder: Path) -> None:
    assert check(folder).report == ""


@pytest.mark.skipif(
    not hasattr(signal, "SIGSTOP"), reason="steps that belong together need a daemon that can be paused"
)
@each_case
def test_a_case_ends_as_expected_under_a_live_daemon(folder: Path, tmp_path: Path) -> None:
    """After each group of steps the tree comes to be the one that `once` leaves, byte for byte, receipts included;
    nothing but file events tells the daemon, since its periodic look comes once an hour."""
    case = read_case(folder)
    with stopped_clock():
        wanted = _as_once_leaves_it(case, Root(tmp_path / "once"))
        root = Root(tmp_path / "live")
        start = lay_out(case, root)
        with root.settings.open("a") as settings:
            settings.write("look_seconds = 3600\n")
        with Daemon(root) as daemon:
            coming = iter(wanted)
            hold = partial(_paused, daemon, root)
            for _ in play(case, root, lambda: _comes_to_be(root, next(coming)), hold):
                pass
        assert _how_they_differ(wanted[-1], tree(root)) == ""  # nothing was still to come
        assert differences(case, start, tree(root)) == []
        _once(root)
        assert _how_they_differ(wanted[-1], tree(root)) == ""  # and nothing was left to be done


def _as_once_leaves_it(case: Case, root: Root) -> list[Tree]:
    lay_out(case, root)
    return list(play(case, root, lambda: _once(root)))


def _comes_to_be(root: Root, wanted: Tree) -> None:
    try:
        wait_for(lambda: tree(root) == wanted)
    except AssertionError:
        pytest.fail(_how_they_differ(wanted, tree(root)) or "it came too late")


@contextmanager
def _paused(daemon: Daemon, root: Root, group: Group) -> Iterator[None]:
    """What belongs together is seen together: the daemon stands still while several steps are taken, or one with
    several files. A single file is dropped, moved or edited under its eyes."""
    inbox = root.place("alex").inbox
    if len(group) < 2 and not any(len(list(inbox.glob(step.words[0]))) > 1 for step in group if step.verb != "drop"):
        yield
        return
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        _, status = os.waitpid(daemon.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        yield
    finally:
        daemon.process.send_signal(signal.SIGCONT)


@each_case
def test_a_case_says_what_it_shows_and_uses_all_that_it_drops(folder: Path) -> None:
    first, *_ = (folder / "steps.txt").read_text().splitlines()
    assert first.startswith("# ")
    assert len(first) > 20
    dropped = {s.words[0] for group in read_case(folder).groups for s in group if s.verb == "drop"}
    assert dropped == {p.name for p in (folder / "drops").iterdir()}
    assert any(p.is_file() for p in (folder / "expected").rglob("*"))
