"""The merge pass: decisions -> receipts -> Record -> gate -> the cards' files (contract, "A merge").

The receipt is written first and is the decision (see `receipts`): after it, the Record files and the gate follow, and
if a stop comes between, `finish` does them at the next look. All decisions of one pass share their writes; each has
its own receipt, in the order in which the people decided, and the bytes are those of one at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import math
import os
import re
import time
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..core.clock import now
from ..core.errors import NotYet, Refusal
from ..core.model import TAKE_BACK, Candidate, Receipt, act_id, instant
from ..core.paths import is_aside, is_ignored
from ..disk import atomic, untrusted
from ..formats import cards, record_edit
from ..formats.cards import Verdict
from ..formats.drops import PUT_BACK
from ..permissions import ownership
from ..store import baseline, recovery
from .desk import Desk, numbered
from .record_files import BeingSaved, RecordFiles

__all__ = [
    "Decision",
    "Look",
    "carry_out",
    "clear_leftover",
    "finish",
    "look_at_decisions",
    "not_in_the_record",
    "renew_linked",
]

#: Bytes; no card is as large.
_MOST_CARD = 16 << 20

Action = Literal["approved", "rejected"]


@dataclass(slots=True)
class Card:
    """A card of a candidate at the gate, as it stands in approved/ or rejected/."""

    path: str
    action: Action
    seen: untrusted.Seen
    verdict: Verdict
    staged: Candidate
    crc: int = 0  # of the bytes that were let go

    def without_bytes(self) -> Card:
        return replace(self, seen=self.seen._replace(data=b""), crc=zlib.crc32(self.seen.data))


@dataclass(slots=True)
class Decision:
    """What a person decided on one candidate. Copies of the card are one decision."""

    staged: Candidate
    action: Action
    cards: list[Card]
    linked_to: str | None = None  # the ACT id that the lines link to

    @property
    def verdict(self) -> Verdict:
        return self.cards[0].verdict

    @property
    def order(self) -> tuple[int, str]:
        """When the card was put there: a move sets the ctime, and nobody can set it otherwise."""
        return min((c.seen.stat.st_ctime_ns, os.path.basename(c.path)) for c in self.cards)


@dataclass(slots=True)
class Look:
    """What stands in approved/ and rejected/."""

    decisions: list[Decision] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)  # never staged
    held: set[str] = field(default_factory=set)  # ids whose card is there, decided or not yet readable
    unsettled: set[str] = field(default_factory=set)  # of these, where a card may still be being written
    is_whole: bool = True  # or it goes on in the next turn: then nothing is known of the order, or of contradictions


# -- looking ------------------------------------------------------------------------------------------------------


#: So many bytes of cards are read, or of candidates decided, in a turn.
_MOST_BYTES = 8_000_000


def look_at_decisions(desk: Desk, seconds: float = math.inf) -> Look:
    """Read approved/ and rejected/. What is broken is refused, what is left over is cleared away, what contradicts
    itself goes back to pending/. Of many cards those that were read in earlier turns are not read again before they are
    carried out; what takes longer than so many `seconds` goes on in the next turn."""
    found: dict[str, list[Card]] = defaultdict(list)
    # Of a look that takes several turns: what it has found, and where, but for the cards.
    look, seen = desk.half_look or (Look(), set())
    desk.half_look = None
    approved, rejected = (f"{os.fspath(desk.place.inbox)}/{action}" for action in ("approved", "rejected"))
    # A card that is in both at once counts for neither. So that it is seen in both, approved/ is listed again: what
    # came there meanwhile is looked at only where the same entry is in rejected/ too, and else in the next turn.
    first, second, again = (_names_in(folder) for folder in (approved, rejected, approved))
    fresh = [
        *_known_cards(desk, approved, first, found),
        *_known_cards(desk, rejected, second, found),
    ]
    desk.looked = {c.path: (untrusted.stamp(c.seen.stat), c) for these in found.values() for c in these}
    fresh = [path for path in fresh if path not in seen]
    until = time.monotonic() + seconds
    count = _look_at_cards(desk, fresh, found, look, until)
    look.is_whole = count == len(fresh)
    if look.is_whole and again - first:
        look.is_whole = _look_at_late(desk, [f"{approved}/{name}" for name in again - first], found, look, until)
    for these in found.values():
        desk.looked.update((c.path, (untrusted.stamp(c.seen.stat), c.without_bytes())) for c in these if c.seen.data)
    if not look.is_whole:
        desk.half_look = (look, seen.union(path for path in fresh[:count] if path not in desk.looked))
        return look
    if seen:  # what could not be read in an earlier turn perhaps can by now
        desk.note_due(0.05)
    sent = 0
    for candidate_id, these in found.items():
        staged = desk.gate.get(candidate_id)
        if staged is None or candidate_id in look.unsettled:
            continue
        look.held.add(candidate_id)
        problem = _contradiction(these) or _cut_short(desk, staged, these) or _typed_below(these)
        if problem and sent and desk.late(until):
            desk.has_more = True
            continue
        if problem:
            sent += 1
            send_back(desk, staged, these, problem)
            continue
        for card in these:  # what a stop has left aside shall be seen, should it have to wait
            folder, name = os.path.split(card.path)
            card.path = f"{folder}/{desk.unaside(folder, name)}"
        if _rested(desk, these):
            look.decisions.append(Decision(staged, these[0].action, these))
    return look


def _known_cards(desk: Desk, folder: str, names: set[str], found: dict[str, list[Card]]) -> list[str]:
    """Add to `found` those cards that are still as an earlier turn has read them; gives the paths of the others."""
    fresh = []
    for name in sorted(names):
        path = f"{folder}/{name}"
        stamp, card = desk.looked.get(path, (None, None))
        if card is not None and card.staged.id in desk.gate and untrusted.stamp_at(path) == stamp:
            found[card.staged.id].append(card)
        else:
            fresh.append(path)
    return fresh


def _names_in(folder: str) -> set[str]:
    with os.scandir(folder) as entries:
        return {e.name for e in entries if not is_ignored(e.name) or is_aside(e.name)}


def _look_at_cards(
    desk: Desk, paths: Sequence[str], found: dict[str, list[Card]], look: Look, until: float = math.inf
) -> int:
    """Look at one of them always, at the others until then (monotonic); gives how many were looked at."""
    people = {folder: ownership.lane_of(folder) for folder in {os.path.dirname(path) for path in paths}}
    size = 0
    for number, path in enumerate(paths):
        if number and (desk.late(until) or size > _MOST_BYTES):
            return number
        folder = os.path.dirname(path)
        action: Action = "approved" if folder.endswith("/approved") else "rejected"
        size += _look_at_card(desk, path, action, people[folder], found, look)
    return len(paths)


def _look_at_late(desk: Desk, paths: Sequence[str], found: dict[str, list[Card]], look: Look, until: float) -> bool:
    """Add those cards in approved/ whose entry is `found` already, since it is in rejected/ too."""
    desk.note_due(0.0)
    late, seen = defaultdict[str, list[Card]](list), Look()
    all_of_them = _look_at_cards(desk, paths, late, seen, until) == len(paths)
    look.unsettled |= seen.unsettled & found.keys()
    look.held |= seen.held & found.keys()
    for candidate_id in found.keys() & late.keys():
        found[candidate_id] += late[candidate_id]
    return all_of_them


def _look_at_card(
    desk: Desk,
    path: str,
    action: Action,
    people: os.stat_result | None,
    found: dict[str, list[Card]],
    look: Look,
) -> int:
    """Gives how many bytes were read."""
    try:
        seen = untrusted.look(path, desk.settings.max_card_bytes, ask_writers=True)
    except FileNotFoundError:
        return 0
    except Refusal:
        look.strays.append(path)  # refused there, like any other drop
        return 0
    _take_card(desk, path, seen, action, people, found, look)
    return len(seen.data)


def _take_card(
    desk: Desk,
    path: str,
    seen: untrusted.Seen,
    action: Action,
    people: os.stat_result | None,
    found: dict[str, list[Card]],
    look: Look,
) -> None:
    candidate_id = cards.id_of(seen.data)
    staged = desk.gate.get(candidate_id) if candidate_id else None
    if staged is None:
        receipt = desk.ledger.find(candidate_id) if candidate_id else None
        if receipt is not None:
            clear_leftover(desk, path, seen, receipt)
        else:
            look.strays.append(path)
        return
    stranger = ownership.stranger(path, seen.stat, people)
    if stranger:
        told = f"{stranger}, so neither what it says nor where it lay is a person's decision"
        desk.refuse(path, seen.mark, Refusal(told, "Move the card that is in pending/."), "was not carried out")
        return
    try:
        verdict = _verdict(desk, path, seen, staged, action)
    except NotYet as err:
        desk.note_due(err.seconds)
        look.held.add(staged.id)
        look.unsettled.add(staged.id)
        return
    except Refusal as err:
        how = "" if err.remedy == PUT_BACK else f"{err.remedy} "
        again = f"Edit the clean card in pending/, or correct this one and move it into {action}/ again."
        refusal = Refusal(err.problem, how + again)
        desk.refuse(path, seen.mark, refusal, "was edited so that it can no longer be read, so it was not merged")
        return
    found[staged.id].append(Card(path, action, seen, verdict, staged))


def _verdict(desk: Desk, path: str, seen: untrusted.Seen, staged: Candidate, action: Action) -> Verdict:
    if seen.data == desk.clean_card(staged):  # whole, and not edited
        return Verdict(staged, False, None, None)
    try:
        verdict = cards.read(seen.data, staged, desk.settings)
    except Refusal as err:
        desk.settled(path, seen, whole=False, cut_short=err.maybe_unfinished)
        if action == "rejected":  # to reject it, its id is enough
            return Verdict(staged, False, cards.reason_in(seen.data), None)
        raise
    desk.settled(path, seen, whole=cards.via_of(seen.data, verdict.via, action) is not None)
    shown = [desk.effect(staged), desk.effect(verdict.candidate)]
    verdict.below = cards.typed_below(seen.data, staged, shown)
    return verdict


def _contradiction(these: list[Card]) -> str | None:
    if len({c.action for c in these}) > 1:
        return "this card was in approved/ and in rejected/ at once; put it into one of them"
    if these[0].action == "approved" and any(c.verdict.candidate != these[0].verdict.candidate for c in these[1:]):
        return "there were two cards of this entry with different texts in approved/; put one of them there"
    return None


def _typed_below(these: list[Card]) -> str | None:
    if any(c.verdict.below for c in these):
        return (
            "something was typed or changed below the line that begins with '<!-- recursion-gate:', where it does not "
            "count; type above that line, or a reason as a line 'reason: ...' beside the id"
        )
    return None


def _cut_short(desk: Desk, staged: Candidate, these: list[Card]) -> str | None:
    """The note, where `send_back` has put a card with one into pending/ and a stop kept it from taking all of `these`
    away: they were there before that card, and one of two contrary ones must not count because it was left alone."""
    there = desk.pending_card(staged.id)
    try:
        seen = untrusted.look(there, desk.settings.max_card_bytes) if there else None
        note = cards.note_in(seen.data) if seen else None
    except (Refusal, FileNotFoundError):
        return None
    if seen is None or note is None:
        return None
    # Of a card that was taken aside to be removed the ctime tells nothing: a rename sets it.
    since = [c for c in these if not is_aside(os.path.basename(c.path))]
    return None if any(c.seen.stat.st_ctime_ns > seen.stat.st_ctime_ns for c in since) else note


def _rested(desk: Desk, these: list[Card]) -> bool:
    """Whether the grace time is over."""
    grace = desk.settings.grace_seconds
    if not grace:
        return True
    # By the ctime it is known whether it is still the same move, not how long ago that was.
    left = max(grace - desk.looks.quiet(c.path, untrusted.stamp(c.seen.stat), grace=True) for c in these)
    if left > 0:
        desk.note_due(left)
        return False
    for card in these:
        desk.looks.forget(card.path, grace=True)
    return True


def send_back(desk: Desk, staged: Candidate, these: Iterable[Card], note: str) -> None:
    """Return a candidate to pending/ with a note. The card there comes first, on disk, so that a stop in between leads
    to the same (see `_cut_short`); what a person wrote into one of the cards is kept in problems/."""
    there = desk.pending_card(staged.id)
    told = _note_on(there, staged, desk) if there is not None else None
    if there is not None and told is not None:
        if told != note:
            data = desk.clean_card(staged, note)
            atomic.replace(there, data, still=lambda path: _note_on(path, staged, desk) is not None)
    else:
        desk.deal_with_note(staged, note)
    atomic.sync_folder(desk.place.pending)
    for card in these:
        if card.verdict.edited or card.verdict.below:
            refusal = Refusal(note, "Its text is kept in this file.")
            desk.refuse(card.path, card.seen.mark, refusal, "was not carried out")
        else:
            desk.clear(card.path, card.seen.mark, "its entry is back in pending/")
    desk.say("returned", staged.id, why=note)


def _note_on(path: Path | str, staged: Candidate, desk: Desk) -> str | None:
    """The note on a card that nobody has edited, "" where it has none; None where it was edited, or is gone."""
    try:
        data = untrusted.look(path, desk.settings.max_card_bytes).data
        return None if cards.read(data, staged, desk.settings).edited else cards.note_in(data) or ""
    except (Refusal, FileNotFoundError):
        return None


def clear_leftover(desk: Desk, path: Path | str, seen: untrusted.Seen, receipt: Receipt) -> None:
    """A card of a candidate that has been decided. Where it lay here before, it is what a stop has left, or a copy: the
    very card that was decided on is filed, a mere copy removed. One that somebody has put here since, where the folder
    says the contrary, or has edited, is answered: it goes to problems/, with what was decided."""
    staged = desk.decided_candidate(receipt)
    carried_out = (staged, desk.decided_candidate(receipt, approved=True) if receipt.approved else staged)
    very_card = hashlib.sha256(seen.data).hexdigest() == receipt.sha256
    try:
        edited = not very_card and cards.read(seen.data, staged, desk.settings).candidate not in carried_out
    except Refusal:
        edited = True
    try:
        desk.settled(path, seen, whole=not edited)
    except NotYet as err:
        desk.note_due(err.seconds)
        return
    if edited or _was_put_here_since(desk, path, seen, receipt):
        told = f"this entry waits no longer: it was {receipt.told}, before this card came here"
        desk.refuse(path, seen.mark, Refusal(told, TAKE_BACK), "was not carried out", record_too=False)
        return
    if very_card:
        _file_cards(desk, [(receipt, seen.data)])
    desk.clear(path, seen.mark, f"it is {receipt.action}")


def _was_put_here_since(desk: Desk, path: Path | str, seen: untrusted.Seen, receipt: Receipt) -> bool:
    """Whether a card came here after its entry was decided: a move sets the ctime, and nobody can set it otherwise. As
    the time of the decision stands that of the filed card; before it is filed, that of the receipts."""
    if os.path.basename(os.path.dirname(path)) not in (receipt.action, "pending"):
        return True
    if is_aside(os.path.basename(path)):  # by us, just before a stop, which has set its ctime
        return desk.is_being_refused(path)
    filed = _filed(desk, receipt)
    decided = filed.st_ctime_ns if filed else os.stat(desk.place.ledger).st_ctime_ns
    return seen.stat.st_ctime_ns > decided


def _filed(desk: Desk, receipt: Receipt) -> os.stat_result | None:
    """The card of `receipt` in its month's folder, where it is whole."""
    month = desk.place.month(receipt.at)
    for taken in range(2):
        with contextlib.suppress(Refusal, FileNotFoundError):
            seen = untrusted.look(month / _name_of_filed(receipt, taken), _MOST_CARD)
            if hashlib.sha256(seen.data).hexdigest() == receipt.sha256:
                return seen.stat
    return None


