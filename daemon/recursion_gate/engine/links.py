"""The order of decisions, and the evidence that linked entries link to. Pure: decisions and read-only lookups in,
actions out."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from ..core.entry import Entry
from ..core.model import Candidate, act_id, act_key
from ..core.receipt import Receipt
from ..formats import cards, record_edit
from .actions import Approve, Decision, Reject, ReturnWithNote, Wait

__all__ = ["Known", "Order", "linked_to_any", "names", "shows_what_it_adds"]


class Known(Protocol):
    """The lookups that links need."""

    def candidate(self, candidate_id: str) -> Candidate | None: ...

    def receipt(self, candidate_id: str) -> Receipt | None: ...

    def entry(self, named: str) -> Entry | None: ...


class Order:
    """The decisions in the order in which the people took them, linked ones after what they link to: of those that can
    be next it is always the first one's turn. So the order is the same wherever a turn ends.

    It gives an action for each. An Approve or a Reject counts for those that link to it once it is `place`d; one that
    is not, since its card is another by now, is waited for.
    """

    def __init__(
        self, decisions: Iterable[Decision], known: Known, in_evidence: Callable[[str], bool], today: str
    ) -> None:
        """`in_evidence`: whether an entry of the evidence file has this id. `today`: for messages."""
        self._known, self._in_evidence, self._today = known, in_evidence, today
        self._placed: dict[str, Approve | Reject] = {}
        self._gone: dict[str, str] = {}  # by `act_key`, the candidate that supersedes or retracts it in this turn
        self._after: dict[str, list[Decision]] = defaultdict(list)
        self._ready: list[tuple[tuple[int, str], str, Decision]] = []
        batch = {d.staged.id: d for d in decisions}
        #: How many are left.
        self.left = len(batch)
        for decision in batch.values():
            link = decision.link
            if link in batch:
                self._after[link].append(decision)
            else:
                self._make_ready(decision)

    def _make_ready(self, decision: Decision) -> None:
        heapq.heappush(self._ready, (decision.order, decision.staged.id, decision))

    def place(self, action: Approve | Reject) -> None:
        """This decision is carried out now."""
        self._placed[action.decision.staged.id] = action
        if isinstance(action, Approve) and action.old is not None:
            self._gone[action.old.key] = action.decision.staged.id

    def __iter__(self) -> Iterator[Approve | Reject | ReturnWithNote | Wait]:
        while self._ready:
            decision = heapq.heappop(self._ready)[-1]
            self.left -= 1
            yield self._action(decision)
            for linked in self._after.pop(decision.staged.id, ()):
                self._make_ready(linked)
        for linked in [d for these in self._after.values() for d in these]:
            self.left -= 1
            yield ReturnWithNote(linked.staged, linked.cards, "link_to_evidence_id: these entries link in a circle")

    def _action(self, decision: Decision) -> Approve | Reject | ReturnWithNote | Wait:
        if not decision.is_approval:
            return Reject(decision)
        old, problem = None, None
        if decision.target:
            old, problem = self._standing(decision.target)
            if old is None:
                field = "retracts" if decision.verdict.candidate.retracts else "supersedes"
                note = f"{problem}; {_instead(field, self._known.entry(decision.target))}"
                return ReturnWithNote(decision.staged, decision.cards, note)
        linked_to: str | None = None
        if decision.link:
            found = self._evidence(decision.link)
            if isinstance(found, Wait):
                return Wait(decision.staged.id, found.why)
            linked_to, problem = found
            if linked_to is None:
                note = f"{problem}; take the line link_to_evidence_id out, or change it"
                return ReturnWithNote(decision.staged, decision.cards, note)
        return Approve(decision, linked_to, old)

    def _standing(self, target: str) -> tuple[Entry | None, str]:
        """The entry that is to be superseded or retracted, or why it cannot be."""
        entry = self._known.entry(target)
        if entry is None:
            return None, f"there is no entry {target} in the Record"
        if entry.unclear:
            return None, entry.unclear
        by = self._gone.get(act_key(target))
        problem = entry.problem or (f"{by}, which was approved before, is about the same entry" if by else None)
        return (None, f"{target} no longer stands: {problem}") if problem else (entry, "")

    def _evidence(self, link: str) -> tuple[str | None, str] | Wait:
        """The ACT id that a link means, or why it means none; or that this is not known yet."""
        target = self._placed.get(link)
        if isinstance(target, Approve):
            if target.decision.verdict.candidate.retracts:
                return None, f"{link} is a retraction, and no entry"
            return target.linked_to or act_id(target.decision.staged), ""
        if isinstance(target, Reject):
            return None, f"the entry it links to ({link}) was rejected on {self._today}"
        if self._known.candidate(link) is not None:
            return Wait(link, f"waits until {link} is decided")
        receipt = self._known.receipt(link)
        if receipt is not None and receipt.action != "approved":
            return None, f"the entry it links to ({link}) was {receipt.action} on {receipt.at[:10]}"
        if receipt is not None and receipt.retracts:
            return None, f"{link} is a retraction, and no entry"
        entry = self._known.entry(link)
        if entry is not None and (entry.problem or act_key(link) in self._gone):
            return None, f"{link} no longer stands: {entry.problem or 'it is corrected or retracted just now'}"
        if receipt is not None:
            return receipt.evidence_id, ""
        if entry is not None or self._in_evidence(link):
            return link, ""
        return None, f"there is no entry {link} to link to"


def _instead(field: str, entry: Entry | None) -> str:
    """What a person can do with a card whose target does not stand."""
    if entry is not None and entry.gone is not None and entry.gone.evidence_id:
        return f"change the line {field} to {entry.gone.evidence_id}, or reject this"
    return (
        "reject this"
        if field == "retracts"
        else "take the line supersedes out to add this as a new entry, or reject this"
    )


def names(evidence: bytes, link: str) -> bool:
    """Whether an entry of the evidence file has this id."""
    return re.search(rb"^- %b(?![\w\x80-\xff-])" % re.escape(link.encode()), evidence, re.MULTILINE) is not None


def shows_what_it_adds(
    action: Approve | Reject,
    effect: Callable[[Candidate], Sequence[record_edit.Change]],
    old_lines: Callable[[Entry], record_edit.OldLines] = lambda entry: {},
) -> bool:
    """Whether an entry that links to another one, or supersedes or retracts it, would be merged as its card shows it.
    Not so when that has come to mean something, or something else, or was edited in the Record, since the card was
    made, or saved. `effect`: the lines that approving a candidate would add and take out; `old_lines`: those of the
    entry that it supersedes or retracts, as they stand. Raises what these raise."""
    if isinstance(action, Reject) or not (action.decision.link or action.decision.target):
        return True
    card, staged = action.decision.cards[0], action.decision.staged
    candidate = card.verdict.candidate
    old = old_lines(action.old) if action.old else {}
    evidence = action.linked_to or act_id(staged)
    adds = record_edit.changes(candidate, evidence, old, linked=action.linked_to is not None)
    return not cards.is_outdated(card.seen.data, staged, candidate, adds, effect(staged))


def linked_to_any(changed: Iterable[str], *links: Mapping[str, str]) -> set[str]:
    """The candidates that link to one of the `changed` ones, or to one that does, and so on. `links`: what each
    candidate links to, as staged and on its card."""
    linked: dict[str, list[str]] = defaultdict(list)
    for candidate_id, link in (item for each in links for item in each.items()):
        linked[link].append(candidate_id)
    found: set[str] = set()
    new = list(changed)
    while new:
        new = [i for target in new for i in linked.pop(target, ())]
        found.update(new)
    return found
