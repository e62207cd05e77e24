"""`scope apply`: a scope as rights of an account, and all put back as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.errors import GateError
from recursion_gate.permissions import acl
from recursion_gate.plans.rights import apply_rights, take_back

from ..support.accounts import as_nobody, as_root
from ..support.plans import Plans, codebase
from ..support.repository import make_repository


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and not folder.stat().st_mode & 0o001 and os.geteuid() == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    top = make_repository(tmp_path / "repo", app__schema__a="1\n", app__b="1\n", docs__one="1\n", docs__two="1\n")
    if not acl.supported(top):
        pytest.skip("this file system has no access control lists")
    for path in (top, *top.rglob("*")):
        if ".git" not in path.parts:
            path.chmod(0o755 if path.is_dir() else 0o644)
    return top


def _states(top: Path) -> dict[str, tuple[int, Any, Any]]:
    return {
        str(p.relative_to(top)): (stat.S_IMODE(p.stat().st_mode), acl.read(p, acl.ACCESS), acl.read(p, acl.DEFAULT))
        for p in top.rglob("*")
        if ".git" not in p.parts
    }


def _tried(top: Path) -> list[str]:
    """What an account without rights of its own can change in the tree, or make in its folders."""

    def work() -> list[str]:
        done = []
        for path in sorted(top.rglob("*")):
            if ".git" in path.parts:
                continue
            target = path / "new" if path.is_dir() else path
            try:
                with open(target, "a"):
                    done.append(str(target.relative_to(top)))
            except PermissionError:
                pass
        return done

    found: list[str] = as_nobody(work)
    return found


@as_root
def test_an_account_can_write_the_scope_and_nothing_else_until_it_is_taken_back(plans: Plans, tree: Path) -> None:
    plans.add("p", codebase("a", "/app/schema/", "/docs/one"))
    claim, before = plans.claim(), _states(tree)
    given = apply_rights(claim, tree, "nobody")
    assert given.paths == ["app/schema", "app/schema/a", "docs/one"]
    assert given.beyond == []
    assert _tried(tree) == ["app/schema/new", "app/schema/a", "docs/one"]
    back = take_back(claim.folder, "a", 1)
    assert set(given.paths) < set(back.paths)
    assert _tried(tree) == []
    after = _states(tree)
    made = after.pop("app/schema/new")
    assert after == before
    assert made[1] == {}
    assert (tree / "app/schema/new").owner() == tree.owner()
    with pytest.raises(GateError, match="no rights were given"):
        take_back(claim.folder, "a", 1)


@as_root
def test_a_folder_with_some_names_outside_of_the_scope_is_given_to_nobody(plans: Plans, tree: Path) -> None:
    plans.add("p", codebase("a", "/docs/*", "!/docs/two"))
    given = apply_rights(plans.claim(), tree, "nobody")
    assert given.closed == ["docs"]
    assert _tried(tree) == ["docs/one"]


@as_root
def test_what_the_account_can_write_anyway_is_said(plans: Plans, tree: Path) -> None:
    plans.add("p", codebase("a", "/docs/"))
    (tree / "app/b").chmod(0o666)
    assert apply_rights(plans.claim(), tree, "nobody").beyond == ["app/b"]


@as_root
def test_a_link_in_a_folders_place_leads_root_nowhere(plans: Plans, tree: Path, tmp_path: Path) -> None:
    plans.add("p", codebase("a", "/app/"))
    claim = plans.claim()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("root's")
    apply_rights(claim, tree, "nobody")
    os.rename(tree / "app/schema", tree / "app/away")
    (tree / "app/schema").symlink_to(outside)
    before = (outside / "a").stat()
    take_back(claim.folder, "a", 1)
    after = (outside / "a").stat()
    assert (before.st_uid, before.st_mode, before.st_ctime_ns) == (after.st_uid, after.st_mode, after.st_ctime_ns)


def test_a_list_grows_by_one_account_and_nobody_else_gets_a_right() -> None:
    base = acl.expand("u::rw- u:ann:rwx g::rw- o::r--", {"ann": 7}, {})
    narrow = base | {(0x10, 0xFFFFFFFF): 4}  # the mask lets ann and the group only read
    made = acl.granted(narrow, 0o644, 8, 6)
    assert made == acl.expand("u::rw- u:ann:r-- u:bob:rw- g::r-- o::r--", {"ann": 7, "bob": 8}, {})
    assert acl.without(acl.granted({}, 0o640, 8, 6), 8) == {}


def test_an_account_that_is_not_there_is_said(plans: Plans, tree: Path) -> None:
    plans.add("p", codebase("a"))
    with pytest.raises(GateError, match="no account 'no-such-account'"):
        apply_rights(plans.claim(), tree, "no-such-account")
