"""For how long files have looked the same to us: by the monotonic clock and our own repeated looks alone.

A file's times tell nothing here: the clock may jump while it is being written, a file server's may differ from ours,
and some disks count in steps of two seconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from ..core.paths import Root
from ..disk import atomic

__all__ = ["Looks", "load_looks", "save_looks"]

#: Ends the key of a file that rests for the grace time: that counts apart from whether it may still be being written.
_GRACE = "\0"

#: So many files are remembered, and those that are gone are forgotten after so many seconds when there are more.
_MOST, _LONG = 100_000, 600.0

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Looks:
    """When each file of one user was first seen as it is now."""

    def __init__(self, since: Mapping[str, tuple[str, float]] = {}) -> None:
        self._since = dict(since)

    def quiet(self, path: Path | str, mark: object, *, grace: bool = False) -> float:
        """For how many seconds the file at `path` has had this `mark`, as far as we have seen. `grace`: the grace time
        is counted, with marks of its own."""
        key, told, here = _key(path, grace), str(mark), time.monotonic()
        known = self._since.get(key)
        if known is not None and known[0] == told:
            return max(0.0, here - known[1])
        if len(self._since) >= _MOST and known is None:
            self._since = {k: v for k, v in self._since.items() if here - v[1] < _LONG}
            if len(self._since) >= _MOST:
                return 0.0  # it waits until there is room: were all forgotten, none would ever have rested
        self._since[key] = (told, here)
        return 0.0

    def forget(self, path: Path | str, *, grace: bool = False) -> None:
        self._since.pop(_key(path, grace), None)

    def there(self) -> dict[str, tuple[str, float]]:
        """What still lies there and has not rested long enough."""
        return {path: since for path, since in self._since.items() if os.path.lexists(_path_in(path))}


def _key(path: Path | str, grace: bool) -> str:
    return str(path) + _GRACE * grace


def _path_in(key: str) -> str:
    return key.removesuffix(_GRACE)


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def load_looks(root: Root) -> dict[str, Looks]:
    """What the last `once` has left to rest, by user. Another boot's looks do not count: its monotonic clock is not
    ours."""
    here = time.monotonic()
    try:
        said = json.loads(root.looks.read_bytes())
        if said["boot"] != _boot():
            return {}
        return {
            str(user): Looks({str(p): (str(m), float(at)) for p, (m, at) in files.items() if float(at) <= here})
            for user, files in said["users"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}  # then all rests once more


def save_looks(root: Root, users: Mapping[str, Looks]) -> dict[str, list[str]]:
    """Write down for the next `once` what rests; gives it, by user. Raises OSError."""
    there = {user: found for user, looks in sorted(users.items()) if (found := looks.there())}
    if there or root.looks.exists():
        atomic.replace(root.looks, json.dumps({"boot": _boot(), "users": there}).encode(), sync=False)
    return {user: sorted(set(map(_path_in, found))) for user, found in there.items()}
