"""A user as one file: all their data, to keep or to move, readable without this program.

The archive (``.tar.gz``, ``.tgz`` or ``.zip``) has the layout of a root, so unpacking it into one also works:

    manifest.json                       each file with its size and SHA-256; the moment of the snapshot
    README.txt                          the same in words, for whoever finds it
    schemas/                            the JSON Schemas of these files
    users/<user>/                       the gate, the Record, and the user's other files there
    receipts/<user>/                    the receipts, baseline.json, and the decided cards by month

Gate, Record and receipts are those of one snapshot, so it can be made while merges run. The same state gives the same
bytes. The inbox is left out: unstaged drops belong to no state, and the daemon makes cards again from the gate. Reads
only; `unpack` reads an archive, `restore` writes its content.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import GateError
from ..core.paths import RECORD_FILES, Place, is_ignored
from ..core.text import printable
from ..disk.untrusted import open_plain
from ..formats import gate_json
from ..reading.manifest import ListedFile, Manifest, OmittedFile
from ..reading.snapshot import Snapshot
from ..schemas import registry

__all__ = ["ENDINGS", "MANIFEST", "BadArchive", "is_safe", "pack"]

ENDINGS = (".tar.gz", ".tgz", ".zip")
MANIFEST = "manifest.json"

#: A larger file beside the Record is left out, and named.
_FILE_LIMIT = 256 << 20

_TIME = (1980, 1, 1, 0, 0, 0)  # the first that ZIP can hold; true times would make each archive differ
_EPOCH = 315_532_800

_README = """\
Everything that recursion-gate knows about the user '{user}', as of receipt {seq}.

users/{user}/                      the Record (self*.md, plain Markdown) and the waiting entries (recursion-gate.json)
receipts/{user}/                   the decisions (merge-receipts.jsonl, one JSON object a line), and their cards
schemas/                           the meaning of the fields (JSON Schema)
manifest.json                      each file with its size and SHA-256

To restore it:        recursion-gate --root DIR import-archive FILE
Without the program:  unpack it into a folder; all of it is text.
"""


@dataclass(eq=False)
class BadArchive(GateError):
    """The file is no archive of ours, is incomplete, or cannot be trusted."""

    path: str
    problem: str
    sentence = "{e.path}: {e.problem}"


def pack(snapshot: Snapshot, name: str) -> tuple[bytes, Manifest]:
    """The archive's bytes, a zip where the file's `name` ends so, else a .tar.gz; and its manifest. Raises BadArchive
    when the Record cannot be read for certain; Parked; OSError."""
    if snapshot.problems:
        raise BadArchive(snapshot.user, f"not exported: {'; '.join(snapshot.problems)}")
    left_out: list[OmittedFile] = []
    files = dict(sorted(_files(snapshot, left_out)))
    listed = {path: ListedFile(size=len(data), sha256=hashlib.sha256(data).hexdigest()) for path, data in files.items()}
    manifest = Manifest(
        user=snapshot.user,
        seq=snapshot.seq,
        hash=snapshot.head,
        pending_count=len(snapshot.gate),
        files=listed,
        left_out=left_out,
    )
    all_files = {MANIFEST: _json(manifest.as_json()), **files}
    return (_zip if name.lower().endswith(".zip") else _tar)(all_files), manifest


def _json(data: object) -> bytes:
    return json.dumps(data, indent=2, ensure_ascii=False).encode() + b"\n"


def _files(snapshot: Snapshot, left_out: list[OmittedFile]) -> Iterator[tuple[str, bytes]]:
    place = snapshot.place
    home, receipts = f"users/{snapshot.user}", f"receipts/{snapshot.user}"
    yield "README.txt", _README.format(user=snapshot.user, seq=snapshot.seq).encode()
    for name in registry.SCHEMAS:
        yield f"schemas/{name}.schema.json", _json(registry.schema(name))
    yield f"{home}/{place.gate.name}", gate_json.dump(snapshot.gate)
    for name, text in snapshot.texts.items():
        yield f"{home}/{name}", text.encode()
    yield from _beside(place, home, left_out)
    if snapshot.size:
        yield f"{receipts}/{place.ledger.name}", _ledger(snapshot)
        with open_plain(place.baseline) as file:
            yield f"{receipts}/{place.baseline.name}", file.read()
    yield from _cards(snapshot, receipts)


def _ledger(snapshot: Snapshot) -> bytes:
    return b"".join(line.rstrip(b"\n") + b"\n" for line in snapshot.lines())


def _beside(place: Place, home: str, left_out: list[OmittedFile]) -> Iterator[tuple[str, bytes]]:
    """The user's own files beside gate and Record in ``users/<user>/``."""
    ours = {place.gate.name, *RECORD_FILES}
    for folder, folders, names in os.walk(place.home):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            inside = path.relative_to(place.home).as_posix()
            if inside in ours or is_ignored(name):
                continue
            display_path = printable(f"{home}/{inside}")
            if not is_safe(f"{home}/{inside}"):
                left_out.append(OmittedFile(path=display_path, why="its name is not valid on every system"))
                continue
            try:
                with open_plain(path) as file:
                    data = file.read(_FILE_LIMIT + 1)
            except OSError as err:
                left_out.append(OmittedFile(path=display_path, why=(err.strerror or str(err)).lower()))
                continue
            if len(data) > _FILE_LIMIT:
                left_out.append(OmittedFile(path=display_path, why=f"it is larger than {_FILE_LIMIT:,} bytes"))
            else:
                yield f"{home}/{inside}", data


def _cards(snapshot: Snapshot, receipts: str) -> Iterator[tuple[str, bytes]]:
    """The decided cards: in their month's folder, or, while they have not been filed yet, where they were decided."""
    place = snapshot.place
    filed: dict[str, dict[str, list[tuple[str, bytes]]]] = {}
    for receipt in snapshot.receipts():
        if receipt.action not in ("approved", "rejected") or receipt.is_erased:
            continue  # it has no card, or none any more
        month = place.month(receipt.at).name
        if month not in filed:
            filed[month] = _by_content(place.receipts / month)
        found = filed[month].get(receipt.sha256)
        if found is None:
            found = _by_content(place.state(receipt.action), receipt.card).get(receipt.sha256, [])
        for name, data in found:
            if is_safe(path := f"{receipts}/{month}/{name}"):
                yield path, data


def _by_content(folder: Path, only: str = "") -> dict[str, list[tuple[str, bytes]]]:
    """The plain files in a folder, or the one named `only`, by their SHA-256. People may remove them, so an unreadable
    one is skipped."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    with contextlib.suppress(OSError):
        for name in [only] if only else sorted(os.listdir(folder)):
            with contextlib.suppress(OSError), open_plain(folder / name) as file:
                data = file.read(_FILE_LIMIT)
                found.setdefault(hashlib.sha256(data).hexdigest(), []).append((name, data))
    return found


def _tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=made, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime, entry.mode = len(data), _EPOCH, 0o644
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return made.getvalue()


#: Characters that no path may hold: on Windows these lead elsewhere.
_UNSAFE = re.compile(r'[\\:*?"<>|]' if os.name == "nt" else r"\\")


def is_safe(path: str) -> bool:
    """Whether `path` leads nowhere but down."""
    return (
        len(path) < 1000
        and path.isprintable()
        and not _UNSAFE.search(path)
        and all(part and part.strip(" .") for part in path.split("/"))
    )
