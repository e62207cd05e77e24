"""Every way to tamper with receipts and Record is found by `verify` (docs/verify.md)."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recursion_gate.audit.anchors import Anchor, head
from recursion_gate.audit.claims import claims
from recursion_gate.core import model
from recursion_gate.core.paths import Root
from recursion_gate.core.receipt import chain_hash
from recursion_gate.formats.record_parse import parse

from ..support.audited import SEED, codes, copy, faults, look
from ..support.roots import make_root
from ..support.world import World


def ledger_lines(world: World) -> list[bytes]:
    return world.place.ledger.read_bytes().splitlines(keepends=True)


def write_ledger(world: World, lines: list[bytes]) -> None:
    world.place.ledger.write_bytes(b"".join(lines))


def as_line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def change(line: bytes, **fields: Any) -> bytes:
    """The receipt with other values, its hash as it was."""
    return as_line({**json.loads(line), **fields})


def forge(line: bytes, **fields: Any) -> bytes:
    """The receipt with other values, and a hash that fits them."""
    made = {**json.loads(line), **fields}
    return as_line({**made, "hash": chain_hash(made)})


def chain_anew(lines: list[bytes], start: str) -> list[bytes]:
    """The receipts numbered and linked again, all hashes fitting: what one who knows the format can do."""
    made, before = [], start
    for number, line in enumerate(lines, 1):
        made.append(forge(line, seq=number, prev_hash=before))
        before = json.loads(made[-1])["hash"]
    return made


# -- receipts -------------------------------------------------------------------------------------------------------

TAMPERINGS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "a word changed": (lambda ls: [*ls[:2], change(ls[2], raw_text="Took no quiz."), *ls[3:]], "receipt-changed"),
    "who decided changed": (lambda ls: [change(ls[0], by="mallory"), *ls[1:]], "receipt-changed"),
    "an action turned round": (lambda ls: [*ls[:4], change(ls[4], action="approved"), *ls[5:]], "receipt-changed"),
    "the number changed": (lambda ls: [*ls[:2], change(ls[2], seq=9), *ls[3:]], "receipt-changed"),
    "the hash changed": (lambda ls: [*ls[:2], change(ls[2], hash="f" * 64), *ls[3:]], "receipt-changed"),
    "changed, with a hash that fits": (lambda ls: [*ls[:2], forge(ls[2], reason="so"), *ls[3:]], "chain-broken"),
    "a field more": (lambda ls: [*ls[:2], forge(ls[2], note="x"), *ls[3:]], "receipt-unreadable"),
    "the first removed": (lambda ls: ls[1:], "receipts-missing"),
    "one removed": (lambda ls: [*ls[:3], *ls[4:]], "receipts-missing"),
    "several removed": (lambda ls: [*ls[:3], *ls[6:]], "receipts-missing"),
    "two exchanged": (lambda ls: [*ls[:3], ls[4], ls[3], *ls[5:]], "receipt-out-of-order"),
    "one put in twice": (lambda ls: [*ls[:3], ls[2], *ls[3:]], "receipt-out-of-order"),
    "one put in": (lambda ls: [*ls[:3], forge(ls[2], candidate_id="x"), *ls[3:]], "receipt-out-of-order"),
    "a decision replayed at the end": (
        lambda ls: [*ls, forge(ls[1], seq=9, prev_hash=json.loads(ls[-1])["hash"])],
        "decided-twice",
    ),
    "all appended again": (lambda ls: [*ls, *ls], "receipt-out-of-order"),
    "turned upside down": (lambda ls: ls[::-1], "receipts-missing"),
    "the last approval cut off": (lambda ls: ls[:6], "line-without-receipt"),
    "the last rejection cut off": (lambda ls: ls[:7], "card-without-receipt"),
    "the last rejection cut in the middle": (lambda ls: [*ls[:7], ls[7][:200]], "receipts-cut"),
    "the last line end cut off": (lambda ls: [*ls[:7], ls[7][:-1]], "receipts-cut"),
    "all cut off": (lambda ls: [], "line-without-receipt"),
    "a blank line put in": (lambda ls: [*ls[:3], b"\n", *ls[3:]], "receipt-unreadable"),
    "a blank line at the end": (lambda ls: [*ls, b"\n"], "receipt-unreadable"),
    "rubbish at the end": (lambda ls: [*ls, b"\x00\xff rubbish"], "receipts-cut"),
    "a space put in": (lambda ls: [*ls[:2], ls[2].replace(b'","', b'", "', 1), *ls[3:]], "receipt-rewritten"),
    "fields in another order": (
        lambda ls: [*ls[:2], as_line(dict(reversed(json.loads(ls[2]).items()))), *ls[3:]],
        "receipt-rewritten",
    ),
    "letters escaped": (
        lambda ls: [*ls[:2], json.dumps(json.loads(ls[2]), separators=(",", ":")).encode() + b"\n", *ls[3:]],
        "receipt-rewritten",
    ),
    "line ends of another system": (lambda ls: [line.replace(b"\n", b"\r\n") for line in ls], "receipt-rewritten"),
    "a byte order mark": (lambda ls: [b"\xef\xbb\xbf" + ls[0], *ls[1:]], "receipt-unreadable"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampering_with_the_receipts_is_found(world: World, name: str) -> None:
    tamper, code = TAMPERINGS[name]
    before = ledger_lines(world)
    after = tamper(before)
    assert after != before
    write_ledger(world, after)
    assert code in faults(look(world))


@pytest.mark.parametrize("fields", [{"reason": "never said"}, {"hash": "f" * 64}, {"prev_hash": "f" * 64}])
def test_a_changed_receipt_is_named_by_its_line_and_is_the_only_fault(world: World, fields: dict[str, Any]) -> None:
    lines = ledger_lines(world)
    write_ledger(world, [*lines[:4], change(lines[4], **fields), *lines[5:]])
    (finding,) = look(world).findings
    assert (finding.code, finding.where) == ("receipt-changed", "receipts/alex/merge-receipts.jsonl:5")


def test_each_of_1000_random_changes_of_one_byte_is_found(world: World) -> None:
    data = world.place.ledger.read_bytes()
    choose = random.Random(20261124)
    missed = []
    for _ in range(1000):
        at, byte = choose.randrange(len(data)), choose.randrange(256)
        if data[at] == byte:
            byte ^= 1 << choose.randrange(8)
        world.place.ledger.write_bytes(data[:at] + bytes([byte]) + data[at + 1 :])
        if look(world).holds:
            missed.append((at, byte))
    assert missed == []


def test_each_byte_taken_out_or_put_in_is_found(world: World) -> None:
    data = world.place.ledger.read_bytes()
    choose = random.Random(7)
    missed = []
    for _ in range(300):
        at = choose.randrange(len(data))
        for spoilt in (data[:at] + data[at + 1 :], data[:at] + bytes([choose.randrange(256)]) + data[at:]):
            world.place.ledger.write_bytes(spoilt)
            if look(world).holds:
                missed.append(at)
    assert missed == []


def test_the_last_byte_changed_to_anything_else_is_found(world: World) -> None:
    data = world.place.ledger.read_bytes()
    for byte in set(range(256)) - {data[-1]}:
        world.place.ledger.write_bytes(data[:-1] + bytes([byte]))
        assert not look(world).holds, byte


def test_a_file_cut_anywhere_is_found(world: World) -> None:
    data = world.place.ledger.read_bytes()
    for size in range(0, len(data), 41):
        world.place.ledger.write_bytes(data[:size])
        assert not look(world).holds, size


# -- a forger who computes all hashes anew ----------------------------------------------------------------------------

CLAIMS: dict[str, dict[str, Any]] = {
    "a line that was never approved": {"lines": {"self-evidence.md": ["- Owns the moon."]}},
    "no lines for an approval": {"lines": {}},
    "another evidence id": {"evidence_id": "ACT-2026-11-24-forged0000"},
    "another text than its candidate's": {"raw_text": "Owns the moon."},
    "another section than its candidate's": {"suggested_ix_section": "IX-C"},
    "another candidate": {"candidate_id": "other"},
    "a candidate that is none": {"candidate": {"id": "read"}},
    "a rejection with an approval's time": {"action": "rejected"},
    "no time": {"merged_at": None},
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_chain_made_anew_around_a_receipt_that_contradicts_itself_is_found(world: World, name: str) -> None:
    lines = ledger_lines(world)
    start = json.loads(lines[0])["prev_hash"]
    write_ledger(world, chain_anew([forge(lines[0], **CLAIMS[name]), *lines[1:]], start))
    assert "receipt-inconsistent" in faults(look(world))


def test_a_chain_made_anew_that_fits_in_itself_is_found_by_a_head_kept_elsewhere(world: World) -> None:
    kept = head(world.place)
    lines = ledger_lines(world)
    start = json.loads(lines[0])["prev_hash"]
    write_ledger(world, chain_anew([*lines[:4], forge(lines[4], reason="never said"), *lines[5:]], start))
    assert look(world).holds  # the files alone cannot tell
    proof = look(world, kept)
    assert faults(proof) == ["head-missing"]
    assert "receipt 8 is not the one that was noted" in proof.findings[0].problem


def test_a_tail_cut_off_with_all_it_left_is_found_by_a_head_kept_elsewhere(world: World) -> None:
    kept = head(world.place)
    write_ledger(world, ledger_lines(world)[:7])
    for card in world.place.receipts.glob("*-*/*threw-it-away*"):
        card.unlink()
    assert look(world).holds
    proof = look(world, kept)
    assert faults(proof) == ["head-missing"]
    assert "receipt 8 is gone: the chain ends at 7" in proof.findings[0].problem


def test_a_head_of_long_ago_is_still_in_a_chain_that_has_grown(world: World) -> None:
    kept = head(world.place)
    world.approve("waits-1")
    assert look(world, kept, Anchor(kept.hash), Anchor(head(world.place).hash, "alex")).findings == []


def test_a_head_of_nobody_is_not_found(world: World) -> None:
    assert faults(look(world, Anchor("e" * 64))) == ["head-missing"]
    assert faults(look(world, Anchor("e" * 64, "alex"))) == ["head-missing"]
    assert faults(look(world, Anchor("e" * 64, "nobody", 4))) == ["head-missing"]


# -- what stands beside the receipts ----------------------------------------------------------------------------------


def test_a_changed_baseline_is_found(world: World) -> None:
    forged = "- ACT-2026-11-24-forged0000 — Owns the moon. — 2026-11-24 — THINK"
    evidence = world.place.home / "self-evidence.md"
    evidence.write_text(evidence.read_text().replace(SEED, f"{SEED}\n{forged}"))
    world.place.baseline.write_text(world.place.baseline.read_text().replace(SEED, f"{SEED}\\n{forged}"))
    assert faults(look(world)) == ["baseline-changed"]


def test_a_missing_baseline_is_found(world: World) -> None:
    world.place.baseline.unlink()
    assert faults(look(world)) == ["baseline-missing"]


def test_receipts_of_another_user_are_found(world: World, whole: Root, tmp_path: Path) -> None:
    other = copy(whole, tmp_path / "other")
    other.approve("waits-1")
    world.place.ledger.unlink()
    world.place.ledger.symlink_to(other.place.ledger)
    assert faults(look(world)) == ["unreadable"]


def test_a_card_filed_as_decided_that_no_receipt_knows_is_found(world: World) -> None:
    month = next(world.place.receipts.glob("2*-*"))
    card = world.card("waits-1")
    (month / card.name).write_bytes(card.read_bytes())
    assert faults(look(world)) == ["card-without-receipt"]


# -- the Record -------------------------------------------------------------------------------------------------------

FORGED = {
    "self-evidence.md": "- ACT-2026-11-24-forged0000 — Owns the moon. — 2026-11-24 — THINK",
    "self-knowledge.md": "- • Owns the moon. — ACT-2026-11-24-forged0000",
    "self-skill-work.md": "* Owns the moon (ACT-2026-11-24-forged0000).",
    "self-personality.md": "  1. Owns the moon - ACT-2026-11-24-forged0000",
    "self-curiosity.md": "| ACT-2026-11-24-forged0000 | Owns the moon |",
    "self.md": "- **ACT-2026-11-24-forged0000** Owns the moon",
}


@pytest.mark.parametrize("file", FORGED)
def test_a_line_that_looks_approved_and_has_no_receipt_is_found(world: World, file: str) -> None:
    path = world.place.home / file
    path.write_bytes(path.read_bytes() + FORGED[file].encode() + b"\n")
    (finding,) = look(world).findings
    assert (finding.severity, finding.code) == ("fault", "line-without-receipt")
    assert finding.where == f"users/alex/{file}:{len(path.read_bytes().splitlines())}"
    assert "Owns the moon" in finding.problem


FORMS = {
    "over two lines": "- • Owns Mars\n  truly — ACT-2026-11-24-forged0000",
    "over two lines, not indented": "- Owns Mars\ntruly — ACT-2026-11-24-forged0000",
    "over three lines": "- Owns Mars,\nas all\nknow (ACT-2026-11-24-forged0000)",
    "evidence over two lines": "- ACT-2026-11-24-forged0000 — Owns\n  Mars — 2026-11-24 — THINK",
    "in a quotation": "> - • Owns Mars — ACT-2026-11-24-forged0000",
    "in a quotation below an item": "- Owns Mars\n> so — ACT-2026-11-24-forged0000",
    "in code": "```\n- • Owns Mars — ACT-2026-11-24-forged0000\n```",
    "in a comment": "<!--\n- • Owns Mars — ACT-2026-11-24-forged0000\n-->",
    "a sign of no width behind the id": "- • Owns Mars — ACT-2026-11-24-forged0000\u200b",
    "a sign of no width in the id": "- • Owns Mars — AC\u2060T-2026-11-24-forged0000",
    "a letter that nobody sees behind the id": "- • Owns Mars — ACT-2026-11-24-forged0000\u3164",
    "a mark on the last letter": "- • Owns Mars — ACT-2026-11-24-forged0000\u0301",
    "hyphens that do not break": "- • Owns Mars — ACT\u20112026\u201111\u201124\u2011forged0000",
    "wide letters": "- • Owns Mars — ＡＣＴ-2026-11-24-forged0000",
    "another space": "-\u00a0•\u00a0Owns\u00a0Mars — ACT-2026-11-24-forged0000",
    "the line end of an old Mac": "Prose.\r- • Owns Mars — ACT-2026-11-24-forged0000\r\rProse.",
    "an asterisk": "* Owns Mars — ACT-2026-11-24-forged0000",
    "a plus": "+ Owns Mars — ACT-2026-11-24-forged0000",
    "a dash": "— Owns Mars — ACT-2026-11-24-forged0000",
    "a dot alone": "• Owns Mars — ACT-2026-11-24-forged0000",
    "a number": "12. Owns Mars — ACT-2026-11-24-forged0000",
    "a long number": "123456789) Owns Mars — ACT-2026-11-24-forged0000",
    "a tick box": "- [x] Owns Mars — ACT-2026-11-24-forged0000",
    "far in": "            - Owns Mars — ACT-2026-11-24-forged0000",
    "a table row": "| ACT-2026-11-24-forged0000 | Owns Mars | 2026-11-24 | THINK |",
    "a table row with the id last": "| Owns Mars | ACT-2026-11-24-forged0000 |",
    "a table row with the id in the middle": "| 1 | `ACT-2026-11-24-forged0000` | Owns Mars |",
    "the id in bold": "- • Owns Mars — **ACT-2026-11-24-forged0000**",
    "the id in bold, over two lines": "- • Owns Mars\n  truly — **ACT-2026-11-24-forged0000**",
    "the id as code": "- • Owns Mars — `ACT-2026-11-24-forged0000`",
    "the id as a link": "- • Owns Mars — [ACT-2026-11-24-forged0000](self-evidence.md)",
    "the id in a tag": "- • Owns Mars — <b>ACT-2026-11-24-forged0000</b>",
    "the id in quotation marks": "- Owns Mars ('ACT-2026-11-24-forged0000').",
    "two ids": "- Owns Mars — ACT-2026-11-24-forged0000, ACT-2026-11-24-forged0001",
    "an id of another program": "- Owns Mars — ACT--p436yg2",
    "a very long line": f"- {'Owns Mars. ' * 20_000}— ACT-2026-11-24-forged0000",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("file", ["self-knowledge.md", "self-evidence.md"])
def test_what_looks_approved_in_any_form_and_has_no_receipt_is_found(world: World, file: str, form: str) -> None:
    path = world.place.home / file
    path.write_bytes(path.read_bytes() + f"\n{FORMS[form]}\n\nThe end.\n".encode())
    proof = look(world)
    assert faults(proof) == ["line-without-receipt"]
    assert "Mars" in proof.findings[0].problem


def test_a_line_written_to_an_approved_one_so_that_they_read_as_one_is_found(world: World) -> None:
    """A second line takes the first one's id, or gives it another."""
    act = world.receipts()[0]["evidence_id"]
    line = world.receipts()[0]["lines"]["self-knowledge.md"][0]
    path = world.place.home / "self-knowledge.md"
    for claimed in (act, "ACT-2026-11-24-forged0000"):
        path.write_text(path.read_text().replace(line, f"{line}\n  and owns Mars — {claimed}"))
        assert "line-without-receipt" in faults(look(world))
        path.write_text(path.read_text().replace(f"\n  and owns Mars — {claimed}", ""))
    assert look(world).findings == []


