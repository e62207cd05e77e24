"""The lanes as owners and modes: who may do what where, enforced by the operating system (docs/security.md).

`TABLE` is all there is to it: what each folder and each of the daemon's files belongs to, and why. `apply` makes a root
so, `lanecheck` tells where it is not. The daemon itself needs no privilege, only to own the folders: that lets it
remove and rename what others put into them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..core.errors import GateError
from ..core.paths import STATES, Place, Root, is_ignored
from ..core.settings import Lanes, Settings, with_lanes
from ..disk import atomic
from ..disk.hand_over import hand_over
from . import acl
from .ownership import account

__all__ = [
    "TABLE",
    "BadLanes",
    "Ids",
    "Row",
    "Spot",
    "apply",
    "apply_row",
    "apply_user",
    "check_account",
    "check_applicable",
    "chosen",
    "keep",
    "spots",
    "stranger",
]

Group = Literal["daemon", "agents", "people", "readers"]
_GROUPS: tuple[Group, ...] = ("agents", "people", "readers")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. The owner is the daemon's account, always."""

    #: Its purpose, in the words of docs/security.md.
    where: str
    group: Group
    #: The mode where the file system has no access control lists, and the setgid and sticky bits in any case.
    mode: int
    why: str
    #: The access control list, where there are any, in place of the mode: see `acl.expand`.
    access: str = ""
    #: The initial rights of files made in the folder.
    default: str = ""

    @property
    def is_folder(self) -> bool:
        return self.where.endswith("/")


TABLE = {
    "root": Row("./", "daemon", 0o755, "Everybody may pass; nothing but folders and the settings lies here."),
    "settings": Row("recursion-gate.toml", "daemon", 0o644, "No secret; who could change it could change the lanes."),
    "tokens": Row("recursion-gate-tokens.json", "daemon", 0o644, "No secret: of each token the digest, of 256 random "
                  "bits. Each door reads it; who could change it could call a door as anybody."),
    "people": Row("recursion-gate-people.json", "people", 0o640, "Of each person's passphrase a slow digest: for those "
                  "who may decide anyway, since the people's page runs under an account of theirs."),
    "own": Row(".daemon/", "people", 0o2750, "People may ask whether the daemon runs."),
    "lock": Row(".daemon/lock", "people", 0o600, "Whoever can open the lock can keep a daemon from starting; whether "
                "it is held is told by the kernel, to everybody."),
    "own file": Row(".daemon/status.json", "people", 0o640, "As their folder."),
    "inboxes": Row("inbox/", "daemon", 0o755, "Everybody may pass; only the daemon's account makes an inbox."),
    "inbox": Row("inbox/<user>/", "agents", 0o3731, "Agents may put files here (-wx), but not list it, and by the "
                 "sticky bit not remove or rename another's; people may look. What is made here is its maker's; the "
                 "daemon and people may read it whatever the maker's umask, others not even if they know its name.",
                 "u::rwx g::-wx g:people:r-x o::---", "u::rwx u:daemon:rwx g::--- g:people:r-x o::---"),
    "state": Row("inbox/<user>/pending/, approved/, rejected/", "people", 0o2770, "People read, edit and move cards; "
                 "nobody else even passes. What one person saves the others and the daemon can read and change.",
                 default="u::rwx g::rwx o::---"),
    "undo": Row("inbox/<user>/undo/", "people", 0o2770, "People put copies of decided cards here, and what is to be "
                "forgotten; nobody else even passes.", default="u::rwx g::rwx o::---"),
    "problems": Row("inbox/<user>/problems/", "people", 0o2771, "People copy, rename and remove what was refused; "
                   "agents may pass but not list, so that one who knows its drop's name can read why it was refused.",
                   "u::rwx g::rwx g:agents:--x o::---", "u::rwx g::rwx g:agents:r-x o::---"),
    "homes": Row("users/", "readers", 0o2750, "Readers read; only the daemon writes."),
    "home": Row("users/<user>/", "readers", 0o2750, "The same: gate and Record."),
    "home file": Row("users/<user>/*", "readers", 0o640, "The same."),
    "ledgers": Row("receipts/", "readers", 0o2750, "Readers read; only the daemon writes."),
    "ledger": Row("receipts/<user>/, receipts/<user>/<month>/", "readers", 0o2750, "The same: receipts, and cards as "
                  "they were decided."),
    "ledger file": Row("receipts/<user>/*", "readers", 0o640, "The same."),
    "plans": Row("plans/, plans/<plan>/, plans/<plan>/<folder>/", "agents", 0o2770, "Planners and workers write here, "
                 "and people move tasks; among each other they trust. What one makes the others and the daemon can "
                 "read and change.", "u::rwx g::rwx g:people:rwx o::---", "u::rwx g::rwx g:people:rwx o::---"),
}  # fmt: skip


