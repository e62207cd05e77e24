"""What comes after the decision: a correction in a large Record, and forgetting in a long chain of receipts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from recursion_gate.core.model import id_hash
from recursion_gate.core.settings import Settings
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.store import baseline

from ..support.roots import make_root
from . import floor
from .history import write_history
from .rows import HEADINGS, TEXT, Row, candidate, card, catch_up, fill, scratch, timed

__all__ = ["GROUPS"]


def _drop(folder: Path, **fields: str) -> None:
    temp = folder / ".coming"
    temp.write_text(json.dumps({"created_at": "2026-11-24T10:00:00Z", "skill_tag": "THINK", **fields}))
    os.rename(temp, folder / f"{fields['id']}.json")


def correction(repeat: int, entries: int = 10_000) -> Row:
    """One correction with a Record of so many entries, each of the one before it."""
    ours, bare = [], []
    with scratch() as path:
        root = make_root(path / "root", "alex")
        place = root.place("alex")
        for name, heading in HEADINGS.items():
            lines = "".join(f"- • {TEXT} — ACT-2026-01-01-{n:010}\n" for n in range(entries))
            (place.home / name).write_text(f"# Record\n\n## {heading}\n{lines}")
        reconciler = fill(root, 0)
        work = path / "floor"
        for folder in ("approved", "month"):
            (work / folder).mkdir(parents=True)
        before = ""
        for number in range(5 * repeat + 1):
            about = {"supersedes": f"ACT-2026-11-24-{id_hash(before)}"} if before else {}
            before = f"x{number}"
            _drop(place.inbox, id=before, raw_text=f"{TEXT} ({number})", suggested_ix_section="IX-A", **about)
            catch_up(reconciler)
            (name,) = os.listdir(place.pending)
            os.rename(place.pending / name, place.approved / name)
            size = place.ledger.stat().st_size if place.ledger.exists() else 0
            took = timed(lambda: catch_up(reconciler), settled=True)
            assert not os.listdir(place.pending)
            if not about:
                continue
            ours.append(took)
            record = {n: place.home / n for n in HEADINGS}
            receipt, gate = place.ledger.read_bytes()[size:], place.gate.read_bytes()
            (work / "approved" / "card.md").write_bytes(card(candidate(1)))
            bare.append(timed(partial(floor.approve, work, record, b"", receipt, gate), settled=True))
            (work / "month" / "card.md").unlink()
    name = f"one correction, Record of {entries:,} entries"
    return Row(name, ours, bare, "floor", 3, "receipts, 3 Record files, gate, card")


def forgetting(repeat: int, receipts: int = 100_000) -> Row:
    """Forget one entry where there are so many receipts, beside a synced copy of them."""
    ours, bare = [], []
    with scratch() as path:
        root = make_root(path / "root", "alex")
        place = root.place("alex")
        for folder in (place.receipts, root.daemon):
            folder.mkdir(exist_ok=True)
        place.baseline.write_bytes(baseline.bytes_of(place))
        write_history(place, receipts)
        reconciler = Reconciler(root, Settings(settle_seconds=0, patience_seconds=0, unknown_ending_seconds=0))
        catch_up(reconciler)
        for number in range(repeat):
            request = f'---\nforget: "{candidate(receipts // 2 + 100 * number).id}"\n---\n'
            (place.undo / "ask.md").write_text(request)
            ours.append(timed(lambda: catch_up(reconciler), settled=True))
            assert b'"action":"forgotten"' in place.ledger.read_bytes()[-2_000:]
            bare.append(timed(partial(_copy, place.ledger, path / "copy"), settled=True))
    return Row(
        f"forgetting one of {receipts:,} receipts", ours, bare, "a synced copy of them", None, "receipts, Record"
    )


def _copy(source: Path, target: Path) -> None:
    floor.put(str(target), source.read_bytes(), sync=True)


GROUPS: dict[str, Callable[[int], list[Row]]] = {
    "correction": lambda n: [correction(n)],
    "forgetting": lambda n: [forgetting(n)],
}