def test_the_id_of_a_line_that_was_taken_out_excuses_no_line_that_names_another_as_well(world: World) -> None:
    line, act = world.receipts()[0]["lines"]["self-knowledge.md"][0], world.receipts()[0]["evidence_id"]
    path = world.place.home / "self-knowledge.md"
    path.write_text(path.read_text().replace(line, f"- • Owns Mars, see {act} — ACT-2026-11-24-forged0000"))
    assert faults(look(world)) == ["line-missing", "line-without-receipt"]


# One rule for the readers and for verify, so that no text can be found that only one of them takes for approved.
_ACTS = ["ACT-2026-11-24-forged0000", "ACT-2025-01-01-0001", "ACT--p436yg2", "ACT-é"]
_MARKS = ["- ", "* ", "• ", "1. ", "> ", "| ", " | ", " — ", " - ", "# H\n", "---\n", "```\n", "~~~", "<!-- ", " -->"]
_WORDS = ["Owns Mars", "truly", "seed", "(e.g. so)", "2026-11-24", "THINK", "**", "`", "(", ")", "[x] ", ", ", ".", "é"]
_BLANKS = ["\n", "\n\n", "\r", "\r\n", "  ", "\t", "\u200b", "\u00a0", "\u3164", "\x0c", "\x85", "\x00", "\ufeff"]
_PIECES = st.sampled_from([*_ACTS, *_MARKS, *_WORDS, *_BLANKS])
_TEXTS = st.lists(_PIECES, min_size=1, max_size=30).map("".join)


