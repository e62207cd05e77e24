"""The forms there are, and which one a file is of."""

from __future__ import annotations

import importlib
import logging
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


#: Forms of which an archive may hold files that have nothing to do with each other: the first one is imported.
_ALONE = {"quiz", "transcript", "markdown-list", "json", "csv"}

_TABLE = "Save it as CSV there ('CSV UTF-8', where you can choose), and import that."
_TEXT = "Save it as plain text or Markdown there, with an entry for each list item, and import that."
#: Files of programs that can save another form: what this is, and what to do.
_OTHERS = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xls"), ("this is an Excel workbook", _TABLE)),
    ".ods": ("this is a spreadsheet of LibreOffice", _TABLE),
    ".numbers": ("this is a spreadsheet of Numbers", _TABLE),
    **dict.fromkeys((".docx", ".doc", ".odt", ".pages", ".rtf"), ("this is a document of a word processor", _TEXT)),
    ".pdf": ("this is a PDF", "Export what it was made of as CSV, text or JSON, and import that."),
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
    archive that holds one of a known form, with its `more`, where an export comes in several of them. Raises
    WrongOption, BadSource where no form knows it."""
    if form is not None:
        return form, _member(file, form, importer(form)) or file
    known, other = forms(), _OTHERS.get(file.ending)
    try:
        for name, each in known.items():
            found = _member(file, name, each)  # the form first: other members may be of a form that knows little
            if found is not None:
                return name, found
    except BadSource:
        if other is None:
            raise
    if file.is_folder:
        raise BadSource(file.display, "this is a folder of no known form", "Import the files in it one by one.")
    if other is not None:
        raise BadSource(file.display, *other)
    raise BadSource(
        file.display,
        f"the form of this file is not known (tried: {', '.join(known)})",
        "Name it with --form; or save it as CSV or JSON and name the columns with --map text=COLUMN",
    )


def _member(file: SourceFile, name: str, form: Importer) -> SourceFile | None:
    """The file, or the first of its members, that the form knows, with the others of the same export."""
    if _knows(form, file):
        return file
    found = [each for each in file.members() if _knows(form, each)]
    if found and name not in _ALONE:
        found[0].more = tuple(found[1:])
    return found[0] if found else None


def _knows(each: Importer, file: SourceFile) -> bool:
    try:
        return each.identify(file)
    except Exception as err:  # others' code, too
        log.warning("event=identify-failed error=%s", type(err).__name__)
        return False
