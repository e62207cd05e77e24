"""Bytes to a plan, or a refusal that says where and what to do."""

from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.errors import Refusal
from recursion_gate.plans.model import LANES, Command, GateCheck, GateCondition, Plan, Sentence, Task, valid_worker
from recursion_gate.plans.parse import dump, name_of, parse

_id = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,8}[a-z0-9])?", fullmatch=True)
_line = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
_accept = st.one_of(
    _line.map(lambda says: Sentence(says=says)),
    _line.map(lambda run: Command(run=run)),
    st.builds(lambda n: GateCheck(gate=GateCondition(user="alex", source="x: y", at_least=n)), st.integers(1, 9)),
)
_task = st.builds(
    Task,
    id=_id,
    title=_line,
    goal=_line,
    lane=st.sampled_from(LANES),
    scope=st.lists(_line, max_size=2),
    needs=st.lists(_id, max_size=2),
    accept=st.lists(_accept, max_size=3),
)


@given(st.builds(Plan, plan=_id, goal=_line, tasks=st.lists(_task, min_size=1, max_size=3)))
def test_what_is_written_is_read_the_same(plan: Plan) -> None:
    assert parse(dump(plan)) == plan


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse(data, "p")
    except Refusal as err:
        words = str(err)
    else:
        words = "read"
    assert words


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- a", "this is no plan"),
        ("goal: x", "'tasks' is missing"),
        ("tasks: 3", "'tasks' must be a list"),
        ("tasks: [x]", "task 1: this must be a mapping"),
        ("tasks: [{id: a, titel: x}]", "task 'a': unknown field 'titel'; did you mean 'title'?"),
        ("tasks: [{id: a, title: x, scopes: [b]}]", "task 'a': unknown field 'scopes'; did you mean 'scope'?"),
        ("tasks: [{id: A b, title: x}]", "'A b' can be no name"),
        ("tasks: [{id: a, title: x, needs: b}]", "task 'a': 'needs' must be a list"),
        ("tasks: [{id: a, title: x, needs: [B]}]", "task 'a': 'B' can be no name"),
        ("tasks: [{id: a, title: x, lane: merge}]", "'lane' must be 'staging', 'reading' or 'codebase'"),
        ("tasks: [{id: a, title: x, accept: [{rnu: y}]}]", "task 'a'"),
        ("tasks: [{id: a, title: x, accept: [{run: y, timeout: -1}]}]", "task 'a': 'timeout': input should be greater"),
        ("tasks: [{id: a, title: x, accept: [{gate: {user: u, at_least: 0}}]}]", "'at_least': input should be greater"),
        (
            "tasks: [{id: a, title: x, accept: [{run: y, tiemout: 1}]}]",
            "unknown field 'tiemout'; did you mean 'timeout'?",
        ),
        ("tasks: [{id: a, title: x, accept: [3]}]", "task 'a'"),
        ("tasks: []", "'tasks' is empty"),
        ('tasks: [{id: a, title: "x\\ny"}]', "task 'a': 'title' must be one line"),
        ("branch: -f\ntasks: [{id: a, title: x}]", "git takes no branch called '-f'"),
        ("a: &x 1\nb: *x", "anchors"),
        ("goal: a\ngoal: b", "given twice in line 2"),
        ("goal: a: b", "cannot be read in line 1"),
        ("[" * 30, "nested too deeply"),
        ("goal: \x07", "cannot be read"),
    ],
)
def test_what_is_no_plan_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(text.encode(), "p")
    assert says in str(refused.value)


def test_the_files_name_is_the_plans_unless_it_says() -> None:
    text = b"tasks: [{id: a, title: x, lane: reading}]"
    assert parse(text, name_of("add-voice.plan.yaml")).plan == "add-voice"
    assert parse(b"plan: other\n" + text, "add-voice").plan == "other"
    assert name_of("Add Voice.plan.yaml") is None
    with pytest.raises(Refusal, match="'plan' is missing"):
        parse(text, None)


def test_the_names_that_workers_may_have() -> None:
    assert [n for n in ("ada", "Ci-2", "a_b", "", "a b", "a/b", ".", "a.b", "-a", "x" * 41) if valid_worker(n)] == [
        "ada",
        "Ci-2",
        "a_b",
    ]


_TAKEN = "main plan/x ä/b-1_2.3 HEAD/a a@b @ a.lock.b"
_REFUSED = r"-f --upload-pack=x a..b x.lock x.lock/y @{-1} HEAD a~1 a^ a:b a? a* a[b a\b ../x .x a/.x /a a/ a//b a. -"


@pytest.mark.parametrize("name", [*_TAKEN.split(), *_REFUSED.split(), "", "a b", "a\tb", "a\x7f"])
def test_a_branch_is_one_that_git_takes(name: str) -> None:
    git = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, cwd="/", check=False)
    text = f"branch: {json.dumps(name, ensure_ascii=False)}\ntasks: [{{id: a, title: x, scope: [/a/]}}]"
    try:
        parse(text.encode(), "p")
    except Refusal:
        assert git.returncode, "git takes it"
    else:
        assert git.returncode == 0, git.stderr
