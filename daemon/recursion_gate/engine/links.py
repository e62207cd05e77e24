"""The order of decisions, and the evidence that linked entries link to. Pure: decisions and read-only lookups in,
actions out."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from ..core.model import Candidate, Receipt, act_id
from ..formats import cards, record_edit
from .actions import Approve, Decision, Reject, ReturnWithNote, Wait

__all__ = ["Known", "Order", "linked_to_any", "names", "shows_what_it_adds"]


class Known(Protocol):
    """The lookups that links need."""

    def candidate(self, candidate_id: str) -> Candidate | None: ...

    def receipt(self, candidate_id: str) -> Receipt | None: ...


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
        link = decision.link
        if not link:
            return Approve(decision, None)
        target = self._placed.get(link)
        if isinstance(target, Approve):
            return Approve(decision, target.linked_to or act_id(target.decision.staged))
        if isinstance(target, Reject):
            problem = f"the entry it links to ({link}) was rejected on {self._today}"
        elif self._known.candidate(link) is not None:
            return Wait(decision.staged.id, f"waits until {link} is decided")
        elif (receipt := self._known.receipt(link)) is not None:
            if receipt.action == "approved":
                return Approve(decision, receipt.evidence_id)
            problem = f"the entry it links to ({link}) was rejected on {receipt.at[:10]}"
        elif self._in_evidence(link):
            return Approve(decision, link)
        else:
            problem = f"there is no entry {link} to link to"
        note = f"{problem}; take the line link_to_evidence_id out, or change it"
        return ReturnWithNote(decision.staged, decision.cards, note)


def names(evidence: bytes, link: str) -> bool:
    """Whether an entry of the evidence file has this id."""
    return re.search(rb"^- %b(?![\w\x80-\xff-])" % re.escape(link.encode()), evidence, re.MULTILINE) is not None


def shows_what_it_adds(action: Approve | Reject, effect: Callable[[Candidate], Sequence[record_edit.Addition]]) -> bool:
    """Whether a linked entry would be merged as its card shows it. Not so when its link has come to mean something, or
    something else, since the card was made, or saved. `effect`: the lines that approving a candidate would add."""
    if isinstance(action, Reject) or not action.decision.link:
        return True
    card, staged = action.decision.cards[0], action.decision.staged
    candidate = card.verdict.candidate
    adds = record_edit.additions(candidate, action.linked_to or "", linked=True)
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
