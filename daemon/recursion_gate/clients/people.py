"""Who may sign in to the people's page: names, and of each passphrase a slow digest (docs/page.md, "Accounts").

Unlike a token a passphrase can be guessed, so that scrypt makes each guess slow, and the file is only for those who may
decide anyway: with lanes it belongs to the daemon's account and the people's group.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ..core.errors import GateError
from ..core.model import instant
from ..core.paths import Root
from ..core.text import printable
from ..disk.untrusted import stamp_at
from .named_file import NamedFile

__all__ = ["Account", "BadAccount", "People", "Slow", "add", "load", "remove", "sign_out"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: The shortest and the longest passphrase, in characters.
SHORTEST, LONGEST = 8, 1_000
#: The cost of new digests: 32 MB and some 0.1 s each.
_COST = {"n": 2**15, "r": 8, "p": 1}


class BadAccount(GateError):
    """An account cannot be made or removed so."""


class Account(BaseModel):
    """One person who may sign in."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Person")

    name: str = Field(description="As it stands in receipts: by.")
    created_at: str = Field(description="When it was made, ISO 8601.")
    salt: str = Field(description="Of the digest.", repr=False)
    n: int = Field(default=_COST["n"], description="The cost of the digest.")
    r: int = _COST["r"]
    p: int = _COST["p"]
    digest: str = Field(description="scrypt of the passphrase.", repr=False)
    sign_outs: int = Field(default=0, description="How often all sessions of this person were ended.")

    @property
    def stamp(self) -> str:
        """Changes with the passphrase, and when all sessions are ended: those that have another one do not count."""
        return hashlib.sha256(f"{self.salt} {self.digest} {self.sign_outs}".encode()).hexdigest()[:16]

    def is_passphrase(self, given: str) -> bool:
        """Whether `given` is it. Takes some 0.1 s."""
        return hmac.compare_digest(_digest(given, self.salt, self.n, self.r, self.p), self.digest)


_FILE = NamedFile(TypeAdapter(list[Account]), "people", 0o600, "people's accounts", "recursion-gate people add")
_NOBODY = Account(name="nobody", created_at="", salt="00", digest="")


class People:
    """The accounts of a root, read again when their file changes: one that is removed is out at once."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._stamp: tuple[int, ...] | None = None
        self._accounts: dict[str, Account] = {}

    def all(self) -> dict[str, Account]:
        """By name. Raises Parked when the file is none, OSError."""
        stamp = stamp_at(self._root.people)
        if stamp != self._stamp or stamp is None:
            self._accounts = {each.name: each for each in load(self._root)} if stamp else {}
            self._stamp = stamp
        return self._accounts

    def check(self, name: str, passphrase: str) -> Account | None:
        """The account of this name, if that is its passphrase; takes as long where there is none. Raises Parked,
        OSError."""
        account = self.all().get(name)
        is_it = (account or _NOBODY).is_passphrase(passphrase[: LONGEST + 1])
        return account if account is not None and is_it else None


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until: float = 0.0


class Slow:
    """Slows down whoever guesses, name by name: after five failures each further one doubles the time until the next
    attempt counts, up to a minute. Names that are no account's share one such time."""

    FREE, LONGEST = 5, 60.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: dict[str, _Failures] = {}

    def seconds(self, name: str) -> float:
        """How long this name has to wait; 0: an attempt counts now."""
        found = self._of.get(name)
        return max(0.0, found.until - self._clock()) if found else 0.0

    def failed(self, name: str) -> None:
        found = self._of.setdefault(name, _Failures())
        found.count += 1
        if found.count >= self.FREE:
            found.until = self._clock() + min(self.LONGEST, 2.0 ** min(found.count - self.FREE, 10))

    def succeeded(self, name: str) -> None:
        self._of.pop(name, None)


def load(root: Root) -> list[Account]:
    """The accounts of `root`, in the order they were made. Raises Parked when the file is none, OSError."""
    return _FILE.load(root.people)


def add(root: Root, name: str, passphrase: str) -> Account:
    """Make an account. Raises BadAccount, Parked, OSError."""
    if not _NAME.fullmatch(name):
        raise BadAccount(f"'{printable(name)}': a name is 1 to 64 letters (a to z), digits, '.', '_' or '-'")
    if not SHORTEST <= len(passphrase) <= LONGEST:
        raise BadAccount(f"a passphrase has {SHORTEST} to {LONGEST:,} characters: several words are good")
    salt = secrets.token_hex(16)
    made = Account(
        name=name, created_at=instant(datetime.now(UTC)), salt=salt, digest=_digest(passphrase, salt, **_COST)
    )
    with _FILE.changing(root, root.people) as accounts:
        if any(each.name.casefold() == name.casefold() for each in accounts):
            raise BadAccount(f"there is an account '{name}' already: remove it first, or take another name")
        accounts.append(made)
    return made


def remove(root: Root, name: str) -> None:
    """Remove an account: its sessions end. Raises BadAccount where there is none, Parked, OSError."""
    with _FILE.changing(root, root.people) as accounts:
        kept = [each for each in accounts if each.name != name]
        if len(kept) == len(accounts):
            raise _no_account(name, [each.name for each in accounts])
        accounts[:] = kept


def sign_out(root: Root, names: Collection[str] | None = None) -> list[str]:
    """End all sessions of these accounts, or of all; gives their names. Raises BadAccount where there is no such
    account, Parked, OSError."""
    with _FILE.changing(root, root.people) as accounts:
        there = [each.name for each in accounts]
        if unknown := sorted(set(names or ()) - set(there)):
            raise _no_account(unknown[0], there)
        chosen = there if names is None else [name for name in there if name in names]
        accounts[:] = [
            each.model_copy(update={"sign_outs": each.sign_outs + 1}) if each.name in chosen else each
            for each in accounts
        ]
    return chosen


def _no_account(name: str, there: list[str]) -> BadAccount:
    return BadAccount(f"there is no account '{printable(name)}'. The accounts are: {', '.join(there) or 'none'}.")


def _digest(passphrase: str, salt: str, n: int, r: int, p: int) -> str:
    data = passphrase.encode(errors="surrogatepass")
    return hashlib.scrypt(data, salt=bytes.fromhex(salt), n=n, r=r, p=p, maxmem=256 * n * r, dklen=32).hex()
