"""Scopes: what a pattern matches is what git says; two scopes that have a path in common are always found."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pathspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.errors import Refusal
from recursion_gate.plans.scopes import in_scope, overlap, overlapping, scope

_NAMES = ["a", "b", "ab", "ba", "A", "x", ".c", "a.c"]
#: All paths that the random patterns below are tried on.
PATHS = [
    *_NAMES,
    *map("/".join, itertools.product(_NAMES, repeat=2)),
    *map("/".join, itertools.product(["a", "b", "x", "ab"], repeat=3)),
]

_name = st.lists(st.sampled_from(["a", "b", "A", "*", "?", "[ab]", "[a-c]", "x", ".c"]), min_size=1, max_size=3)
_segment = st.one_of(_name.map("".join), st.just("**"))
_pattern = st.builds(
    lambda before, names, after: before + "/".join(names) + after,
    st.sampled_from(["", "", "/"]),
    st.lists(_segment, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
).filter(lambda text: not text.endswith("**/"))
_scope = st.lists(st.tuples(st.booleans(), _pattern), min_size=1, max_size=3).map(
    lambda found: [("!" if negated and number else "") + text for number, (negated, text) in enumerate(found)]
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the name that all versions of pathspec know
@given(_scope)
def test_a_pattern_matches_what_pathspec_says(patterns: list[str]) -> None:
    theirs = pathspec.PathSpec.from_lines("gitwildmatch", patterns)
    ours = scope(patterns)
    assert [p for p in PATHS if in_scope(ours, p)] == [p for p in PATHS if theirs.match_file(p)]


@given(_scope, _scope)
def test_scopes_with_a_path_in_common_are_always_found_and_the_path_is_in_both(a: list[str], b: list[str]) -> None:
    one, other = scope(a), scope(b)
    found = overlap(one, other)
    common = [path for path in PATHS if in_scope(one, path) and in_scope(other, path)]
    assert found is not None or not common
    if found is not None and found.path is not None and "A" not in f"{a}{b}":
        assert in_scope(one, found.path)
        assert in_scope(other, found.path)


def _git_says(patterns: list[str], paths: list[str], repository: Path) -> set[str]:
    (repository / ".gitignore").write_text("\n".join(patterns) + "\n")
    call = ["git", "-C", str(repository), "check-ignore", "--no-index", "--stdin", "-z"]
    said = subprocess.run(call, input="\0".join(paths), capture_output=True, text=True, check=False)
    return set(filter(None, said.stdout.split("\0")))


@pytest.mark.parametrize(
    "patterns",
    [
        ["a"], ["/a"], ["a/"], ["/a/b"], ["a/b"], ["*.c"], ["a/*"], ["a/**"], ["**/b"], ["a/**/b"], ["/*"], ["/?"],
        ["[!a]"], ["[!a]/b"], ["[a-b]?"], ["**"], ["*"], ["a*"], ["**/a/**"], ["x/**/x"], [".*"], ["?b/"], ["[]a]b"],
    ],
)  # fmt: skip
def test_a_pattern_matches_what_git_says(tmp_path: Path, patterns: list[str]) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert {path for path in PATHS if in_scope(scope(patterns), path)} == _git_says(patterns, PATHS, tmp_path)


@pytest.mark.parametrize(
    ("a", "b", "path"),
    [
        (["/app/"], ["/app/public/"], "app/public/x"),
        (["/app/", "!/app/public/"], ["/app/public/"], None),
        (["/app/", "!/app/public/", "/app/public/help/"], ["/app/public/"], "app/public/help/x"),
        (["/src/*.py"], ["/src/*.md"], None),
        (["/src/a*"], ["/src/*b"], "src/ab"),
        (["docs/"], ["/app/schema/"], "app/schema/docs/x"),
        (["/docs/"], ["/app/schema/"], None),
        (["*.py"], ["/docs/*.md"], "docs/.md/.py"),
        (["/a[0-4]"], ["/a[4-9]"], "a4"),
        (["/a[0-3]"], ["/a[4-9]"], None),
        (["/Docs/a"], ["/docs/A"], "docs/a"),
        (["/caf\u00e9"], ["/cafe\u0301"], "caf\u00e9"),
    ],
)
def test_overlap(a: list[str], b: list[str], path: str | None) -> None:
    found, turned = overlap(scope(a), scope(b)), overlap(scope(b), scope(a))
    assert (found and found.path) == path
    assert (turned is None) == (found is None)


def test_an_overlap_names_both_patterns_a_path_and_what_to_write() -> None:
    assert str(overlap(scope(["docs/"]), scope(["/app/"]))) == (
        "'docs/' and '/app/' both match app/docs/x ('docs/' is one in any folder: '/docs/' is the one at the top)"
    )


def test_patterns_too_intricate_to_compare_count_as_overlapping() -> None:
    one = scope(["/" + "*a" * 40 + "b"])
    other = scope(["/" + "*b" * 40 + "a" + "?" * 60])
    found = overlap(one, other)
    assert found is not None


@given(st.lists(_scope, min_size=2, max_size=6))
def test_all_pairs_that_overlap_are_found_at_once(lists: list[list[str]]) -> None:
    scopes = [scope(patterns) for patterns in lists]
    pairs = {(a, b) for a, b, _ in overlapping(scopes)}
    assert pairs == {
        (a, b) for a, b in itertools.combinations(range(len(scopes)), 2) if overlap(scopes[a], scopes[b]) is not None
    }


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("../other/", "leads out of the tree"),
        ("/app/../../x", "leads out of the tree"),
        ("~/notes", "leads out of the tree"),
        ("C:/x", "leads out of the tree"),
        (".git/hooks/", "git's own folder"),
        ("/app/.GIT/x", "git's own folder"),
        ("./app/", "has an empty name or '.'"),
        ("app//x", "has an empty name or '.'"),
        ("", "is no pattern"),
        ("/", "is no pattern"),
        (" app", "is no pattern"),
        ("a\nb", "is no pattern"),
        ("a\\b", "has a '\\'"),
        ("#x", "has a '\\' or begins with '#'"),
        ("a/**/", "ends in '**/'"),
        ("[ab", "not closed"),
        ("x" * 301, "more than 300 characters"),
    ],
)
def test_what_is_no_pattern_of_the_tree_is_refused(pattern: str, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        scope([pattern])
    assert says in str(refused.value)
    assert refused.value.remedy
