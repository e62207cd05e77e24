"""Restore an archive: a user who is not there yet appears, whole, in one step, also while the daemon runs.

The archive is first checked as `verify` would check it, in a folder of its own. Then come the receipts, the inbox, and,
in one rename, the folder in ``users/``: with that the user is there. A stop before it leaves no user, and the same
import can be run again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..admin.setup import BadUser
from ..audit.verify import verify
from ..core.paths import STATES, Place, Root
from ..core.settings import load_settings
from ..disk import atomic
from ..permissions import lanes
from .pack import BadArchive
from .unpack import Packed, unpack

__all__ = ["restore"]


def restore(root: Root, path: Path) -> Packed:
    """Restore the archive at `path` into `root`; gives its content. Raises BadArchive if it is incomplete or
    `verify` finds a fault in it, BadUser if the user exists already, BadLanes, BadSettings, OSError."""
    packed = unpack(path)
    place = root.place(packed.manifest.user)
    home, receipts = _within(packed.files, "users"), _within(packed.files, "receipts")
    _must_be_free(root, place, receipts)
    _try(packed, path)
    owners = load_settings(root).lanes
    if owners is not None:
        lanes.check_applicable(owners)
    _write(place.receipts, receipts)
    for folder in (place.inbox, *(place.state(s) for s in STATES)):
        atomic.make_folder(folder)
    new = root.homes / f".{place.user}.new"
    _forget_others(new, home)
    _write(new, home)
    if owners is not None:
        lanes.apply_user(root, place.user, new, owners)
    atomic.move(new, place.home)
    atomic.sync_folder(root.homes)
    return packed


def _within(files: Mapping[str, bytes], top: str) -> dict[str, bytes]:
    """The files in ``<top>/<user>/``, by their path in there."""
    return {path.split("/", 2)[2]: data for path, data in files.items() if path.startswith(f"{top}/")}


def _must_be_free(root: Root, place: Place, receipts: Mapping[str, bytes]) -> None:
    user = place.user
    taken = [known for known in root.users() if known.casefold() == user.casefold()]
    if taken or os.path.lexists(place.home):
        raise BadUser(
            user,
            f"exists already ({place.display_path(place.home)}/): an archive only restores a user who does not exist",
        )
    for inside, data in {place.ledger.name: b"", place.baseline.name: b"", **receipts}.items():
        there = place.receipts / inside
        # An interrupted import has left the same bytes.
        if os.path.lexists(there) and (there.is_symlink() or not there.is_file() or there.read_bytes() != data):
            raise BadUser(user, f"has other files here: move {place.display_path(there)} away first")


def _try(packed: Packed, path: Path) -> None:
    """Restore it into an empty folder, and verify it there."""
    user = packed.manifest.user
    with tempfile.TemporaryDirectory(prefix="recursion-gate-") as folder:
        trial = Root(Path(folder)).place(user)
        _write(trial.home, _within(packed.files, "users"), sync=False)
        _write(trial.receipts, _within(packed.files, "receipts"), sync=False)
        (proof,) = verify(Root(Path(folder)), [user])
    faults = [finding for finding in proof.findings if finding.severity == "fault"]
    if faults:
        more = f" (and {len(faults) - 1:,} more)" if len(faults) > 1 else ""
        raise BadArchive(str(path), f"it does not verify: {faults[0].where}: {faults[0].problem}{more}")
    manifest = packed.manifest
    if (manifest.seq, manifest.hash) != ((proof.seq, proof.head) if proof.seq else (0, "")):
        raise BadArchive(str(path), "its manifest names another last receipt than it has")


def _write(folder: Path, files: Mapping[str, bytes], *, sync: bool = True) -> None:
    folders = {folder}
    atomic.make_folder(folder)
    for inside, data in files.items():
        target = folder / inside
        if target.parent not in folders:
            atomic.make_folder(target.parent)
            folders.add(target.parent)
        atomic.replace(target, data, sync=sync)
    for made in folders if sync else ():
        atomic.sync_folder(made)


def _forget_others(folder: Path, files: Mapping[str, bytes]) -> None:
    """Remove from `folder` the files that another, interrupted import has left."""
    for above, _, names in os.walk(folder):
        for name in names:
            path = Path(above, name)
            if path.relative_to(folder).as_posix() not in files:
                atomic.remove(path)
