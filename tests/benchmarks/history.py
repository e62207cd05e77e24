"""A long chain of receipts, as many years of decisions would leave it: real receipts, chained and hashed."""

from __future__ import annotations

from recursion_gate.core.model import act_id
from recursion_gate.core.paths import Place
from recursion_gate.core.receipt import chain_hash, line_of
from recursion_gate.formats.record_edit import additions
from recursion_gate.store import baseline


def write_history(place: Place, count: int) -> None:
    """`count` rejections and approvals of `place`, with the Record's lines for the approvals (one in a hundred, so
    that the Record stays a size that people read)."""
    from .rows import candidate

    head = baseline.hash_of(place)
    added: dict[str, list[str]] = {}
    with open(place.ledger, "wb") as file:
        for seq in range(1, count + 1):
            one = candidate(seq)
            approved = seq % 100 == 0
            lines = {a.file: [a.line] for a in additions(one, act_id(one), linked=False)} if approved else {}
            for name, new in lines.items():
                added.setdefault(name, []).extend(new)
            moment = "2026-11-24T10:00:00.000Z"
            fields = {
                "seq": seq, "candidate_id": one.id, "action": "approved" if approved else "rejected",
                "evidence_id": act_id(one) if approved else None,
                "merged_at": moment if approved else None, "rejected_at": None if approved else moment,
                "via": "folder", "by": None, "skill_tag": one.skill_tag,
                "suggested_ix_section": one.suggested_ix_section, "reason": None, "source": one.source,
                "raw_text": one.raw_text, "lines": lines, "candidate": one.as_json(), "approved": None,
                "sha256": "0" * 64, "card": f"{one.id}.md", "salt": "0" * 32, "prev_hash": head,
            }  # fmt: skip
            head = fields["hash"] = chain_hash(fields)
            file.write(line_of(fields) + b"\n")
    from recursion_gate.formats.record_edit import HEADINGS, insert

    for name, new in added.items():
        path = place.home / name
        path.write_bytes(insert(path.read_bytes(), HEADINGS[name], new)[0])
