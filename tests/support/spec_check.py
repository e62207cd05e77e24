"""Where the specification's texts and the code disagree: fields, values, limits, folders, lines, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel
from recursion_gate.cli import COMMANDS, main
from recursion_gate.core.model import Candidate, Drop, act_id, infer_section
from recursion_gate.core.paths import DROP_FORMS, RECORD_FILES, STATES, Root
from recursion_gate.core.receipt import Receipt
from recursion_gate.core.settings import Settings
from recursion_gate.core.words import CATEGORY_OF
from recursion_gate.formats.drops import parse
from recursion_gate.formats.record_edit import HEADINGS, additions
from recursion_gate.spec.texts import NAMES, VERSION


def disagreements(texts: Mapping[str, str]) -> list[str]:
    """What is said in `texts` (part -> text) and is not so, or is so and not said."""
    return [
        *_titles(texts),
        *_concept(texts["schema"]),
        *_drop(texts["schema"]),
        *_gate(texts["schema"]),
        *_receipt(texts["schema"]),
        *_sections(texts["schema"]),
        *_record(texts["schema"]),
        *_folders(texts),
        *_commands(texts),
        *_samples(texts["sources"]),
    ]


def section(text: str, heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no section '{heading}'"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of the first table in `text`, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _differ(what: str, said: Any, so: Any) -> list[str]:
    return [] if said == so else [f"{what}: the specification says {said}, the code {so}"]


def _titles(texts: Mapping[str, str]) -> list[str]:
    found = _differ("parts", list(texts), list(NAMES))
    for n, (name, text) in enumerate(texts.items(), 1):
        if f"Specification {VERSION}, part {n} of {len(NAMES)}." not in text:
            found.append(f"{name}: the version is not {VERSION}, or it is not part {n}")
    return found


def _values(model: type[BaseModel], field: str) -> set[str]:
    """The words that a field may hold, if it is one of a few."""

    def inside(annotation: Any) -> set[str]:
        if isinstance(annotation, str):
            return {annotation}
        return {word for arg in get_args(annotation) for word in inside(arg)}

    return inside(model.model_fields[field].annotation)


def _table(what: str, model: type[BaseModel], table: list[list[str]]) -> list[str]:
    found = _differ(f"{what}: fields", sorted(w for row in table for w in words(row[0]) if w != "text"),
                    sorted(model.model_fields))  # fmt: skip
    for name, value, *_ in table:
        field = words(name)[0]
        if field in model.model_fields and field not in ("prev_hash", "hash"):
            found += _differ(f"{what}.{field}: values", set(words(value)), _values(model, field))
    return found


def _concept(schema: str) -> list[str]:
    """What the words mean is what a new user's files say of them."""
    so: dict[str, tuple[str, str]] = {}
    for name, category in CATEGORY_OF.items():
        so[name] = (category, _first_words(f"self-{category}.md"))
    for skill in sorted(_values(Drop, "skill_tag")):
        so[skill] = ("skill", _first_words(f"self-skill-{skill.lower()}.md"))
    said = {words(row[0])[0]: (row[1], row[2]) for row in rows(section(schema, "Concept"))}
    found = _differ("the words", sorted(said), sorted(so))
    for name in said.keys() & so.keys():
        found += _differ(f"{name} is", said[name][0], so[name][0])
        if not so[name][1].startswith(said[name][1]):
            found += _differ(f"{name} means", said[name][1], so[name][1])
    return found


def _first_words(file: str) -> str:
    """The sentence under the title of a new user's file."""
    sentence = (files("recursion_gate") / "template" / file).read_text("utf-8").split("\n")[2]
    return sentence[:1].lower() + sentence[1:]


def _drop(schema: str) -> list[str]:
    text, limits = section(schema, "Drop"), Settings()
    table = rows(text)
    found = _table("drop", Drop, table)
    for name, _, absent in table:
        default = Drop.model_fields[words(name)[0]].default if words(name)[0] in Drop.model_fields else None
        if isinstance(default, str):
            found += _differ(f"drop: {name} if absent", words(absent), [default])
    said = re.findall(r"[\d,]{5,}", text)
    so = [limits.max_text_chars, limits.max_drop_bytes, limits.max_lines]
    found += _differ("limits", said, [f"{n:,}" for n in so])
    return found + _differ("forms", set(re.findall(r"`(\.\w+)` \(", text)), set(DROP_FORMS))


def _gate(schema: str) -> list[str]:
    always = {n for n, f in Candidate.model_fields.items() if f.is_required()} | {"status"}
    return _differ("gate: fields", set(words(section(schema, "Gate"))) - {"users/USER/recursion-gate.json"}, always)


def _receipt(schema: str) -> list[str]:
    return _table("receipt", Receipt, rows(section(schema, "Receipt")))


