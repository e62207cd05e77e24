"""A full disk: nothing is decided, and the page says so."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ...support.page import Page, forms
from ...support.roots import make_root, mounted
from ...support.world import World


def test_on_a_full_disk_nothing_is_decided_and_the_page_says_why(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "8m") as disk:
        world = World(make_root(disk / "root", "alex"))
        world.stage("no-room", "Likes lakes.")
        filler = disk / "filler"
        with Page(world.root, "--only", "people") as page, page.person() as person:
            form = next(f for f in forms(person.get("/card/alex/no-room").text) if "/decide" in f.action)
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            answer = form.send(person, action="approved")
            assert answer.status_code == 507
            assert "no room on the disk" in answer.text
            assert person.get("/").status_code == 200
            filler.unlink()
            assert world.names("approved") == []
            assert world.cards("no-room")
            assert form.send(person, action="approved").status_code == 303
        world.reconcile()
        assert [each["action"] for each in world.receipts()] == ["approved"]
