"""``baseline.json``: the Record as it was before the first receipt, which tells seed lines from later ones."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os

from ..core.paths import RECORD_FILES, Place
from ..core.receipt import canonical
from ..disk.untrusted import open_plain

__all__ = ["NONE", "bytes_of", "hash_of", "read"]

#: The hash where there is no such file.
NONE = "0" * 64


def bytes_of(place: Place) -> bytes:
    """The Record as it is now, as ``baseline.json`` keeps it: what stood there before the first receipt."""
    files = {}
    names = set(RECORD_FILES)
    with contextlib.suppress(OSError):
        names.update(name for name in os.listdir(place.home) if fnmatch.fnmatchcase(name, "self*.md"))
    for name in sorted(names):
        absent = contextlib.suppress(FileNotFoundError, IsADirectoryError, UnicodeDecodeError)
        with absent, open_plain(place.home / name) as file:
            files[name] = file.read().decode()
    return canonical({"user": place.user, "files": files}) + b"\n"


def read(place: Place) -> bytes:
    """The file's bytes. Raises OSError."""
    with open_plain(place.baseline) as file:
        return file.read()


def hash_of(place: Place) -> str:
    """The `prev_hash` of the first receipt."""
    try:
        return hashlib.sha256(read(place)).hexdigest()
    except FileNotFoundError:
        return NONE
