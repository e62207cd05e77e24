"""The forms there are, and which one a file is of."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import cast

from ..core.text import did_you_mean
from .entry import BadSource, Importer, WrongOption
from .file import SourceFile

__all__ = ["FORMS", "GROUP", "find", "forms", "importer"]

log = logging.getLogger("recursion_gate")

#: Others' importers: a module or an object for each form.
GROUP = "recursion_gate.sources"

#: form: its module here. In the order in which they are asked, those that know their files best first.
FORMS = {
    "companion-self": "companion_self",
    "anki": "anki",
    "icalendar": "icalendar_events",
    "chatgpt": "chatgpt",
    "claude": "claude",
    "goodreads": "goodreads",
    "kindle": "kindle",
    "whatsapp": "whatsapp",
    "grace-mar": "grace_mar",
    "obsidian": "obsidian",
    "quiz": "quiz",
    "transcript": "transcript",
    "markdown-list": "markdown_list",
    "json": "json_objects",
    "csv": "csv_rows",
}


@cache
def forms() -> dict[str, Importer]:
    """All forms by name: others' first, then our own in the order of `FORMS`. One that cannot be imported is left out
    and named in the log."""
    made: dict[str, Importer] = {}
    for point in entry_points(group=GROUP):
        try:
            made[point.name] = cast(Importer, point.load())
        except Exception as err:  # others' code: whatever it raises, the other forms go on
            log.warning("event=importer-failed form=%s error=%s", point.name, type(err).__name__)
    for name, module in FORMS.items():
        made.setdefault(name, cast(Importer, importlib.import_module(f"{__package__}.{module}")))
    return made


def importer(form: str) -> Importer:
    """The importer of the form of this name. Raises WrongOption."""
    known = forms()
    if form not in known:
        raise WrongOption(f"unknown form '{form}'{did_you_mean(form, known)}; the forms are {', '.join(known)}")
    return known[form]


def find(file: SourceFile, form: str | None = None) -> tuple[str, SourceFile]:
    """The form that a file is of, `form` if the person said so, and the file to read: a member, where the file is an
    archive that holds one of a known form. Raises WrongOption, BadSource where no form knows it."""
    if form is not None:
        theirs = importer(form)
        return form, next((each for each in _parts(file) if _knows(theirs, each)), file)
    known, parts = forms(), list(_parts(file))
    for name, each in known.items():  # the form first: an archive's other files may be of a form that knows little
        for part in parts:
            if _knows(each, part):
                return name, part
    if file.is_folder:
        raise BadSource(file.display, "this is a folder of no known form", "Import the files in it one by one.")
    raise BadSource(
        file.display,
        f"the form of this file is not known (tried: {', '.join(known)})",
        "Name it with --form; or save it as CSV or JSON and name the columns with --map text=COLUMN",
    )


def _parts(file: SourceFile) -> Iterator[SourceFile]:
    yield file
    yield from file.members()


def _knows(each: Importer, file: SourceFile) -> bool:
    try:
        return each.identify(file)
    except Exception as err:  # others' code, too
        log.warning("event=identify-failed error=%s", type(err).__name__)
        return False
