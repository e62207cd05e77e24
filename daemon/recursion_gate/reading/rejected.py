"""The rejections that stand, for those who are about to propose, or to decide on, the same again.

Lenient: what is said here is advice, so a receipt that cannot be read, or whose text was forgotten, is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..store import jsonl
from ..store.standing import Standing
from .likeness import Index, Said, plain

__all__ = ["Rejection", "like", "rejections", "same_words"]

#: How many of the last decisions are looked through.
_LOOK_BACK = 2_000

_TOO = ("reason", "source")


@dataclass(frozen=True, slots=True)
class Rejection:
    """What was rejected, when, and why, if the person said so."""

    id: str
    text: str
    at: str
    reason: str | None
    source: str | None

    @property
    def message(self) -> str:
        """``rejected on 2026-11-24: said twice``."""
        return f"rejected on {self.at[:10]}" + (f": {self.reason}" if self.reason else "")


def rejections(ledger: Path, size: int | None = None) -> Iterator[Rejection]:
    """The rejections among the last decisions in the receipts file (or its first `size` bytes), newest first: but for
    those that were taken back or forgotten, and those of words that were approved since. Raises OSError."""
    known = Standing()
    approved: set[str] = set()
    end = jsonl.end(ledger).size if size is None else size
    for number, (_, line) in enumerate(jsonl.backwards(ledger, end)):
        if number >= _LOOK_BACK:
            return
        said = jsonl.fields(line)
        candidate_id, text, action = (said.get(name) for name in ("candidate_id", "raw_text", "action"))
        if not isinstance(candidate_id, str) or not isinstance(action, str):
            continue
        if known.of(candidate_id, action, None, None) in (None, "undone", "forgotten"):
            continue
        if not isinstance(text, str) or not text:  # erased
            continue
        if action == "approved":
            approved.add(plain(text))
        elif action == "rejected" and plain(text) not in approved:
            reason, source = (value if isinstance(value := said.get(name), str) else None for name in _TOO)
            yield Rejection(candidate_id, text, str(said.get("rejected_at") or ""), reason or None, source)


def same_words(ledger: Path) -> dict[str, Rejection]:
    """The last rejection of each text, by its `likeness.plain` words. Raises OSError."""
    found: dict[str, Rejection] = {}
    for rejection in rejections(ledger):
        if words := plain(rejection.text):
            found.setdefault(words, rejection)
    return found


def like(text: str, ledger: Path) -> Rejection | None:
    """The rejection of nearly the same text. Raises OSError."""
    index = Index[Rejection | None]()
    for rejection in rejections(ledger):
        index.add(Said(rejection, rejection.text))
    return next((a.other for a in index.nearest(Said(None, text)) if a.kind == "near-duplicate"), None)
