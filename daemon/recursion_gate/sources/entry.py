"""What an importer is given and what it gives: the words that all of them share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from ..core.errors import GateError

if TYPE_CHECKING:
    from .file import SourceFile
    from .mapping import Template

__all__ = ["BadSource", "Entry", "Importer", "Item", "LeftOut", "MissingPackage", "Options", "WrongOption"]


@dataclass(eq=False)
class BadSource(GateError):
    """A file cannot be imported: the place, the problem and the remedy."""

    where: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}" + (f". {self.remedy}" if self.remedy else "")


@dataclass(eq=False)
class WrongOption(GateError):
    """An option that cannot be, or one that has to be given."""

    problem: str
    sentence = "{e.problem}"


@dataclass(eq=False)
class MissingPackage(GateError):
    """A package of the extra ``sources`` is needed and not installed."""

    package: str
    needed_for: str
    sentence = "{e.needed_for} needs the package '{e.package}': pip install 'recursion-gate[sources]'"


@dataclass(frozen=True, slots=True)
class Entry:
    """One proposal: the fields of a drop, and the content's own identity, from which its id is made. The same content
    in a later export must give the same `identity`, whatever else has been added, moved or counted since."""

    identity: tuple[str, ...]
    fields: Mapping[str, Any]
    #: The place in the file, for messages: ``row 3``.
    where: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of the file that gives no proposal, and the reason: the same words for the same reason."""

    where: str
    why: str


Item = Entry | LeftOut


@dataclass(frozen=True, slots=True)
class Options:
    """What the person said of the file."""

    #: ``--map``: how a drop's field is made.
    map: Mapping[str, Template] = field(default_factory=dict)
    #: ``--day-first`` or ``--month-first``; None: not said.
    day_first: bool | None = None
    #: Only entries of this instant or later, and before that one. Most importers need not look: `run` does.
    since: datetime | None = None
    until: datetime | None = None
    #: The instant of the import: what lies after it has not happened yet.
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


class Importer(Protocol):
    """One form of file."""

    #: The form in a few words, for lists.
    ABOUT: str

    def identify(self, file: SourceFile) -> bool:
        """Whether `file` is of this form: a look at its name and its `head`, no more. Raises nothing."""

    def extract(self, file: SourceFile, options: Options) -> Iterator[Item]:
        """The entries of `file` in its order, read as they are asked for. Raises BadSource, WrongOption,
        MissingPackage, OSError."""
