"""Read an archive without trusting it: check everything in memory before the first write.

Each path leads down, each entry is a plain file, the size is limited, and the manifest lists exactly the files. Reads
only; `restore` writes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from ..core.paths import valid_user
from ..reading.manifest import Manifest
from .pack import MANIFEST, BadArchive, is_safe

__all__ = ["Packed", "unpack"]

#: Limits: bytes of all files, files, bytes of the manifest. All of it is held in memory.
_BYTES_LIMIT, _FILES_LIMIT, _MANIFEST_LIMIT = 4 << 30, 1_000_000, 256 << 20
_TOO_MUCH = "the archive exceeds the size limit"

#: The errors of the standard library's readers on malformed bytes; OSError: a seek out of bounds.
_MALFORMED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
)


@dataclass(frozen=True, slots=True)
class Packed:
    """A checked archive: the manifest, and the files of ``users/`` and ``receipts/``."""

    manifest: Manifest
    files: dict[str, bytes]


def unpack(path: Path) -> Packed:
    """Read and check the archive at `path`, in memory: nothing is written. Raises BadArchive, OSError."""
    with open(path, "rb") as file:
        data = file.read(_BYTES_LIMIT)
    try:
        found = dict(_in_zip(io.BytesIO(data)) if data.startswith(b"PK") else _in_tar(io.BytesIO(data)))
    except _MALFORMED as err:
        raise BadArchive(str(path), f"not a readable .tar.gz or .zip: {err}") from None
    except _Bad as err:
        raise BadArchive(str(path), str(err)) from None
    try:
        manifest = Manifest.model_validate_json(found.pop(MANIFEST))
    except KeyError:
        raise BadArchive(str(path), f"it has no {MANIFEST}: 'recursion-gate export --all' did not write it") from None
    except ValidationError as err:
        error = err.errors(include_url=False, include_input=False)[0]
        raise BadArchive(str(path), f"{MANIFEST} is malformed: {error['msg']}") from None
    problem = _problem(manifest, found)
    if problem:
        raise BadArchive(str(path), problem)
    return Packed(manifest, {p: d for p, d in found.items() if p.startswith(("users/", "receipts/"))})


class _Bad(Exception):
    pass


def _problem(manifest: Manifest, found: dict[str, bytes]) -> str:
    """Why manifest and files do not agree; "" where they do."""
    user = manifest.user
    if not valid_user(user):
        return "its user has a name that no user can have"
    for path in manifest.files.keys() - found.keys():
        return f"it lacks {path}"
    for path, data in found.items():
        listed = manifest.files.get(path)
        if listed is None:
            return f"its {MANIFEST} does not list {path}"
        if listed.size != len(data) or listed.sha256 != hashlib.sha256(data).hexdigest():
            return f"{path} differs from its {MANIFEST}"
        if path.startswith(("users/", "receipts/")) and not path.startswith((f"users/{user}/", f"receipts/{user}/")):
            return f"{path} belongs to another user"
    return ""


def _in_tar(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    room = _Room()
    with gzip.GzipFile(fileobj=file) as packed, tarfile.open(fileobj=_Bounded(packed), mode="r|") as tar:
        for entry in tar:
            if not entry.isfile():
                if entry.isdir():
                    continue
                raise _Bad(f"{_quoted(entry.name)} in it is not a plain file")
            room.take(entry.name, entry.size)
            content = tar.extractfile(entry)
            assert content is not None
            with content:
                yield entry.name, content.read()


def _in_zip(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    room = _Room()
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            if entry.external_attr >> 28 not in (0, 8):
                raise _Bad(f"{_quoted(entry.filename)} in it is not a plain file")
            room.take(entry.filename, entry.file_size)
            with archive.open(entry) as content:
                data = content.read(entry.file_size + 1)  # the directory may lie about the size
            if len(data) != entry.file_size:
                raise _Bad(f"{_quoted(entry.filename)} is larger than it says")
            yield entry.filename, data


class _Bounded(io.BytesIO):
    """The unpacked bytes, as a stream that fails at the limit: a few bytes can stand for gigabytes, also in those parts
    of a .tar that are not files."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        super().__init__()
        self._stream, self._left = stream, 2 * _BYTES_LIMIT

    def read(self, size: int | None = -1) -> bytes:
        data = self._stream.read(self._left + 1 if size is None or size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise _Bad(_TOO_MUCH)
        return data


class _Room:
    """The bytes that an archive may still hold, and the paths that it has had."""

    def __init__(self) -> None:
        self._left = _BYTES_LIMIT
        self._seen: set[str] = set()

    def take(self, path: str, size: int) -> None:
        self._left -= size
        if self._left < 0 or len(self._seen) >= _FILES_LIMIT or (path == MANIFEST and size > _MANIFEST_LIMIT):
            raise _Bad(_TOO_MUCH)
        if not is_safe(path):
            raise _Bad(f"{_quoted(path)} is not an allowed path")
        if path.casefold() in self._seen:
            raise _Bad(f"it has {_quoted(path)} twice")
        self._seen.add(path.casefold())


def _quoted(path: str) -> str:
    return repr(path[:100])
