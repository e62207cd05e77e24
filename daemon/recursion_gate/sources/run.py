"""An import: the entries of a file, without those that are known, as drops in an inbox.

Ids are made of the content's own identity, so a second run, a grown export and a run after a kill add only what is not
there yet; nothing else has to be remembered. Memory is bounded: entries are read, looked up and written in batches.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..clients.stage import NoInbox, stage_many
from ..core.errors import GateError, Refusal
from ..core.model import Candidate
from ..core.paths import Root, valid_user
from ..core.settings import Settings
from ..formats import drops
from ..formats.triggers import expanded
from .encoding import legacy_bytes
from .entry import BadSource, Entry, Item, LeftOut, Options
from .file import SourceFile
from .known import FILE_NAME, Known, SeenOnce, State, known
from .registry import importer

__all__ = ["Line", "Report", "Request", "entry_id", "import_file", "proposal", "proposals"]

log = logging.getLogger("recursion_gate")

#: One drop file holds at most so many entries, bytes and JSON values (the daemon takes twice as many in one).
_LINES, _BYTES, _VALUES = 500, 400_000, 20_000
#: A candidate takes about so many bytes more at the gate than in its drop: fields that are filled in, white space.
_MORE = 200

Progress = Callable[[int, int], None]
Outcome = Literal["new", "waits", "approved", "rejected", "forgotten", "left out"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be imported, for whom and how."""

    file: SourceFile
    form: str
    user: str
    options: Options
    source: str = ""
    limit: int | None = None
    #: Stage anew what was rejected.
    again: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report on a file."""

    outcome: Outcome
    where: str
    #: None where the place gives no entry.
    candidate: Candidate | None = None
    why: str = ""
    #: How many lines it suggests beside itself (`formats.triggers`).
    suggested: int = 0


@dataclass
class Report:
    """What came of an import."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    #: Why parts were left out, and the first place of each reason.
    reasons: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: The drops that were written.
    files: list[Path] = field(default_factory=list)
    #: Whether there is more in the file than was asked for, or than fits.
    stopped: str = ""
    #: Lines that the new entries suggest beside themselves.
    suggested: int = 0
    legacy: int = 0
    unseen: list[str] = field(default_factory=list)

    def note(self, line: Line) -> None:
        self.counts[line.outcome] += 1
        self.suggested += line.suggested if line.outcome == "new" else 0
        if line.outcome == "left out":
            count, first = self.reasons.get(line.why, (0, line.where))
            self.reasons[line.why] = (count + 1, first)


