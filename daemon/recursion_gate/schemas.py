"""The JSON Schemas of all that is written into files or printed with ``--json`` for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from .model import Candidate, Category, Drop, Receipt, Section, Skill

__all__ = ["SCHEMAS", "schema"]

_Json = dict[str, Any]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _drop() -> _Json:
    """`Drop` knows one spelling of each word and one name of the text; a dropped file may use any case, and `text`."""
    made = Drop.model_json_schema()
    fields = made["properties"]
    fields["raw_text"] |= {"pattern": r"\S"}
    fields["text"] = {"type": "string", "pattern": r"\S", "description": "The same as `raw_text`."}
    made.pop("required")
    made["oneOf"] = [{"required": ["raw_text"]}, {"required": ["text"]}]
    for name, words in (("skill_tag", Skill), ("suggested_ix_section", Section), ("mind_category", Category)):
        choice = {"type": "string", "pattern": rf"^\s*(?:{'|'.join(_any_case(w) for w in get_args(words))})\s*$"}
        nullable = "anyOf" in fields[name]
        about = {k: fields[name][k] for k in ("title", "description") if k in fields[name]}
        about["examples"] = list(get_args(words))
        fields[name] = {**({"anyOf": [choice, {"type": "null"}]} if nullable else choice), **about}
    return made


def _any_case(word: str) -> str:
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else c for c in word)


def _gate() -> _Json:
    made = TypeAdapter(list[Candidate]).json_schema()
    return {"title": "Gate", "description": "What waits at the gate, in the order it was staged.", **made}


def _of(module: str, model: str) -> Callable[[], _Json]:
    """The schema of an answer; its module is imported when it is asked for."""

    def made() -> _Json:
        from importlib import import_module

        answer: type[BaseModel] = getattr(import_module(f".{module}", __package__), model)
        return answer.model_json_schema(by_alias=True, mode="serialization")

    return made


#: name: (what has this shape, its schema).
SCHEMAS: dict[str, tuple[str, Callable[[], _Json]]] = {
    "drop": ("a .json file in inbox/USER/, or one line of a .jsonl file", _drop),
    "gate": ("users/USER/recursion-gate.json", _gate),
    "receipt": ("one line of receipts/USER/merge-receipts.jsonl", Receipt.model_json_schema),
    "snapshot": ("what 'snapshot --json' prints", _of("readers.whole", "SnapshotAnswer")),
    "record": ("what 'record --json' prints", _of("readers.record", "RecordAnswer")),
    "edge": ("what 'edge --json' prints", _of("readers.edge", "EdgeAnswer")),
    "export": ("what 'export --json' prints: the curriculum profile", _of("readers.export", "ExportAnswer")),
    "brief": ("what 'brief --json' prints", _of("readers.brief", "BriefAnswer")),
    "voice-prompt": ("what 'voice prompt --json' prints", _of("readers.voice", "PromptAnswer")),
    "voice-ask": ("what 'voice ask --json' prints", _of("readers.voice", "AskAnswer")),
    "context": ("what 'context --json' prints; with --list without the texts", _of("context", "ContextAnswer")),
    "archive": ("manifest.json in the archive that 'export --all' writes", _of("archive", "Manifest")),
}


def schema(name: str) -> _Json:
    """The JSON Schema `name`. Raises KeyError when there is none."""
    return {"$schema": _DIALECT, **SCHEMAS[name][1]()}