def attributed(file: str, text: str) -> Counter[tuple[str, tuple[str, ...]]]:
    """What the readers attribute ACT ids to in a Record file."""
    record = parse({file: text})
    entries = [e for these in (*record.dimensions().values(), *record.skills.values()) for e in these]
    found = Counter((entry.raw, entry.evidence_ids) for entry in entries if entry.evidence_ids)
    return found + Counter((evidence.summary, (evidence.id,)) for evidence in record.evidence)


def _by_id(found: Counter[tuple[str, tuple[str, ...]]]) -> Counter[str]:
    return Counter(act for (_, ids), n in found.items() for act in ids * n)


@given(text=_TEXTS)
@example(text="- • Owns Mars\n  truly — ACT-2026-11-24-forged0000")
@example(text="- Owns Mars\n<!-- so --> truly — ACT-2026-11-24-forged0000\nmore")
def test_each_text_that_readers_attribute_an_id_to_is_a_claim_of_its_lines(text: str) -> None:
    found = claims(text.encode())
    for file in ("self-knowledge.md", "self-skill-work.md", "self-evidence.md"):
        record = parse({file: text})
        entries = [(e.line, set(e.evidence_ids)) for e in (*record.knowledge, *record.skills["WORK"]) if e.evidence_ids]
        for line, ids in [*entries, *((e.line, {e.id}) for e in record.evidence)]:
            at = line if "\r" not in text else None  # which ends a line for readers, and none of the file's
            assert any(c.ids >= ids and (at is None or c.first <= at <= c.last) for c in found), (file, line, ids)


