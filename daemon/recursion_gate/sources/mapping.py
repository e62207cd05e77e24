"""The way from a row or an object of another program to the fields of a drop: guessed from names, or told by ``--map``.

``--map FIELD=COLUMN`` takes a column; ``FIELD={COLUMN} ({OTHER})`` puts several into words; ``FIELD==WORDS`` is the
same for every entry. In JSON a COLUMN may be a path: ``result.score``, ``answers[0]``.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.model import Drop
from ..core.text import did_you_mean
from . import dates
from .entry import Entry, Item, LeftOut, Options, WrongOption

__all__ = ["NO_TEXT", "Mapper", "Template", "guessed", "parse_map", "value_at"]

NO_TEXT = "no text"

#: What `--map` can make, beside ITEMS: where in a JSON file the list of objects is.
_FIELDS = ("text", *(name for name in Drop.model_fields if name not in ("raw_text", "status", "meta", "mind_category")))
ITEMS = "items"

#: Names of columns by field, the better ones first.
_NAMES: dict[str, tuple[str, ...]] = {
    "text": (
        *(
            "raw_text",
            "text",
            "entry",
            "activity",
            "what",
            "task",
            "title",
            "event",
            "chore",
            "item",
            "name",
            "subject",
        ),
        *("summary", "note", "notes", "description", "content", "message", "body", "comment", "project", "quiz"),
        *("aufgabe", "tätigkeit", "aktivität", "eintrag", "titel", "beschreibung", "notiz"),
        *("tâche", "activité", "titre", "tarea", "actividad", "título", "attività", "titolo", "tarefa", "atividade"),
    ),
    "created_at": (
        *("created_at", "completed_at", "completed", "date completed", "completed date", "done at", "finished"),
        *("finished at", "date", "day", "when", "datetime", "timestamp", "date read", "start date", "start", "started"),
        *("time", "created", "created on", "date created", "modified", "submitted at", "submission date"),
        *("erledigt am", "datum", "zeitstempel", "fecha", "jour", "día"),
    ),
    "skill_tag": ("skill_tag", "skill"),
    "suggested_ix_section": ("suggested_ix_section", "section", "ix_section"),
    "source_id": ("source_id", "id", "uid", "uuid", "guid", "key"),
    "topic": (
        *("topic", "category", "course", "deck", "list", "project", "class", "thema", "kategorie", "fach"),
        *("catégorie", "categoría", "categoria", "tema", "sujet"),
    ),
    "score": ("score", "points", "grade", "result", "mark", "marks", "rating", "punkte", "puntos"),
    "activity_type": ("activity_type",),
    "url": ("url", "link", "uri", "permalink"),
    "tags": ("tags", "labels", "keywords"),
    "rationale": ("rationale", "why"),
    "excerpt": ("excerpt", "quote"),
    "confidence": ("confidence",),
    "evidence_summary": ("evidence_summary",),
    "link_to_evidence_id": ("link_to_evidence_id",),
}
_IDENTITY = ("text", "created_at", "topic", "score", "url")
_PATH = re.compile(r"([^.\[\]]+)|\[(\d{1,6})\]")
_HOLE = re.compile(r"\{([^{}]+)\}")
_LONG = 20  # columns named in a message


@dataclass(frozen=True, slots=True)
class Template:
    """How one field is made: the `columns` it needs, and the `words` around them."""

    words: str
    columns: tuple[str, ...]

    def fill(self, record: Mapping[str, Any]) -> Any:
        """The field's value; None where the record has none. One column gives its value as it is, more give text."""
        if not self.columns:
            return self.words
        if self.words == "{" + self.columns[0] + "}":
            return value_at(record, self.columns[0])
        values = [value_at(record, column) for column in self.columns]
        if all(value in (None, "") for value in values):
            return None
        pieces = iter(values)
        return _HOLE.sub(lambda _: as_text(next(pieces)) or "", self.words).strip()


def parse_map(given: Iterable[str]) -> dict[str, Template]:
    """The templates of ``--map``. Raises WrongOption."""
    made: dict[str, Template] = {}
    for each in given:
        name, equals, rest = each.partition("=")
        name = {"raw_text": "text", "date": "created_at", "section": "suggested_ix_section", "skill": "skill_tag"}.get(
            name.strip(), name.strip()
        )
        if not equals or not rest:
            raise WrongOption(f"--map '{each}': write FIELD=COLUMN, for example text=Task")
        if name not in (*_FIELDS, ITEMS):
            hint = did_you_mean(name, _FIELDS) or f"; the fields are {', '.join(_FIELDS)}"
            raise WrongOption(f"--map '{each}': unknown field '{name}'{hint}")
        if name in made:
            raise WrongOption(f"--map names '{name}' twice")
        if rest.startswith("="):
            made[name] = Template(rest[1:], ())
        elif _HOLE.search(rest):
            made[name] = Template(rest, tuple(_HOLE.findall(rest)))
        else:
            made[name] = Template("{" + rest + "}", (rest,))
    return made


