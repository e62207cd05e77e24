"""A file in the root that lists what has a name, such as tokens: read without a lock, changed by one at a time."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..core.errors import Parked
from ..core.paths import Root
from ..core.settings import load_settings
from ..disk.deliver import deliver
from ..disk.untrusted import open_plain
from ..permissions.lanes import TABLE, Ids, Spot, apply_row

__all__ = ["NamedFile"]


Item = TypeVar("Item", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class NamedFile(Generic[Item]):
    """How such a file is read and written."""

    items: TypeAdapter[list[Item]]
    #: Its row in `lanes.TABLE`, and its mode where there are no lanes, whatever the umask.
    row: str
    mode: int
    #: What it lists, and the command that makes one, for messages.
    what: str
    command: str

    def load(self, path: Path) -> list[Item]:
        """What it lists, in the order it was made. Raises Parked when the file is none, OSError."""
        try:
            with open_plain(path) as file:
                return self.items.validate_json(file.read())
        except FileNotFoundError:
            return []
        except (ValidationError, IsADirectoryError):
            remedy = f"Put back a copy that is whole, or remove it and make the {self.what} anew ('{self.command}')"
            raise Parked(path.name, f"this is not a file of {self.what}", remedy) from None

    @contextlib.contextmanager
    def changing(self, root: Root, path: Path) -> Iterator[list[Item]]:
        """What it lists, to be changed in the block; written at its end. One at a time: the root's folder is locked, so
        that no lock file is left in it. Raises Parked, OSError."""
        import portalocker

        folder = os.open(root.path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            portalocker.lock(folder, portalocker.LockFlags.EXCLUSIVE)
            listed = self.load(path)
            yield listed
            settings = load_settings(root)
            ids = Ids(settings.lanes) if settings.lanes else None
            data = json.dumps([each.model_dump(mode="json") for each in listed], indent=2, ensure_ascii=False)
            try:
                deliver(path.parent, path.name, data.encode() + b"\n", over=True, mode=self.mode)
            except OSError as err:
                raise OSError(err.errno, err.strerror, str(path)) from err
            if ids is not None:  # root has written it, and the file is the daemon's
                apply_row(root, Spot(path, TABLE[self.row], None), ids)
        finally:
            os.close(folder)