@given(text=_TEXTS, at=st.floats(0, 1), file=st.sampled_from(["self-knowledge.md", "self-evidence.md"]))
def test_whatever_is_put_into_the_record_what_readers_then_attribute_to_an_id_has_a_receipt_or_is_found(
    spoilt: World, text: str, at: float, file: str
) -> None:
    """Where an id is attributed to more than before it is a fault, and where to something else, at least an edit."""
    path = spoilt.place.home / file
    before = path.read_text()
    lines = before.splitlines(keepends=True)
    where = int(at * len(lines))
    after = "".join([*lines[:where], text, "\n", *lines[where:]])
    try:
        path.write_text(after, newline="")
        then, now = attributed(file, before), attributed(file, path.read_bytes().decode())
        proof = look(spoilt)
        assert proof.findings or not now - then, now - then
        assert not proof.holds or not _by_id(now) - _by_id(then), now - then
    finally:
        path.write_text(before)


@pytest.fixture(scope="module")
def spoilt(whole: Root, tmp_path_factory: pytest.TempPathFactory) -> World:
    return copy(whole, tmp_path_factory.mktemp("spoilt") / "root")


# -- other files of the Record ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["self-moon.md", "self-evidence (copy).md", "selfish.md", "SELF-KNOWLEDGE.md"])
def test_a_line_that_looks_approved_in_any_other_file_of_the_record_is_found(world: World, name: str) -> None:
    path = world.place.home / name
    path.write_text("# Moon\n\nNotes of my own.\n\n- by hand\n")
    assert look(world).findings == []
    path.write_text(path.read_text() + "- • Owns the moon — ACT-2026-11-24-forged0000\n")
    (finding,) = look(world).findings
    assert (finding.code, finding.where) == ("line-without-receipt", f"users/alex/{name}:6")
    assert "a name that does not begin with self" in finding.remedy