def entry_id(form: str, entry: Entry) -> str:
    """The candidate's id: the entry's own where it has one, else made of its identity."""
    own = entry.fields.get("id")
    if own:
        return str(own)
    digest = hashlib.sha256(json.dumps(entry.identity, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()
    return f"imp-{form}-{digest[:20]}"


def proposals(request: Request, settings: Settings) -> Iterator[tuple[Line, dict[str, Any] | None]]:
    """Each place in the file: what it proposes, checked as the daemon will check it, with the drop's fields; or why it
    proposes nothing. Raises BadSource, WrongOption, MissingPackage, OSError."""
    with closing(SeenOnce()) as seen:
        for item in _items(request):
            line, drop = proposal(item, request, settings)
            if line.candidate is not None and not seen.is_new(line.candidate.id):
                yield Line("left out", line.where, line.candidate, "the same entry as one before it in the file"), None
            else:
                yield line, drop


def _items(request: Request) -> Iterator[Item]:
    """What the importer finds; whatever it raises beside the errors it may is an error of its own."""
    try:
        for part in request.file.parts():
            for item in importer(request.form).extract(part, request.options):
                yield replace(item, where=f"{part.name}, {item.where}") if request.file.more else item
    except (GateError, OSError):
        raise
    except Exception as err:
        log.debug("event=importer-failed form=%s", request.form, exc_info=True)
        message = f"the importer of '{request.form}' failed ({type(err).__name__})"
        raise BadSource(request.file.display, message, "What came before it in the file is fine.") from err


def proposal(item: Item, request: Request, settings: Settings) -> tuple[Line, dict[str, Any] | None]:
    """The drop that an item gives, or why it gives none."""
    if isinstance(item, LeftOut):
        return Line("left out", item.where, why=item.why), None
    drop = {"id": entry_id(request.form, item), **item.fields}
    drop.setdefault("source", request.source or request.form)
    if request.source:
        drop["source"] = request.source
    try:
        data = json.dumps(drop, ensure_ascii=False).encode()
        (made,) = drops.parse("import.json", data, 0, settings)
    except UnicodeEncodeError:
        return Line("left out", item.where, why="half a character in it"), None
    except Refusal as err:
        return Line("left out", item.where, why=err.problem), None
    evidence, *suggested = [each.candidate for each in expanded([made], settings)]
    why = _outside(evidence.created_at if "created_at" in drop else None, request.options)
    if why:
        return Line("left out", item.where, evidence, why), None
    return Line("new", item.where, evidence, suggested=len(suggested)), drop


def _outside(created_at: str | None, options: Options) -> str:
    """Why an entry of this instant is not in the period that was asked for; "" where it is."""
    if options.since is None and options.until is None:
        return ""
    if created_at is None:
        return "no date, and a period was asked for"
    moment = datetime.fromisoformat(created_at)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if options.since is not None and moment < options.since:
        return "before --since"
    return "after --until" if options.until is not None and moment >= options.until else ""


class _Batch:
    """The drops that go into the next file."""

    def __init__(self, request: Request, root: Root, report: Report) -> None:
        self._request, self._root, self._report = request, root, report
        self._drops: list[dict[str, Any]] = []
        self._bytes = self._values = 0

    def add(self, drop: dict[str, Any], size: int) -> None:
        values = _values(drop)
        if self._drops and (
            len(self._drops) >= _LINES or self._bytes + size > _BYTES or self._values + values > _VALUES
        ):
            self.flush()
        self._drops.append(drop)
        self._bytes += size
        self._values += values

    def flush(self) -> None:
        """Write them. Raises NoInbox, NotAllowed, OSError."""
        if self._drops:
            path = stage_many(self._drops, user=self._request.user, root=self._root.path, name=FILE_NAME)
            self._report.files.append(path)
        self._drops, self._bytes, self._values = [], 0, 0


def _values(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_values, value.values()))
    return 1 + sum(map(_values, value)) if isinstance(value, list) else 1


def import_file(
    request: Request,
    root: Root,
    settings: Settings,
    progress: Progress = lambda done, total: None,
    each: Callable[[Line], None] = lambda line: None,
) -> Report:
    """Stage what `request` asks for (contract, "Commands": import), or with `dry_run` only report it. `progress` is
    called with the bytes read and their total, `each` with every place in the file. What was written before an error
    stays: the next run goes on from there. Raises BadSource, WrongOption, MissingPackage, Parked, NoInbox, OSError."""
    inbox = root.place(request.user).inbox
    if not valid_user(request.user) or not inbox.is_dir():
        raise NoInbox(request.user, str(inbox))
    report = Report()
    before = legacy_bytes()
    with known(root, request.user) as there:
        report.unseen = there.unseen
        room = _Room(there, settings)
        batch = _Batch(request, root, report)
        try:
            for line, drop in proposals(request, settings):
                line, drop = _looked_up(line, drop, there, request.again)
                if drop is not None:
                    size = len(json.dumps(drop, ensure_ascii=False).encode())
                    report.stopped = _why_stop(report, request, room, (1 + line.suggested, size))
                    if report.stopped:
                        break
                    if not request.dry_run:
                        batch.add(drop, size)
                    for _ in range(1 + line.suggested):
                        room.take(size)
                    there.add(str(drop["id"]))
                report.note(line)
                each(line)
                progress(request.file.done, request.file.size)
        finally:
            batch.flush()
    report.legacy = legacy_bytes() - before
    return report


def _looked_up(
    line: Line, drop: dict[str, Any] | None, there: Known, again: bool
) -> tuple[Line, dict[str, Any] | None]:
    """The line with what became of its entry before; the drop only where it is to be staged."""
    if drop is None or line.candidate is None:
        return line, None
    state: State = there.state(str(drop["id"]))
    number = 2
    base = str(drop["id"])
    while state == "rejected" and again:
        drop = drop | {"id": f"{base}-{number}"}
        state = there.state(str(drop["id"]))
        number += 1
    if state == "new":
        return line, drop
    return Line(state, line.where, line.candidate, there.message(str(drop["id"]))), None


class _Room:
    """How much more fits at the gate."""

    def __init__(self, there: Known, settings: Settings) -> None:
        self._settings = settings
        self._entries, self._bytes = settings.max_pending - there.waiting, settings.max_gate_bytes - there.gate_size

    def take(self, size: int) -> None:
        self._entries -= 1
        self._bytes -= size + _MORE

    def fits(self, count: int, size: int) -> bool:
        return self._entries >= count and self._bytes >= count * (size + _MORE)


def _why_stop(report: Report, request: Request, room: _Room, needs: tuple[int, int]) -> str:
    if request.limit is not None and report.counts["new"] >= request.limit:
        return f"--limit {request.limit:,} is reached; there is more in the file"
    if not room.fits(*needs):
        return "the gate is full: decide on some of what waits, then run this again; it goes on from there"
    return ""