@dataclass(eq=False)
class BadLanes(GateError):
    """The lanes cannot be set up so."""

    problem: str
    sentence = "{e.problem}"


class Ids:
    """The lanes' account and groups as numbers. Raises BadLanes where one of them does not exist."""

    def __init__(self, lanes: Lanes) -> None:
        try:
            import grp
            import pwd
        except ImportError:
            raise BadLanes("lanes need accounts and groups as POSIX systems have them") from None
        self.lanes = lanes
        try:
            account = pwd.getpwnam(lanes.daemon)
        except KeyError:
            raise BadLanes(
                f"there is no account '{lanes.daemon}' for the daemon. Make it: useradd --system {lanes.daemon}"
            ) from None
        self.uid = account.pw_uid
        names = {"agents": lanes.agents, "people": lanes.people, "readers": lanes.readers}
        names |= {f"agents of {user}": group for user, group in lanes.agents_of.items()}
        self._gids = {"daemon": account.pw_gid}
        for what, name in names.items():
            try:
                self._gids[what] = grp.getgrnam(name).gr_gid
            except KeyError:
                raise BadLanes(f"there is no group '{name}' ({what}). Make it: groupadd --system {name}") from None
        if len({self._gids[what] for what in ("agents", "people", "readers")}) < 3:
            raise BadLanes("agents, people and readers must be three different groups")
        own = os.getgrouplist(lanes.daemon, account.pw_gid)
        missing = sorted({name for what, name in names.items() if self._gids[what] not in own})
        if missing:
            raise BadLanes(
                f"the daemon's account must be in the groups of the lanes: "
                f"usermod -aG {','.join(missing)} {lanes.daemon}"
            )

    def gid(self, group: Group, user: str | None) -> int:
        own = self._gids.get(f"agents of {user}") if group == "agents" else None
        return self._gids[group] if own is None else own

    def lists(self, row: Row, user: str | None) -> dict[str, acl.Acl]:
        """The access control lists that `row` asks for, by name."""
        gids: dict[str, int] = {group: self.gid(group, user) for group in _GROUPS}
        texts = {acl.ACCESS: row.access, acl.DEFAULT: row.default}
        return {name: acl.expand(text, {"daemon": self.uid}, gids) if text else {} for name, text in texts.items()}


@dataclass(frozen=True, slots=True)
class Spot:
    """A folder or file in the table, and its user."""

    path: Path
    row: Row
    user: str | None


def spots(root: Root, *, all_cards: bool = False) -> Iterator[Spot]:
    """Everything at `root` that is in the table, inner folders first, so that none is opened before what is in it
    is closed. The cards in the months' folders, of which there may be millions, only with `all_cards`."""
    for user in root.users():
        yield from _user_spots(root.place(user), all_cards=all_cards)
    yield from _plan_spots(root.plans)
    yield from _home_spots(root.template, None)
    yield Spot(root.lock, TABLE["lock"], None)
    yield Spot(root.status, TABLE["own file"], None)
    yield Spot(root.settings, TABLE["settings"], None)
    yield Spot(root.tokens, TABLE["tokens"], None)
    yield Spot(root.people, TABLE["people"], None)
    for path, row in (
        (root.daemon, "own"),
        (root.homes, "homes"),
        (root.receipts, "ledgers"),
        (root.inbox, "inboxes"),
        (root.path, "root"),
    ):
        yield Spot(path, TABLE[row], None)


def _user_spots(place: Place, home: Path | None = None, *, all_cards: bool = False) -> Iterator[Spot]:
    user = place.user
    for month in _inside(place.receipts):
        if _is_folder(month):
            if all_cards:
                yield from (Spot(card, TABLE["ledger file"], user) for card in _inside(month))
            yield Spot(month, TABLE["ledger"], user)
        else:
            yield Spot(month, TABLE["ledger file"], user)
    yield Spot(place.receipts, TABLE["ledger"], user)
    yield from _home_spots(home or place.home, user)
    for state in STATES:
        yield Spot(place.state(state), TABLE[state if state in TABLE else "state"], user)
    yield Spot(place.inbox, TABLE["inbox"], user)


def _plan_spots(plans: Path) -> Iterator[Spot]:
    """The folders of the plans, where there are any; the files in them are their makers'."""
    for plan in _inside(plans):
        if _is_folder(plan):
            yield from (Spot(folder, TABLE["plans"], None) for folder in _inside(plan) if _is_folder(folder))
            yield Spot(plan, TABLE["plans"], None)
    if _is_folder(plans):
        yield Spot(plans, TABLE["plans"], None)