# -- carrying out -------------------------------------------------------------------------------------------------


def carry_out(desk: Desk, look: Look, seconds: float = math.inf) -> int:
    """Carry out what was decided, in order; linked entries after what they link to. Gives how many had to be left for
    the next turn, which goes on where this one ends. Raises OSError, Parked."""
    texts = RecordFiles(desk)
    waited = dict(desk.waiting)
    taken: list[Decision] = []
    try:
        order = _Order(desk, look.decisions, texts, seconds)
        taken = _as_many_as_a_turn_may(desk, order, seconds)
        if taken:
            _commit(desk, taken, texts)
    except BeingSaved as err:
        desk.note_due(err.seconds)
        desk.waiting.update((d.staged.id, f"waits until nobody writes {err.shown}") for d in taken or look.decisions)
        return 0
    finally:
        desk.say_few("waits", [(i, why) for i, why in desk.waiting.items() if waited.get(i) != why])
    return order.left


def _as_many_as_a_turn_may(desk: Desk, order: _Order, seconds: float) -> list[Decision]:
    """The next ones in order, looked at in this turn: as many as a turn may carry out, by their number, their bytes and
    the time, of which this takes about a quarter."""
    taken: list[Decision] = []
    size = 0
    until = math.inf
    for decision in order:
        if not taken:
            until = time.monotonic() + seconds / 2
        taken.append(decision)
        size += desk.gate.bytes_of(decision.staged.id) + len(decision.cards[0].seen.data)
        if len(taken) >= max(1, desk.settings.max_per_turn) or size > _MOST_BYTES or desk.late(until):
            break
    return taken