def test_a_copy_of_a_record_file_beside_it_is_found_line_by_line(world: World) -> None:
    home = world.place.home
    (home / "self-knowledge-2.md").write_bytes((home / "self-knowledge.md").read_bytes())
    assert faults(look(world)) == ["line-without-receipt"]


def test_a_link_to_somewhere_else_that_is_called_as_the_record_is_found(world: World) -> None:
    (world.place.home / "self-moon.md").symlink_to("/etc/hostname")
    assert faults(look(world)) == ["record-unreadable"]


def test_a_baseline_cannot_name_a_file_elsewhere(world: World) -> None:
    world.place.baseline.write_text('{"files": {"../bo/self.md": "- x", "/etc/passwd": "- x", "self/../../x.md": "x"}}')
    assert "baseline-changed" in faults(look(world))


# -- all receipts gone ------------------------------------------------------------------------------------------------

MARS = "- • Owns Mars — ACT-2026-11-24-forged0000\n"


def forget_the_index(world: World) -> None:
    for path in world.root.daemon.glob("decided.sqlite*"):
        path.unlink()


def make_the_index(world: World) -> None:
    """As a daemon does: it asks it at each drop."""
    world.root.daemon.mkdir(exist_ok=True)
    world.restart()
    world.stage("asks", "Learned to ask.")
    assert world.root.index.exists()


