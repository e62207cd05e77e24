"""The JSON Schemas of all files and of all ``--json`` answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from ..core.model import SECTION_SPELLINGS, SKILL_SPELLINGS, Candidate, Drop
from ..core.receipt import Receipt
from ..core.settings import Settings
from ..core.unseen import ALWAYS, IN_PLACE
from ..core.words import Category, Section, Skill
from ..formats.fields import SHORT_LIMIT
from .plan_answers import PLAN_ANSWERS

__all__ = ["SCHEMAS", "schema"]

_Json = dict[str, Any]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: A sign that says something: neither white space nor what a person cannot see.
_SAYS = "[^{}]".format(
    r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    + "".join(c if c == "-" or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in ALWAYS + IN_PLACE)
)
_DATE = r"[1-9][0-9]{3}(?:-MONTH-DAY|MONTHDAY)".replace("MONTH", "(?:0[1-9]|1[0-2])").replace(
    "DAY", "(?:0[1-9]|[12][0-9]|3[01])"
)
_TIME = r"HOUR(?::MIN(?::MIN(?:[.,][0-9]+)?)?|MIN(?:MIN(?:[.,][0-9]+)?)?)?(?:Z|[+-]HOUR(?::?MIN)?)?".replace(
    "HOUR", "(?:[01][0-9]|2[0-3])"
).replace("MIN", "[0-5][0-9]")

_SPELLINGS = {"skill_tag": SKILL_SPELLINGS}

_CANNOT = """\
One object: a .json file in inbox/USER/, or one line of a .jsonl file (docs/format.md, "A drop"). A field that is not \
here is refused.