def _afresh(desk: Desk, decision: Decision) -> bool:
    """Read those cards anew that an earlier turn has read; False where one is another now, or is being written. What
    has rested need not rest again: with a grace time to wait for in between, it never came to an end."""
    for card in decision.cards:
        if card.seen.data:
            continue
        try:
            seen = untrusted.look(card.path, desk.settings.max_card_bytes, ask_writers=True)
            desk.settled(card.path, seen, whole=True)
        except NotYet as err:
            desk.note_due(err.seconds)
            return False
        except (Refusal, FileNotFoundError):
            seen = card.seen
        if untrusted.stamp(seen.stat) != untrusted.stamp(card.seen.stat) or zlib.crc32(seen.data) != card.crc:
            desk.looked.pop(card.path, None)
            desk.has_more = True
            return False
        card.seen = seen
    return True


class _Order:
    """The decisions in the order in which the people took them, linked ones after what they link to: of those that can
    be next it is always the first one's turn. So the order is the same wherever a turn ends. Those that wait, or go
    back, are left out."""

    def __init__(self, desk: Desk, decisions: list[Decision], texts: RecordFiles, seconds: float) -> None:
        self._desk, self._texts = desk, texts
        self._until = time.monotonic() + seconds
        self._placed: dict[str, Decision] = {}
        self._sent = 0
        #: How many are left.
        self.left = len(decisions)
        batch = {d.staged.id for d in decisions}
        self._after: dict[str, list[Decision]] = defaultdict(list)
        self._ready: list[tuple[tuple[int, str], str, Decision]] = []
        for decision in decisions:
            link = _link_of(decision)
            if link in batch:
                self._after[link].append(decision)
            else:
                self._make_ready(decision)
        heapq.heapify(self._ready)

    def _make_ready(self, decision: Decision) -> None:
        heapq.heappush(self._ready, (decision.order, decision.staged.id, decision))

    def __iter__(self) -> Iterator[Decision]:
        waited, self._desk.waiting = self._desk.waiting, {}
        try:
            while self._ready:
                decision = heapq.heappop(self._ready)[-1]
                self.left -= 1
                link = _link_of(decision)
                if (not link or self._resolve(decision, link)) and self._is_as_seen(decision, link):
                    self._placed[decision.staged.id] = decision
                    yield decision
                for linked in self._after.pop(decision.staged.id, ()):
                    self._make_ready(linked)
            for linked in [d for these in self._after.values() for d in these]:
                self.left -= 1
                self.send_back(linked, "link_to_evidence_id: these entries link in a circle")
        finally:
            for candidate_id, why in waited.items() if self.left else ():
                self._desk.waiting.setdefault(candidate_id, why)

    def _resolve(self, decision: Decision, link: str) -> bool:
        """Find the evidence that `link` means; False when the decision waits or was sent back."""
        desk = self._desk
        target = self._placed.get(link)
        if target is not None:
            if target.action == "approved":
                decision.linked_to = target.linked_to or act_id(target.staged)
                return True
            problem = f"the entry it links to ({link}) was rejected on {instant(now())[:10]}"
        elif link in desk.gate:
            desk.waiting[decision.staged.id] = f"waits until {link} is decided"
            return False
        elif (receipt := desk.ledger.find(link)) is not None:
            if receipt.action == "approved":
                decision.linked_to = receipt.evidence_id
                return True
            problem = f"the entry it links to ({link}) was rejected on {receipt.at[:10]}"
        elif _names(self._texts.text("self-evidence.md"), link):
            decision.linked_to = link
            return True
        else:
            problem = f"there is no entry {link} to link to"
        self.send_back(decision, f"{problem}; take the line link_to_evidence_id out, or change it")
        return False

    def _is_as_seen(self, decision: Decision, link: str) -> bool:
        """Whether its cards are still as they were read, and show what would be merged."""
        if not _afresh(self._desk, decision):
            self._desk.has_more = True
            return False
        note = _not_as_shown(decision) if link else None
        if note:
            self.send_back(decision, note)
        return not note

    def send_back(self, decision: Decision, note: str) -> None:
        """As `send_back`, but where a turn has had its time, in the next one."""
        if self._sent and self._desk.late(self._until):
            self._desk.has_more = True
            return
        self._sent += 1
        send_back(self._desk, decision.staged, decision.cards, note)


