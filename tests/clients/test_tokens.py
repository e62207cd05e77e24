"""Tokens: made once, kept as digests, gone at once when removed."""

from __future__ import annotations

import json
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from jsonschema import Draft202012Validator
from recursion_gate.clients import tokens
from recursion_gate.clients.tokens import BadToken, Tokens
from recursion_gate.core.errors import Parked
from recursion_gate.core.paths import Root
from recursion_gate.schemas.registry import schema

from ..support.daemon import call
from ..support.roots import make_root


@pytest.fixture
def root(tmp_path: object) -> Root:
    return make_root(Root(tmp_path).path / "root", "alex", "blake")  # type: ignore[arg-type]


def test_a_token_is_the_last_word_printed_and_is_kept_as_a_digest_only(root: Root) -> None:
    done = call(root, "token", "add", "tutor", "--user", "alex", "--source", "quiz-agent")
    token = done.stdout.split()[-1]
    kept = root.tokens.read_text()
    assert token not in kept
    assert len(token) > 40
    grant = Tokens(root).grant(token)
    assert grant is not None
    assert (grant.users, grant.source, grant.stage, grant.read) == (("alex",), "quiz-agent", True, False)
    listed = call(root, "token", "list", "--json").stdout
    assert token not in listed
    assert grant.digest not in listed
    assert json.loads(listed)[0]["name"] == "tutor"
    assert list(Draft202012Validator(schema("tokens")).iter_errors(json.loads(listed))) == []
    assert call(root, "token", "list").stdout.startswith("tutor\talex\tquiz-agent\tstages\t")


def test_a_removed_token_is_unknown_at_once(root: Root) -> None:
    token, other = tokens.add(root, "tutor", ["alex"]), tokens.add(root, "quiz", ["blake"], read=True)
    known = Tokens(root)
    assert known.grant(token)
    assert call(root, "token", "remove", "tutor").returncode == 0
    assert known.grant(token) is None
    found = known.grant(other)
    assert found is not None
    assert (found.name, found.source, found.read) == ("quiz", "quiz", True)
    assert call(root, "token", "remove", "tutor").returncode == 1


@pytest.mark.parametrize("given", ["", "x", "rgt_", "é", "\udcff", "a" * 100_000])
def test_what_is_no_token_is_unknown(root: Root, given: str) -> None:
    tokens.add(root, "tutor", ["alex"])
    assert Tokens(root).grant(given) is None


@pytest.mark.parametrize(
    ("name", "users", "source"),
    [
        ("", ["alex"], None),
        ("../x", ["alex"], None),
        ("a b", ["alex"], None),
        ("tutor", [], None),
        ("tutor", ["nobody"], None),
        ("tutor", ["../alex"], None),
        ("tutor", ["alex"], ""),
        ("tutor", ["alex"], "a\nb"),
        ("tutor", ["alex"], "x" * 201),
        ("there", ["alex"], None),
    ],
)
def test_a_token_that_cannot_be_is_refused_and_changes_nothing(
    root: Root, name: str, users: list[str], source: str | None
) -> None:
    tokens.add(root, "there", ["alex"])
    before = root.tokens.read_bytes()
    with pytest.raises(BadToken):
        tokens.add(root, name, users, source)
    assert root.tokens.read_bytes() == before


def test_tokens_that_are_made_at_once_are_all_kept(root: Root) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: tokens.add(root, f"agent-{n}", ["alex"]), range(40)))
    assert sorted(each.name for each in tokens.load(root)) == sorted(f"agent-{n}" for n in range(40))


def test_a_file_of_tokens_that_is_none_is_never_overwritten(root: Root) -> None:
    root.tokens.write_text("[{]")
    with pytest.raises(Parked, match="not a file of tokens"):
        tokens.add(root, "tutor", ["alex"])
    assert root.tokens.read_text() == "[{]"


def test_the_doors_can_read_the_file_whatever_the_umask(root: Root) -> None:
    command = f"umask 077; '{_program()}' -m recursion_gate --root '{root.path}' token add tutor --user alex"
    subprocess.run(["sh", "-ec", command], check=True, capture_output=True)
    assert stat.S_IMODE(root.tokens.stat().st_mode) == 0o644
    assert [p.name for p in root.path.iterdir() if p.name.endswith(".tmp")] == []


def _program() -> str:
    import sys

    return sys.executable