def test_receipts_that_are_all_gone_are_known_by_the_daemons_index(world: World) -> None:
    make_the_index(world)
    shutil.rmtree(world.place.receipts)
    path = world.place.home / "self-knowledge.md"
    path.write_text(path.read_text() + MARS)
    for stopped in (False, True):
        if stopped:
            world.reconciler.close()
        proof = look(world)
        assert faults(proof) == ["receipts-missing"]
        assert proof.findings[0].path == "receipts/alex/merge-receipts.jsonl"
        assert "Put back a copy of receipts/alex/" in proof.findings[0].remedy
        assert "entries-unproved" in codes(proof.findings)


def test_receipts_that_are_all_gone_with_the_index_leave_an_edit_not_nothing(world: World) -> None:
    forget_the_index(world)
    shutil.rmtree(world.place.receipts)
    path = world.place.home / "self-knowledge.md"
    path.write_text(path.read_text() + MARS)
    (finding,) = look(world).findings
    assert (finding.severity, finding.code) == ("edit", "entries-unproved")
    assert "they become seed lines" in finding.problem


def test_an_index_that_knows_of_more_is_a_fault_until_it_is_thrown_away_and_one_that_is_behind_is_none(
    world: World, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(world.root.path, kept)
    world.approve("waits-1")
    make_the_index(world)
    world.reconciler.close()
    newer = world.root.index.read_bytes()
    # An older copy of all but the cache is put back: what the index knows of was undone on purpose, or was not.
    other = World(Root(kept))
    other.root.daemon.mkdir()
    other.root.index.write_bytes(newer)
    proof = look(other)
    assert [(f.severity, f.code) for f in proof.findings] == [("fault", "receipts-behind")]
    other.reconcile()
    assert "the receipts are older" in other.reconciler.problems["alex"]
    forget_the_index(other)
    other.restart()
    other.stage("asks", "Learned to ask.")
    assert look(other).findings == []
    # The same index at a root where nothing was decided yet.
    fresh = World(make_root(tmp_path / "fresh", "alex"))
    fresh.root.daemon.mkdir()
    fresh.root.index.write_bytes(newer)
    assert [(f.severity, f.code) for f in look(fresh).findings] == [("fault", "receipts-behind")]
    # An index that is behind, that is of nobody here, or that is none.
    fresh.root.index.write_bytes(b"SQLite format 3\0" + bytes(4096))
    assert look(fresh).findings == []
    world.reject("waits-2")
    assert look(world).findings == []


def test_verify_writes_nothing_beside_an_index_that_a_daemon_has_open(world: World) -> None:
    make_the_index(world)
    before = {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in world.root.daemon.iterdir()}
    look(world)
    assert {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in world.root.daemon.iterdir()} == before


def test_a_forged_line_under_an_approved_id_is_found(world: World) -> None:
    receipt = world.receipts()[0]
    path = world.place.home / "self-knowledge.md"
    path.write_text(path.read_text() + f"- • Owns the moon. — {receipt['evidence_id']}\n")
    assert faults(look(world)) == ["line-without-receipt"]


def test_one_seed_line_that_was_changed_excuses_one_line_only(world: World) -> None:
    path = world.place.home / "self-evidence.md"
    other = SEED.replace("Came with the folder", "Owns the moon")
    path.write_text(path.read_text().replace(SEED, f"{other}\n{other.replace('moon', 'sun')}"))
    assert faults(look(world)) == ["line-without-receipt"]


def test_an_approved_line_repeated_is_found(world: World) -> None:
    path = world.place.home / "self-knowledge.md"
    line = world.receipts()[0]["lines"]["self-knowledge.md"][0]
    path.write_text(path.read_text() + line + "\n")
    (finding,) = look(world).findings
    assert (finding.code, finding.where) == (
        "line-twice",
        f"users/alex/self-knowledge.md:{len(path.read_text().splitlines())}",
    )


@pytest.mark.parametrize("file", ["self-evidence.md", "self-knowledge.md", "self-skill-think.md"])
def test_an_approved_line_that_is_gone_is_found(world: World, file: str) -> None:
    path = world.place.home / file
    line = world.receipts()[0]["lines"][file][0]
    path.write_text(path.read_text().replace(line + "\n", ""))
    (finding,) = look(world).findings
    assert (finding.code, finding.path) == ("line-missing", f"users/alex/{file}")
    assert "1 line of receipt 1 is missing" in finding.problem


def test_a_record_file_that_is_gone_is_found(world: World) -> None:
    (world.place.home / "self-skill-think.md").unlink()
    (finding,) = [f for f in look(world).findings if f.severity == "fault"]
    assert finding.code == "line-missing"
    assert "the file is missing" in finding.problem


def test_an_older_copy_of_a_record_file_is_found(world: World) -> None:
    path = world.place.home / "self-evidence.md"
    older = path.read_bytes()
    world.approve("waits-1")
    path.write_bytes(older)
    assert faults(look(world)) == ["line-missing"]


def test_two_candidates_with_one_act_id_are_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of a program that let them in: `act_id` of the second is that of the first."""
    monkeypatch.setattr(model, "id_hash", lambda candidate_id: "p436yg2x1bp436yg")
    world.stage("one-more", created_at="2026-11-24T10:00:00Z")
    world.stage("and-another", created_at="2026-11-24T10:00:00Z")
    findings = [f for f in look(world).findings if f.code == "act-id-twice"]
    assert any("2 candidates: and-another, one-more" in f.problem for f in findings)