def _link_of(decision: Decision) -> str:
    approved = decision.action == "approved"
    return (decision.verdict.candidate.link_to_evidence_id if approved else None) or ""


def _not_as_shown(decision: Decision) -> str | None:
    """The note, where a linked entry, on a card that nobody has edited, would not be merged as the card shows
    it: since the card was made, its link has come to mean something, or
    something else."""
    card = decision.cards[0]
    linked = decision.linked_to or ""
    if card.verdict.edited or cards.shows(card.seen.data, record_edit.additions(decision.staged, linked, linked=True)):
        return None
    return "the entry it links to was decided or came after this card was made, and what it adds is now as shown below"


def renew_linked(desk: Desk, until: float) -> bool:
    """Make anew, in pending/, the previews of those that link to what has come to the gate or left it since; what a
    person has written above the marker stays. Gives whether some are left for the next turn. Raises OSError."""
    if desk.known is None or desk.known_at != desk.gate.mark:
        now_there = set(desk.gate.ids)
        linked: dict[str, list[str]] = defaultdict(list)
        for candidate in desk.gate:
            if candidate.link_to_evidence_id:
                linked[candidate.link_to_evidence_id].append(candidate.id)
        new = list(linked if desk.known is None else linked and desk.known ^ now_there)
        while new:
            found = [i for target in new for i in linked.pop(target, ())]
            desk.stale.update(found)
            new = found
        desk.known, desk.known_at = now_there, desk.gate.mark
    while desk.stale:
        if time.monotonic() > until:
            return True
        _renew(desk, desk.stale.pop())
    return False


