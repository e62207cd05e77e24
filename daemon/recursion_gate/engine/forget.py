"""Erase an entry wherever it stands (contract, "Commands": `forget`). What is left: there was one, and when it was
forgotten.

The receipt comes first and is the decision. Then the text goes from the Record, the gate, the cards and problems/, and
last from the receipts themselves, since they tell what to look for. Each step can be done again: a stop in between is
finished by `recover`, which finds the receipt at the end of the chain, or by the file in undo/, which goes last of all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ..core.clock import now
from ..core.errors import Refusal
from ..core.model import act_key, id_hash, instant
from ..core.paths import STATES, TEMP_NAME, Root, is_ignored, original_name
from ..core.receipt import line_digest
from ..disk import atomic, untrusted
from ..formats import card_hints, cards, record_edit
from ..formats.marker import MARKER_LINE
from ..store import filed, forgotten
from ..store.forgotten import Traces
from .actions import Forget
from .merge import write_receipts
from .record_files import BeingSaved, RecordFiles
from .refuse import discard
from .undo import draft_of
from .user_state import UserState

__all__ = ["finish_forgetting", "forget", "without_name"]

#: A piece of a text that is as long as this is the text's own (contract: promise 11, "a piece of it").
_PIECE = 12


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


def _erase(state: UserState, traces: Traces, texts: RecordFiles) -> None:
    said = _texts(state, traces)
    texts.write()
    _sweep(state, traces, said)  # before the gate, which alone has the text of what still waits
    _sweep_status(state)
    if traces.candidate_id in state.gate:
        state.gate.discard(traces.candidate_id)
        state.hooks.check()
        state.gate.save()
        atomic.sync_folder(state.place.home)
    if changed := traces.changed:
        state.hooks.check()
        state.ledger.erase(changed)
    state.ledger.put_into_index()


# -- what is to go ---------------------------------------------------------------------------------------------------


def _traces(state: UserState, candidate_id: str) -> Traces:
    """What the receipts know of the candidate. Raises OSError, Parked."""
    return forgotten.traces(state.place, candidate_id, state.ledger.receipts())


def _texts(state: UserState, traces: Traces) -> set[str]:
    """All that was said of the entry, folded."""
    texts: set[str] = set()
    if traces.candidate_id in state.gate and (waiting := state.gate.get(traces.candidate_id)):
        _note_texts(texts, waiting.as_json())
    for receipt in traces.said:
        for said in (receipt.candidate, receipt.approved or {}):
            _note_texts(texts, said)
        texts.add(record_edit.fold(receipt.raw_text))
    return texts


def _note_texts(texts: set[str], said: dict[str, object]) -> None:
    for name in ("raw_text", "evidence_summary", "rationale", "excerpt", "topic", "url"):
        if isinstance(text := said.get(name), str):
            texts.add(record_edit.fold(text))
    if said.get("meta"):
        texts.add(json.dumps(said["meta"], ensure_ascii=False))


def _plan(traces: Traces, texts: RecordFiles) -> None:
    """Want all lines of the entry out of the Record. Raises BeingSaved, Parked, OSError."""
    for step in forgotten.steps(traces, texts.text):
        texts.add(step, line_digest(None))
    texts.plan()


# -- files that hold a piece of it -----------------------------------------------------------------------------------


def _sweep(state: UserState, traces: Traces, said: Collection[str]) -> None:
    """Remove the entry's own cards and drops, and its lines from the cards of others. Raises OSError."""
    filed_as = {name for receipt in traces.said for name in filed.names_of(receipt)}
    pieces, place = _Pieces(said), state.place
    for folder in [place.inbox, *map(place.state, STATES), *(place.receipts / month for month in filed.months(place))]:
        changed = False
        if os.path.lexists(folder / TEMP_NAME):  # a stop has left it, with what a card said before
            atomic.remove(folder / TEMP_NAME)
            changed = True
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as there:
            for path in [Path(entry.path) for entry in there if not entry.is_dir(follow_symlinks=False)]:
                changed |= _sweep_file(state, path, traces.candidate_id, filed_as, pieces)
        if changed:
            atomic.sync_folder(folder)


