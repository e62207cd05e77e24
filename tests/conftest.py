"""What all tests build on: real folders in `tmp_path`, small and quick to make."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from recursion_gate.clients.person import AGENT_VARIABLES
from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import Settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from .support.audited import healthy, whole, world
from .support.roots import make_root

__all__ = ["healthy", "place", "root", "settings", "whole", "world"]


def _as_at_a_prompt() -> None:
    """Programs that the tests start are as those that a person starts, also where the tests run under nohup or in the
    background: what is ignored here (not what has a handler, which does nothing) they would ignore, too. And what was
    compiled once is kept: some thousand programs would compile it again."""
    for number in (getattr(signal, name, None) for name in ("SIGHUP", "SIGINT")):
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


_as_at_a_prompt()

# The same inputs every time, so that a red run is a change's fault; `--hypothesis-profile=deep` goes looking for more.
_CALM = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
hypothesis_settings.register_profile("ci", max_examples=60, derandomize=True, **_CALM)  # type: ignore[arg-type]
hypothesis_settings.register_profile("deep", max_examples=5_000, **_CALM)  # type: ignore[arg-type]
hypothesis_settings.load_profile("ci")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests names a root, stops the clock or says that an agent runs them."""
    for name in AGENT_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("RECURSION_GATE_ROOT", raising=False)
    monkeypatch.delenv("RECURSION_GATE_NOW", raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A small real root with one user, alex."""
    return make_root(tmp_path / "root", "alex")


@pytest.fixture
def place(root: Root) -> Place:
    """Alex's part of `root`."""
    return root.place("alex")


@pytest.fixture
def settings() -> Settings:
    """The settings of a root that has no settings file."""
    return Settings()


#: Tests that take long and whose kin run in each run: `pytest --long` runs them, and `.ci/run` does.
_LONG = (
    "mcp_door/test_inspector.py",
    "serve/test_openapi.py::test_requests_made",
    "serve/people/test_keys.py::test_a_hundred_cards",
    "audit/test_forgetting.py::test_each_byte_taken_out",
    "audit/test_forgetting.py::test_each_of_1000_random_changes",
    "cli/test_after_approval.py",
    "cli/test_reading.py::test_what_the_docs_show",
    "scenarios/test_power_loss.py::test_so_do_those_of_longer_stories",
    "reading/test_rebuild.py::test_the_record_of_every_receipt",
    "reading/test_snapshot.py::test_readers_in_a_loop_while_decisions_are_taken_back",
    "feed/test_loop.py::test_a_server_that_hangs",
    "feed/test_loop.py::test_redis_feeds_and_daemon_that_are_killed",
    "feed/test_docs.py::test_the_line_in_go",
    "sources/test_analyst.py::test_two_thousand_messages",
    "engine/test_forget.py::test_killed_at_any_call",
    "benchmarks",
)
#: Of these the suite runs every sixth: each case passes `check` in it in any case.
_SOME = (
    "regression/test_fixtures.py::test_a_case_ends_as_expected_under_a_live_daemon",
    "scenarios/test_independent.py::test_both_read_the_tree_that_a_fixture_leaves_alike",
)


#: Files whose tests share what takes long to set up (a door, a browser, accounts): each runs on one worker.
_SHARING = ("serve/", "mcp_door/", "feed/", *(f"scenarios/test_{n}.py" for n in ("lanes", "agents_lane", "page_lanes")))
#: And all of these on one: each boots a machine.
_MACHINES = "scenarios/test_systemd"


class _Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker one test after the other, but for those that belong together. (`--dist loadgroup` does so by a
    mark, but not with pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        name = nodeid.removeprefix("tests/")
        if name.startswith(_MACHINES):
            return _MACHINES
        return name.partition("::")[0] if name.startswith(_SHARING) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Scheduler(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests that take long, and only these")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--long` leave out the tests that take long, unless they are asked for by name."""
    if not config.getoption("--long") and any("::" in word for word in config.args):
        return
    some = [item for item in items if item.nodeid.removeprefix("tests/").startswith(_SOME)]
    long = {item for number, item in enumerate(some) if number % 6}
    long |= {item for item in items if item.nodeid.removeprefix("tests/").startswith(_LONG)}
    only = bool(config.getoption("--long"))
    config.hook.pytest_deselected(items=[item for item in items if (item in long) is not only])
    items[:] = [item for item in items if (item in long) is only]
