"""Who may call a door: tokens, of which the root keeps digests only (docs/doors.md, "Tokens").

The file is no secret. A token is 256 random bits, so that its SHA-256 tells nobody anything, and both doors, whose
accounts share no group, can read it. Whoever could write it could call as anybody: it belongs to the daemon's account,
as recursion-gate.toml does.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ..core.errors import GateError
from ..core.model import instant
from ..core.paths import Root
from ..core.text import printable
from ..disk.untrusted import stamp_at
from .named_file import NamedFile

__all__ = ["BadToken", "Grant", "Tokens", "add", "check_source", "load", "remove"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PREFIX = "rgt_"  # so that a scanner of leaked secrets, and a person, sees what it is
_SOURCE_LIMIT = 200


class BadToken(GateError):
    """A token cannot be made or removed so."""


class Grant(BaseModel):
    """What the holder of one token may do."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Token")

    name: str = Field(description="What people call it.")
    users: tuple[str, ...] = Field(description="The users that it is for.")
    source: str = Field(description="Under which source it stages.")
    stage: bool = Field(default=True, description="Whether it may propose entries.")
    read: bool = Field(default=False, description="Whether it may read gate, Record and receipts.")
    plans: bool = Field(default=False, description="Whether it may add plans, claim tasks and end them, by MCP.")
    created_at: str = Field(description="When it was made, ISO 8601.")
    digest: str = Field(description="SHA-256 of the token.", repr=False)


#: Whatever the umask, the doors read it.
_FILE = NamedFile(TypeAdapter(list[Grant]), "tokens", 0o644, "tokens", "recursion-gate token add")


class Tokens:
    """The tokens of a root, read again when their file changes: one that is removed stops at once."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._stamp: tuple[int, ...] | None = None
        self._grants: list[Grant] = []

    def grant(self, token: str) -> Grant | None:
        """What `token` allows; None where there is no such token. Takes equally long whichever it is, and however much
        of it is right. Raises Parked when the file is none, OSError."""
        self._refresh()
        digest, found = _digest(token), None
        for each in self._grants:
            if hmac.compare_digest(each.digest, digest):
                found = each
        return found

    def grants(self) -> list[Grant]:
        """All that there are. Raises Parked, OSError."""
        self._refresh()
        return self._grants

    def _refresh(self) -> None:
        stamp = stamp_at(self._root.tokens)
        if stamp != self._stamp or stamp is None:
            self._grants = load(self._root) if stamp else []
            self._stamp = stamp


def load(root: Root) -> list[Grant]:
    """The tokens of `root`, in the order they were made. Raises Parked when the file is none, OSError."""
    return _FILE.load(root.tokens)


def add(
    root: Root,
    name: str,
    users: Sequence[str],
    source: str | None = None,
    *,
    stage: bool = True,
    read: bool = False,
    plans: bool = False,
) -> str:
    """Make a token: the one time that it is told. `source` is its name unless told. Raises BadToken, Parked,
    OSError."""
    source = name if source is None else source
    if not _NAME.fullmatch(name):
        raise BadToken(f"'{printable(name)}': a name is 1 to 64 letters, digits, '.', '_' or '-'")
    check_source(source)
    if not users:
        raise BadToken("a token is for one user at least: --user NAME")
    for user in users:
        if not root.is_user(user):
            raise BadToken(f"there is no user '{printable(user)}'. Add it with 'recursion-gate user add NAME'.")
    token = _PREFIX + secrets.token_urlsafe(32)
    grant = Grant(
        name=name,
        users=tuple(dict.fromkeys(users)),
        source=source,
        stage=stage,
        read=read,
        plans=plans,
        created_at=instant(datetime.now(UTC)),
        digest=_digest(token),
    )
    with _FILE.changing(root, root.tokens) as grants:
        if any(each.name == name for each in grants):
            raise BadToken(f"there is a token '{name}' already: remove it first, or take another name")
        grants.append(grant)
    return token


def check_source(source: str) -> None:
    """Raises BadToken where `source` is none that an agent may propose under."""
    if not source.strip() or source != printable(source) or len(source) > _SOURCE_LIMIT:
        raise BadToken(f"a source is 1 to {_SOURCE_LIMIT} visible characters on one line")


def remove(root: Root, name: str) -> None:
    """Remove a token; the doors refuse it from the next request on. Raises BadToken where there is none, Parked,
    OSError."""
    with _FILE.changing(root, root.tokens) as grants:
        kept = [each for each in grants if each.name != name]
        if len(kept) == len(grants):
            there = ", ".join(each.name for each in grants) or "none"
            raise BadToken(f"there is no token '{printable(name)}'. The tokens are: {there}.")
        grants[:] = kept


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
