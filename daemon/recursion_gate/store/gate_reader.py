"""Read the gate (contract, "The gate"). Reads only, so that readers and `verify` can use it; `gate` writes."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.errors import Parked
from ..core.model import Candidate
from ..core.paths import Place
from ..disk.untrusted import open_plain
from ..formats import gate_json

__all__ = ["each", "each_once", "read"]


def read(place: Place) -> list[Candidate]:
    """The candidates at the gate, in order; an id may stand twice. Raises Parked when it does not parse, OSError."""
    return list(each(place))


def each(place: Place) -> Iterator[Candidate]:
    """The same, one after the other: all at once, as objects, they take many times the room of their bytes."""
    display_path = place.display_path(place.gate)
    try:
        with open_plain(place.gate) as file:
            data = file.read()
    except FileNotFoundError:
        return
    except IsADirectoryError:
        raise Parked(display_path, "this is not a plain file", "Put the file itself here") from None
    yield from gate_json.parse(data, display_path)


def each_once(place: Place, data: bytes) -> Iterator[Candidate]:
    """The candidates in the bytes of a gate, in order. Raises Parked when it does not parse, or an id stands twice."""
    display_path = place.display_path(place.gate)
    seen: set[str] = set()
    for candidate in gate_json.parse(data, display_path):
        if candidate.id in seen:
            raise Parked(display_path, "an id stands twice in the gate", "Remove one of the two")
        seen.add(candidate.id)
        yield candidate