def _sweep_status(state: UserState) -> None:
    """Take the names of this user's files out of the report that a daemon has left. Raises OSError."""
    path = Root(state.place.root).status
    try:
        status = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return
    last = status.get("last") if isinstance(status, dict) else None
    for did in last if isinstance(last, list) else ():
        if isinstance(did, dict) and did.get("user") == state.place.user:
            did["id"] = without_name(str(did.get("id")))
    atomic.replace(path, json.dumps(status, ensure_ascii=False).encode(errors="replace"), sync=False)


def without_name(which: str) -> str:
    """What a line of the status is about, without the name of a file, of which the first words may be those of a text
    that was forgotten."""
    folder, slash, _ = which.rpartition("/")
    return folder + slash if slash else which


def _sweep_file(state: UserState, path: Path, candidate_id: str, filed_as: Collection[str], pieces: _Pieces) -> bool:
    """Whether the file was removed, or changed."""
    place = state.place
    try:
        seen = untrusted.look(path, state.settings.max_card_bytes + (1 << 20))
    except (Refusal, FileNotFoundError):
        return False
    name = original_name(path.name)
    own = cards.id_of(seen.data) == candidate_id or f"{path.parent.name}/{name}" in filed_as
    # An editor's copy of a card, or what somebody tried to drop, is known by all of the text, too; a drop that is still
    # to be staged is an entry of its own unless it has the id.
    by_text = path.parent == place.problems or (is_ignored(name) and path.parent != place.inbox)
    if own or _is_a_drop_of(seen.data, candidate_id, pieces, by_text=by_text):
        if path.parent == place.problems:
            atomic.remove(f"{path}.why.txt")
        discard(state, path, seen.mark, "it is forgotten")
        return True
    target = cards.target_in(seen.data)
    about = target is not None and act_key(target) == id_hash(candidate_id)
    without = _redacted(seen.data, pieces, about=about) if path.parent != place.inbox else None
    if without is not None:
        atomic.replace(path, without, still=untrusted.is_still(seen.mark))
    return without is not None


def _is_a_drop_of(data: bytes, candidate_id: str, pieces: _Pieces, *, by_text: bool) -> bool:
    """Whether this is a drop of the entry: it has its id, or all of its text, where that is enough."""
    text = data.decode(errors="replace")
    try:
        given = json.loads(text)
        if isinstance(given, dict) and given.get("id") == candidate_id:
            return True
        text = json.dumps(given, ensure_ascii=False)
    except (ValueError, RecursionError):  # perhaps it is cut short
        by_text = by_text or f'"{candidate_id}"' in text
    return by_text and pieces.whole_in(text)


def _redacted(card: bytes, pieces: _Pieces, *, about: bool) -> bytes | None:
    """Somebody else's card without the lines below its marker that have a piece of the text, unless its own entry says
    that, too; None where none has. Where it is `about` the entry, also without the lines of it that go: a person may
    have edited them in the Record, so that no piece is left."""
    if not (about or pieces.are_in(card)):
        return None
    plain = card_hints.without_hints(card)  # they are made anew
    text = plain.decode(errors="surrogateescape")
    markers = list(MARKER_LINE.finditer(text))
    if not markers:
        return None
    above, below = text[: markers[-1].end()], text[markers[-1].end() :]
    own = record_edit.fold(above)
    below = cards.LINE_THAT_GOES.sub(rf"\1{cards.FORGOTTEN}", below) if about else below
    lines = [f"    {cards.FORGOTTEN}" if pieces.in_line(line, own) else line for line in below.split("\n")]
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

    def in_line(self, line: str, own: str) -> bool:
        """Whether one of them stands in `line`, and not in `own`, folded, as well."""
        line = record_edit.fold(line)
        found = {line[i : i + _PIECE] for i in range(max(1, len(line) - _PIECE + 1))} & self._all
        return any(piece not in own for piece in found)

    def whole_in(self, text: str) -> bool:
        text = record_edit.fold(text.replace("\\n", " "))
        return any(each in text for each in self._texts if len(each) >= _PIECE)
