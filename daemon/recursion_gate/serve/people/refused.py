"""What was refused, with its reason and, where a page can show it, its text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...clients.requests import said_in
from ...core.errors import Refusal
from ...core.paths import is_ignored
from ...disk import untrusted

__all__ = ["WHY", "Refused", "refused"]

WHY = ".why.txt"
_LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused file."""

    #: "" where it is nobody's.
    user: str
    name: str
    why: str
    remedy: str
    #: Its text; None where it is too long for a page, or no text.
    text: str | None
    digest: str


def refused(folder: Path, user: str = "") -> Iterator[Refused]:
    """The files in a ``problems/``, by name; none where this account may not look there."""
    try:
        names = sorted(path.name for path in folder.iterdir() if not is_ignored(path.name))
    except (FileNotFoundError, PermissionError):
        return
    for name in names:
        if not name.endswith(WHY):
            yield _refused(folder / name, user)


def _refused(path: Path, user: str) -> Refused:
    why, text, digest = Refusal("no reason stands beside it"), None, ""
    with suppress(Refusal, OSError):
        why = said_in(untrusted.look(path.with_name(path.name + WHY), _LIMIT).data.decode(errors="replace"))
    with suppress(Refusal, OSError, UnicodeDecodeError):
        data = untrusted.look(path, _LIMIT).data
        digest, text = hashlib.sha256(data).hexdigest(), data.decode("utf-8-sig")
    return Refused(user, path.name, why.problem, why.remedy, text, digest)
