"""The table of the lanes, the settings that name them, and access control lists: what needs no accounts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from recursion_gate.core.errors import BadSettings
from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import Lanes, Settings, load_settings, with_lanes
from recursion_gate.permissions import acl, ownership
from recursion_gate.permissions.lanes import TABLE

from ..support.attempts import ATTEMPTS, DROPS, Denied

TOP = Path(__file__).parents[2]
PAGE = TOP / "docs" / "security.md"


def test_the_page_lists_each_attempt_and_what_denies_it() -> None:
    listed: list[Denied] = [*ATTEMPTS, *DROPS]
    assert len(listed) >= 25
    rows = [f"| {a.kind} | {a.what} | {a.by} |" for a in listed]
    assert "\n".join(rows) in PAGE.read_text("utf-8")


def test_the_page_has_the_table_of_owners_and_modes() -> None:
    rows = []
    for row in TABLE.values():
        access = f"`{row.access}`" if row.access else ""
        rows.append(f"| `{row.where}` | {row.group} | {row.mode:o} | {access} | {row.why} |")
    page = PAGE.read_text("utf-8")
    assert "\n".join(rows) in page
    for row in filter(lambda row: row.default, TABLE.values()):
        assert f"`{row.default}`" in page.replace("\n  ", " ")


def test_systemd_makes_the_folders_as_the_table_has_them() -> None:
    groups = {"daemon": "recursion-gate", "agents": "rg-agents", "people": "rg-people", "readers": "rg-readers"}
    text = (TOP / "systemd" / "tmpfiles.d" / "recursion-gate.conf").read_text()
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    rows = {row.where: row for row in TABLE.values()}
    for kind, path, mode, user, group in lines:
        name = path.removeprefix("/srv/recursion-gate").strip("/") or "."
        row = rows[f"{name}/"]
        assert (kind, int(mode, 8), user, group) == ("d", row.mode, "recursion-gate", groups[row.group])
    assert len(lines) == 5
    assert Lanes() == Lanes("recursion-gate", "rg-agents", "rg-people", "rg-readers")


# -- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        "",
        "grace_seconds = 5\n",
        "# ours\ngrace_seconds = 5\n\n[lanes]\ndaemon = 'x'\n# why\nagents = 'y'\n\n[lanes.agents_of]\nkim = 'z'\n",
        "\n\n[lanes] # who\npeople = \"p\"",
    ],
)  # fmt: skip
def test_the_lanes_are_written_into_the_settings_and_read_back(root: Root, before: str) -> None:
    lanes = Lanes("daemon", "a", "p", "r", {"alex": "agents-of-alex", "b.ö-b": 'quo"ted'})
    new = with_lanes(before, lanes)
    root.settings.write_text(new, "utf-8")
    settings = load_settings(root)
    assert settings.lanes == lanes
    assert settings.grace_seconds == (5 if "grace" in before else 0)
    assert [line for line in before.splitlines() if line.startswith("#")] == [
        line for line in new.splitlines() if line.startswith("#")
    ]
    assert with_lanes(new, lanes) == new
    assert load_settings(root).lanes != Lanes()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lanes = 1", "must be a table"),
        ("[lanes]\nagent = 'x'", "did you mean 'agents'?"),
        ("[lanes]\ndaemon = 5", "must be the name of an account"),
        ("[lanes]\npeople = ''", "must be the name of a group"),
        ("[lanes.agents_of]\nalex = 7", "must name a group for each user"),
    ],
)
def test_lanes_that_cannot_be_used_are_refused_with_a_reason(root: Root, text: str, told: str) -> None:
    root.settings.write_text(text)
    with pytest.raises(BadSettings) as caught:
        load_settings(root)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'lanes = { daemon = "x" } # mine\ngrace_seconds = 5\n',
        'lanes.daemon = "x" # mine\nlanes.agents_of.kim = "z"\ngrace_seconds = 5\n',
        'grace_seconds = 5\n[lanes.agents_of]\nkim = "z" # mine\n[lanes]\nagents = "y"\n',
    ],
)
def test_lanes_written_in_another_way_are_changed_in_place(root: Root, text: str) -> None:
    new = with_lanes(text, Lanes("daemon", "a", "p", "r", {"kim": "k"}))
    root.settings.write_text(new)
    assert load_settings(root) == Settings(grace_seconds=5, lanes=Lanes("daemon", "a", "p", "r", {"kim": "k"}))
    assert "# mine" in new


def test_lanes_that_cannot_be_changed_here_are_left_to_the_person() -> None:
    with pytest.raises(BadSettings) as caught:
        with_lanes("lanes = 1\n", Lanes())
    assert 'daemon = "recursion-gate"' in str(caught.value)


# -- access control lists ----------------------------------------------------------------------------------------------


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    if not acl.supported(tmp_path):
        pytest.skip("no access control lists on this file system")
    listed = acl.expand("u::rwx g::-wx g:people:r-x u:daemon:rw- o::---", {"daemon": 4711}, {"people": 4712})
    assert listed[0x10, 0xFFFFFFFF] == 0o7  # the mask lets through what any entry gives
    for which in (acl.ACCESS, acl.DEFAULT):
        assert acl.read(tmp_path, which) == {}
        os.setxattr(tmp_path, which, acl.encode(listed))
        assert acl.read(tmp_path, which) == listed


def test_a_list_that_says_no_more_than_a_mode_has_no_mask() -> None:
    assert acl.expand("u::rwx g::r-x o::---", {}, {}) == {(1, 0xFFFFFFFF): 7, (4, 0xFFFFFFFF): 5, (0x20, 0xFFFFFFFF): 0}


# -- whose a card is ------------------------------------------------------------------------------------------------


def test_with_one_account_nobody_can_tell_who_wrote_a_card(place: Place) -> None:
    place.approved.mkdir(exist_ok=True)
    card = place.approved / "card.md"
    card.write_text("x")
    card.chmod(0o666)
    assert ownership.stranger(card, card.stat(), ownership.lane_of(card.parent)) is None
    assert ownership.wrote(card, card.stat()) == ownership.account(os.geteuid())


def test_a_file_that_was_moved_after_it_was_written_counts_as_moved(tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("x")
    assert ownership.is_unmoved(card.stat())
    os.utime(card, (card.stat().st_atime, card.stat().st_mtime - 60))  # as if written a minute before
    assert not ownership.is_unmoved(card.stat())


def test_an_account_without_a_name_is_its_number() -> None:
    assert ownership.account(2_000_000_000) == "2000000000"
