"""Roots for tests of `verify` and `doctor`: one with every kind of decision carried out, one that is healthy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from recursion_gate.audit.anchors import Anchor
from recursion_gate.audit.findings import Finding, Proof
from recursion_gate.audit.verify import verify
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.doctor import doctor

from .roots import installed, make_root
from .world import World

KNOWLEDGE, EVIDENCE = "self-knowledge.md", "self-evidence.md"

#: What stands in the Record before anything is merged, and looks approved.
SEED = "- ACT-2025-01-01-0001 — Came with the folder. — 2025-01-01 — THINK"


def build(path: Path) -> Root:
    """Eight decisions, two candidates that still wait. The Record has a seed line with an ACT id, a file with CRLF
    and one without its section."""
    root = make_root(path, "alex")
    world = World(root)
    place = world.place
    evidence = place.home / "self-evidence.md"
    evidence.write_text(evidence.read_text().replace("- a seed line", SEED))
    work = place.home / "self-skill-work.md"
    work.write_bytes(work.read_bytes().replace(b"\n", b"\r\n"))
    (place.home / "self-curiosity.md").write_text("# Curiosity\n\nNothing yet.\n")
    world.stage("read", "Learned how cranes fly south.")
    world.stage("paint", "Finished the dragon drawing; used watercolors.", skill_tag="WORK")
    world.approve("read")
    world.approve("paint")
    world.stage("quiz", "Took the quiz.", suggested_ix_section=None, evidence_summary="Quiz: 9 of 10")
    world.stage("linked", "Understood the water cycle.", link_to_evidence_id="quiz")
    world.approve("quiz", "linked")
    world.stage("dull", "Looked out of the window.")
    world.reject("dull")
    card = world.stage("edited", "Wrote about teh sea.", skill_tag="WRITE", meta={"mood": ["kühl", 1.5, None]})
    card.write_text(card.read_text().replace("teh", "the"))
    world.approve("edited")
    world.stage("kanji", "漢字を三つ学んだ。")
    world.approve("kanji")
    world.stage("last", "Threw it away.")
    world.reject("last")
    for waiting in ("waits-1", "waits-2"):
        world.stage(waiting, f"Learned to wait: {waiting}.")
    world.reconciler.close()
    return root


def copy(root: Root, path: Path) -> World:
    """The same again, to be spoilt."""
    shutil.copytree(root.path, path, symlinks=True)
    return World(Root(path))


def look(world: World, *anchors: Anchor) -> Proof:
    (proof,) = verify(world.root, [world.user], anchors)
    for f in proof.findings:
        assert f.remedy or f.severity == "note", f"nobody is told what to do: {f.code}"
    return proof


def codes(findings: list[Finding]) -> list[str]:
    return sorted({f.code for f in findings})


def faults(proof: Proof) -> list[str]:
    return codes([f for f in proof.findings if f.severity == "fault"])


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """What `build` makes; nobody may change it."""
    return build(tmp_path_factory.mktemp("whole") / "root")


@pytest.fixture
def world(whole: Root, tmp_path: Path) -> World:
    """A copy of `whole`."""
    return copy(whole, tmp_path / "root")


@pytest.fixture
def healthy(tmp_path: Path) -> Root:
    """A root as `init` and `user add` make it."""
    return installed(tmp_path / "root", "alex")


def edit(world: World, file: str, change: Callable[[str], str]) -> None:
    """Change a Record file, as a person does."""
    path = world.place.home / file
    before = path.read_bytes().decode()
    after = change(before)
    assert after != before
    path.write_bytes(after.encode())


def found(root: Root, code: str) -> Finding:
    """The one finding of `doctor` with this code."""
    these = [f for f in doctor(root) if f.code == code]
    assert len(these) == 1, (code, codes(doctor(root)))
    return these[0]


class Stop(BaseException):
    """As if the process had been killed."""


class StopsAt(atomic.Calls):
    """Stops before the rename that puts `name` in place."""

    def __init__(self, name: str) -> None:
        self._name = name

    def rename(self, old: str, new: str) -> None:
        if os.path.basename(new) == self._name:
            raise Stop
        super().rename(old, new)

    def exchange(self, old: str, new: str) -> None:
        if os.path.basename(new) == self._name:
            raise Stop
        super().exchange(old, new)