What no schema can say, and is refused as well: a field given twice; a day that its month does not have; half a \
character; more than 50 levels in `meta`; an id that another candidate has; `supersedes` and `link_to_evidence_id` \
that name the same entry; a file that is too large. The most characters of a text are those of a root without \
settings: max_text_chars in recursion-gate.toml changes them."""


def _drop() -> _Json:
    """`Drop` knows one spelling of each word and one name of the text; a dropped file may use any case, and `text`."""
    made = Drop.model_json_schema() | {"description": _CANNOT}
    fields = made["properties"]
    said = {"pattern": _SAYS, "maxLength": Settings().max_text_chars}
    fields["raw_text"] |= said
    fields["text"] = {"type": "string", **said, "description": "The same as `raw_text`."}
    made.pop("required")
    made["oneOf"] = [{"required": ["raw_text"]}, {"required": ["text"]}]
    for name, words in (("skill_tag", Skill), ("suggested_ix_section", Section), ("mind_category", Category)):
        choice = _one_of(*_SPELLINGS.get(name, SECTION_SPELLINGS).values())
        nullable = "anyOf" in fields[name]
        about = {k: fields[name][k] for k in ("title", "description") if k in fields[name]}
        about["examples"] = list(get_args(words))
        fields[name] = {**({"anyOf": [choice, {"type": "null"}]} if nullable else choice), **about}
    fields["created_at"]["anyOf"][0]["pattern"] = rf"^\s*{_DATE}(?:[T ]{_TIME})?\s*$"
    fields["created_at"]["examples"] = ["2026-11-24T16:30:00Z", "2026-11-24T17:30:00+01:00", "2026-11-24"]
    for name in ("source", "activity_type", "evidence_summary", "source_id", "topic", "score"):
        fields[name]["anyOf"][0]["maxLength"] = SHORT_LIMIT
    fields["score"]["anyOf"].insert(1, {"type": "number"})
    given = {"type": "string"}
    made["not"] = {
        "anyOf": [
            {"required": ["retracts", other], "properties": {"retracts": given, other: given}}
            for other in ("supersedes", "link_to_evidence_id")
        ]
    }
    made["allOf"] = [
        {
            "if": {
                "required": ["suggested_ix_section"],
                "properties": {"suggested_ix_section": _one_of(spellings)},
            },
            "then": {"properties": {"mind_category": {"anyOf": [_one_of(spellings), {"type": "null"}]}}},
        }
        for spellings in SECTION_SPELLINGS.values()
    ]
    return made


def _one_of(*words: str) -> _Json:
    return {"type": "string", "pattern": rf"^\s*(?:{'|'.join(_any_case(word) for word in words)})\s*$"}


def _any_case(word: str) -> str:
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else c for c in word)


def _gate() -> _Json:
    made = TypeAdapter(list[Candidate]).json_schema()
    return {"title": "Gate", "description": "What waits at the gate, in the order it was staged.", **made}


def _of(module: str, model: str) -> Callable[[], _Json]:
    """The schema of an answer; its module is imported when it is asked for."""

    def made() -> _Json:
        from importlib import import_module

        answer: type[BaseModel] = getattr(import_module(module), model)
        return answer.model_json_schema(by_alias=True, mode="serialization")

    return made


def _export_all() -> _Json:
    """The manifest of the archive, and where the archive is."""
    made = _of("recursion_gate.reading.manifest", "Manifest")()
    made |= {"title": "ExportAllAnswer", "description": "Which archive was written, and what is in it."}
    made["properties"] = {
        "file": {"type": "string", "description": "The archive."},
        "size": {"type": "integer", "description": "Of the archive, in bytes."},
        **made["properties"],
    }
    made["required"] = ["file", "size", *made["required"]]
    return made


def _spec() -> _Json:
    fields = {
        "name": "As in 'recursion-gate spec NAME'.",
        "about": "What it says, in a few words.",
        "sha256": "Of the text, in UTF-8.",
        "text": "Markdown; not in the list that 'spec --json' without NAME prints.",
    }
    part = {
        "type": "object",
        "properties": {name: {"type": "string", "description": about} for name, about in fields.items()},
        "required": ["name", "about", "sha256"],
        "additionalProperties": False,
    }
    return {
        "title": "SpecAnswer",
        "description": "The specification that agents and people share, in its parts.",
        "type": "object",
        "properties": {"version": {"type": "string"}, "parts": {"type": "array", "items": part}},
        "required": ["version", "parts"],
        "additionalProperties": False,
    }


_COMMAND = {"tokens": "token list", "people": "people list"}
_ANSWERS = (
    "pending",
    "people",
    "show",
    "receipts",
    "undo",
    "correct",
    "forget",
    "verify",
    "status",
    "doctor",
    "tokens",
)


def _answer(name: str) -> Callable[[], _Json]:
    """The schema of an answer that is no model; a function of `answers`."""

    def made() -> _Json:
        from . import answers

        answer: _Json = getattr(answers, name)()
        return answer

    return made


#: name: (what has this shape, its schema).
SCHEMAS: dict[str, tuple[str, Callable[[], _Json]]] = {
    "drop": ("a .json file in inbox/USER/, or one line of a .jsonl file", _drop),
    "gate": ("users/USER/recursion-gate.json", _gate),
    "receipt": ("one line of receipts/USER/merge-receipts.jsonl", Receipt.model_json_schema),
    "analyse": ("what 'analyse --json' prints", _answer("analysed")),
    "feed": ("what 'feed --json' prints", _answer("fed")),
    "import-forms": ("what 'import --forms --json' prints", _answer("forms")),
    "import": ("what 'import --json' prints", _answer("imported")),
    **{name: (f"what '{_COMMAND.get(name, name)} --json' prints", _answer(name)) for name in _ANSWERS},
    "snapshot": ("what 'snapshot --json' prints", _of("recursion_gate.reading.whole", "SnapshotAnswer")),
    "record": ("what 'record --json' prints", _of("recursion_gate.reading.record", "RecordAnswer")),
    "edge": ("what 'edge --json' prints", _of("recursion_gate.reading.edge", "EdgeAnswer")),
    "export": (
        "what 'export --json' prints: the curriculum profile",
        _of("recursion_gate.reading.export", "ExportAnswer"),
    ),
    "brief": ("what 'brief --json' prints", _of("recursion_gate.reading.brief", "BriefAnswer")),
    "history": ("what 'history --json' prints", _of("recursion_gate.reading.history", "HistoryAnswer")),
    "voice-prompt": ("what 'voice prompt --json' prints", _of("recursion_gate.reading.voice", "PromptAnswer")),
    "voice-ask": ("what 'voice ask --json' prints", _of("recursion_gate.reading.voice", "AskAnswer")),
    "context": (
        "what 'context --json' prints; with --list without the texts",
        _of("recursion_gate.spec.context", "ContextAnswer"),
    ),
    "spec": ("what 'spec --json' prints; without NAME without the texts", _spec),
    "export-all": ("what 'export --all FILE --json' prints", _export_all),
    "archive": (
        "manifest.json in the archive that 'export --all' writes; what 'import-archive --json' prints",
        _of("recursion_gate.reading.manifest", "Manifest"),
    ),
    **PLAN_ANSWERS,
}


# What the models' docstrings cite, those who read a schema find in docs/format.md.
_CITED = re.compile(r"\(contract[^)]*\)")


def schema(name: str) -> _Json:
    """The JSON Schema `name`. Raises KeyError when there is none."""
    made: _Json = json.loads(_CITED.sub("(docs/format.md)", json.dumps(SCHEMAS[name][1]())))
    return {"$schema": _DIALECT, **made}
