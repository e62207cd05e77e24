"""The engine's decisions, as tables: observations in, actions out, without a disk."""

from __future__ import annotations

import ast
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from recursion_gate.core import entry
from recursion_gate.core.errors import Refusal
from recursion_gate.core.model import Candidate, act_id, id_hash
from recursion_gate.core.receipt import Receipt
from recursion_gate.core.settings import Settings
from recursion_gate.disk.untrusted import Mark, Seen
from recursion_gate.engine import decide, links
from recursion_gate.engine.actions import (
    Action,
    Approve,
    Decision,
    Discard,
    FileCard,
    Refuse,
    Reject,
    RestoreName,
    ReturnWithNote,
    Stage,
    Wait,
)
from recursion_gate.engine.observations import Card, Drop, EntryCards, Leftover, Preview, Strange, Torn, Unreadable
from recursion_gate.formats import cards, record_edit
from recursion_gate.formats.cards import Verdict
from recursion_gate.formats.drops import Proposal

ENGINE = Path(decide.__file__).parent
MARK: Mark = (1, 2, 3, 4)
SETTINGS = Settings()


def candidate(candidate_id: str, text: str = "Looked at the moon.", **fields: Any) -> Candidate:
    given = {"skill_tag": "THINK", "suggested_ix_section": "IX-A", "mind_category": "knowledge"}
    when = "2026-11-24T16:30:00Z"
    return Candidate.model_validate(
        {"id": candidate_id, "raw_text": text, "created_at": when, "source": None, **given, **fields}
    )


def receipt(of: Candidate, action: Literal["approved", "rejected"] = "approved") -> Receipt:
    at = {"merged_at" if action == "approved" else "rejected_at": "2026-11-20T10:00:00.000Z"}
    evidence = act_id(of) if action == "approved" else None
    return Receipt.model_validate(
        {
            "seq": 1,
            "candidate_id": of.id,
            "action": action,
            "via": "folder",
            "raw_text": of.raw_text,
            **at,
            "skill_tag": of.skill_tag,
            "suggested_ix_section": of.suggested_ix_section,
            "evidence_id": evidence,
            "lines": {},
            "candidate": of.as_json(),
            "sha256": "",
            "salt": "0" * 32,
            "card": "a.md",
            "prev_hash": "",
            "hash": "",
        }
    )


class Known:
    """What is known of candidates, for `decide` and `links`."""

    def __init__(self, *waiting: Candidate, decided: tuple[Receipt, ...] = (), lost: tuple[str, ...] = ()) -> None:
        self._waiting = {c.id: c for c in waiting}
        self._decided = {r.candidate_id: r for r in decided}
        self._lost = lost

    def candidate(self, candidate_id: str) -> Candidate | None:
        return self._waiting.get(candidate_id)

    def receipt(self, candidate_id: str) -> Receipt | None:
        return self._decided.get(candidate_id)

    def as_staged(self, receipt: Receipt) -> Candidate:
        return Candidate.model_validate(receipt.candidate)

    def twin(self, candidate_id: str) -> str | None:
        there = [i for i in self._waiting if i != candidate_id and id_hash(i) == id_hash(candidate_id)]
        return there[0] if there else None

    def last_receipt(self, candidate_id: str) -> Receipt | None:
        return self._decided.get(candidate_id)

    def entry(self, named: str) -> entry.Entry | None:
        own = next((r for r in self._decided.values() if named in (r.candidate_id, r.evidence_id)), None)
        others = [r for r in self._decided.values() if r is not own]
        return entry.entry_of(named, own, others)

    def last_about(self, named: str) -> Receipt | None:
        return next((r for r in self._decided.values() if named in (r.candidate_id, r.evidence_id)), None)

    def linked(self, receipt: Receipt) -> list[Receipt]:
        found = entry.entry_of(receipt.candidate_id, receipt, self._decided.values())
        return found.linked if found else []

    def waits_as(self, named: str) -> str | None:
        return named if named in self._waiting else None

    def was_lost(self, candidate_id: str) -> bool:
        return candidate_id in self._lost


# -- drops ------------------------------------------------------------------------------------------------------------


