"""Finish a claimed task: what a program can check of `accept` first, then the move to done/."""

from __future__ import annotations

from typing import Any

from ..core.paths import Root
from .accept import PATIENCE, unmet
from .claims import Claim, finish
from .keeping import Keeping
from .records import Outcome

__all__ = ["end", "finish_checked"]


def finish_checked(
    root: Root, claim: Claim, note: str = "", *, checks: bool = True, patience: float = PATIENCE
) -> dict[str, Any]:
    """Run the commands of `accept` here, ask the gate (again for `patience` seconds), and finish the task where all of
    it holds; the claim is renewed meanwhile. Where something does not hold the task stays claimed, and the answer
    (``task-done``) says what. Raises Ended, OSError."""
    if checks:
        keeping = Keeping(claim)
        failed = unmet(root, claim.task, tick=keeping.tick, patience=patience)
        keeping.check()
        if failed:
            return {"id": claim.id, "state": "claimed", "failed": failed}
    return end(claim, "done", note)


def end(claim: Claim, outcome: Outcome, text: str = "") -> dict[str, Any]:
    """End a claim with a note (``task-done``). Raises Ended, OSError."""
    return {"id": claim.id, "state": outcome, "file": finish(claim, outcome, text)}
