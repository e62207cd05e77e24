"""Erase an entry wherever it stands (contract, "Commands": `forget`). What is left: there was one, and when it was
forgotten.

The receipt comes first and is the decision. Then the text goes from the Record, the gate, the cards and problems/, and
last from the receipts themselves, since they tell what to look for. Each step can be done again: a stop in between is
finished by `recover`, which finds the receipt at the end of the chain, or by the file in undo/, which goes last of all.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..core.clock import now
from ..core.errors import Refusal
from ..core.model import act_key, id_hash, instant
from ..core.paths import STATES, is_aside, is_ignored
from ..core.receipt import Receipt, erase, line_digest
from ..disk import atomic, untrusted
from ..formats import card_hints, cards, record_edit
from ..formats.marker import MARKER_LINE
from ..formats.record_change import Step, standing
from ..store import filed, jsonl
from ..store.index import HEAD
from .actions import Forget
from .merge import write_receipts
from .record_files import BeingSaved, RecordFiles
from .refuse import discard
from .undo import draft_of
from .user_state import UserState

__all__ = ["finish_forgetting", "forget"]

#: A piece of a text that is as long as this is the text's own (contract: promise 11, "a piece of it").
_PIECE = 12

#: What a line of somebody else's card says that had a piece of the text.
_FORGOTTEN = "(forgotten)"


@dataclass(slots=True)
class _Traces:
    """What the receipts know of an entry that is to be forgotten."""

    candidate_id: str
    act: str | None = None
    #: Its lines in the Record, as the receipts have them, and those of other entries that name the same id.
    lines: list[tuple[str, str]] = field(default_factory=list)
    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Its texts.
    texts: set[str] = field(default_factory=set)
    #: The receipts, by the offset of each, that say something of it, and which part of each does.
    receipts: dict[int, tuple[bytes, bool, bool]] = field(default_factory=dict)
    #: The names of its filed cards.
    cards: set[str] = field(default_factory=set)

    @property
    def is_erased(self) -> bool:
        return all(erase(line, entry=entry, old=old) == line for line, entry, old in self.receipts.values())


def forget(state: UserState, action: Forget) -> None:
    """Raises BeingSaved before anything is written, OSError, Parked."""
    traces = _traces(state, action.candidate_id)
    texts = RecordFiles(state)
    _plan(traces, texts)
    last = state.last_receipt(action.candidate_id)
    if last is None or last.action != "forgotten":
        draft = draft_of(action.request, action.candidate_id, "forgotten")
        draft |= {"evidence_id": traces.act, "forgotten_at": instant(now())}
        [made] = write_receipts(state, [draft])
        state.events.say("forgotten", made.candidate_id, seq=made.seq, via=made.via, by=made.by)
    _erase(state, traces, texts)
    discard(state, action.request.path, action.request.seen.mark, "it is forgotten")


def finish_forgetting(state: UserState) -> None:
    """Finish what a stop has cut short. Raises OSError, Parked."""
    last = state.ledger.last
    if last is None or last.action != "forgotten":
        return
    traces = _traces(state, last.candidate_id)
    if traces.is_erased and last.candidate_id not in state.gate:
        return
    texts = RecordFiles(state)
    try:
        _plan(traces, texts)
    except BeingSaved as err:
        raise err.in_the_midst() from None
    _erase(state, traces, texts)


def _erase(state: UserState, traces: _Traces, texts: RecordFiles) -> None:
    texts.write()
    if traces.candidate_id in state.gate:
        state.gate.discard(traces.candidate_id)
        state.hooks.check()
        state.gate.save()
        atomic.sync_folder(state.place.home)
    _sweep(state, traces)
    changed = {
        at: new
        for at, (line, entry, old) in traces.receipts.items()
        if (new := erase(line, entry=entry, old=old)) != line
    }
    if changed:
        state.hooks.check()
        state.ledger.erase(changed)
    state.ledger.put_into_index()


# -- what is to go ---------------------------------------------------------------------------------------------------


def _traces(state: UserState, candidate_id: str) -> _Traces:
    """Read the receipts of the candidate, and those of others that have its lines. Raises OSError, Parked."""
    traces, key = _Traces(candidate_id), id_hash(candidate_id)
    if candidate_id in state.gate and (waiting := state.gate.get(candidate_id)):
        _note_texts(traces, waiting.as_json())
    for at, line in state.ledger.receipts():
        line = line.rstrip(b"\n")
        head = HEAD.match(line)
        if head is None:
            continue
        own = head["id"].decode() == candidate_id
        about = bool(head["target"]) and act_key(head["target"].decode()) == key
        linked = bool(head["evidence"]) and act_key(head["evidence"].decode()) == key
        if not (own or about or linked):
            continue
        receipt = jsonl.receipt(state.place, line)
        if own:
            traces.act = receipt.evidence_id or traces.act
        if own or about:  # a retraction is about nothing else: what it says goes, too
            whole = own or receipt.retracts is not None
            traces.receipts[at] = (line, whole, about)
            _note(traces, receipt, own=whole, about=about)
        else:
            sign = -1 if receipt.action == "undone" else 1
            lines = receipt.removed if sign < 0 else receipt.lines
            for file, added in lines.items():
                traces.others[file, added[-1]] += sign
    return traces


def _note(traces: _Traces, receipt: Receipt, *, own: bool, about: bool) -> None:
    """Note what this receipt says of the entry."""
    groups = [receipt.lines] if own else []
    if about and receipt.old:
        groups += [receipt.old["lines"], receipt.old["removed"]]
    for group in groups:
        traces.lines += [(file, lines[-1]) for file, lines in group.items() if lines]
    if own:
        for said in (receipt.candidate, receipt.approved or {}):
            _note_texts(traces, said)
        traces.texts.add(record_edit.fold(receipt.raw_text))
        traces.cards.update(filed.names_of(receipt))


def _note_texts(traces: _Traces, said: dict[str, object]) -> None:
    for name in ("raw_text", "evidence_summary", "rationale", "excerpt", "topic", "url"):
        if isinstance(text := said.get(name), str):
            traces.texts.add(record_edit.fold(text))
    if said.get("meta"):
        traces.texts.add(json.dumps(said["meta"], ensure_ascii=False))


def _plan(traces: _Traces, texts: RecordFiles) -> None:
    """Want all lines of the entry out of the Record; evidence last, since readers look for that. Raises BeingSaved,
    Parked, OSError."""
    found = sorted(dict.fromkeys(traces.lines), key=lambda each: each[0] == "self-evidence.md")
    gone: Counter[tuple[str, str]] = Counter()
    for file, line in found:
        stands = standing(texts.text(file), file, line, traces.act or "ACT-", [o for _, o in traces.others])
        place = file, stands or ""
        if stands and gone[place] < record_edit.count(texts.text(file), stands) - max(0, traces.others[place]):
            gone[place] += 1
            texts.add(Step(file, (stands,)), line_digest(None))
    texts.plan()


# -- files that hold a piece of it -----------------------------------------------------------------------------------


def _sweep(state: UserState, traces: _Traces) -> None:
    """Remove the entry's own cards and drops, and its lines from the cards of others. Raises OSError."""
    pieces = _Pieces(traces.texts)
    folders = set()
    for path in _files(state):
        try:
            seen = untrusted.look(path, state.settings.max_card_bytes + (1 << 20))
        except (Refusal, FileNotFoundError):
            continue
        name = f"{path.parent.name}/{path.name}"
        own = cards.id_of(seen.data) == traces.candidate_id or name in traces.cards
        if own or (path.parent == state.place.problems and _is_a_drop_of(seen.data, traces, pieces)):
            if path.parent == state.place.problems:
                atomic.remove(f"{path}.why.txt")
            discard(state, path, seen.mark, "it is forgotten")
        elif (without := _redacted(seen.data, pieces)) is not None:
            atomic.replace(path, without, still=untrusted.is_still(seen.mark))
        else:
            continue
        folders.add(path.parent)
    for folder in folders:
        atomic.sync_folder(folder)