def drop(*made: Candidate, path: str = "a.json") -> Drop:
    return Drop(path, MARK, 100, tuple(Proposal(c, frozenset({"id", "raw_text"})) for c in made))


def told(action: Action) -> str:
    """An action in a few words."""
    if isinstance(action, Stage):
        new, known = [c.id for c, _ in action.candidates], [f"{i} {was}" for i, was in action.known]
        return f"stage {new} known {known}" + " at once" * action.at_once
    assert isinstance(action, Refuse)
    return f"refuse {action.path}: {action.refusal.problem}"


A, B, OTHER = candidate("a"), candidate("b"), candidate("a", "Another text.")


@pytest.mark.parametrize(
    ("drops", "known", "expected"),
    [
        ([drop(A)], Known(), ["stage ['a'] known []"]),
        ([drop(A, B)], Known(), ["stage ['a', 'b'] known []"]),
        ([drop(A)], Known(A), ["stage [] known ['a None'] at once"]),
        ([drop(A, B)], Known(A), ["stage ['b'] known ['a None']"]),
        ([drop(A), drop(A)], Known(), ["stage ['a'] known []", "stage [] known ['a None'] at once"]),
        ([drop(A)], Known(decided=(receipt(A),)), ["stage [] known ['a approved'] at once"]),
        (
            [drop(OTHER)],
            Known(A),
            ["refuse a.json: the id 'a' is taken: another candidate with it waits at the gate"],
        ),
        (
            [drop(A), drop(OTHER, path="b.json")],
            Known(),
            [
                "stage ['a'] known []",
                "refuse b.json: the id 'a' is taken: another candidate with it waits at the gate",
            ],
        ),
        (
            [drop(OTHER)],
            Known(decided=(receipt(A, "rejected"),)),
            ["refuse a.json: the id 'a' is taken: a candidate with it was rejected on 2026-11-20"],
        ),
        ([drop(B, OTHER), drop(B, path="b.json")], Known(A), ["stage ['b'] known []", "refuse a.json"]),
        (
            [drop(A)],
            Known(lost=("a",)),
            ["refuse a.json: 'a' was approved: the Record shows it, but the receipts do not"],
        ),
        (
            [drop(candidate("a", link_to_evidence_id="a"))],
            Known(),
            ["refuse a.json: link_to_evidence_id names the candidate itself"],
        ),
        ([Drop("x.bin", MARK, 9, refusal=Refusal("not a drop"))], Known(), ["refuse x.bin: not a drop"]),
    ],
)
def test_each_drop_is_staged_as_a_whole_or_refused(drops: list[Drop], known: Known, expected: list[str]) -> None:
    actions = [told(action) for action in decide.drops(drops, known, SETTINGS)]
    assert len(actions) == len(expected)
    assert all(action.startswith(start) for action, start in zip(actions, expected, strict=True)), actions


def test_two_ids_of_one_act_id_are_not_both_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "id_hash", lambda i: i[:1])
    one, two = candidate("one"), candidate("other")
    actions = decide.drops([drop(one), drop(two, path="b.json")], Known(), SETTINGS)
    assert [type(action) for action in actions] == [Stage, Refuse]
    assert "gives the same ACT id as 'one'" in told(actions[1])


@pytest.mark.parametrize(
    ("settings", "waiting", "size", "problem"),
    [
        (replace(SETTINGS, max_pending=3), 2, 0, None),
        (replace(SETTINGS, max_pending=3), 3, 0, "the gate is full: 3 candidates wait"),
        (replace(SETTINGS, max_gate_bytes=500), 2, 499, None),
        (replace(SETTINGS, max_gate_bytes=500), 2, 500, "the gate is full: its file may have 500 bytes"),
    ],
)
def test_a_full_gate_takes_no_more(settings: Settings, waiting: int, size: int, problem: str | None) -> None:
    first, *more = decide.drops([drop(A), drop(B, path="b.json")], Known(), settings, waiting=waiting, size=size)
    assert told(first).startswith(f"refuse a.json: {problem}" if problem else "stage ['a']")
    assert told(more[0]).startswith("refuse b.json: the gate is full")


def test_what_is_known_is_taken_away_from_a_full_gate_too() -> None:
    [action] = decide.drops([drop(A)], Known(A), replace(SETTINGS, max_gate_bytes=500), waiting=1, size=900)
    assert told(action) == "stage [] known ['a None'] at once"


