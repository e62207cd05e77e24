"""Entries that stood in the Record before the first receipt: they came with it, from another program. Reads only.

No receipt knows them. Which ids they have tells ``baseline.json``, or, before the first decision, the Record itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from ..core.entry import Entry, seed_receipt
from ..core.errors import Refusal
from ..core.model import looks_like_act_id
from ..core.paths import Place
from ..core.receipt import Receipt
from ..core.words import ACT_ID, HEADINGS
from ..disk.untrusted import open_plain
from ..formats.seed_lines import seed_lines, seed_text
from . import baseline, jsonl

__all__ = ["Text", "ids", "seed", "text_of"]

#: Gives a Record file's bytes by its name.
Text = Callable[[str], bytes]

_IDS = re.compile(rb"(?<![\w-])" + ACT_ID.encode())


def text_of(place: Place) -> Text:
    """The Record files of `place`, each read when it is asked for, once."""
    known: dict[str, bytes] = {}

    def text(file: str) -> bytes:
        if file not in known:
            known[file] = b""
            with suppress(FileNotFoundError), open_plain(place.home / file) as there:
                known[file] = there.read()
        return known[file]

    return text


def ids(place: Place, text: Text) -> frozenset[str]:
    """The ids of all entries that were there before the first receipt; none where that cannot be told. Raises
    OSError."""
    try:
        files = json.loads(baseline.read(place))["files"]
        return frozenset(each for said in files.values() for each in _ids_in(str(said).encode(errors="replace")))
    except FileNotFoundError:
        if jsonl.end(place.ledger).size:
            return frozenset()
        return frozenset(each for file in HEADINGS for each in _ids_in(text(file)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def _ids_in(data: bytes) -> Iterator[str]:
    return (found.decode("ascii", "replace") for found in _IDS.findall(data))


def seed(
    named: str,
    text: Text,
    entry: Callable[[Receipt], Entry | None],
    linked: Callable[[Receipt], list[Receipt]],
) -> Entry | None:
    """The entry of this ACT id, which has no receipt and is one of `ids`. `entry` and `linked` look in the receipts
    for what became of it. Raises what these raise, and OSError."""
    if not looks_like_act_id(named):
        return None
    found = entry(seed_receipt(named, {}))
    if found is None or found.gone is not None:
        return found
    own = found.receipt
    others = {(file, lines[-1]) for other in linked(own) for file, lines in other.lines.items()}
    try:
        lines = seed_lines(named, text, others)
    except Refusal as err:
        return replace(found, unclear=err.problem)
    return replace(found, receipt=seed_receipt(named, lines, seed_text(named, lines)))
