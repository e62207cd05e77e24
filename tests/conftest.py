"""What all tests build on: real folders in `tmp_path`, small and quick to make."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from recursion_gate.clients.person import AGENT_VARIABLES
from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import Settings

from .support.audited import healthy, whole, world
from .support.roots import make_root

__all__ = ["healthy", "place", "root", "settings", "whole", "world"]

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