def _renew(desk: Desk, candidate_id: str) -> None:
    staged, path = desk.gate.get(candidate_id), desk.pending_card(candidate_id)
    if staged is None or path is None:
        return
    lines = desk.effect(staged)
    try:
        data = untrusted.look(path, desk.settings.max_card_bytes).data
        if cards.shows(data, lines) or cards.read(data, staged, desk.settings).edited:
            return
        anew = cards.with_preview(data, staged, lines)
    except (Refusal, FileNotFoundError):
        return
    atomic.replace(path, anew, still=lambda there: _is_still(there, data, desk))
    desk.say("renewed", candidate_id)


def _is_still(path: Path | str, data: bytes, desk: Desk) -> bool:
    try:
        return untrusted.look(path, desk.settings.max_card_bytes).data == data
    except (Refusal, FileNotFoundError):
        return False


def _names(evidence: bytes, link: str) -> bool:
    """Whether an entry of the evidence file has this id."""
    return re.search(rb"^- %b(?![\w\x80-\xff-])" % re.escape(link.encode()), evidence, re.MULTILINE) is not None


def _commit(desk: Desk, decisions: list[Decision], texts: RecordFiles) -> None:
    moment = instant(now())
    drafts: list[dict[str, Any]] = []
    for decision in decisions:
        approved = decision.action == "approved"
        candidate = decision.verdict.candidate if approved else decision.staged
        evidence = (decision.linked_to or act_id(decision.staged)) if approved else None
        draft = _draft(decision, candidate, evidence, moment)
        drafts.append(draft)
        if evidence is not None:
            for addition in record_edit.additions(candidate, evidence, linked=decision.linked_to is not None):
                texts.add(addition.file, addition.line, draft["lines"])
    texts.plan()
    if desk.ledger.seq == 0:
        if not os.path.lexists(desk.place.baseline):
            atomic.replace(desk.place.baseline, baseline.bytes_of(desk.place))  # synced: it cannot be made again
        atomic.sync_folder(desk.place.receipts)
    desk.check()
    receipts = desk.ledger.append(drafts)
    texts.write()
    _off_the_gate(desk, receipts)
    desk.say_all((r.action, r.candidate_id, {"seq": r.seq, "via": r.via, "by": r.by}) for r in receipts)
    desk.ledger.put_into_index()
    _file_cards(desk, [(r, d.cards[0].seen.data) for d, r in zip(decisions, receipts, strict=True)])
    for decision in decisions:
        for card in decision.cards:
            desk.clear(card.path, card.seen.mark, f"it is {decision.action}")


