"""Make a root and its users: folders, and the Record a user starts with."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from . import durable
from .errors import GateError
from .layout import RECORD_FILES, STATES, Root, valid_user

__all__ = ["add_user", "make_root"]


class BadUser(GateError):
    """A name that no user can have, or that is taken."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name, self.problem = name, problem

    def __str__(self) -> str:
        shown = "".join(c if c.isprintable() else "?" for c in self.name)
        return f"'{shown}' {self.problem}"


def make_root(root: Root) -> list[Path]:
    """Make the folders of a root and ``users/_template/``; what is there already stays as it is. Gives what was
    made. Raises OSError."""
    made = []
    for folder in (root.path, root.inbox, root.homes, root.receipts, root.daemon, root.template):
        if not folder.is_dir():
            durable.make_folder(folder)
            made.append(folder)
    for name in RECORD_FILES:
        data = resources.files(__package__).joinpath("template", name).read_bytes()
        if durable.create(root.template / name, data, sync=True):
            made.append(root.template / name)
    durable.sync_folder(root.template)
    return made


def add_user(root: Root, name: str) -> list[Path]:
    """Add the user `name` from ``users/_template/`` (contract: "Commands", `user add`): the Record, an inbox with its
    folders, a place for receipts. Gives what was made; an inbox that is there already is kept with what is in it.

    The user's folder appears in one step, whole, since a running daemon takes up a user as soon as it is there.
    Raises BadUser, OSError.
    """
    if not valid_user(name):
        raise BadUser(
            name,
            "cannot be a user's name: at most 64 letters, digits, '.', '_' and '-', the first a letter or a digit",
        )
    place = root.place(name)
    if os.path.lexists(place.home):
        raise BadUser(name, f"is there already: {place.shown(place.home)}/")
    taken = [user for user in root.users() if user.casefold() == name.casefold()]
    if taken:
        raise BadUser(name, f"differs only in upper and lower case from the user '{taken[0]}'")
    made = []
    for folder in (place.inbox, *(place.state(s) for s in STATES), place.receipts):
        if not folder.is_dir():
            durable.make_folder(folder)
            made.append(folder)
    new = root.homes / f".{name}.new"  # left by a stop half-way, it is completed
    durable.make_folder(new)
    for file in RECORD_FILES:
        source = root.template / file
        if source.is_file():
            durable.create(new / file, source.read_text("utf-8").replace("{name}", name).encode(), sync=True)
    durable.sync_folder(new)
    durable.move(new, place.home)
    durable.sync_folder(root.homes)
    return [place.home, *made]