def value_at(record: Mapping[str, Any], path: str) -> Any:
    """What stands at `path`: the very name, the name in any case, or a path into objects and lists; else None."""
    if path in record:
        return record[path]
    low = _plain(path)
    for name in record:
        if _plain(str(name)) == low:
            return record[name]
    value: Any = record
    for name, index in _PATH.findall(path) if "." in path or "[" in path else ():
        if name and isinstance(value, Mapping) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return None
    return None if value is record else value


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def as_text(value: Any) -> str:
    """A value as words: lists joined by commas, nothing as ""."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(filter(None, (as_text(each) for each in value[:50])))
    return "" if isinstance(value, Mapping) else str(value)


def guessed(names: Sequence[str]) -> dict[str, Template]:
    """The templates that the names of columns suggest; without "text" where none does."""
    by_plain: dict[str, str] = {}
    for name in names:
        by_plain.setdefault(_plain(name), name)
    made: dict[str, Template] = {}
    taken: set[str] = set()
    for field, known in _NAMES.items():
        for plain in map(_plain, known):
            if plain in by_plain and plain not in taken:
                taken.add(plain)
                made[field] = Template("{" + by_plain[plain] + "}", (by_plain[plain],))
                break
    return made


class Mapper:
    """Makes entries of records that have `names` (columns, or keys of the first objects). Raises WrongOption where the
    person named a column that is not there, or where none can be the text."""

    def __init__(self, names: Sequence[str], options: Options, *, strict: bool) -> None:
        self._day_first = options.day_first
        self._templates = {**guessed(names), **{k: v for k, v in options.map.items() if k != ITEMS}}
        shown = ", ".join(f"'{name}'" for name in names[:_LONG]) + (", …" if len(names) > _LONG else "")
        for field, template in options.map.items() if strict else ():
            for column in template.columns:
                if value_at(dict.fromkeys(names, ""), column) is None and field != ITEMS:
                    raise WrongOption(
                        f"--map {field}: there is no column '{column}'{did_you_mean(column, names)}. "
                        f"The columns are {shown}"
                    )
        if "text" not in self._templates:
            raise WrongOption(f"which column says what was done? The columns are {shown}. {_advice(names)}")

    @property
    def fields(self) -> dict[str, str]:
        """What each field is made of, for people."""
        return {
            field: t.columns[0] if len(t.columns) == 1 and t.words == "{" + t.columns[0] + "}" else t.words
            for field, t in self._templates.items()
        }

    def item(self, record: Mapping[str, Any], where: str) -> Item:
        """The entry that a record gives, or why it gives none. Raises dates.Ambiguous."""
        values = {field: template.fill(record) for field, template in self._templates.items()}
        text = as_text(values.pop("text"))
        if not text:
            return LeftOut(where, NO_TEXT)
        fields: dict[str, Any] = {"raw_text": text}
        for field, value in values.items():
            try:
                made = self._field(field, value)
            except dates.BadDate:
                return LeftOut(where, "a date that cannot be read" if as_text(value) else "no date")
            if made not in (None, "", []):
                fields[field] = made
        return Entry(_identity(values, text), fields, where)

    def _field(self, field: str, value: Any) -> Any:
        if field == "created_at":
            text = as_text(value)
            return dates.parse(text, self._day_first) if text else None
        if field == "tags":
            parts = value if isinstance(value, list) else re.split(r"[,;|]", as_text(value))
            tags = dict.fromkeys(as_text(part)[:60].strip() for part in parts)
            return [tag for tag in tags if tag][:20]
        if field == "suggested_ix_section":
            text = as_text(value)
            return text or None
        if field == "confidence":
            return _share(as_text(value))
        return as_text(value)


def _advice(names: Sequence[str]) -> str:
    """What to do where no column is known to be the text."""
    for name in names:
        with contextlib.suppress(dates.BadDate):
            dates.parse(name, True)
            return "That looks like an entry: put a line above it that names the columns, such as Date,Task,Points"
    first = next((name for name in names if re.search(r"[^\W\d_]", name)), "COLUMN")
    return f"For example --map 'text={first}'" if re.search(r"\W", first) else f"For example --map text={first}"


def _share(text: str) -> float | None:
    """``0.8``, ``80%``, ``80 %`` as a number from 0 to 1."""
    found = re.fullmatch(r"(\d{1,3}(?:[.,]\d{1,6})?)\s*(%?)", text)
    if not found:
        return None
    number = float(found[1].replace(",", ".")) / (100 if found[2] else 1)
    return number if 0 <= number <= 1 else None


def _identity(values: Mapping[str, Any], text: str) -> tuple[str, ...]:
    """The id that the other program gave, and the words, since two programs may both count from 1; where it gives none,
    what was said, when, of what."""
    own = as_text(values.get("source_id"))
    if own:
        return ("id", own, text)
    return ("", text, *(as_text(values.get(name)) for name in _IDENTITY[1:]))