def _draft(decision: Decision, candidate: Candidate, evidence: str | None, moment: str) -> dict[str, Any]:
    """A receipt but for its place in the chain."""
    card = decision.cards[0]
    verdict = card.verdict
    via = cards.via_of(card.seen.data, verdict.via, decision.action) if ownership.is_unmoved(card.seen.stat) else None
    return {
        "candidate_id": decision.staged.id,
        "action": decision.action,
        "merged_at": moment if decision.action == "approved" else None,
        "rejected_at": moment if decision.action == "rejected" else None,
        "via": via or "folder",
        "by": ownership.wrote(card.path, card.seen.stat) if via else None,
        "reason": verdict.reason,
        "source": decision.staged.source,
        "raw_text": candidate.raw_text,
        "skill_tag": candidate.skill_tag,
        "suggested_ix_section": candidate.suggested_ix_section,
        "evidence_id": evidence,
        "lines": {},
        "candidate": decision.staged.as_json(),
        "approved": candidate.as_json() if verdict.edited and candidate != decision.staged else None,
        "sha256": hashlib.sha256(card.seen.data).hexdigest(),
        "card": os.path.basename(card.path).encode(errors="replace").decode(),
    }


def _off_the_gate(desk: Desk, receipts: list[Receipt]) -> None:
    for receipt in receipts:
        desk.gate.discard(receipt.candidate_id)
    desk.check()
    desk.gate.save()


