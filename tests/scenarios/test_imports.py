"""A real import, killed again and again (the long form: `python -m tests.torture.imports`)."""

from __future__ import annotations

from pathlib import Path

from ..torture.imports import killed_and_resumed, texts


def test_an_import_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    root, kills = killed_and_resumed(tmp_path, 3_000)
    found = texts(root)
    assert (len(found), set(found.values())) == (3_000, {1})
    assert not list(root.place("alex").problems.glob("*"))
    assert kills