# -- cards ------------------------------------------------------------------------------------------------------------


def seen(data: bytes = b"card", ctime: int = 0) -> Seen:
    return Seen(data, os.stat_result((0o100644, 1, 1, 1, 0, 0, len(data), 0, 0, 0), {"st_ctime_ns": ctime}), False)


def card(
    of: Candidate,
    folder: Literal["approved", "rejected"] = "approved",
    at: int = 1,
    *,
    name: str = "",
    edited: Candidate | None = None,
    below: bool = False,
) -> Card:
    verdict = Verdict(edited or of, edited is not None, None, None)
    verdict.below = below
    return Card(f"{folder}/{name or of.id + '.md'}", folder, seen(ctime=at), verdict, of)


_MOON, _SUN = candidate("a", "The moon."), candidate("a", "The sun.")
_ASIDE = ".recursion-gate.0.a.md"


@pytest.mark.parametrize(
    ("these", "note", "expected"),
    [
        ((card(A),), None, "decide"),
        ((card(A, "rejected"),), None, "decide"),
        ((card(A), card(A, name="copy.md")), None, "decide"),
        ((card(A), card(A, "rejected")), None, "this card was in approved/ and in rejected/ at once"),
        ((card(A, edited=_MOON), card(A, edited=_SUN, name="b.md")), None, "there were two cards of this entry"),
        ((card(A, edited=_MOON), card(A, edited=_MOON, name="b.md")), None, "decide"),
        ((card(A, "rejected", edited=_MOON), card(A, "rejected", edited=_SUN, name="b.md")), None, "decide"),
        ((card(A, below=True),), None, "something was typed or changed below the line"),
        ((card(A, at=5),), ("it was cut short", 9), "it was cut short"),
        ((card(A, at=9),), ("it was cut short", 5), "decide"),
        ((card(A, at=9, name=_ASIDE),), ("it was cut short", 5), "it was cut short"),
        ((card(A, name=_ASIDE),), None, f"restore approved/{_ASIDE}"),
    ],
)
def test_the_cards_of_one_entry_make_one_decision_or_go_back(
    these: tuple[Card, ...], note: tuple[str, int] | None, expected: str
) -> None:
    action = decide.entry(EntryCards(A, these, note))
    if isinstance(action, Decision):
        assert expected == "decide"
        assert action.cards == these
    elif isinstance(action, ReturnWithNote):
        assert action.note.startswith(expected)
        assert action.cards == these
    else:
        assert action == [RestoreName(expected.removeprefix("restore "))]


def test_a_card_of_a_decided_entry_is_filed_removed_or_answered() -> None:
    done = receipt(A)
    very, copy, edited, late = (
        Leftover("approved/a.md", seen(), done, is_very_card=first, is_edited=second, came_since=third)
        for first, second, third in (
            (True, False, False),
            (False, False, False),
            (False, True, False),
            (True, False, True),
        )
    )
    assert list(decide.odd([very, copy])) == [
        FileCard("approved/a.md", very.seen, done),
        Discard("approved/a.md", copy.seen.mark, "it is approved"),
    ]
    for action in decide.odd([edited, late]):
        assert isinstance(action, Refuse)
        assert not action.record_too, "something of it is in the Record"
        assert f"it was approved on 2026-11-20 as {done.evidence_id}, before this card came" in action.refusal.problem


def test_what_is_no_decision_is_refused_with_what_to_do() -> None:
    torn, strange, broken, again = decide.odd(
        [
            Torn("pending/a.md", MARK),
            Strange("approved/a.md", MARK, "agents can write this file"),
            Unreadable("rejected/a.md", MARK, "rejected", Refusal("skill_tag is missing", "Add it.")),
            Unreadable("approved/a.md", MARK, "approved", Refusal("skill_tag is missing")),
        ]
    )
    assert torn == Discard("pending/a.md", MARK, "it is torn")
    assert isinstance(strange, Refuse)
    assert strange.refusal.problem.startswith("agents can write this file, so neither")
    assert isinstance(broken, Refuse)
    assert broken.refusal.remedy.startswith("Add it. Edit the clean card in pending/")
    assert "move it into rejected/ again" in broken.refusal.remedy
    assert isinstance(again, Refuse)
    assert "move it into approved/ again" in again.refusal.remedy