#: From so many cards on, one sync of the disk costs less than one of each file.
_MANY = 8


def _file_cards(desk: Desk, decided: Collection[tuple[Receipt, bytes]]) -> None:
    """Put the cards as they were decided into the month's folder, for people to browse; on disk when this returns,
    since the cards themselves are removed next."""
    months: dict[str, tuple[str, os.stat_result]] = {}
    for receipt, data in decided:
        which = receipt.at[:7]
        if which not in months:
            month = os.fspath(desk.place.month(receipt.at))
            atomic.make_folder(month)
            months[which] = (month, os.stat(month))
        _file_card(*months[which], receipt, data, sync=len(decided) < _MANY)
    if len(decided) >= _MANY:
        atomic.sync_disk(desk.place.receipts)
    else:
        for month, _ in months.values():
            atomic.sync_folder(month)
            atomic.sync_folder(desk.place.receipts)


def _name_of_filed(receipt: Receipt, taken: int) -> str:
    number = f"-{receipt.seq}-{taken}" if taken > 1 else f"-{receipt.seq}" if taken else ""
    return numbered(receipt.card, number)


def _file_card(month: str, inside: os.stat_result, receipt: Receipt, data: bytes, *, sync: bool) -> None:
    for taken in range(1000):
        target = f"{month}/{_name_of_filed(receipt, taken)}"
        if atomic.create(target, data, sync=sync, inside=inside):
            return
        there = Path(target).read_bytes() if os.path.isfile(target) else None
        if there == data:
            return
        if there is not None and cards.is_torn(there, data):
            atomic.replace(target, data, sync=sync)
            return
    raise OSError(f"no free name for the card of {receipt.candidate_id} in {month}")