def _files(state: UserState) -> Iterator[Path]:
    """All cards, decided or not, and what could not be staged; not what is in undo/, which goes last."""
    place = state.place
    inside = [place.state(name) for name in STATES if name != "undo"]
    for folder in [*inside, *(place.receipts / month for month in filed.months(place))]:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as there:
            yield from [Path(e.path) for e in there if not is_ignored(e.name) or is_aside(e.name)]


def _is_a_drop_of(data: bytes, traces: _Traces, pieces: _Pieces) -> bool:
    """Whether a file in problems/ is a drop of the entry: it has its id, or all of its text."""
    text = data.decode(errors="replace")
    with suppress(ValueError, RecursionError):
        given = json.loads(text)
        if isinstance(given, dict) and given.get("id") == traces.candidate_id:
            return True
        text = json.dumps(given, ensure_ascii=False)
    return pieces.whole_in(text)


def _redacted(card: bytes, pieces: _Pieces) -> bytes | None:
    """Somebody else's card without the lines below its marker that have a piece of the text; None where none has."""
    if not pieces.are_in(card):
        return None
    plain = card_hints.without_hints(card)  # they are made anew
    text = plain.decode(errors="surrogateescape")
    markers = list(MARKER_LINE.finditer(text))
    if not markers:
        return None
    above, below = text[: markers[-1].end()], text[markers[-1].end() :]
    lines = [_FORGOTTEN.rjust(len(_FORGOTTEN) + 4) if pieces.in_line(line) else line for line in below.split("\n")]
    made = (above + "\n".join(lines)).encode(errors="surrogateescape")
    return made if made != card else None


class _Pieces:
    """The pieces of some texts, and whether they stand somewhere."""

    def __init__(self, texts: Collection[str]) -> None:
        self._texts = [text for text in texts if text]
        self._all = {text[i : i + _PIECE] for text in self._texts for i in range(max(1, len(text) - _PIECE + 1))}
        self._some = [text[i : i + _PIECE].encode() for text in self._texts for i in range(0, len(text), _PIECE)]

    def are_in(self, data: bytes) -> bool:
        """Whether one of them may stand in `data`, quickly: not all pieces of a text need be looked for."""
        return any(len(piece) >= 4 and piece in data for piece in self._some)

    def in_line(self, line: str) -> bool:
        line = record_edit.fold(line)
        return any(line[i : i + _PIECE] in self._all for i in range(max(1, len(line) - _PIECE + 1)))

    def whole_in(self, text: str) -> bool:
        text = record_edit.fold(text.replace("\\n", " "))
        return any(each in text for each in self._texts if len(each) >= _PIECE)
