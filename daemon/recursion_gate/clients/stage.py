"""The agents' lane: write a drop. Nothing here can read or write anything else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..core.errors import GateError, NoRoot
from ..core.paths import find_root, valid_user
from ..core.text import printable
from ..core.words import Section, Skill
from ..disk.deliver import deliver

__all__ = ["NoInbox", "NotAllowed", "NotText", "stage", "stage_many"]


@dataclass(eq=False)
class NoInbox(GateError):
    """There is no inbox of that user to drop into."""

    user: str
    path: str
    sentence = (
        "there is no inbox of a user '{e.name}' ({e.path}). Add the user with 'recursion-gate user add {e.name}'."
    )

    @property
    def name(self) -> str:
        return printable(self.user)


class NotText(GateError):
    """The text, or a field, holds what is not UTF-8."""

    sentence = "the text is not UTF-8, or holds half a character: save it as UTF-8"


@dataclass(eq=False)
class NotAllowed(GateError):
    """This account may not drop for that user (docs/security.md)."""

    user: str
    path: str
    sentence = (
        "this account may not drop for '{e.user}': it has to be in the group that {e.path} belongs to "
        "(and to have logged in since it was put there)."
    )


def stage(
    text: str,
    *,
    user: str,
    root: str | os.PathLike[str] | None = None,
    skill: Skill | None = None,
    section: Section | Literal["none"] | None = None,
    source: str | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Path:
    """Propose an entry: write a drop into ``inbox/<user>/`` (contract, "A drop"). It never touches the gate.

    `text` says what was done, self-contained. `section` "none" means evidence only; without it the section follows
    from the words. `fields` may give any other field of a drop. The file is on disk, whole, when this returns; gives
    its path. Raises NoRoot, NoInbox, NotText, NotAllowed, OSError.
    """
    drop: dict[str, Any] = {"raw_text": text, **(fields or {})}
    if skill is not None:
        drop["skill_tag"] = skill
    if section is not None:
        drop["suggested_ix_section"] = None if section == "none" else section
    if source is not None:
        drop["source"] = source
    return _write([drop], user, root, source, "json")


def stage_many(
    drops: Sequence[Mapping[str, Any]], *, user: str, root: str | os.PathLike[str] | None = None, name: str = "import"
) -> Path:
    """Propose several entries in one ``.jsonl`` drop: the daemon stages all of them, or none. Each of `drops` holds the
    fields of one, the file's name begins with `name`. Gives its path; raises as `stage` does."""
    return _write(drops, user, root, name, "jsonl")


def _write(
    drops: Sequence[Mapping[str, Any]], user: str, root: str | os.PathLike[str] | None, source: str | None, form: str
) -> Path:
    """One file in the inbox with one object a line."""
    found = find_root(root)
    if found is None:
        raise NoRoot
    place = found.place(user)
    if not valid_user(user) or not place.inbox.is_dir():
        raise NoInbox(user, str(place.inbox))
    name = f"{source_slug(source)}-{time.time_ns() // 1_000_000}-{os.urandom(3).hex()}.{form}"
    try:
        data = b"".join(json.dumps(drop, ensure_ascii=False).encode() + b"\n" for drop in drops)
    except UnicodeEncodeError:
        raise NotText from None
    try:
        return deliver(place.inbox, name, data)
    except PermissionError:
        raise NotAllowed(user, str(place.inbox)) from None
    except OSError as err:
        raise OSError(err.errno, err.strerror, str(place.inbox)) from err  # not the temporary name, or none at all


def source_slug(source: str | None) -> str:
    """`source` as the beginning of a file name."""
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in (source or "drop").lower()).strip("-")
    return slug[:40] or "drop"
