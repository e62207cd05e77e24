"""Make a root and its users: folders, and the Record a user starts with."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from ..core.errors import GateError
from ..core.paths import NO_USERS, RECORD_FILES, SEED_RECEIPTS, STATES, Root, valid_user
from ..core.settings import Lanes, load_settings
from ..core.text import printable
from ..disk import atomic
from ..store import read_me
from ..store.seed_receipts import as_lines
from .brought import NotBrought, decisions_in, record_in

__all__ = ["BadName", "BadUser", "add_user", "check_name", "make_root", "set_lanes"]


#: Names that Windows keeps for devices, whatever stands behind a dot.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?:\..*)?", re.IGNORECASE)


@dataclass(eq=False)
class BadUser(GateError):
    """A name that no user can have, or that is taken."""

    name: str
    problem: str

    def __str__(self) -> str:
        return f"'{printable(self.name)}' {self.problem}"


class BadName(BadUser):
    """A name that no user can have."""


def make_root(root: Root) -> list[Path]:
    """Make the folders of a root and ``users/_template/``; what is there already stays as it is. Gives what was
    made. Raises OSError."""
    made = []
    for folder in (root.path, root.inbox, root.homes, root.receipts, root.daemon, root.template):
        if not folder.is_dir():
            atomic.make_folder(folder)
            made.append(folder)
    for name in RECORD_FILES:
        data = resources.files("recursion_gate").joinpath("template", name).read_bytes()
        if atomic.create(root.template / name, data, sync=True):
            made.append(root.template / name)
    atomic.sync_folder(root.template)
    return made


def set_lanes(root: Root, lanes: Lanes) -> None:
    """Give `root` to `lanes`, and write down whose they are. Safe to repeat. Raises BadLanes, BadSettings, OSError."""
    from ..permissions.lanes import apply, keep

    keep(root, lanes)
    atomic.make_folder(root.plans)  # nobody else may make it there
    apply(root, lanes)


def check_name(name: str) -> None:
    """Raises BadName where no user can be called `name`."""
    if name.lower() in NO_USERS:
        raise BadName(name, "cannot be a user's name: each inbox has a folder of that name")
    if not valid_user(name):
        raise BadName(
            name,
            "cannot be a user's name: at most 64 letters, digits, '.', '_' and '-', the first a letter or a digit",
        )
    if _DEVICE.fullmatch(name) or name.endswith("."):
        raise BadName(name, "cannot be a folder's name on Windows, where some may open the inbox through a share")


def add_user(root: Root, name: str, *, agents: str | None = None, record: Path | None = None) -> list[Path]:
    """Add the user `name` from ``users/_template/`` (contract: "Commands", `user add`): the Record, an inbox with its
    folders, a place for receipts. Gives what was made; an inbox that is there already is kept with what is in it.

    The user's folder appears in one step, whole and with the owners of the lanes, since a running daemon takes up a
    user as soon as it is there. `agents` is the group of this user's agents, where they are others than those of all
    users. `record` is a folder with the Record that the user starts with, from another instance, and perhaps that one's
    receipts; a file of the Record that is not there comes from the template. Raises BadUser, BadLanes, BadSettings,
    OSError.
    """
    check_name(name)
    place = root.place(name)
    brought = _brought(record, name) if record is not None else {}
    if os.path.lexists(place.home):
        raise BadUser(name, f"is there already: {place.display_path(place.home)}/")
    taken = [user for user in root.users() if user.casefold() == name.casefold()]
    if taken:
        raise BadUser(name, f"differs only in upper and lower case from the user '{taken[0]}'")
    lanes = load_settings(root).lanes
    if agents is not None:
        lanes = _with_agents(lanes, name, agents)
    if lanes is not None:
        from ..permissions.lanes import check_applicable

        check_applicable(lanes)
    made = []
    for folder in (place.inbox, *(place.state(s) for s in STATES), place.receipts):
        if not folder.is_dir():
            atomic.make_folder(folder)
            made.append(folder)
    had_others = os.path.lexists(root.index) or os.path.lexists(root.removed)  # perhaps one of the same name
    if had_others and not os.path.lexists(place.ledger):
        atomic.create(place.token, os.urandom(16).hex().encode() + b"\n", sync=True)
        atomic.sync_folder(place.receipts)
    read_me.put(place)
    new = root.homes / f".{name}.new"  # left by a stop half-way, it is completed
    atomic.make_folder(new)
    for file in (*RECORD_FILES, SEED_RECEIPTS):
        source = root.template / file
        if file in brought:
            atomic.create(new / file, brought[file], sync=True)
        elif source.is_file():
            atomic.create(new / file, source.read_bytes().replace(b"{name}", name.encode()), sync=True)
    atomic.sync_folder(new)
    if lanes is not None:
        from ..permissions.lanes import apply_user, keep

        apply_user(root, name, new, lanes)
        keep(root, lanes)
    atomic.move(new, place.home)
    atomic.sync_folder(root.homes)
    return [place.home, *made]


def _brought(folder: Path, name: str) -> dict[str, bytes]:
    """The files that a user starts with: the Record in `folder`, what its receipts tell. Raises BadUser, OSError."""
    try:
        found = record_in(folder)
        decisions = decisions_in(folder, found)
    except NotBrought as err:
        raise BadUser(name, f"cannot be added: {err}") from None
    return found | ({SEED_RECEIPTS: as_lines(decisions)} if decisions else {})


def _with_agents(lanes: Lanes | None, user: str, group: str) -> Lanes:
    if lanes is None:
        raise BadUser(user, "cannot have agents of its own: this root has no lanes ('recursion-gate init --help')")
    return replace(lanes, agents_of={**lanes.agents_of, user: group})
