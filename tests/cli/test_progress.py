"""How far long work has come: on a terminal, on one line that is gone at the end; never in a pipe."""

from __future__ import annotations

import errno
import io
import logging
import re
import sys

import pytest
from recursion_gate.cli.output import progress_bar
from recursion_gate.cli.progress import Log, Progress
from recursion_gate.core.paths import Root

from ..support.daemon import call
from ..support.terminal import Terminal
from ..support.world import PATIENCE, World


class Screen(io.StringIO):
    """A terminal; `lines` is what stands on it."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        shown = [re.sub(r".*\r\x1b\[K", "", line) for line in self.getvalue().split("\n")]
        return [*shown[:-1], *filter(None, shown[-1:])]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recursion_gate.cli.progress._EVERY", 0.0)


def test_it_counts_from_the_start_of_a_backlog_and_is_gone_with_it(often: None) -> None:
    screen = Screen()
    progress = Progress(screen)
    seen = []
    for done, left in ((5, 0), (205, 800), (905, 100), (1000, 5), (1005, 0), (1010, 300), (1310, 0)):
        progress(done, left)
        seen.append(screen.lines)
    assert seen == [
        [],
        ["200 done, 800 to go"],
        ["900 done, 100 to go"],
        ["995 done, 5 to go"],
        [],
        ["5 done, 300 to go"],
        [],
    ]


def test_a_few_things_are_not_worth_a_line() -> None:
    screen = Screen()
    Progress(screen)(10, 99)
    assert screen.getvalue() == ""


def test_it_is_not_drawn_more_often_than_anybody_can_read() -> None:
    screen = Screen()
    progress = Progress(screen)
    for done in range(1000):
        progress(done, 1000)
    assert screen.lines == ["0 done, 1,000 to go"]


def test_the_log_stands_above_it_and_the_end_leaves_nothing(often: None) -> None:
    screen = Screen()
    with Progress(screen) as progress:
        log = Log(progress, screen)
        log.handle(logging.LogRecord("x", logging.INFO, "", 0, "before", None, None))
        progress(100, 200)
        log.handle(logging.LogRecord("x", logging.INFO, "", 0, "one\ntwo", None, None))
        assert screen.lines == ["before", "one", "two", "100 done, 200 to go"]
    assert screen.lines == ["before", "one", "two"]


def test_a_terminal_that_is_gone_ends_the_progress_and_not_the_work(often: None) -> None:
    class Gone(Screen):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "input/output error")

    with Progress(Gone()) as progress:
        progress(100, 10_000)
        progress(200, 9_000)
        assert progress.above("one\n") == "one\n"


def test_in_a_pipe_it_says_nothing() -> None:
    pipe = io.StringIO()
    with Progress(pipe) as progress:
        progress(100, 10_000)
        Log(progress, pipe).handle(logging.LogRecord("x", logging.INFO, "", 0, "one", None, None))
    assert pipe.getvalue() == "one\n"


@pytest.fixture
def backlog(root: Root) -> World:
    """300 drops, of which a turn takes 50."""
    root.settings.write_text("max_per_turn = 50\n")
    world = World(root)
    for number in range(300):
        world.drop(f"{number}.json", {"id": f"c{number}", "text": f"I learned {number}."})
    return world


def test_once_and_run_show_a_backlog_on_a_terminal(backlog: World) -> None:
    terminal = Terminal(backlog.root, "once")
    code, said = terminal.end()
    assert code == 0
    assert re.search(r"\d+ done, \d+ to go", said)
    assert said.endswith("\r300 staged\n")
    for number in range(300, 600):
        backlog.drop(f"{number}.json", {"id": f"c{number}", "text": f"I learned {number}."})
    terminal = Terminal(backlog.root, "run")
    terminal.type_until("", "event=ready")
    terminal.type_until("\x03", "event=stopped", every=PATIENCE)
    code, said = terminal.end()
    assert code == 0
    assert re.search(r"event=staged .*\n\d+ done, \d+ to go", said)
    assert not said.endswith("to go")
    assert len(backlog.gate_ids()) == 600


def test_once_in_a_pipe_shows_the_result_alone(backlog: World) -> None:
    done = call(backlog.root.path, "once")
    assert (done.stdout, done.stderr) == ("300 staged\n", "")


@pytest.mark.parametrize(("is_terminal", "total"), [(True, 30_000_000), (True, 1_000), (False, 30_000_000)])
def test_a_bar_is_shown_for_much_work_on_a_terminal_only(
    is_terminal: bool, total: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr(screen, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    with progress_bar("reading the receipts") as progress:
        progress(total // 2, total)
        progress(total, total)
    assert ("reading the receipts" in screen.getvalue()) == (is_terminal and total > 1_000)
