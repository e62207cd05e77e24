"""The gate in memory, as one turn changes it, and its writing (contract, "The gate")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView

from pydantic import ValidationError

from ..core.model import Candidate, id_hash
from ..core.paths import Place
from ..disk import atomic
from ..disk.untrusted import mark_at, open_plain
from ..formats import gate_json
from ..formats.gate_json import END, element, join
from .gate_reader import each_once

__all__ = ["Gate"]


class Gate:
    """The candidates of one user that wait. Changes are in memory until `save`.

    Each element is kept with its bytes, and so is the whole file while candidates are only added: what a drop costs
    at a long queue is the write. One that holds a `meta` is kept as its bytes alone.
    """

    def __init__(self, place: Place, candidates: Iterable[Candidate] = ()) -> None:
        self.place = place
        self._items: dict[str, tuple[Candidate | None, bytes]] = {}
        self._by_hash: dict[str, str] | None = None  # the ids by their `id_hash`, made when it is asked for
        self._whole: bytearray | None = None  # the file's bytes
        self._mark = mark_at(place.gate)
        #: How many bytes the elements take.
        self.size = 0
        #: How often candidates have come or gone.
        self.changes = 0
        for candidate in candidates:
            self._put(candidate)

    @classmethod
    def load(cls, place: Place, known: Gate | None = None) -> Gate:
        """The gate of `place`; empty where there is no file. What has the same bytes as in `known`, an earlier look at
        it, is taken from there. Raises Parked when it does not parse, OSError when it cannot be read."""
        before = mark_at(place.gate)
        try:
            with open_plain(place.gate) as file:
                data = file.read()
        except FileNotFoundError:
            return cls(place)
        gate = cls(place)
        if known is None or not gate._take_over(known, data):
            gate = cls(place)
            for candidate in each_once(place, data):
                gate._put(candidate)
        gate._mark = before  # of what was read: a file put there since then is seen as changed
        return gate

    def _take_over(self, known: Gate, data: bytes) -> bool:
        """Take what is in `data` from `known`, or read it where it is new there. False: that cannot be done so, and
        the whole has to be read."""
        there = {item[1]: (candidate_id, item) for candidate_id, item in known._items.items()}
        chunks = gate_json.elements(data)
        for chunk in chunks:
            candidate_id, item = there.get(chunk) or ("", (None, b""))
            if item[1]:
                self._items[candidate_id] = item
                self.size += len(item[1])
            else:
                try:
                    self._put(Candidate.model_validate_json(chunk))
                except ValidationError:
                    return False
        return 0 < len(chunks) == len(self._items)

    def _put(self, candidate: Candidate, data: bytes = b"") -> bytes:
        chunk = data or element(candidate)
        is_light = candidate.meta is None and not candidate.__pydantic_extra__
        self.changes += 1
        self.size += len(chunk) - self.bytes_of(candidate.id)
        self._items[candidate.id] = (candidate if is_light else None, chunk)
        if self._by_hash is not None:
            self._by_hash.setdefault(id_hash(candidate.id), candidate.id)
        return chunk

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, candidate_id: object) -> bool:
        return candidate_id in self._items

    @property
    def ids(self) -> KeysView[str]:
        """The ids of the candidates, in order."""
        return self._items.keys()

    def __iter__(self) -> Iterator[Candidate]:
        return (_whole(item) for item in self._items.values())

    def get(self, candidate_id: str) -> Candidate | None:
        item = self._items.get(candidate_id)
        return _whole(item) if item else None

    def element(self, candidate_id: str) -> bytes:
        """The bytes of a candidate at the gate, which change whenever it does; none where it is not there."""
        item = self._items.get(candidate_id)
        return item[1] if item else b""

    def bytes_of(self, candidate_id: str) -> int:
        """How many bytes a candidate takes at the gate; 0: it is not there."""
        item = self._items.get(candidate_id)
        return len(item[1]) if item else 0

    def twin(self, candidate_id: str) -> str | None:
        """Another id here that would give the same ACT id."""
        other = self.by_hash(id_hash(candidate_id))
        return other if other != candidate_id else None

    def by_hash(self, key: str) -> str | None:
        """The id here with this `id_hash`."""
        if self._by_hash is None:
            self._by_hash = {id_hash(each): each for each in self._items}
        return self._by_hash.get(key)

    def add(self, candidate: Candidate, data: bytes = b"") -> None:
        """Put a candidate at the end. `data`: its `element`, where it is made already."""
        goes_on = self._whole is not None and bool(self._items) and candidate.id not in self._items
        chunk = self._put(candidate, data)
        if goes_on and self._whole is not None:
            self._whole[-len(END) :] = b",\n" + chunk + END
        else:
            self._whole = None

    def discard(self, candidate_id: str) -> None:
        self.changes += 1
        self.size -= self.bytes_of(candidate_id)
        if self._items.pop(candidate_id, None) is not None:
            self._whole = None
            if self._by_hash is not None:
                self._by_hash.pop(id_hash(candidate_id), None)

    def save(self) -> None:
        """Put the gate on disk, whole. The folder is not synced: see `atomic.replace`. Raises OSError."""
        if self._whole is None:
            self._whole = bytearray(join([chunk for _, chunk in self._items.values()]))
        atomic.replace(self.place.gate, self._whole)
        self._mark = mark_at(self.place.gate)

    @property
    def mark(self) -> object:
        """A value that changes whenever the file was saved or read again."""
        return self._mark

    def unchanged(self) -> bool:
        """Whether the file is still the one that was read or saved here."""
        return self._mark == mark_at(self.place.gate)


def _whole(item: tuple[Candidate | None, bytes]) -> Candidate:
    return item[0] or Candidate.model_validate_json(item[1])
