"""The entries of one user's Record, with what has become of each, and the Record files in which they stand. Reads only.

For previews and decisions on corrections; what is merged is read by `record_files`, when it is merged.
"""

from __future__ import annotations

from ..core.entry import Entry
from ..core.errors import Refusal
from ..core.model import looks_like_act_id
from ..core.paths import RECORD_FILES, Place
from ..disk import untrusted
from ..formats import record_change
from ..formats.record_edit import OldLines
from ..store import seeds
from ..store.ledger import Ledger

__all__ = ["Entries"]


class Entries:
    """Holds Record files in memory until they are released."""

    def __init__(self, place: Place, ledger: Ledger) -> None:
        self._place, self._ledger = place, ledger
        self._texts: dict[str, tuple[object, bytes]] = {}
        self._marks: tuple[object, ...] = ()
        #: The ids that were there before the first receipt, once there is one.
        self._seeds: frozenset[str] | None = None

    def find(self, named: str) -> Entry | None:
        """The entry with this ACT id, or of this candidate; None where none was approved, or that was taken back, and
        none was there before the first receipt. Raises OSError, Parked."""
        ledger = self._ledger
        entry = ledger.entry(named)
        if entry is not None or not looks_like_act_id(named) or ledger.last_about(named) is not None:
            return entry
        if named not in self._seed_ids():
            return None
        return seeds.seed(named, self.text, ledger.seed_entry, ledger.linked)

    def _seed_ids(self) -> frozenset[str]:
        if self._ledger.size == 0:  # all that stands there is from before the first receipt
            return seeds.ids(self._place, self.text)
        if self._seeds is None:
            self._seeds = seeds.ids(self._place, self.text)
        return self._seeds

    def lines(self, named: str) -> OldLines:
        """The lines of an entry, as they were merged and as they stand; none where it no longer stands. Raises OSError,
        Parked."""
        entry = self.find(named)
        if entry is None or entry.problem is not None:
            return {}
        receipt = entry.receipt
        return record_change.old_lines(receipt, lambda: self._ledger.linked(receipt), self.text)

    def lines_as_merged(self, named: str) -> OldLines:
        """The lines of an entry as they were merged, also where it no longer stands. Raises OSError, Parked."""
        entry = self.find(named)
        last = None if entry else self._ledger.last_about(named)
        lines = entry.receipt.lines if entry else last.removed if last else {}
        if entry is not None and entry.is_seed and entry.gone is not None and entry.gone.old is not None:
            lines = entry.gone.old["removed"]
        return {file: (each[-1], each[-1]) for file, each in lines.items()}

    def text(self, file: str) -> bytes:
        """A Record file, for a preview: while somebody is saving it, that may be a half of it, and the preview is made
        anew when it is whole."""
        path = self._place.home / file
        mark = untrusted.mark_at(path)
        if mark is None:
            return b""
        if self._texts.get(file, (None,))[0] != mark:
            try:
                self._texts[file] = mark, untrusted.look(path, 1 << 30).data
            except (Refusal, FileNotFoundError):
                return b""
        return self._texts[file][1]

    def has_record_changed(self) -> bool:
        """Whether a Record file is another now than when this was asked last. Raises OSError."""
        before = self._marks
        self._marks = tuple(untrusted.mark_at(self._place.home / file) for file in RECORD_FILES)
        return self._marks != before

    def release(self) -> None:
        """Hold no Record file in memory any longer."""
        self._texts.clear()
