"""What is written beside the tasks: the record of a claim, and the note on what became of it.

A record says until when the claim lasts. Everybody reads that in the same way (`end_of`), from the file alone. A note
is written before the task moves on, under the claim's own generation, so that a task that is done or failed always
has its note, and one that a stale worker prepared is read by nobody.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..core.clock import now
from ..core.errors import Refusal
from ..core.model import instant
from ..disk.lock import born
from ..disk.untrusted import look
from ..formats.frontmatter import quote, split

__all__ = [
    "UNSIGNED",
    "ClaimRecord",
    "End",
    "Note",
    "Outcome",
    "end_of",
    "here",
    "read_note",
    "read_record",
]

#: A claim without a record, whose worker was stopped between the rename and the record, ends after so many seconds.
UNSIGNED = 30.0

#: The clock may have been set back by so many seconds before a claim that ends too late counts as ended.
_SLACK = 60.0

_LIMIT = 200_000

#: How a claim ends.
Outcome = Literal["done", "failed", "released", "ended"]


@dataclass(frozen=True, slots=True)
class End:
    """When a claim ends, and whether it has."""

    at: datetime
    has_ended: bool
    why: str = ""
    #: Whether it may end at any time, without an event: with a process.
    is_watched: bool = False


class ClaimRecord(BaseModel):
    """``claims/TASK.N.json``: written by the claim's worker only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    generation: int
    worker: str
    since: datetime
    ends: datetime
    seconds: Annotated[float, Field(gt=0)]
    pid: int | None = Field(default=None, description="The claim ends when this process is gone, too.")
    born: str = Field(default="", description="Tells that process from a later one of its number.")
    host: str = Field(default="", description="Where that process can be looked up.")

    def data(self) -> bytes:
        """The record as its file has it."""
        return self.model_dump_json(indent=2, exclude_defaults=True).encode() + b"\n"

    def renewed(self, at: datetime) -> ClaimRecord:
        """The record of the same claim from `at` on."""
        return self.model_copy(update={"ends": at + timedelta(seconds=self.seconds)})


def here() -> str:
    """Names the machine, its start and the process numbers that are seen from here; "" where the system does not
    tell."""
    try:
        pids = os.readlink("/proc/self/ns/pid")
        with open("/proc/sys/kernel/random/boot_id") as boot:
            return f"{socket.gethostname()} {boot.read().strip()} {pids}"
    except OSError:
        return ""


def read_record(path: Path) -> ClaimRecord | None:
    """The record at `path`; None where there is none that can be read."""
    try:
        return ClaimRecord.model_validate_json(look(path, _LIMIT).data)
    except (OSError, Refusal, ValidationError, ValueError):
        return None


def end_of(record: ClaimRecord | None, claimed: os.stat_result, at: datetime | None = None) -> End:
    """When a claim ends. `claimed` is the state of the task's file: a rename sets its ctime, so that a claim without a
    record has a beginning, too."""
    at = at or now()
    if record is None:
        ends = datetime.fromtimestamp(claimed.st_ctime, UTC) + timedelta(seconds=UNSIGNED)
        ended = at >= ends or (ends - at).total_seconds() > UNSIGNED + _SLACK
        return End(ends, ended, "its worker was stopped before it could sign" if ended else "")
    if at >= record.ends:
        return End(record.ends, True, f"it ended at {instant(record.ends)} and was not renewed")
    if (record.ends - at).total_seconds() > record.seconds + _SLACK:
        return End(record.ends, True, "the clock was set back: it would last longer than it may")
    if record.pid is not None and record.host and record.host == here() and born(record.pid) != record.born:
        return End(record.ends, True, f"its process {record.pid} is gone")
    if record.pid is not None and _started_again(record):
        return End(record.ends, True, "its machine was started again")
    return End(record.ends, False, is_watched=record.pid is not None)


def _started_again(record: ClaimRecord) -> bool:
    host, _, rest = record.host.partition(" ")
    own, _, own_rest = here().partition(" ")
    boots, pids = rest.split(" ")[:1], rest.split(" ")[1:]
    return bool(host) and host == own and pids == own_rest.split(" ")[1:] and boots != own_rest.split(" ")[:1]


class Note(BaseModel):
    """``notes/TASK.N.md``: what became of one claim."""

    model_config = ConfigDict(frozen=True)

    task: str
    generation: int
    outcome: Outcome
    worker: str | None = None
    at: str
    text: str = ""
    #: Whether the daemon has given the task out again since: what a person then puts into failed/ rests there.
    retried: bool = False

    def data(self) -> bytes:
        """The note as its file has it."""
        worker = f"worker: {self.worker}\n" if self.worker else ""
        worker += "retried: true\n" if self.retried else ""
        head = (
            f"task: {quote(self.task)}\ngeneration: {self.generation}\noutcome: {self.outcome}\n{worker}at: {self.at}\n"
        )
        return f"---\n{head}---\n{self.text.strip()}\n".encode(errors="replace")


def read_note(path: Path) -> Note | None:
    """The note at `path`; None where there is none that can be read."""
    try:
        fields, body = split(look(path, 1_000_000).data.decode())
        return Note.model_validate({**fields, "text": body.strip()})
    except (OSError, Refusal, ValidationError, ValueError):
        return None
