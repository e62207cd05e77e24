"""The curriculum profile: what a tutor or a curriculum takes from the Record, as the companion-self app exports it.

Its field names are the app's, the odd one included, so that what reads the app's export reads this one.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field

from .answer import ByDimension
from .edge import Edge, focus
from .snapshot import Snapshot

__all__ = ["ExportAnswer", "export"]


class ExportAnswer(ByDimension):
    """The curriculum profile."""

    model_config = ConfigDict(title="ExportAnswer")

    edge: Edge
    evidence_count: int
    export_date: str = Field(description="When it was read, ISO 8601.")
    screen_time_target_minutes: int = Field(
        alias="screen_time_target_minutes", description="Screen time a day that the curriculum aims at, at most."
    )


def export(snapshot: Snapshot) -> ExportAnswer:
    """The profile as of `snapshot`."""
    known = snapshot.record
    return ExportAnswer(
        knowledge=[e.raw for e in known.knowledge],
        curiosity=[e.raw for e in known.curiosity],
        personality=[e.raw for e in known.personality],
        edge=Edge.model_validate({skill: each.text for skill, each in focus(known).items()}),
        evidence_count=len(known.evidence),
        export_date=snapshot.read_at,
        screen_time_target_minutes=120,
    )
