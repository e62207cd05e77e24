"""``.daemon/status.json``: what the daemon says of itself. It says it also where the disk is full, or where it may open
no further file: it is then that somebody looks. Not synced, and not needed for the work."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

from ..disk import atomic

__all__ = ["StatusFile"]

log = logging.getLogger("recursion_gate")

_FULL = {errno.ENOSPC, errno.EDQUOT}


class StatusFile:
    """The file at `path`, put down again and again by one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spare: int | None = None
        self._problem = ""

    def put(self, said: dict[str, Any]) -> None:
        """Put down `said`. Where that fails, the log says why, once."""
        data = json.dumps(said, ensure_ascii=False).encode(errors="replace")  # a file's name need not be UTF-8
        self._let_go()  # now there is an open file for us, if there was none
        try:
            self._put(data)
            self._problem = ""
        except OSError as err:
            problem = (err.strerror or str(err)).lower()
            if problem != self._problem:
                log.error('event=no-status why="%s"', problem)
            self._problem = problem
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def _put(self, data: bytes) -> None:
        try:
            atomic.replace(self._path, data, sync=False)
        except OSError as full:
            if full.errno not in _FULL:
                raise
            try:
                atomic.overwrite(self._path, data)
            except FileNotFoundError:  # full since before the first time: `overview` looks at the disk itself
                raise full from None

    def _let_go(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def close(self) -> None:
        """Let go of what is held."""
        self._let_go()
