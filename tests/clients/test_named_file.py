"""The files of tokens and of people's accounts: none is lost where several are made at once."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter
from recursion_gate.clients.named_file import NamedFile
from recursion_gate.core.errors import Parked
from recursion_gate.core.paths import Root


class Thing(BaseModel):
    name: str


THINGS = NamedFile(TypeAdapter(list[Thing]), "tokens", 0o644, "things", "make a thing")


def path(root: Root) -> Path:
    return root.path / "things.json"


def test_of_many_changes_at_once_none_is_lost(root: Root) -> None:
    def add(number: int) -> None:
        with THINGS.changing(root, path(root)) as things:
            things.append(Thing(name=f"{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert sorted(int(thing.name) for thing in THINGS.load(path(root))) == list(range(40))
    assert stat.S_IMODE(path(root).stat().st_mode) == 0o644


def test_what_fails_in_between_changes_nothing(root: Root) -> None:
    with THINGS.changing(root, path(root)) as things:
        things.append(Thing(name="kept"))
    before = path(root).read_bytes()

    def fail() -> None:
        with THINGS.changing(root, path(root)) as things:
            things.clear()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path(root).read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"{}", b'[{"nam": 1}]', b"\xff"])
def test_what_is_no_such_file_is_said_with_the_command(root: Root, data: bytes) -> None:
    path(root).write_bytes(data)
    with pytest.raises(Parked, match="not a file of things") as raised:
        THINGS.load(path(root))
    assert "make the things anew ('make a thing')" in raised.value.remedy
    assert THINGS.load(root.path / "none") == []