def test_a_card_is_renewed_only_where_it_shows_what_is_no_longer_so_and_nobody_has_typed_there() -> None:
    linked = candidate("b", link_to_evidence_id="a")
    before = record_edit.additions(linked, "ACT-2026-11-24-aaaaaaaaaa", linked=True)
    after = record_edit.additions(linked, "ACT-2026-11-24-bbbbbbbbbb", linked=True)
    data = cards.render(linked, before)
    assert decide.renew(Preview("b.md", data, linked), lambda _: [before], SETTINGS) is None
    renewed = decide.renew(Preview("b.md", data, linked), lambda _: [after], SETTINGS)
    assert renewed is not None
    assert (renewed.was, renewed.now) == (data, cards.render(linked, after))
    assert decide.renew(Preview("b.md", data + b"    typed below", linked), lambda _: [after], SETTINGS) is None
    assert decide.renew(Preview("b.md", b"no card", linked), lambda _: [after], SETTINGS) is None


def test_a_card_that_shows_lines_that_no_longer_go_is_renewed() -> None:
    correction = candidate("b", supersedes="ACT-2026-11-24-aaaaaaaaaaaaaaaa")
    line = "- • Slept. — ACT-2026-11-24-aaaaaaaaaaaaaaaa"
    old = {"self-skill-think.md": (line, line)}
    before = record_edit.changes(correction, "ACT-2026-11-24-bbbbbbbbbbbbbbbb", old, linked=False)
    after = record_edit.changes(correction, "ACT-2026-11-24-bbbbbbbbbbbbbbbb", {}, linked=False)
    data = cards.render(correction, before)
    assert line.encode() in data
    renewed = decide.renew(Preview("b.md", data, correction), lambda _: [after, before], SETTINGS)
    assert renewed is not None
    assert renewed.now == cards.render(correction, after)


# -- order and links --------------------------------------------------------------------------------------------------


def decision(
    name: str, link: str | None = None, at: int = 1, folder: Literal["approved", "rejected"] = "approved"
) -> Decision:
    made = candidate(name, link_to_evidence_id=link)
    return Decision(made, (card(made, folder, at),))


def walk(decisions: list[Decision], known: Known | None = None, evidence: str = "", left: int = 0) -> list[str]:
    """What becomes of the decisions, in order; all but the last `left` are looked at."""
    order = links.Order(decisions, known or Known(), lambda link: link == evidence, "2026-11-25")
    found = []
    for action in order:
        if isinstance(action, Approve | Reject):
            order.place(action)
            name = action.decision.staged.id
            linked = f" -> {action.linked_to}" if isinstance(action, Approve) and action.linked_to else ""
            found.append(("approve " if isinstance(action, Approve) else "reject ") + name + linked)
        elif isinstance(action, Wait):
            found.append(f"{action.candidate_id} {action.why}")
        else:
            found.append(f"return {action.staged.id}: {action.note}")
        if order.left == left:
            break
    return found


_ACT = act_id(candidate("a"))
_TAKE_OUT = "; take the line link_to_evidence_id out, or change it"


