"""``recursion-gate.json``: the array of what waits, in the order it was staged (contract, "The gate")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView

from pydantic_core import to_json

from . import durable
from .errors import Parked
from .files import mark_at, open_plain
from .layout import Place
from .model import Candidate, candidates_in, id_hash

__all__ = ["EMPTY", "Gate", "dump"]

_END = b"\n]\n"

#: A gate at which nobody waits.
EMPTY = b"[]\n"


def _chunk(candidate: Candidate) -> bytes:
    """One element as it stands in the file, indented by two."""
    return b"  " + to_json(candidate.as_json(), indent=2).replace(b"\n", b"\n  ")


def dump(candidates: Iterable[Candidate]) -> bytes:
    """The file's bytes."""
    return _dump([_chunk(c) for c in candidates])


def _dump(chunks: list[bytes]) -> bytes:
    return b"[\n" + b",\n".join(chunks) + _END if chunks else EMPTY


class Gate:
    """The candidates of one user that wait. Changes are in memory until `save`.

    Each element is kept with its bytes, and so is the whole file while candidates are only added: what a drop costs
    at a long queue is the write.
    """

    def __init__(self, place: Place, candidates: list[Candidate] | None = None) -> None:
        self.place = place
        self._items: dict[str, tuple[Candidate, bytes]] = {c.id: (c, _chunk(c)) for c in candidates or ()}
        self._by_hash: dict[str, str] | None = None  # the ids by their `id_hash`, made when it is asked for
        self._whole: bytearray | None = None  # the file's bytes
        self._mark = mark_at(place.gate)

    @classmethod
    def load(cls, place: Place) -> Gate:
        """The gate of `place`; empty where there is no file. Raises Parked when it does not parse, OSError when it
        cannot be read."""
        shown = place.shown(place.gate)
        before = mark_at(place.gate)
        try:
            with open_plain(place.gate) as file:
                data = file.read()
        except FileNotFoundError:
            return cls(place)
        candidates = candidates_in(data, shown)
        gate = cls(place, candidates)
        gate._mark = before  # of what was read: a file put there since then is seen as changed
        if len(gate) != len(candidates):
            raise Parked(shown, "an id stands twice in the gate", "Remove one of the two")
        return gate

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, candidate_id: object) -> bool:
        return candidate_id in self._items

    @property
    def ids(self) -> KeysView[str]:
        """The ids of the candidates, in order."""
        return self._items.keys()

    def __iter__(self) -> Iterator[Candidate]:
        return (candidate for candidate, _ in self._items.values())

    def get(self, candidate_id: str) -> Candidate | None:
        item = self._items.get(candidate_id)
        return item[0] if item else None

    def twin(self, candidate_id: str) -> str | None:
        """Another id here that would give the same ACT id."""
        if self._by_hash is None:
            self._by_hash = {id_hash(each): each for each in self._items}
        other = self._by_hash.get(id_hash(candidate_id))
        return other if other != candidate_id else None

    def add(self, candidate: Candidate) -> None:
        chunk = _chunk(candidate)
        if self._whole is not None and self._items and candidate.id not in self._items:
            self._whole[-len(_END) :] = b",\n" + chunk + _END
        else:
            self._whole = None
        self._items[candidate.id] = (candidate, chunk)
        if self._by_hash is not None:
            self._by_hash.setdefault(id_hash(candidate.id), candidate.id)

    def discard(self, candidate_id: str) -> None:
        if self._items.pop(candidate_id, None) is not None:
            self._whole = None
            if self._by_hash is not None:
                self._by_hash.pop(id_hash(candidate_id), None)

    def save(self) -> None:
        """Put the gate on disk, whole. The folder is not synced: see `durable.replace`. Raises OSError."""
        if self._whole is None:
            self._whole = bytearray(_dump([chunk for _, chunk in self._items.values()]))
        durable.replace(self.place.gate, self._whole)
        self._mark = mark_at(self.place.gate)

    @property
    def mark(self) -> object:
        """Another one whenever the file was saved or read anew."""
        return self._mark

    def unchanged(self) -> bool:
        """Whether the file is still the one that was read or saved here."""
        return self._mark == mark_at(self.place.gate)
