"""The Record as of a receipt, from ``baseline.json`` and the receipts alone: what stood there before the first one, and
what each decision put in and took out. What was edited by hand is not in it, nor what was forgotten since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..core.errors import GateError, Parked
from ..core.model import act_key, id_hash
from ..core.receipt import Lines, Receipt, line_digest
from ..core.words import HEADINGS
from ..formats.record_change import Digest, Step, apply, standing, steps
from ..formats.record_edit import count, insert
from ..store import baseline, jsonl
from .snapshot import Snapshot

__all__ = ["NOTE", "NoReceipt", "as_of"]

NOTE = "From the receipts alone: what was edited by hand is not in it, nor what was forgotten since."


@dataclass(eq=False)
class NoReceipt(GateError):
    """There is no receipt of this number."""

    seq: int
    last: int

    def __str__(self) -> str:
        there = f"the last one is {self.last:,}" if self.last else "there is none yet"
        return f"there is no receipt {self.seq:,}: {there}. 0 is the Record before the first receipt."


def as_of(snapshot: Snapshot, seq: int) -> Snapshot:
    """`snapshot` with the Record as it was right after receipt `seq`; nothing waits in it, since the receipts do not
    tell what did. Raises NoReceipt; Parked, OSError where receipts or baseline cannot be read."""
    if not 0 <= seq <= snapshot.seq:
        raise NoReceipt(seq, snapshot.seq)
    record, head, size = _Rebuilt(_seed(snapshot)), "", 0
    lines = jsonl.forwards(snapshot.place.ledger, snapshot.size if seq else 0)
    for number, (at, line) in enumerate(lines, 1):
        receipt = jsonl.receipt(snapshot.place, snapshot.erased.get(at, line))
        record.carry_out(receipt)
        size = at + len(line)
        if number == seq:
            head = receipt.hash
            break
    return replace(snapshot, gate=(), texts=record.texts(), seq=seq, head=head, size=size, completed=0, problems=())


def _seed(snapshot: Snapshot) -> Mapping[str, str]:
    """The Record before the first receipt. Raises Parked, OSError."""
    if snapshot.seq == 0:
        return snapshot.texts
    display_path = snapshot.place.display_path(snapshot.place.baseline)
    try:
        files = json.loads(baseline.read(snapshot.place))["files"]
        return {str(name): str(text) for name, text in files.items()}
    except FileNotFoundError:
        raise Parked(
            display_path, "it is missing, and only it tells what stood there first", "Put back a copy"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Parked(display_path, "this is not a baseline", "Put back a copy that is whole") from None


class _Rebuilt:
    """A Record that grows decision by decision. Lines that go to the end of their section are put in all at once, when
    another change needs them there."""

    def __init__(self, seed: Mapping[str, str]) -> None:
        self._texts = {name: text.encode() for name, text in seed.items()}
        self._coming: dict[str, list[str]] = {}
        #: By file: where among those that are to come each line stands.
        self._places: dict[str, dict[str, list[int]]] = {}
        #: The lines of each entry as they stand here, by its `id_hash` and by file: the receipts may name those that a
        #: person had made of them.
        self._lines: dict[str, dict[str, str]] = {}

    def texts(self) -> dict[str, str]:
        for file in self._coming:
            self._flush(file)
        return {name: text.decode() for name, text in self._texts.items()}

    def carry_out(self, receipt: Receipt) -> None:
        key, about = id_hash(receipt.candidate_id), act_key(receipt.target) if receipt.target else ""
        told = steps(self._as_it_stands(receipt, key, about))
        for step in told:
            if step.file in HEADINGS:
                self._do(step, line_digest(receipt.old_salt))
        if about:
            self._lines[about] = _last(receipt.old["lines"]) if receipt.old else {}
        if receipt.action == "approved":
            self._lines[key] = _last(receipt.lines)
        elif receipt.action == "undone":
            self._lines.pop(key, None)

    def _as_it_stands(self, receipt: Receipt, key: str, about: str) -> Receipt:
        """`receipt` with the lines that it takes out as they stand here."""
        changed: dict[str, object] = {}
        if receipt.removed and not receipt.is_erased:
            changed["removed"] = self._standing(receipt.removed, key)
        if receipt.old is not None:
            old = self._standing(receipt.old["removed"], about)
            changed["old"] = {**receipt.old, "removed": self._from_before(old, receipt.target, about)}
        return receipt.model_copy(update=changed) if changed else receipt

    def _standing(self, removed: Lines, key: str) -> Lines:
        here = self._lines.get(key, {})
        lines = {file: [*these[:-1], here.get(file, these[-1])] for file, these in removed.items() if these}
        return lines | {file: [line] for file, line in here.items() if file not in lines}

    def _from_before(self, removed: Lines, act: str | None, about: str) -> Lines:
        """Of an entry from before the first receipt, no receipt has told the lines as they stand here."""
        if about in self._lines or act is None:
            return removed
        texts = {file: self._texts.get(file, b"") for file in removed}
        return {f: [standing(texts[f], f, lines[-1], act, ()) or lines[-1]] for f, lines in removed.items()}

    def _do(self, step: Step, digest: Digest) -> None:
        file, coming = step.file, self._coming.setdefault(step.file, [])
        if step.is_addition:
            self._places.setdefault(file, {}).setdefault(str(step.into), []).append(len(coming))
            coming.append(str(step.into))
            return
        if step.into is not None and step.out and not step.last and self._exchange(file, step.out[-1], step.into):
            return
        self._flush(file)
        self._texts[file] = apply(self._texts.get(file, b""), step, digest)[0]

    def _exchange(self, file: str, out: str, into: str) -> bool:
        """Put one line in the place of the other, of which there must be just one: so the lines that are still to come
        need not be put in."""
        text, places = self._texts.get(file, b""), self._places.setdefault(file, {})
        there = places.get(out, [])
        if count(text, out) + len(there) != 1:
            return False
        if there:
            self._coming[file][there[0]] = into
            places.setdefault(into, []).extend(places.pop(out))
        else:
            self._texts[file] = apply(text, Step(file, (out,), into), line_digest(None))[0]
        return True

    def _flush(self, file: str) -> None:
        if coming := self._coming[file]:
            self._texts[file] = insert(self._texts.get(file, b""), HEADINGS[file], coming)[0]
            self._coming[file] = []
            self._places[file] = {}


def _last(lines: Lines) -> dict[str, str]:
    return {file: these[-1] for file, these in lines.items() if these}