@pytest.mark.parametrize(
    ("decisions", "known", "expected"),
    [
        ([decision("a", at=2), decision("b", at=1)], Known(), ["approve b", "approve a"]),
        ([decision("b", at=1), decision("a", at=1)], Known(), ["approve a", "approve b"]),
        ([decision("b", "a", at=1), decision("a", at=2)], Known(), ["approve a", f"approve b -> {_ACT}"]),
        (
            [decision("c", "b", at=1), decision("b", "a", at=2), decision("a", at=3)],
            Known(),
            ["approve a", f"approve b -> {_ACT}", f"approve c -> {_ACT}"],
        ),
        (
            [decision("b", "a", at=1), decision("a", at=2, folder="rejected")],
            Known(),
            ["reject a", f"return b: the entry it links to (a) was rejected on 2026-11-25{_TAKE_OUT}"],
        ),
        ([decision("b", "a", folder="rejected")], Known(), ["reject b"]),
        ([decision("b", "a")], Known(A), ["b waits until a is decided"]),
        ([decision("b", "a")], Known(decided=(receipt(A),)), [f"approve b -> {_ACT}"]),
        (
            [decision("b", "a")],
            Known(decided=(receipt(A, "rejected"),)),
            [f"return b: the entry it links to (a) was rejected on 2026-11-20{_TAKE_OUT}"],
        ),
        ([decision("b", "ACT-old")], Known(), ["approve b -> ACT-old"]),
        ([decision("b", "x")], Known(), [f"return b: there is no entry x to link to{_TAKE_OUT}"]),
        (
            [decision("a", "b"), decision("b", "a")],
            Known(),
            [f"return {i}: link_to_evidence_id: these entries link in a circle" for i in "ba"],
        ),
    ],
)
def test_linked_decisions_follow_what_they_link_to(
    decisions: list[Decision], known: Known, expected: list[str]
) -> None:
    assert sorted(walk(decisions, known, "ACT-old")) == sorted(expected)
    if "circle" not in expected[0]:
        assert walk(decisions, known, "ACT-old") == expected


def test_wherever_a_turn_ends_the_order_is_the_same() -> None:
    decisions = [decision(f"n{i}", f"n{i + 1}" if i % 3 else None, at=i * 7 % 5) for i in range(12)]
    whole = walk(decisions)
    for left in range(12):
        assert walk(decisions, left=left) == whole[: 12 - left]


def test_a_decision_that_is_not_carried_out_holds_up_those_that_link_to_it() -> None:
    decisions = [decision("b", "a", at=1), decision("a", at=2)]
    order = links.Order(decisions, Known(A), lambda link: False, "2026-11-25")
    assert [type(action) for action in order] == [Approve, Wait]  # none was placed


def test_a_linked_card_must_show_what_is_merged() -> None:
    linked = candidate("b", link_to_evidence_id="a")
    lines = record_edit.additions(linked, _ACT, linked=True)
    as_shown = Card(
        "approved/b.md", "approved", seen(cards.render(linked, lines)), Verdict(linked, False, None, None), linked
    )
    decision = Decision(linked, (as_shown,))
    assert links.shows_what_it_adds(Approve(decision, _ACT), lambda _: lines)
    assert not links.shows_what_it_adds(Approve(decision, "ACT-2026-01-01-cccccccccc"), lambda _: lines)


def test_a_change_reaches_all_who_link_to_it_and_ends_in_a_circle() -> None:
    linked = {"b": "a", "c": "b", "d": "x", "e": "f", "f": "e"}
    assert links.linked_to_any({"a"}, linked) == {"b", "c"}
    assert links.linked_to_any({"e"}, linked) == {"f", "e"}
    assert links.linked_to_any({"c"}, linked) == set()
    assert links.linked_to_any({"a"}, linked, {"c": "d", "d": "a"}) == {"b", "c", "d"}


# -- the way down -----------------------------------------------------------------------------------------------------


def _imported(module: str) -> set[str]:
    """The modules of the package that a module of the engine imports, as ``package/module`` or ``module``."""
    found = set()
    for node in ast.walk(ast.parse((ENGINE / f"{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (node.module or "").replace(".", "/")
            found |= {f"{base}/{a.name}".strip("/") for a in node.names} if "/" not in base else {base}
            found |= {base} - {""}
    return found


def test_decisions_import_nothing_that_reads_or_writes() -> None:
    for module in ("decide", "links", "actions", "observations"):
        for name in _imported(module):
            pure = name.split("/")[0] in ("core", "formats", "actions", "observations")
            assert pure or name.startswith("disk/untrusted"), f"{module} imports {name}"
        assert not {"disk/aside", "disk/atomic"} & _imported(module)


def test_only_what_applies_actions_or_finishes_them_writes() -> None:
    writing = {"disk/aside", "disk/atomic", "disk/deliver", "disk/hand_over"}
    writers = {path.stem for path in ENGINE.glob("*.py") if _imported(path.stem) & writing}
    # `reconcile` syncs the root's disk before the first turn, `settle` saves for `once` what rests.
    those = {"apply", "merge", "record_files", "refuse", "filing", "forget", "recover", "reconcile", "settle"}
    assert writers == those