def _sections(schema: str) -> list[str]:
    found, skills = [], set()
    text = section(schema, "Section from the words")
    forms = re.search(r"every form \((.*?)\)", text, re.DOTALL)
    for form in re.split(r"[,;]\s+", forms[1]) if forms else [""]:
        by_words = {infer_section(f"She {form} a kite.", skill) for skill in ("THINK", "WRITE", "WORK")}
        found += _differ(f"'{form}' counts", len(by_words), 1)
    for cell, category, phrases, by_skill in rows(text):
        (name,) = words(cell)
        found += _differ(f"{name} is", category, CATEGORY_OF.get(name))
        for phrase in phrases.split(", "):
            skill = "THINK" if name != "IX-A" else "WORK"
            found += _differ(f"'{phrase}'", name, infer_section(f"She, {phrase.upper()} a kite.", skill))
        for skill in words(by_skill):
            skills.add(skill)
            found += _differ(f"{skill} without such words", name, infer_section("A kite.", skill))
    return found + _differ("skills", skills, _values(Drop, "skill_tag"))


def _record(schema: str) -> list[str]:
    table = {words(row[0])[0]: row[1:] for row in rows(section(schema, "Record"))}
    found = _differ("Record files", list(table), list(RECORD_FILES))
    headings = {file: words(cells[0])[0] for file, cells in table.items() if words(cells[0])}
    found += _differ("Record sections", headings, HEADINGS)
    for skill in sorted(_values(Drop, "skill_tag")):
        for name in CATEGORY_OF:
            candidate = Candidate.model_validate(
                {"id": "c", "raw_text": "A kite.", "skill_tag": skill, "mind_category": None,
                 "suggested_ix_section": name, "created_at": "2026-11-24T16:30:00Z"}
            )  # fmt: skip
            evidence = act_id(candidate)
            if not re.fullmatch(r"ACT-\d{4}-\d\d-\d\d-\w{16}", evidence):
                found.append(f"ACT id: {evidence}")
            fill = {"ACT-ID": evidence, "SUMMARY": "A kite.", "TEXT": "A kite.", "DATE": "2026-11-24", "SKILL": skill}
            for made in additions(candidate, evidence, linked=False):
                form = words(table[made.file][1])[0] if made.file in table and words(table[made.file][1]) else ""
                shown = re.sub("|".join(fill), lambda m: fill[m[0]], form)  # noqa: B023
                found += _differ(f"a line of {made.file}", shown, made.line)
    return found


def _folders(texts: Mapping[str, str]) -> list[str]:
    root = Root(Path("/r"))
    place = root.place("USER")
    folders = [place.inbox, *(place.state(s) for s in STATES), place.home, root.template, place.receipts, root.daemon]
    folders += [root.plans]
    so = {f"{place.display_path(p)}/" for p in folders} | {root.settings.name}
    table = {words(row[0])[0] for row in rows(section(texts["lanes"], "The tree"))}
    found = _differ("the tree", table, so)
    files = {place.display_path(place.gate), place.display_path(place.ledger)}
    some = {f"{state}/" for state in STATES} | {
        "inbox/USER/pending/NAME.md",
        "inbox/USER/NAME.json",
        "users/",
        "receipts/",
    }
    some |= {"inbox/USER/.NAME.tmp"}
    for name, text in texts.items():
        for path in re.findall(r"`([\w.{}-]*/[\w./-]*)`", text):
            if path not in so | files | some:
                found.append(f"{name}: there is no {path}")
    said = " ".join(texts.values())
    return found + [f"{path} is not named" for path in sorted(files) if path not in said]


def _commands(texts: Mapping[str, str]) -> list[str]:
    listed = [w for row in rows(section(texts["lanes"], "Commands")) for w in words(row[1])]
    found = _differ("commands", sorted(listed), sorted(COMMANDS))
    for name, text in texts.items():
        for call in re.findall(r"`recursion-gate ([^`]+)`", text):
            found += [f"{name}: {problem}" for problem in _call(call)]
    return found


def _call(call: str) -> list[str]:
    """What is wrong with the words after ``recursion-gate``."""
    first, *rest = shlex.split(call)
    if first not in COMMANDS:
        return [f"there is no command '{first}'"]
    command = main.get_command(click.Context(main), first)
    assert command is not None
    options = {o for p in command.params if isinstance(p, click.Option) for o in (*p.opts, *p.secondary_opts)}
    missing = [f"'{first}' has no option {w}" for w in rest if w.startswith("--") and w not in options]
    if first == "schema" and rest:
        from recursion_gate.schemas.registry import SCHEMAS

        missing += [f"there is no schema {rest[0]}"] if rest[0] not in SCHEMAS else []
    return missing


def _samples(sources: str) -> list[str]:
    found = []
    for sample in re.findall(r"^```json\n(.*?)^```", sources, re.MULTILINE | re.DOTALL):
        try:
            parse("sample.json", sample.encode(), 0, Settings())
        except Exception as err:
            found.append(f"sources: a sample is refused: {err}")
    return found
