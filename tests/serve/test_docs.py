"""docs/doors.md is true of the door."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import get_args

import pytest
from recursion_gate.serve.app import Part
from recursion_gate.serve.door import Limits

from ..support.accounts import without
from ..support.docs import matches, samples, shell
from ..support.door import Door
from ..support.world import World

PAGE = Path(__file__).parents[2] / "docs" / "doors.md"
CALLS = [sample for sample in samples(PAGE) if sample.command.startswith("curl ")]


@pytest.mark.parametrize("sample", CALLS, ids=lambda sample: sample.command[-60:])
def test_a_call_of_the_page_is_answered_as_the_page_says(door: Door, token: str, world: World, sample: object) -> None:
    without(None if shutil.which("curl") else "needs curl")
    command, expected = sample.command, sample.expected  # type: ignore[attr-defined]
    said = shell(command.replace("8737", str(door.port)), Path.cwd(), os.environ | {"TOKEN": token})
    assert matches(expected, said), said
    world.reconcile()


def test_the_page_has_each_call_each_address_and_each_limit(door: Door, token: str) -> None:
    assert len(CALLS) >= 2
    text = " ".join(PAGE.read_text("utf-8").split())
    with door.client(token) as client:
        paths = client.get("/api/openapi.json").json()["paths"]
    for path in paths:
        assert path.replace("{candidate_id}", "ID") in text
    limits = Limits()
    assert f"make {limits.rate:g} requests a second (`--rate`), {limits.burst:,.0f} at once" in text
    assert f"have {limits.at_once} at work" in text
    assert f"Beyond {limits.connections:,} connections" in text
    assert set(get_args(Part)) >= {"agents", "readers"}


def test_the_page_names_each_status_that_the_description_has(door: Door, token: str) -> None:
    table = PAGE.read_text("utf-8").partition("| status | because |")[2].partition("\n## ")[0]
    named = {int(n) for n in re.findall(r"\b[45]\d\d\b", table)}
    with door.client(token) as client:
        paths = client.get("/api/openapi.json").json()["paths"]
    described = {int(s) for item in paths.values() for each in item.values() for s in each["responses"]}
    assert described - {200, 201, 500} <= named