def finish(desk: Desk) -> None:
    """Finish what a stop cut short: the receipt is there, but the candidate still stands at the gate. Raises OSError,
    Parked."""
    receipts = desk.ledger.unfinished(lambda candidate_id: candidate_id in desk.gate)
    if receipts:
        atomic.append(desk.place.ledger, b"")  # synced, should this folder be a disk of its own (see `Keeper`)
        texts = RecordFiles(desk)
        try:
            for _, file, line in recovery.missing(receipts, texts.text, desk.place.ledger):
                texts.add(file, line, {})
            texts.plan()
        except BeingSaved as err:
            raise err.in_the_midst() from None
        texts.write()
        atomic.sync_folder(desk.place.home)
        _off_the_gate(desk, receipts)
        for receipt in receipts:
            desk.say("finished", receipt.candidate_id, seq=receipt.seq)
    decided = [r for c in desk.gate if (r := desk.ledger.find(c.id)) is not None]
    desk.lacks = not_in_the_record(desk, {r.seq: r for r in [*desk.ledger.latest(_LATEST), *decided]}.values())
    for receipt in desk.lacks:
        desk.say("record-behind", receipt.candidate_id, seq=receipt.seq, fix="recursion-gate doctor --fix")
    if decided:  # an older gate was put back: what was decided stays decided
        _off_the_gate(desk, decided)


#: So many of the last receipts are looked for in the Record when a user's work begins: an older Record lacks those.
_LATEST = 20


def not_in_the_record(desk: Desk, receipts: Iterable[Receipt]) -> list[Receipt]:
    """Those `receipts` whose ACT id a Record file does not name though it should: an older copy was put back. They are
    reported, and not merged again, since a person may have taken the lines out: `verify` tells, and `doctor --fix` puts
    them back."""
    texts: dict[str, bytes] = {}

    def lacks(file: str, evidence: str) -> bool:
        if file not in record_edit.HEADINGS:
            return False
        if file not in texts:
            try:
                texts[file] = untrusted.look(desk.place.home / file, 1 << 30).data
            except FileNotFoundError:
                texts[file] = b""
            except Refusal:
                return False  # the next merge says so
        return evidence.encode() not in texts[file]

    found = [r for r in receipts if any(lacks(file, r.evidence_id or "") for file in r.lines)]
    return sorted(found, key=lambda r: r.seq)
