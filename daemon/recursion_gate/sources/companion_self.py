"""companion-self: what waits at the gate of one of its users (``users/NAME/``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.model import Drop
from ..core.paths import GATE_NAME, LEDGER_NAME, RECORD_FILES
from .entry import BadSource, Entry, Item, LeftOut, Options
from .file import Empty, SourceFile
from .json_items import from_lines, whole

__all__ = ["ABOUT", "RECORD_STAYS", "extract", "identify"]

ABOUT = "a companion-self user (folder users/NAME): the candidates at its gate"

#: Why its Record is left out.
RECORD_STAYS = "its Record is no proposal: a new user can start with it, 'recursion-gate user add NAME --record DIR'"

_FIELDS = set(Drop.model_fields) - {"status"}


def identify(file: SourceFile) -> bool:
    return file.is_folder and bool(_homes(file.path))


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    homes = _homes(file.path)
    if len(homes) > 1:
        names = ", ".join(home.name for home in homes)
        raise BadSource(file.display, f"there are several users in it ({names})", f"Import one: {homes[0]}")
    if not homes:
        raise BadSource(file.display, f"there is no {GATE_NAME} in it")
    home = homes[0]
    decided = set(_decided(home))
    for number, each in enumerate(_gate(home), 1):
        yield _entry(each, f"candidate {number}", decided)
    if any((home / name).is_file() for name in RECORD_FILES):
        yield LeftOut(home.name, RECORD_STAYS)


def _homes(path: Path) -> list[Path]:
    """The folders of users: `path` itself, or those in its ``users/``."""
    if (path / GATE_NAME).is_file():
        return [path]
    return sorted(gate.parent for gate in path.glob(f"users/*/{GATE_NAME}") if not gate.parent.name.startswith("_"))


def _gate(home: Path) -> list[Any]:
    """What waits. Raises BadSource, OSError."""
    try:
        waiting = whole(SourceFile(home / GATE_NAME))
    except Empty:
        return []
    if not isinstance(waiting, list):
        raise BadSource(str(home / GATE_NAME), "this is not a list of candidates")
    return waiting


def _decided(home: Path) -> Iterator[str]:
    """The candidates that its receipts show as merged: a crash may have left them at the gate."""
    path = home / LEDGER_NAME
    if path.is_file() and path.stat().st_size:
        for _, receipt in from_lines(SourceFile(path)):
            if isinstance(receipt, dict):
                yield str(receipt.get("candidate_id"))


def _entry(data: Any, where: str, decided: set[str]) -> Item:
    if not isinstance(data, dict):
        return LeftOut(where, "not a candidate")
    if data.get("status", "pending") != "pending":
        return LeftOut(where, f"{str(data['status'])[:40]} there already")
    if str(data.get("id")) in decided:
        return LeftOut(where, "merged there already")
    fields = {name: value for name, value in data.items() if name in _FIELDS and value is not None}
    if "suggested_ix_section" in data and data["suggested_ix_section"] is None:
        fields["suggested_ix_section"] = None
    other = {name: value for name, value in data.items() if name not in _FIELDS and name != "status"}
    if other:
        fields["meta"] = {**(data["meta"] if isinstance(data.get("meta"), dict) else {}), **other}
    fields.setdefault("raw_text", "")
    identity = (str(data.get("id")), json.dumps(data, sort_keys=True)) if not data.get("id") else (str(data["id"]),)
    return Entry(identity, fields, where)
