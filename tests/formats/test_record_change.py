"""Lines taken out, exchanged and put back: each is the exact inverse of what it takes back."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from recursion_gate.formats.record_change import Step, apply, spot_of, standing
from recursion_gate.formats.record_edit import insert, strike

FILE, HEADING = "self-knowledge.md", "Topics / Understanding"
LINE = "- • Read a book. — ACT-2026-11-24-abc"


def digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def records() -> st.SearchStrategy[bytes]:
    lines = st.sampled_from(
        [
            "",
            " ",
            "# Self",
            f"## {HEADING}",
            "## Other",
            "### Sub",
            "---",
            "- • other — ACT-1",
            "text",
            "```",
            "<!-- -->",
        ]
    )
    ends = st.sampled_from(["\n", "\r\n"])
    return st.tuples(st.lists(lines, max_size=8), ends, st.booleans()).map(
        lambda t: (t[1].join(t[0]) + (t[1] if t[2] and t[0] else "")).encode()
    )


@given(records())
def test_what_was_put_in_is_taken_out_byte_for_byte(text: bytes) -> None:
    new, added = insert(text, HEADING, [LINE])
    after, _, gone = apply(new, Step(FILE, tuple(added)), digest)
    assert (after, gone) == (text, added)


@given(records(), records())
def test_what_was_taken_out_goes_back_to_its_place(before: bytes, after: bytes) -> None:
    assume(b"\r" not in before + after or (b"\r" in before and b"\r" in after))
    newline = b"\r\n" if b"\r" in before else b"\n"
    assume(before.endswith(b"\n") or not before)
    assume(before or after)
    text = before + LINE.encode() + newline + after
    spot = spot_of(text, LINE, digest)
    assert spot is not None
    without, _, gone = apply(text, Step(FILE, (LINE,)), digest)
    assert gone == [LINE]
    assert apply(without, Step(FILE, (), LINE, spot), digest)[0] == text


def test_a_line_of_another_entry_stays_when_the_heading_was_made_for_the_first_one() -> None:
    text, added = insert(b"# Self\n", HEADING, [LINE])
    text, _ = insert(text, HEADING, ["- • later — ACT-2"])
    after, _, gone = apply(text, Step(FILE, tuple(added)), digest)
    assert after == f"# Self\n\n## {HEADING}\n- • later — ACT-2\n".encode()
    assert gone == [LINE]


def test_a_line_takes_the_place_of_another() -> None:
    text = f"## {HEADING}\r\n{LINE}\r\n- • later\r\n".encode()
    after, came, gone = apply(text, Step(FILE, (LINE,), "- • new — ACT-2"), digest)
    assert after == f"## {HEADING}\r\n- • new — ACT-2\r\n- • later\r\n".encode()
    assert (came, gone) == (["- • new — ACT-2"], [LINE])


def test_a_line_whose_old_one_a_person_has_taken_out_goes_to_the_end_of_its_section() -> None:
    text = f"## {HEADING}\n- a\n\n## Other\n".encode()
    after, came, gone = apply(text, Step(FILE, (LINE,), "- • new — ACT-2"), digest)
    assert after == f"## {HEADING}\n- a\n- • new — ACT-2\n\n## Other\n".encode()
    assert (came, gone) == (["- • new — ACT-2"], [])


def test_a_line_goes_back_near_its_place_where_the_line_before_it_stands_twice() -> None:
    text = f"## {HEADING}\n- same\n- x\n- same\n{LINE}\n- y\n".encode()
    spot = spot_of(text, LINE, digest)
    assert spot is not None
    without = text.replace(f"{LINE}\n".encode(), b"").replace(b"- x\n", b"- by hand\n- x\n")
    back = apply(without, Step(FILE, (), LINE, spot), digest)[0]
    assert back.index(b"- same\n- \xe2\x80\xa2 Read") > 0


def test_a_line_goes_to_the_end_of_its_section_where_the_line_before_it_is_gone() -> None:
    spot = spot_of(f"## {HEADING}\n- gone\n{LINE}\n".encode(), LINE, digest)
    assert spot is not None
    back = apply(f"## {HEADING}\n- a\n\n## Other\n".encode(), Step(FILE, (), LINE, spot), digest)[0]
    assert back == f"## {HEADING}\n- a\n{LINE}\n\n## Other\n".encode()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{LINE}\n", LINE),
        ("- • Read two books! — ACT-2026-11-24-abc\n", "- • Read two books! — ACT-2026-11-24-abc"),
        ("* Read it (ACT-2026-11-24-abc).\r\n", "* Read it (ACT-2026-11-24-abc)."),
        ("- • linked — ACT-2026-11-24-abc\n", None),
        ("- • other — ACT-2026-11-24-abcd\n", None),
        ("ACT-2026-11-24-abc\n", None),
    ],
)
def test_a_line_is_known_again_by_its_id_where_a_person_has_edited_it(text: str, found: str | None) -> None:
    others = {"- • linked — ACT-2026-11-24-abc"}
    assert standing(text.encode(), FILE, LINE, "ACT-2026-11-24-abc", others) == found


def test_an_edited_evidence_line_is_known_by_the_id_at_its_start() -> None:
    text = "- ACT-1-b — other\n- ACT-1 — by hand — 2026-11-24 — THINK\n"
    assert standing(text.encode(), "self-evidence.md", "- ACT-1 — x", "ACT-1", ()) == text.split("\n")[1]


@pytest.mark.parametrize(
    ("line", "struck"),
    [
        ("- ACT-1 — Read. — 2026-11-24 — THINK", "- ACT-1 — ~~Read.~~ (why) — 2026-11-24 — THINK"),
        ("- ACT-1 — a — b — 2026-11-24 — WORK", "- ACT-1 — ~~a — b~~ (why) — 2026-11-24 — WORK"),
        ("* ACT-1 — by hand", "* ACT-1 — ~~by hand~~ (why)"),
        ("- ACT-1", "- ACT-1~~~~ (why)"),
    ],
)
def test_an_evidence_line_is_struck(line: str, struck: str) -> None:
    assert strike(line, "why") == struck
