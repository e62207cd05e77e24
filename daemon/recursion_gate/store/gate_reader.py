"""Read the gate (contract, "The gate"). Reads only, so that readers and `verify` can use it; `gate` writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import TypeAdapter, ValidationError

from ..core.errors import Parked
from ..core.model import Candidate
from ..core.paths import Place
from ..disk.untrusted import open_plain

__all__ = ["BETWEEN", "END", "START", "candidates_in", "each_once", "read"]

#: What a gate that the program wrote begins and ends with, and what stands between two candidates in it.
START, BETWEEN, END = b"[\n  {\n", b",\n  {\n", b"\n]\n"

_whole = TypeAdapter(list[Candidate])


def read(place: Place) -> list[Candidate]:
    """The candidates at the gate, in order; an id may stand twice. Raises Parked when it does not parse, OSError."""
    try:
        with open_plain(place.gate) as file:
            data = file.read()
    except FileNotFoundError:
        return []
    except IsADirectoryError:
        raise Parked(place.shown(place.gate), "this is not a plain file", "Put the file itself here") from None
    return list(candidates_in(place, data))


def candidates_in(place: Place, data: bytes) -> Iterator[Candidate]:
    """The candidates in the bytes of a gate, in order; an id may stand twice. Those of a gate that is written as we
    write it are made one after the other, since all at once, as objects, they can take thirty times the room of their
    bytes. Raises Parked when it does not parse."""
    made = 0
    if data.startswith(START) and data.endswith(END):
        try:
            for piece in data[len(START) : -len(END)].split(BETWEEN):
                candidate = Candidate.model_validate_json(b"{" + piece)
                made += 1
                yield candidate
            return
        except ValidationError:
            pass  # somebody has written it in another way, or it is broken: the whole tells
    try:
        yield from _whole.validate_json(data)[made:]
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Parked(
            place.shown(place.gate),
            f"this is not a gate: {where + ': ' if where else ''}{first['msg']}",
            "Put back a copy that is whole, or delete the file: the cards in pending/ are then staged again",
        ) from None


def each_once(place: Place, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The same candidates. Raises Parked where an id comes a second time."""
    seen: set[str] = set()
    for candidate in candidates:
        if candidate.id in seen:
            raise Parked(place.shown(place.gate), "an id stands twice in the gate", "Remove one of the two")
        seen.add(candidate.id)
        yield candidate
