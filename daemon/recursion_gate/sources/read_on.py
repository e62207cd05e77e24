"""How far the conversations of a source have been read: in the home folder of whoever analyses, not in the root. Only a
cache: an exchange that gave a proposal is known by its id, so without it an analyst is asked again and nothing more."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ..core.paths import Root
from ..disk import atomic
from ..disk.deliver import deliver
from .exchanges import Exchange

__all__ = ["ReadOn", "place_of"]

_LIMIT = 20_000_000
#: So many conversations are remembered, the last ones.
_KEPT = 50_000


def place_of(root: Root, user: str, source: str) -> Path:
    """The file for a user and a source."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    name = hashlib.sha256(f"{root.path.resolve()}\0{user}\0{source}".encode("utf-8", "replace")).hexdigest()[:20]
    return Path(base) / "recursion-gate" / f"read-{name}.json"


class ReadOn:
    """The last exchange that was read of each conversation."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self._path = path
        self._last: dict[str, str] = {}
        if fresh:
            return
        with contextlib.suppress(OSError, ValueError):
            if path.stat().st_size <= _LIMIT:
                data = json.loads(path.read_bytes())
                self._last = {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}

    def new(self, talk: str, found: Iterator[Exchange]) -> Iterator[Exchange]:
        """Of the exchanges of a conversation those that have not been read: all, if the last one is not there."""
        last = self._last.get(_short(talk))
        if last is None:
            yield from found
            return
        before: list[Exchange] | None = []
        for exchange in found:
            if before is None:
                yield exchange
            elif _short(exchange.key) == last:
                before = None
            else:
                before.append(exchange)
                if len(before) > _KEPT:  # too far to hold: they have ids, and are known by them
                    yield from before
                    yield from found
                    return
        yield from before or ()

    def note(self, exchange: Exchange) -> None:
        """`exchange` has been read, and all before it."""
        talk = _short(exchange.talk.key)
        self._last.pop(talk, None)
        self._last[talk] = _short(exchange.key)
        while len(self._last) > _KEPT:
            self._last.pop(next(iter(self._last)))

    def save(self) -> None:
        """Remember it for the next run. Raises OSError."""
        atomic.make_folder(self._path.parent)
        deliver(self._path.parent, self._path.name, json.dumps(self._last).encode(), over=True, private=True)


def _short(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16]
