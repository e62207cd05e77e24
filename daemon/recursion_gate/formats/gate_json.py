"""The gate's bytes: the array of what waits, in the order it was staged (contract, "The gate"). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from ..core.errors import Parked
from ..core.model import Candidate

__all__ = ["EMPTY", "END", "dump", "element", "elements", "join", "parse"]

_START, _BETWEEN, END = b"[\n  {\n", b",\n  {\n", b"\n]\n"
_HEAD = b"  {\n"

#: An empty gate.
EMPTY = b"[]\n"

_whole = TypeAdapter(list[Candidate])


def element(candidate: Candidate) -> bytes:
    """One element as it stands in the file: indented by two, a field a line. What is nested in a field is written
    without white space, so that a drop's `meta` takes no more room here than it took in the drop, however deep it is.
    """
    return (
        b"  {\n    "
        + b",\n    ".join([to_json(k) + b": " + to_json(v) for k, v in candidate.as_json().items()])
        + b"\n  }"
    )


def join(elements: Sequence[bytes]) -> bytes:
    """The file's bytes."""
    return b"[\n" + b",\n".join(elements) + END if elements else EMPTY


def dump(candidates: Iterable[Candidate]) -> bytes:
    """The file's bytes."""
    return join([element(candidate) for candidate in candidates])


def elements(data: bytes) -> list[bytes]:
    """The elements of a gate that is written as we write it, unread; of another one none."""
    if not (data.startswith(_START) and data.endswith(END)):
        return []
    return [_HEAD + piece for piece in data[len(_START) : -len(END)].split(_BETWEEN)]


def parse(data: bytes, display_path: str) -> Iterator[Candidate]:
    """The candidates in a gate, in order; an id may stand twice. Those of a gate that is written as we write it are
    made one after the other, since all at once, as objects, they can take thirty times the room of their bytes. Raises
    Parked, about the file `display_path`, when it does not parse."""
    made = 0
    if data.startswith(_START) and data.endswith(END):
        try:
            for piece in data[len(_START) : -len(END)].split(_BETWEEN):
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
            display_path,
            f"this is not a gate: {where + ': ' if where else ''}{first['msg']}",
            "Put back a copy that is whole, or delete the file: the cards in pending/ are then staged again",
        ) from None
