"""Candidates, receipts and texts to test with: plain ones made by hand, and all kinds of them for Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from recursion_gate.core import model, receipt
from recursion_gate.core.settings import Settings
from recursion_gate.core.unseen import without_unseen
from recursion_gate.formats import drops, record_edit

TEXT = "Read chapter 2 of Dragon Guide; summarized migration habits."
SKILLS = ("THINK", "WRITE", "WORK", "STEWARD")

#: What has broken one program or another: signs that mean something to YAML, Markdown, JSON, terminals or file names.
AWKWARD = (
    "---",
    "# heading",
    "- item",
    "<!-- recursion-gate: not the marker -->",
    "```",
    "~",
    "null",
    "yes",
    "1e3",
    "2026-11-24",
    "a: b",
    "*x",
    "&x",
    "!x",
    "|",
    ">",
    "%",
    "@",
    "'",
    '"',
    "\\",
    "[",
    "{}",
    " — ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\x00",
    "\x07",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\xa0",
    "\u200b",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\ufffe",
    "e\u0301",
    "龍の本",
    "עברית",
    "🐉",
    "CON",
    "aux.",
    "../..",
)

_pieces = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=8), st.just(" "))


def texts(least: int = 0, most: int = 8) -> st.SearchStrategy[str]:
    """Any text, with a liking for what has broken programs."""
    return st.lists(_pieces, min_size=least, max_size=most).map("".join)


#: Any text that says something.
said = texts(1).filter(lambda text: bool(record_edit.fold(text)))

_letters = st.characters(min_codepoint=33, max_codepoint=126).filter(str.isalnum)
ids = st.one_of(
    st.builds(lambda ms, tail: f"cand-{ms}-{tail}", st.integers(0, 2**45), st.text("abc129", min_size=7, max_size=7)),
    st.builds(
        lambda first, rest: first + rest,
        _letters,
        st.text(st.one_of(_letters, st.sampled_from("._-")), max_size=127),
    ),
)

#: Names in meta, no two of which look the same.
_names = texts(0, 3).map(without_unseen)

#: Any value that a JSON file can hold and that is kept.
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        texts(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=3)),
    max_leaves=6,
)

_maybe = st.none() | texts()


@st.composite
def candidates(draw: st.DrawFn) -> model.Candidate:
    """Any candidate that a drop can propose."""
    fields = {
        "raw_text": draw(said),
        "id": draw(ids),
        "skill_tag": draw(st.sampled_from(SKILLS)),
        "suggested_ix_section": draw(st.sampled_from(["IX-A", "IX-B", "IX-C", None])),
        "created_at": draw(st.datetimes().filter(lambda t: t.year >= 1000)).isoformat(),
        "source": draw(texts()),
        "link_to_evidence_id": draw(st.none() | ids),
        "meta": draw(st.none() | st.dictionaries(_names, json_values, max_size=2)),
        **{name: draw(_maybe) for name in ("activity_type", "evidence_summary", "source_id", "topic", "score")},
        **{name: draw(_maybe) for name in ("rationale", "excerpt", "url")},
        "confidence": draw(st.none() | st.floats(0, 1)),
        "tags": draw(st.none() | st.lists(st.text("ab é", min_size=1, max_size=9), max_size=3)),
    }
    return propose(fields)


def propose(fields: dict[str, Any]) -> model.Candidate:
    """The candidate that a drop with these fields proposes."""
    data = receipt.canonical({k: v for k, v in fields.items() if v is not None or k == "suggested_ix_section"})
    [proposal] = drops.parse("drop.json", data, 1_764_000_000_000_000_000, Settings())
    return proposal.candidate


def candidate(number: int = 1, **fields: Any) -> model.Candidate:
    """A plain candidate; `number` tells one from another."""
    return propose(
        {
            "id": f"cand-1764000000000-abc{number:04}",
            "raw_text": TEXT,
            "created_at": "2026-11-24T16:30:00Z",
            "source": "quiz",
            "suggested_ix_section": "IX-A",
        }
        | fields
    )


def draft(of: model.Candidate, action: str = "approved") -> dict[str, Any]:
    """A receipt for `of` as `Ledger.append` takes it: all but its place in the chain."""
    approved = action == "approved"
    evidence = model.act_id(of) if approved else None
    lines: dict[str, list[str]] = {}
    if evidence:
        lines = {a.file: [a.line] for a in record_edit.additions(of, evidence, linked=False)}
    return {
        "candidate_id": of.id,
        "action": action,
        "evidence_id": evidence,
        "merged_at": "2026-11-25T08:00:00.000Z" if approved else None,
        "rejected_at": None if approved else "2026-11-25T08:00:00.000Z",
        "via": "folder",
        "by": None,
        "skill_tag": of.skill_tag,
        "suggested_ix_section": of.suggested_ix_section,
        "reason": None,
        "source": of.source,
        "raw_text": of.raw_text,
        "lines": lines,
        "candidate": of.as_json(),
        "approved": None,
        "sha256": "0" * 64,
        "card": "card.md",
        "salt": "0" * 32,
    }