def _home_spots(home: Path, user: str | None) -> Iterator[Spot]:
    yield from (Spot(path, TABLE["home file"], user) for path in _inside(home) if not _is_folder(path))
    yield Spot(home, TABLE["home"], user)


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(e.path) for e in entries if not is_ignored(e.name) and not e.is_symlink())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


# -- applying -----------------------------------------------------------------------------------------------------


def apply(root: Root, lanes: Lanes) -> None:
    """Give all of `root` the owners and modes of the table. Cards keep their owner, which says who made them. To be
    called as root, or, where all is the daemon's already, as the daemon. Raises BadLanes, OSError."""
    ids = Ids(lanes)
    for user in root.users():
        _hand_over_cards(root.place(user), ids)
    for spot in spots(root, all_cards=True):
        if os.path.lexists(spot.path):
            apply_row(root, spot, ids)


def check_applicable(lanes: Lanes) -> None:
    """To be called before anything is made that `apply_user` is to hand over. Raises BadLanes where it could not."""
    _check_may_apply(Ids(lanes))


def _check_may_apply(ids: Ids) -> None:
    if os.geteuid() not in (0, ids.uid):
        raise BadLanes(f"only root, or the daemon's account '{ids.lanes.daemon}', can set up the lanes")


def apply_user(root: Root, user: str, home: Path, lanes: Lanes) -> None:
    """The same for a new user, whose folder is still called `home`. Raises BadLanes, OSError."""
    ids = Ids(lanes)
    for spot in _user_spots(root.place(user), home, all_cards=True):
        if os.path.lexists(spot.path):
            apply_row(root, spot, ids)


def apply_row(root: Root, spot: Spot, ids: Ids) -> None:
    """Apply the table's owner, group, mode and ACL to one path. Raises BadLanes, OSError."""
    _check_may_apply(ids)
    if made_by := stranger(root, spot, ids):
        raise BadLanes(f"{spot.path} belongs to '{made_by}': look into it, then remove it and try again")
    hand_over(spot.path, ids.uid, ids.gid(spot.row.group, spot.user), spot.row.mode, _encoded(spot, ids))


def stranger(root: Root, spot: Spot, ids: Ids) -> str | None:
    """The account that has made this folder, where it is not one that may: an agent that finds an inbox without its
    folders can make one of that name, and what lies in it is no decision."""
    owner = os.lstat(spot.path).st_uid
    may = (0, ids.uid, os.lstat(root.path).st_uid)
    states = (TABLE["state"], TABLE["undo"], TABLE["problems"])
    return account(owner) if spot.row in states and owner not in may else None


def _encoded(spot: Spot, ids: Ids) -> dict[str, bytes | None]:
    if not acl.supported(spot.path):
        return {}
    lists = ids.lists(spot.row, spot.user)
    if not spot.row.is_folder:
        del lists[acl.DEFAULT]
    return {name: acl.encode(wanted) if wanted else None for name, wanted in lists.items()}


def _hand_over_cards(place: Place, ids: Ids) -> None:
    for state in STATES:
        for card in _inside(place.state(state)):
            st = os.lstat(card)
            if stat.S_ISREG(st.st_mode) and st.st_nlink == 1:
                hand_over(card, -1, ids.gid("people", None), 0o660, {})


def chosen(before: Lanes | None, given: Mapping[str, str | None]) -> Lanes | None:
    """The lanes that `given` asks for: what is not named stays as it was `before`, or is the default; None where there
    are none and none are asked for. Raises BadLanes where an account or a group does not exist."""
    named = {name: value for name, value in given.items() if value is not None}
    if not named and before is None:
        return None
    lanes = replace(before or Lanes(), **named)  # type: ignore[arg-type]
    Ids(lanes)
    return lanes


def keep(root: Root, lanes: Lanes) -> None:
    """Write down in recursion-gate.toml whose the lanes are, for `user add` and `doctor`. Raises BadSettings,
    OSError."""
    try:
        text = root.settings.read_text("utf-8-sig")
    except FileNotFoundError:
        text = ""
    new = with_lanes(text, lanes)
    if new != text:
        atomic.replace(root.settings, new.encode())
        atomic.sync_folder(root.path)


def check_account(settings: Settings) -> None:
    """Raise BadLanes when this is not the account that the daemon of the root is to run under: what another one
    makes, root above all, the daemon could not write later."""
    if settings.lanes is not None and (uid := Ids(settings.lanes).uid) != os.geteuid():
        name = account(uid)
        raise BadLanes(f"the daemon of this root has the account '{name}': runuser -u {name} -- recursion-gate ...")
