"""Where everything stands: the only module that knows a path (contract: "The tree").

`Root` is a whole root, `Place` one user's part of it. Both only compute paths; nothing here touches the disk but
`find_root` and `Root.users`, which look.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from .words import RECORD_FILES

__all__ = [
    "DROP_FORMS",
    "GATE_NAME",
    "LEDGER_NAME",
    "NO_USERS",
    "READ_ME",
    "RECORD_FILES",
    "SEED_RECEIPTS",
    "STATES",
    "TEMP_NAME",
    "Place",
    "Root",
    "aside_name",
    "find_root",
    "is_aside",
    "is_ignored",
    "original_name",
    "valid_user",
]

#: The folders inside ``inbox/<user>/`` whose name is the state of the files in them.
STATES = ("pending", "approved", "rejected", "undo", "problems")

DROP_FORMS = (".json", ".jsonl", ".md", ".txt")

#: The gate of one user, in ``users/<user>/``.
GATE_NAME = "recursion-gate.json"

#: The receipts of one user, in ``receipts/<user>/``.
LEDGER_NAME = "merge-receipts.jsonl"

#: What was decided about a Record before it came here, in ``users/<user>/``.
SEED_RECEIPTS = "seed-receipts.jsonl"

#: The name of a file while the daemon writes it. One for each folder is enough: there is one writer.
TEMP_NAME = ".recursion-gate.tmp"

#: The name of a file that the daemon has taken aside, to check it once more before it removes or moves it.
_ASIDE = re.compile(r"\.recursion-gate\.\d+\.(.+)", re.DOTALL)

_IGNORED_ENDINGS = (
    *(".tmp", ".part", ".partial", ".crdownload", ":zone.identifier"),
    *("~", ".swp", ".swx", ".lck", ".lock"),
)
#: Names of an inbox's own folders, present and future: no user may have one, to avoid confusion.
NO_USERS = {*STATES}
#: Explains the folders of an inbox to a person.
READ_ME = "READ ME FIRST.txt"

_IGNORED_NAMES = {"thumbs.db", "desktop.ini", READ_ME.lower()}
_USER = re.compile(r"[^\W_][\w.-]{0,63}")


def is_ignored(name: str) -> bool:
    """Whether a file of this name is still being written, or is a file manager's or an editor's own (``~$notes.md``:
    an office program's), and so is neither staged nor refused (contract: "A drop")."""
    low = name.lower()
    own = low.startswith((".", "~$")) or (low.startswith("#") and low.endswith("#")) or low in _IGNORED_NAMES
    return own or low.endswith(_IGNORED_ENDINGS)


def aside_name(name: str, number: int = 0) -> str:
    """The name of this file while it is taken aside, in the same folder (see `aside.take_away`)."""
    return f".recursion-gate.{number}.{name}"


def is_aside(name: str) -> bool:
    """Whether this is the name of a file that the daemon took aside: a stop has left it there."""
    return name.startswith(".recursion-gate.") and _ASIDE.fullmatch(name) is not None


def original_name(name: str) -> str:
    """The name of a file without the mark of one that is taken aside."""
    found = _ASIDE.fullmatch(name) if name.startswith(".recursion-gate.") else None
    return found[1] if found else name


def valid_user(name: str) -> bool:
    """Whether `name` may be a user: letters, digits, ``.``, ``_`` and ``-``, at most 64, starting with a letter or a
    digit (so ``_template`` and hidden folders are none), in Unicode's composed form, and not one of `NO_USERS`."""
    fits = len(name.encode(errors="replace")) <= 240  # the most that disks take is 255 bytes
    fits = fits and name.lower() not in NO_USERS
    return fits and _USER.fullmatch(name) is not None and unicodedata.normalize("NFC", name) == name


@dataclass(frozen=True, slots=True)
class Place:
    """One user's folders and files."""

    root: Path
    user: str

    @property
    def inbox(self) -> Path:
        return self.root / "inbox" / self.user

    @property
    def pending(self) -> Path:
        return self.inbox / "pending"

    @property
    def approved(self) -> Path:
        return self.inbox / "approved"

    @property
    def rejected(self) -> Path:
        return self.inbox / "rejected"

    @property
    def undo(self) -> Path:
        return self.inbox / "undo"

    @property
    def problems(self) -> Path:
        return self.inbox / "problems"

    @property
    def read_me(self) -> Path:
        return self.inbox / READ_ME

    @property
    def home(self) -> Path:
        """``users/<user>/``: the gate and the Record."""
        return self.root / "users" / self.user

    @property
    def gate(self) -> Path:
        return self.home / GATE_NAME

    @property
    def seed_receipts(self) -> Path:
        """What was decided about the Record before it came here; only there where it was brought from elsewhere."""
        return self.home / SEED_RECEIPTS

    @property
    def receipts(self) -> Path:
        return self.root / "receipts" / self.user

    @property
    def ledger(self) -> Path:
        return self.receipts / LEDGER_NAME

    @property
    def baseline(self) -> Path:
        """The Record as it was before the first receipt, so that `verify` can tell seed lines from later ones."""
        return self.receipts / "baseline.json"

    @property
    def token(self) -> Path:
        """Tells a user that was added from one who had the same name before."""
        return self.receipts / ".user"

    def month(self, instant: str) -> Path:
        """Where cards decided at `instant` (ISO 8601) are filed: ``receipts/<user>/2026-11/``."""
        return self.receipts / instant[:7]

    def state(self, name: str) -> Path:
        return self.inbox / name

    def display_path(self, path: Path | str) -> str:
        """`path` as messages name it: from the root on, with ``/``."""
        try:
            return Path(path).relative_to(self.root).as_posix()
        except ValueError:
            return str(path)


@dataclass(frozen=True, slots=True)
class Root:
    """A root: the folder that holds ``inbox/``, ``users/`` and ``receipts/``."""

    path: Path

    @property
    def inbox(self) -> Path:
        return self.path / "inbox"

    @property
    def homes(self) -> Path:
        return self.path / "users"

    @property
    def receipts(self) -> Path:
        return self.path / "receipts"

    @property
    def plans(self) -> Path:
        """Plans and their tasks; only there where somebody plans."""
        return self.path / "plans"

    @property
    def removed(self) -> Path:
        """Where `user remove` puts a user's folders."""
        return self.path / "removed"

    @property
    def template(self) -> Path:
        return self.homes / "_template"

    @property
    def settings(self) -> Path:
        return self.path / "recursion-gate.toml"

    @property
    def tokens(self) -> Path:
        """Who may call the doors: names, users, sources, and digests of the tokens (docs/doors.md)."""
        return self.path / "recursion-gate-tokens.json"

    @property
    def people(self) -> Path:
        """Who may sign in to the people's page (docs/page.md)."""
        return self.path / "recursion-gate-people.json"

    @property
    def doors(self) -> Path:
        """The doors' own folder where no service manager gives them one: the keys that were used, and the
        page's sessions."""
        return self.path / ".doors"

    @property
    def daemon(self) -> Path:
        """The daemon's own folder: its lock, its status, and an index that can be thrown away."""
        return self.path / ".daemon"

    @property
    def lock(self) -> Path:
        return self.daemon / "lock"

    @property
    def status(self) -> Path:
        return self.daemon / "status.json"

    @property
    def looks(self) -> Path:
        return self.daemon / "looks.json"

    @property
    def index(self) -> Path:
        return self.daemon / "decided.sqlite"

    def place(self, user: str) -> Place:
        return Place(self.path, user)

    def users(self) -> list[str]:
        """The users there are, by name. Raises OSError when ``users/`` cannot be listed."""
        with os.scandir(self.homes) as entries:
            return sorted(e.name for e in entries if valid_user(e.name) and e.is_dir(follow_symlinks=False))

    def is_user(self, name: str) -> bool:
        """Whether there is a user of this name. Raises OSError when ``users/`` cannot be looked into."""
        home = self.homes / name
        return valid_user(name) and home.is_dir() and not home.is_symlink()

    def inboxes(self) -> list[str]:
        """The folders in ``inbox/``, whether or not there is such a user."""
        with os.scandir(self.inbox) as entries:
            return sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False))


def find_root(given: str | os.PathLike[str] | None = None, start: Path | None = None) -> Root | None:
    """The root that a command means: `given`, else ``$RECURSION_GATE_ROOT``, else the nearest folder upward of
    `start` (the working folder unless told) that holds ``inbox/`` and ``users/`` (contract: "Commands")."""
    named = given or os.environ.get("RECURSION_GATE_ROOT")
    if named:
        return Root(Path(named).absolute())
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / "inbox").is_dir() and (folder / "users").is_dir():
            return Root(folder)
    return None
