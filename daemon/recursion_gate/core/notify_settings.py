"""``[notify]`` of the settings: how people are told that something waits."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import time
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, Strict
from pydantic.dataclasses import dataclass

from .text import did_you_mean

__all__ = ["Notify", "notify_in_words"]

_Seconds = Annotated[float, Strict(), Field(ge=0, le=1_000_000_000, allow_inf_nan=False)]
_Interval = Annotated[float, Strict(), Field(ge=0.01, le=1_000_000_000, allow_inf_nan=False)]
_File = Annotated[str, Strict(), Field(min_length=1)]
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def _hours(value: str) -> str:
    if value and not _HOURS.fullmatch(value):
        raise ValueError("hours")
    return value


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Notify:
    """How people are told that something waits (`recursion-gate notify`)."""

    #: The file with the addresses, from the root on: apart from the settings, which everybody may read.
    file: _File = "recursion-gate-notify.txt"
    #: Minutes between two digests.
    every_minutes: _Seconds = 30.0
    #: Seconds without a further card before a digest is sent: one for a thousand drops.
    rest_seconds: _Seconds = 20.0
    #: Seconds until the next attempt after a failure; each further one doubles it, up to half an hour.
    again_seconds: _Interval = 30.0
    #: Local hours in which nobody is told, such as ``22:00-07:00``; empty for none.
    quiet: Annotated[str, Strict(), AfterValidator(_hours)] = ""
    #: Whether a digest has the texts of the new cards, too: they then leave this computer.
    include_text: Annotated[bool, Strict()] = False

    @property
    def quiet_hours(self) -> tuple[time, time] | None:
        """From when to when nobody is told."""
        found = _HOURS.fullmatch(self.quiet)
        return (time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))) if found else None


def notify_in_words(error: Any) -> str:
    """One of pydantic's errors about ``[notify]``, for whoever wrote the file."""
    where = error["loc"]
    if len(where) == 1:
        return "'notify' must be a table: [notify]"
    name = where[1]
    if error["type"] == "unexpected_keyword_argument":
        return f"unknown setting '{name}' in [notify]" + did_you_mean(name, [f.name for f in fields(Notify)])
    what = {
        "quiet": 'must be hours, such as "22:00-07:00", or ""',
        "file": "must be the name of a file",
        "include_text": "must be true or false",
    }.get(name, "must be a number of 0 or more")
    return f"'{name}' in [notify] {what}"
