"""grace-mar: the candidates in its ``recursion-gate.md``, those that are pending."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import dates
from .entry import BadSource, Entry, Item, LeftOut, Options
from .file import SourceFile
from .words import clipped, one_line
from .yaml_block import BadYaml, read

__all__ = ["ABOUT", "extract", "identify"]

ABOUT = "grace-mar's recursion-gate.md: its pending candidates"

_BLOCK = re.compile(r"###[ \t]+(CANDIDATE-\d+)\b(.*)")
_FENCE = re.compile(r"```(?:ya?ml)?[ \t]*", re.IGNORECASE)
_LINES = 2_000
_KEPT = ("signal_type", "priority_score", "channel_key", "proposal_class", "convergence", "impact_tier", "tension_with")


def identify(file: SourceFile) -> bool:
    text = file.head_text
    if file.ending != ".md":
        return False
    return _BLOCK.search(text) is not None or (file.name == "recursion-gate.md" and "## Processed" in text)


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    for number, name, block in _blocks(file):
        where = f"{name}, line {number}"
        if block is None:
            yield LeftOut(where, "no block of YAML")
            continue
        try:
            yield _entry(name, read("\n".join(block)), where, options)
        except BadYaml as err:
            yield LeftOut(where, f"YAML that cannot be read: {err}")


def _blocks(file: SourceFile) -> Iterator[tuple[int, str, list[str] | None]]:
    """Each candidate's line, name, and the lines of its first fenced block."""
    name, start = "", 0
    block: list[str] | None = None
    is_open = False
    for number, line in enumerate(file.lines(), 1):
        found = None if is_open else _BLOCK.match(line)
        if found:
            if name:
                yield start, name, block
            name, start, block = found[1], number, None
        elif is_open:
            if line.rstrip() == "```":
                is_open = False
            elif block is not None:
                block.append(line)
                if len(block) > _LINES:
                    raise BadSource(f"{file.display}, line {start}", "a block of YAML that never ends")
        elif _FENCE.fullmatch(line.rstrip()):
            is_open = True
            block = [] if name and block is None else block
        elif line.startswith("```"):
            is_open = True
    if name:
        yield start, name, block


def _entry(name: str, data: dict[str, Any], where: str, options: Options) -> Item:
    status = _text(data, "status") or "pending"
    if status != "pending":
        return LeftOut(where, f"{clipped(status, 40)} there already")
    said = _text(data, "suggested_entry") or _text(data, "summary")
    if not said:
        return LeftOut(where, "no suggested entry")
    fields: dict[str, Any] = {"raw_text": said, "source_id": name}
    target = re.match(r"\s*(IX-[ABC])\b", _text(data, "profile_target"), re.IGNORECASE)
    if target:
        fields["suggested_ix_section"] = target[1].upper()
    elif _text(data, "mind_category"):
        fields["mind_category"] = _text(data, "mind_category")
    when = _text(data, "timestamp")
    try:
        if when:
            fields["created_at"] = dates.parse(when, options.day_first)
    except dates.BadDate:
        return LeftOut(where, "a date that cannot be read")
    for field, theirs in (("evidence_summary", "summary"), ("source", "source"), ("rationale", "warrant")):
        if _text(data, theirs):
            fields[field] = clipped(one_line(_text(data, theirs)), 2_000)
    excerpt = _exchange(data)
    if excerpt:
        fields["excerpt"] = clipped(excerpt, 5_000)
    meta = {key: clipped(_text(data, key), 500) for key in _KEPT if _text(data, key)}
    if meta:
        fields["meta"] = meta
    return Entry((name, when, said), fields, where)


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value.strip() if isinstance(value, str) and value.strip().lower() not in ("none", "null", "~") else ""


def _exchange(data: dict[str, Any]) -> str:
    """The words that the candidate was made of, with who said them."""
    exchange = data.get("source_exchange")
    lines = (
        [f"{who}: {said.strip()}" for who, said in exchange.items() if isinstance(said, str)]
        if isinstance(exchange, dict)
        else []
    )
    example = _text(data, "example_from_exchange")
    return "\n".join([*lines, example] if example else lines)
