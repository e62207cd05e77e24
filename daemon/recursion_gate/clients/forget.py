"""Have an entry erased (contract, "Commands": `forget`): what goes, what stays out of reach, and the request for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pydantic_core import to_json

from ..core.errors import Refusal
from ..core.text import count
from ..core.words import ACT_ID, RECORD_FILES
from ..formats import record_edit
from ..store import entries, filed, forgotten, jsonl
from ..store.gate import Gate
from .decided import Decided
from .person import check_person
from .requests import ask

__all__ = ["Reach", "forget", "reach"]

#: A shorter text stands in others by chance.
_PIECE = 12
_NAMED_LIMIT = 5
_ACT = re.compile(ACT_ID)


@dataclass(slots=True)
class Reach:
    """What forgetting an entry reaches, in words: nothing of this says its text."""

    goes: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)


def forget(found: Decided, *, via: str = "cli", by: str | None = None) -> Path:
    """Ask the daemon to erase an entry; gives the request. Raises Refusal where it is forgotten already, NotAPerson,
    OSError."""
    check_person()
    _check(found)
    return ask(found.place, "forgotten", found.name, via=via, by=by)


def reach(found: Decided) -> Reach:
    """What forgetting it reaches, and what it does not. Raises Refusal where it is forgotten already, Parked,
    OSError."""
    _check(found)
    place = found.place
    known = forgotten.traces(place, found.candidate_id, jsonl.forwards(place.ledger, jsonl.end(place.ledger).size))
    reached = Reach(goes=[f"its lines in users/{place.user}/{file}" for file in _record_files(found, known)])
    if found.waits is not None:
        reached.goes.append("its place at the gate, and its card")
    if known.changed:
        reached.goes.append(
            f"its text in {count(len(known.changed), 'receipt')}; that there was an entry, and when, stays"
        )
    names = {name for receipt in known.said for name in filed.names_of(receipt)}
    cards = [name for name in names if (place.receipts / name).is_file()]
    if cards:
        reached.goes.append(f"{count(len(cards), 'card')} in {place.display_path(place.receipts)}/")
    retracted_by = dict.fromkeys(r.candidate_id for r in known.said if r.candidate_id != found.candidate_id)
    reached.goes += [f"the reason given by {name}, which retracts it" for name in retracted_by]
    reached.goes.append("a refused drop of it in problems/, if there is one, and the previews of other cards")
    reached.stays += _others(found)
    if own := list(_own_lines(found, known)):
        reached.stays.append(f"lines that somebody has written by hand, with its words: {_named(own)}")
    reached.stays += _outside(found.place.root)
    return reached


def _check(found: Decided) -> None:
    last = found.receipt
    if last is not None and last.action == "forgotten":
        raise Refusal(f"'{found.name}' was forgotten already, on {last.at[:10]}")


def _same_words(found: Decided) -> list[str]:
    """The other entries that have its text, by ACT id or candidate id. Raises Parked, OSError."""
    text = record_edit.fold(found.text)
    if len(text) < _PIECE:
        return []
    piece, others = to_json(text)[1:-1], dict[str, str]()
    for _, line in jsonl.forwards(found.place.ledger, jsonl.end(found.place.ledger).size):
        head = jsonl.HEAD.match(line) if piece in line else None
        if head and head["action"] in (b"approved", b"rejected"):
            others[head["id"].decode()] = (head["evidence"] or head["id"]).decode()
    others |= {c.id: c.id for c in Gate.load(found.place) if text in record_edit.fold(c.raw_text)}
    return [name for candidate_id, name in others.items() if candidate_id != found.candidate_id]


def _record_files(found: Decided, known: forgotten.Traces) -> list[str]:
    """The Record files that have a line of it now."""
    return list(dict.fromkeys(step.file for step in forgotten.steps(known, partial(_text, found))))


def _text(found: Decided, file: str) -> bytes:
    path = found.place.home / file
    return path.read_bytes() if path.is_file() else b""


def _own_lines(found: Decided, known: forgotten.Traces) -> Iterator[str]:
    """Where a person has written its words into the Record by hand. Raises OSError."""
    words = record_edit.fold(found.text)
    goes = Counter((step.file, step.out[-1]) for step in forgotten.steps(known, partial(_text, found)))
    for file in RECORD_FILES if len(words) >= _PIECE else ():
        for number, line in enumerate(_text(found, file).decode(errors="replace").splitlines(), 1):
            if goes[file, line] > 0:
                goes[file, line] -= 1
            elif words in record_edit.fold(line) and not _ACT.search(line):
                yield f"users/{found.place.user}/{file}:{number}"


def _others(found: Decided) -> Iterator[str]:
    entry = found.entry()
    gone = entry.gone if entry else None
    if gone and gone.supersedes:
        yield f"{gone.evidence_id}, which corrects it, is an entry of its own: forget that, too, if it must go"
    corrected = found.receipt.supersedes if found.receipt else None
    if corrected and entries.find(found.place, corrected) is not None:
        yield f"{corrected}, which it corrects, is an entry of its own: its text stands in the evidence, struck"
    if others := [name for name in _same_words(found) if not gone or name != gone.evidence_id]:
        yield f"other entries that have the same words, each to be forgotten by itself: {_named(others)}"


def _named(these: Sequence[str]) -> str:
    more = f" and {len(these) - _NAMED_LIMIT} more" if len(these) > _NAMED_LIMIT else ""
    return ", ".join(these[:_NAMED_LIMIT]) + more


def _outside(root: Path) -> Iterator[str]:
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            yield f"the history of the git repository {folder}, if it has these files"
            break
    yield "backups of these folders, and copies that a sync program keeps"
    yield "archives and profiles that were exported, and whatever a reader has taken from the Record"
