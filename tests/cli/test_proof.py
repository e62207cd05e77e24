"""receipts, verify and doctor, as they are typed."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from recursion_gate.audit.anchors import head
from recursion_gate.cli import main
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic

from ..support.roots import add_user as add_bare_user
from ..support.world import World


def call(root: Root, *args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["--root", str(root.path), *args], input=stdin)


def ids(result: Result) -> list[str]:
    return [line.split("\t")[5] for line in result.stdout.splitlines()]


ALL = ["read", "paint", "quiz", "linked", "dull", "edited", "kanji", "last"]


# -- receipts -------------------------------------------------------------------------------------------------------


def test_receipts_lists_the_decisions_oldest_first(whole: Root) -> None:
    result = call(whole, "receipts")
    assert (result.exit_code, ids(result)) == (0, ALL)
    columns = result.stdout.splitlines()[4].split("\t")
    assert columns[:2] == ["alex", "5"]
    assert columns[3:] == ["rejected", "- (folder)", "dull", "Looked out of the window."]


def test_receipts_can_be_the_last_few_or_those_of_an_id(whole: Root) -> None:
    assert ids(call(whole, "receipts", "--last", "3")) == ALL[-3:]
    assert ids(call(whole, "receipts", "--id", "l")) == ["linked", "last"]
    assert ids(call(whole, "receipts", "--id", "l", "--last", "1")) == ["last"]
    assert call(whole, "receipts", "--id", "nobody").exit_code == 1


def test_receipts_as_json_are_the_receipts(world: World) -> None:
    listed = json.loads(call(world.root, "receipts", "--json").stdout)
    assert listed == [{"user": "alex", **receipt} for receipt in world.receipts()]
    assert json.loads(call(world.root, "receipts", "--json", "--id", "nobody").stdout) == []


def test_receipts_of_an_id_that_nobody_has_are_no_success_as_json_either(world: World) -> None:
    assert call(world.root, "receipts", "--json", "--id", "nobody").exit_code == 1
    assert call(world.root, "receipts", "--json", "--id", "read").exit_code == 0


def test_receipts_of_several_users_stand_in_the_order_of_time(world: World) -> None:
    add_bare_user(world.root, "bo")
    other = World(world.root, user="bo")
    other.stage("of-bo")
    other.reject("of-bo")
    world.reject("waits-1")
    assert ids(call(world.root, "receipts")) == [*ALL, "of-bo", "waits-1"]
    assert ids(call(world.root, "receipts", "--last", "2")) == ["of-bo", "waits-1"]
    assert ids(call(world.root, "receipts", "--user", "bo")) == ["of-bo"]


def test_receipts_of_nobody_are_an_error(whole: Root) -> None:
    result = call(whole, "receipts", "--user", "nobody")
    assert result.exit_code == 1
    assert "recursion-gate user add nobody" in result.stderr


def test_a_receipt_that_cannot_be_read_is_an_error_that_names_verify(world: World) -> None:
    world.place.ledger.write_bytes(b"{}\n" + world.place.ledger.read_bytes())
    result = call(world.root, "receipts")
    assert result.exit_code == 1
    assert "recursion-gate verify" in result.stderr


def test_receipts_head_prints_what_verify_takes(world: World, tmp_path: Path) -> None:
    add_bare_user(world.root, "bo")  # who has no receipts yet
    kept = tmp_path / "heads"
    kept.write_text(call(world.root, "receipts", "head").stdout)
    assert kept.read_text() == f"alex 8 {head(world.place).hash}\nbo 0 {'0' * 64}\n"
    world.approve("waits-1")
    assert call(world.root, "verify", "--head", str(kept)).exit_code == 0
    assert call(world.root, "verify", "--head", "-", stdin=kept.read_text()).exit_code == 0
    assert call(world.root, "verify", "--user", "bo", "--head", str(kept)).exit_code == 0
    world.place.ledger.write_bytes(b"".join(world.place.ledger.read_bytes().splitlines(keepends=True)[:7]))
    result = call(world.root, "verify", "--head", str(kept))
    assert result.exit_code == 1
    assert "receipt 8 is gone: the chain ends at 7" in result.stdout


def test_receipts_head_as_json_and_of_one_user(whole: Root) -> None:
    (told,) = json.loads(call(whole, "receipts", "head", "--user", "alex", "--json").stdout)
    assert (told["user"], told["seq"], len(told["hash"])) == ("alex", 8, 64)
    assert told["at"].startswith("20")


def test_options_before_head_are_an_error_not_lost(whole: Root) -> None:
    assert call(whole, "receipts", "--user", "alex", "head").exit_code == 2


# -- verify -----------------------------------------------------------------------------------------------------------


def test_verify_says_that_it_holds_and_where_the_chain_ends(world: World) -> None:
    result = call(world.root, "verify")
    assert result.exit_code == 0
    assert result.stdout == (
        "alex: holds. 8 receipts (6 approved, 2 rejected), 16 lines in the Record, 2 at the gate\n"
        f"  last receipt: 8 {head(world.place).hash}\n"
    )
    assert result.stderr == ""


def test_verify_names_each_fault_with_what_to_do_and_exits_with_1(world: World) -> None:
    path = world.place.home / "self-evidence.md"
    path.write_text(path.read_text() + "- ACT-2026-11-24-x — Owns the moon. — 2026-11-24 — WORK\n")
    number = len(path.read_text().splitlines())
    result = call(world.root, "verify")
    assert result.exit_code == 1
    assert f"fault   users/alex/self-evidence.md:{number}\n" in result.stdout
    assert "Else take it out." in result.stdout
    assert "alex: 1 fault." in result.stdout


def test_verify_as_json(world: World) -> None:
    (world.place.home / "self.md").write_text("# Self\n\nMe.\n")
    told = json.loads(call(world.root, "verify", "--json").stdout)
    assert told["holds"] is True
    assert told["users"][0]["receipts"] == 8
    assert {f["code"] for f in told["findings"]} == {"lines-added", "lines-removed"}
    assert set(told["findings"][0]) == {"severity", "code", "user", "where", "problem", "remedy"}


def test_an_edit_by_hand_fails_only_with_strict(world: World) -> None:
    path = world.place.home / "self.md"
    path.write_text(path.read_text() + "Likes tea.\n")
    assert call(world.root, "verify").exit_code == 0
    assert call(world.root, "verify", "--strict").exit_code == 1


def test_verify_takes_a_head_in_each_form(world: World) -> None:
    digest = head(world.place).hash
    for form in (digest, f"alex:{digest}"):
        assert call(world.root, "verify", "--head", form).exit_code == 0
    assert call(world.root, "verify", "--head", f"bo:{digest}").exit_code == 1
    assert call(world.root, "verify", "--head", "e" * 64).exit_code == 1
    for form in ("nonsense", digest[:-1], str(world.root.path)):
        result = call(world.root, "verify", "--head", form)
        assert (result.exit_code, "--head" in result.stderr) == (2, True)


# -- doctor -----------------------------------------------------------------------------------------------------------


def test_doctor_finds_a_new_root_well(healthy: Root) -> None:
    result = call(healthy, "doctor")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("All is well")


def test_doctor_says_what_is_wrong_and_what_to_do_and_exits_with_1(healthy: Root) -> None:
    (healthy.inbox / "bo").mkdir()
    result = call(healthy, "doctor")
    assert result.exit_code == 1
    assert "warning inbox/bo\n" in result.stdout
    assert "-> Add the user: recursion-gate user add bo" in result.stdout


def test_doctor_fix_makes_folders_and_says_so(healthy: Root) -> None:
    (healthy.place("alex").approved).rmdir()
    assert call(healthy, "doctor").exit_code == 1
    result = call(healthy, "doctor", "--fix")
    assert result.exit_code == 0
    assert "mended  inbox/alex/approved: this folder is missing" in result.stdout
    assert call(healthy, "doctor").exit_code == 0


def test_doctor_as_json(healthy: Root) -> None:
    (healthy.place("alex").approved).rmdir()
    told = json.loads(call(healthy, "doctor", "--fix", "--json").stdout)
    assert told["healthy"] is True
    assert [f["code"] for f in told["mended"]] == ["folder-missing"]
    assert all(f["severity"] == "note" for f in told["findings"])


def test_doctor_examines_a_folder_that_is_not_yet_a_root(tmp_path: Path) -> None:
    result = call(Root(tmp_path), "doctor")
    assert result.exit_code == 1
    assert "this folder is missing" in result.stdout
    assert call(Root(tmp_path / "nowhere"), "doctor").exit_code == 1


def test_doctor_does_not_say_that_all_is_well_where_verify_finds_a_fault(world: World) -> None:
    assert call(world.root, "doctor").stdout.splitlines()[-1].startswith("All is well")
    path = world.place.home / "self-skill-think.md"
    path.write_text("# THINK\n\n## Activity\n")
    result = call(world.root, "doctor")
    assert result.exit_code == 1
    assert "fault   users/alex/self-skill-think.md\n" in result.stdout
    assert "-> Put back a copy of the file that has them; or stop the daemon" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("There is something to do: 1 fault")


def test_doctor_says_of_an_edit_by_hand_what_to_do_and_that_all_is_well(world: World) -> None:
    path = world.place.home / "self.md"
    path.write_text(path.read_text() + "Likes tea.\n")
    result = call(world.root, "doctor")
    assert result.exit_code == 0
    assert "-> Nothing, if it was you. Else take it out." in result.stdout
    assert result.stdout.splitlines()[-1].startswith("All is well: 1 edit")


def test_doctor_that_may_not_look_does_not_say_that_all_is_well(healthy: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: Root) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.homes))

    plain = os.scandir
    monkeypatch.setattr(Root, "users", closed)
    monkeypatch.setattr(os, "scandir", lambda path: closed(healthy) if path == healthy.homes else plain(path))
    monkeypatch.setattr("recursion_gate.doctor.context.Context.may_look", False)
    result = call(healthy, "doctor")
    assert result.exit_code == 1
    assert "note    users\n        this account may not look at it\n        -> Run doctor" in result.stdout
    assert "Add one" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Not everything could be read")
    assert json.loads(call(healthy, "doctor", "--json").stdout)["healthy"] is False


def test_doctor_help_says_what_fix_does_and_as_whom(healthy: Root) -> None:
    told = " ".join(call(healthy, "doctor", "--help").stdout.split())
    assert "set owners, modes and access control lists" in told
    assert "as root or under the daemon's account" in told


def test_fix_mends_what_this_account_may_and_shows_the_rest(healthy: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    place = healthy.place("alex")
    for folder in (place.approved, place.rejected):
        folder.rmdir()
    plain = atomic.make_folder

    def make(path: Path) -> None:
        if path == place.approved:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        plain(path)

    monkeypatch.setattr(atomic, "make_folder", make)
    result = call(healthy, "doctor", "--fix")
    assert result.exit_code == 1
    assert "mended  inbox/alex/rejected" in result.stdout
    assert "warning inbox/alex/approved" in result.stdout


def test_doctor_of_nobody_is_an_error(healthy: Root) -> None:
    assert call(healthy, "doctor", "--user", "nobody").exit_code == 1
