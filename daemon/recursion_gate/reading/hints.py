"""Hints for the person who decides: nearly the same as something, or a possible conflict with it. Advisory: words are
compared (`likeness`), nothing is understood (contract, "A card")."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from pydantic import ConfigDict, Field

from ..core.model import Candidate
from ..formats.record_parse import Entry, Record
from .answer import Answer, cut
from .likeness import SAME, Index, Likeness, Said
from .rejected import Rejection, rejections
from .snapshot import Snapshot

__all__ = ["Hint", "Known", "distinct", "hints", "known"]

_TEXT = 160
#: Of a very large Record or gate only so many texts are compared: each takes 3 KB.
_TEXTS_LIMIT = 20_000

_Key = Candidate | Entry | Rejection


class Hint(Answer):
    """Something that a person should know before deciding."""

    model_config = ConfigDict(title="Hint")

    kind: Literal["near-duplicate", "possible conflict"]
    at: Literal["gate", "record", "rejected"] = Field(description="Where the other text is from.")
    id: str | None = Field(description="The other candidate's id, or the ACT id that the Record's line names.")
    text: str = Field(description="The other text, cut.")
    when: str | None = Field(description="When it was rejected; null for the others.")
    reason: str | None = Field(description="Why it was rejected, if the person said so.")
    why: str = Field(description="In words, what is alike.")
    replaces: str | None = Field(
        description="The Record's line that a correction (`supersedes` with this id) would replace; null where there is"
        " no conflict with an approved entry."
    )

    @property
    def message(self) -> str:
        """The hint as a sentence."""
        same = self.why == SAME
        kind = "nearly the same" if self.kind == "near-duplicate" else self.kind
        what = "the same words" if same else f'{kind}: "{self.text}"'
        if self.at == "rejected":
            reason = f": {cut(self.reason, _TEXT)}" if self.reason else ""
            return f"{what} {'were' if same else 'was'} rejected on {(self.when or '')[:10]}{reason}"
        s = "" if same else "s"
        where = f"wait{s}, too" if self.at == "gate" else f"stand{s} in the Record"
        return f"{what} {where} ({self.id or 'by hand'})" + ("" if same else f": {self.why}")

    @property
    def lines(self) -> list[str]:
        """The hint as it stands on a card: with the way to correct an entry that it may contradict."""
        if self.replaces is None:
            return [self.message]
        offer = f"If this corrects {self.id}, write `supersedes: {self.id}` above; it then replaces: {self.replaces}"
        return [self.message, offer]


class Known:
    """All that the candidates of one user are compared with, taken apart; it grows text by text."""

    def __init__(self) -> None:
        self._record, self._rejected, self._gate = Index[_Key](), Index[_Key](), Index[_Key]()
        self._seen: set[tuple[str, tuple[str, ...]]] = set()
        #: The candidates, taken apart, with the hints that do not come from the gate.
        self._asked: dict[tuple[str, str], tuple[Said[_Key], list[Hint]]] = {}

    def add_entry(self, entry: Entry) -> None:
        """An entry of the Record; each thing said counts once (see `distinct`)."""
        seen = (entry.text, entry.evidence_ids)
        if seen not in self._seen and len(self._seen) < _TEXTS_LIMIT:
            self._seen.add(seen)
            self._record.add(Said(entry, entry.text, entry.evidence_id))

    def add_rejection(self, rejection: Rejection) -> None:
        self._rejected.add(Said(rejection, rejection.text))

    def add_candidate(self, candidate: Candidate) -> None:
        if len(self._gate) < _TEXTS_LIMIT:
            self._gate.add(self._apart(candidate)[0])

    def forget_candidates(self, all_but: Collection[str] = ()) -> None:
        """The gate is another by now. `all_but`: the ids of those that are at it still."""
        self._gate = Index()
        self._asked = {key: apart for key, apart in self._asked.items() if key[0] in all_but}

    def hints(self, candidate: Candidate) -> list[Hint]:
        """The hints on a candidate."""
        said, others = self._apart(candidate)
        return [*(_hint(likeness) for likeness in self._gate.nearest(said)), *others]

    def _apart(self, candidate: Candidate) -> tuple[Said[_Key], list[Hint]]:
        key = (candidate.id, candidate.raw_text)
        if key not in self._asked:
            said = Said[_Key](candidate, candidate.raw_text, candidate.id)
            target = candidate.supersedes or candidate.retracts  # its card shows that entry anyhow
            found = self._record.nearest(Said[_Key](candidate, candidate.raw_text, target) if target else said)
            found += [a for a in self._rejected.nearest(said) if a.kind == "near-duplicate"]
            self._asked[key] = said, [_hint(likeness) for likeness in found]
        return self._asked[key]


def known(snapshot: Snapshot) -> Known:
    """All that the candidates of a snapshot are compared with. Raises Parked, OSError."""
    made = Known()
    for entry in distinct(snapshot.record):
        made.add_entry(entry)
    for rejection in rejections(snapshot.place.ledger, snapshot.size):
        made.add_rejection(rejection)
    for candidate in snapshot.gate:
        made.add_candidate(candidate)
    return made


def hints(snapshot: Snapshot, of: Sequence[Candidate] | None = None) -> dict[str, list[Hint]]:
    """The hints on each of the candidates `of` (None: on all that waits), by id. Raises Parked, OSError."""
    new = snapshot.gate if of is None else of
    if not new:
        return {}
    beside = known(snapshot)
    return {candidate.id: made for candidate in new if (made := beside.hints(candidate))}


def distinct(record: Record) -> list[Entry]:
    """The Record's entries, one for each thing said: a dimension's line mostly stands in the skill's file as well."""
    seen: dict[tuple[str, tuple[str, ...]], Entry] = {}
    for entries in (*record.dimensions().values(), *record.skills.values()):
        for entry in entries:
            seen.setdefault((entry.text, entry.evidence_ids), entry)
    return list(seen.values())


def _hint(likeness: Likeness[_Key]) -> Hint:
    other, when, reason, replaces = likeness.other, None, None, None
    at: Literal["gate", "record", "rejected"] = "record"
    if isinstance(other, Entry):
        which, text = other.evidence_id, other.text
        if likeness.kind == "possible conflict" and which is not None:
            replaces = cut(other.raw, _TEXT)
    elif isinstance(other, Candidate):
        at, which, text = "gate", other.id, other.raw_text
    else:
        at, which, text, when, reason = "rejected", other.id, other.text, other.at, other.reason
    return Hint(
        kind=likeness.kind, at=at, id=which, text=cut(text, _TEXT), when=when, reason=reason, why=likeness.why,
        replaces=replaces,
    )  # fmt: skip
