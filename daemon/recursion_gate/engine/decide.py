"""Decide what to do with what was observed. Pure: observations and read-only lookups in, actions out; nothing here
reads or writes a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from ..core.entry import Entry, check_undo
from ..core.errors import Refusal
from ..core.model import Candidate, id_hash
from ..core.paths import is_aside
from ..core.receipt import Receipt, how_to_take_back
from ..core.settings import Settings
from ..formats import card_hints, cards, record_edit
from ..formats.fields import PUT_BACK
from ..formats.gate_json import element
from ..formats.triggers import expanded, line_id
from .actions import (
    Action,
    Decision,
    Discard,
    FileCard,
    Forget,
    Refuse,
    RenewCard,
    RestoreName,
    ReturnWithNote,
    Stage,
    Undo,
)
from .observations import (
    Card,
    Drop,
    EntryCards,
    Forgotten,
    Leftover,
    Odd,
    Preview,
    Request,
    Strange,
    Torn,
    Unreadable,
)

__all__ = ["Known", "drops", "entry", "hint", "odd", "renew", "undo"]


class Known(Protocol):
    """The known candidates: those at the gate, and the decided ones."""

    def candidate(self, candidate_id: str) -> Candidate | None: ...

    def receipt(self, candidate_id: str) -> Receipt | None: ...

    def as_staged(self, receipt: Receipt) -> Candidate: ...

    def twin(self, candidate_id: str) -> str | None: ...

    def was_lost(self, candidate_id: str) -> bool: ...

    def last_receipt(self, candidate_id: str) -> Receipt | None: ...

    def entry(self, named: str) -> Entry | None: ...

    def last_about(self, named: str) -> Receipt | None: ...

    def linked(self, receipt: Receipt) -> list[Receipt]: ...

    def waits_as(self, named: str) -> str | None: ...


# -- drops --------------------------------------------------------------------------------------------------------


def drops(
    read: Iterable[Drop],
    known: Known,
    settings: Settings,
    *,
    waiting: int = 0,
    size: int = 0,
    receipts: str = "receipts",
    at_once: bool = False,
) -> list[Action]:
    """Stage or refuse each drop. `waiting` candidates, of `size` bytes, are at the gate; `receipts` is the folder of
    the receipts, for messages. A drop that brings nothing new is taken away at once, so that a daemon that is killed
    again and again gets on; with `at_once` each is."""
    stages: list[Action] = []
    refusals: list[Action] = []
    taken = _Taken(known, settings, waiting, size, receipts)
    for drop in read:
        try:
            if drop.refusal is not None:
                raise drop.refusal
            stages.append(taken.stage(drop, at_once))
        except Refusal as err:
            refusals.append(_refused(drop, err, known, settings))
    return stages + refusals


def _refused(drop: Drop, why: Refusal, known: Known, settings: Settings) -> Refuse:
    """That it names a forgotten candidate comes before every other reason: then its text is not kept."""
    own = {proposal.candidate.id for proposal in drop.proposals} or drop.ids
    gone: dict[str, Receipt] = {}
    for candidate_id in sorted(own | {p.candidate.id for p in expanded(drop.proposals, settings)}):
        receipt = known.receipt(candidate_id)
        if receipt is not None and receipt.is_erased:
            gone[candidate_id] = receipt
    named = frozenset(i for i in own if i in gone or line_id(i) in gone)
    return Refuse(drop.path, drop.mark, is_forgotten(next(iter(gone.values()))) if named else why, forgotten=named)


def is_forgotten(receipt: Receipt) -> Refusal:
    """Why nothing with the id of a forgotten candidate is taken. What such a file says is not kept: it may be what was
    forgotten, which cannot be told any more (contract, promise 11)."""
    when = f"on {receipt.at[:10]}" if receipt.action == "forgotten" else f"with {receipt.target}"
    return Refusal(
        f"the id '{receipt.candidate_id}' was forgotten {when}: nothing with it is staged again, and what this file "
        "said of it is not kept, since it may be what was forgotten",
        "Delete this file. If it was another entry, drop that again with another id, or none.",
    )


class _Taken:
    """The known candidates, and those of the drops before this one."""

    def __init__(self, known: Known, settings: Settings, waiting: int, size: int, receipts: str) -> None:
        self._known, self._settings, self._receipts = known, settings, receipts
        self._waiting, self._size = waiting, size
        self._new: dict[str, Candidate] = {}
        self._hashes: dict[str, str] = {}

    def stage(self, drop: Drop, at_once: bool) -> Stage:
        """A drop is staged as a whole or not at all. Raises Refusal when an id is another candidate's, or the gate is
        full."""
        new: dict[str, Candidate] = {}
        hashes: dict[str, str] = {}
        again: list[tuple[str, str | None]] = []
        for proposal in expanded(drop.proposals, self._settings):
            candidate = proposal.candidate
            there = self._new.get(candidate.id) or self._known.candidate(candidate.id)
            if there is not None:
                if not proposal.says_the_same_as(there):
                    raise Refusal(
                        f"the id '{candidate.id}' is taken: another candidate with it waits at the gate",
                        "Give this one another id, or none; to change what waits, edit its card in pending/.",
                    )
                again.append((candidate.id, None))
                continue
            receipt = self._known.receipt(candidate.id)
            if receipt is not None and receipt.is_erased:
                raise is_forgotten(receipt)
            if receipt is not None:
                if not proposal.says_the_same_as(self._known.as_staged(receipt)):
                    raise Refusal(
                        f"the id '{candidate.id}' is taken: a candidate with it was {receipt.action} on"
                        f" {receipt.at[:10]}",
                        "Give this one another id, or none.",
                    )
                again.append((candidate.id, receipt.action))
                continue
            digest = id_hash(candidate.id)
            self._may_be_new(candidate, hashes.get(digest) or self._hashes.get(digest))
            new[candidate.id] = candidate
            hashes[digest] = candidate.id
        self._fits(len(new))
        elements = tuple((candidate, element(candidate)) for candidate in new.values())
        self._new |= new
        self._hashes |= hashes
        self._waiting += len(new)
        self._size += sum(len(data) for _, data in elements)
        return Stage(drop.path, drop.mark, elements, tuple(again), at_once or not new)

    def _may_be_new(self, candidate: Candidate, twin: str | None) -> None:
        """Raises Refusal where a candidate of this id may not be staged."""
        if self._known.was_lost(candidate.id):
            raise Refusal(
                f"'{candidate.id}' was approved: the Record shows it, but the receipts do not, since they are older",
                f"Put back the newest copy of {self._receipts}/, then put this file back; or, "
                "if the Record is wrong: stop the daemon, take its lines out, delete .daemon/decided.sqlite, start it.",
            )
        if candidate.link_to_evidence_id == candidate.id:
            raise Refusal("link_to_evidence_id names the candidate itself", "Leave it out.")
        self._has_a_target(candidate)
        twin = self._known.twin(candidate.id) or twin
        if twin is not None:
            raise Refusal(
                f"the id '{candidate.id}' gives the same ACT id as '{twin}'", "Give this one another id, or none."
            )

    def _has_a_target(self, candidate: Candidate) -> None:
        """Raises Refusal where there is no entry that a correction or a retraction could be about."""
        target = candidate.supersedes or candidate.retracts
        if not target:
            return
        field = "supersedes" if candidate.supersedes else "retracts"
        entry = self._known.entry(target)
        if entry is None:
            raise Refusal(
                f"{field}: no entry {target} was approved here",
                "Give the ACT id of an entry of the Record. To change one that still waits, edit its card in pending/.",
            )
        if entry.unclear:
            raise Refusal(f"{field}: {entry.unclear}", "Edit the Record by hand instead, and delete this file.")
        if entry.problem is not None:
            raise Refusal(f"{field}: {target} no longer stands: {entry.problem}", _instead(field, entry))

    def _fits(self, new: int) -> None:
        """Raises Refusal where the gate has no room for so many."""
        settings = self._settings
        problem = ""
        if self._waiting + new > settings.max_pending:
            problem, setting = f"{settings.max_pending:,} candidates wait", "max_pending"
        elif new and self._size >= settings.max_gate_bytes:
            problem, setting = f"its file may have {settings.max_gate_bytes:,} bytes", "max_gate_bytes"
        if problem:
            what = f"Decide on some of them, or raise {setting} in recursion-gate.toml; then put the file back."
            raise Refusal(f"the gate is full: {problem}", what)


# -- cards --------------------------------------------------------------------------------------------------------


def odd(found: Iterable[Odd]) -> Iterator[Action]:
    """Cards that are no decision: left over, torn, unreadable, or from somebody who may not decide."""
    for each in found:
        match each:
            case Leftover():
                yield _leftover(each)
            case Torn():
                yield Discard(each.path, each.mark, "it is torn")
            case Forgotten():  # a sync program, or a person, has kept a copy
                ids = frozenset({each.receipt.candidate_id})
                why, what = is_forgotten(each.receipt), "was not carried out"
                yield Refuse(each.path, each.seen.mark, why, what, record_too=False, forgotten=ids)
            case Strange():
                message = f"{each.who}, so neither what it says nor where it lay is a person's decision"
                refusal = Refusal(message, "Move the card that is in pending/.")
                yield Refuse(each.path, each.mark, refusal, "was not carried out")
            case Unreadable():
                how = "" if each.refusal.remedy == PUT_BACK else f"{each.refusal.remedy} "
                again = f"Edit the clean card in pending/, or correct this one and move it into {each.folder}/ again."
                refusal = Refusal(each.refusal.problem, how + again, found=each.refusal.found)
                what = "was edited so that it can no longer be read, so it was not merged"
                yield Refuse(each.path, each.mark, refusal, what)


def _leftover(left: Leftover) -> Action:
    """A card of a candidate that has been decided. Where it lay here before, it is what a stop has left, or a copy: the
    very card that was decided on is filed, a mere copy removed. One that somebody has put here since, where the folder
    says the contrary, or has edited, is answered: it goes to problems/, with what was decided."""
    if left.is_edited or left.came_since:
        message = f"this entry waits no longer: it was {left.receipt.message}, before this card came here"
        remedy = how_to_take_back(left.receipt.candidate_id)
        return Refuse(left.path, left.seen.mark, Refusal(message, remedy), "was not carried out", record_too=False)
    if left.is_very_card:
        return FileCard(left.path, left.seen, left.receipt)
    return Discard(left.path, left.seen.mark, f"it is {left.receipt.action}")


def undo(request: Request, known: Known) -> Undo | Forget | Refuse | Discard:
    """The answer to a file in undo/. A decision can be taken back as long as no later one rests on it."""
    last: Receipt | None = None
    try:
        if request.named is None and request.forget:
            raise Refusal(
                "it names no entry to forget",
                "Write the ACT id, or the candidate's id, in quotes behind forget: and put the file back into undo/.",
            )
        if request.named is None:
            raise Refusal(
                "this is not a card, so it names no decision to take back",
                "Copy the decided card into undo/: it is in the month's folder under receipts/.",
            )
        if request.forget:
            return Forget(request, _whom(request.named, known))
        candidate_id = _whom(request.named, known)
        last = known.last_receipt(candidate_id)
        waits = known.candidate(candidate_id) is not None
        if waits and last is not None and last.action == "undone":
            return Discard(request.path, request.seen.mark, "its entry waits again")
        entry = known.entry(candidate_id)
        linked = known.linked(last) if entry and last else []
        gone = entry.gone if entry else None
        return Undo(request, check_undo(candidate_id, last, gone, linked, waits=waits))
    except Refusal as err:
        forgotten = frozenset({last.candidate_id}) if last is not None and last.is_erased else frozenset[str]()
        mark = request.seen.mark
        return Refuse(request.path, mark, err, "was not carried out", record_too=False, forgotten=forgotten)


def _instead(field: str, entry: Entry) -> str:
    """What to do with a drop whose target no longer stands."""
    by = entry.gone.evidence_id if entry.gone else None
    if by:
        return f"Write {field}: {by}, which stands in its place, and put the file back."
    if field == "retracts":
        return "Delete this file: nothing is left to retract."
    return "To propose it as a new entry, leave supersedes out and put the file back."


def _whom(named: str, known: Known) -> str:
    """The candidate that a request names by its own id, or by its ACT id. Raises Refusal."""
    waiting, last = known.waits_as(named), known.last_about(named)
    if waiting is None and last is None:
        raise Refusal(
            f"there is no decision on '{named}', and it does not wait",
            "Correct the id and put the file back into undo/; a list of the decisions: recursion-gate receipts",
        )
    return waiting or (last.candidate_id if last else named)


def entry(these: EntryCards) -> Decision | ReturnWithNote | list[RestoreName]:
    """The decision that the cards of one candidate give together."""
    note = _contradiction(these.cards) or _cut_short(these) or _typed_below(these.cards)
    if note:
        return ReturnWithNote(these.staged, these.cards, note)
    asides = [card.path for card in these.cards if is_aside(os.path.basename(card.path))]
    if asides:  # what a stop has left aside shall be seen, should it have to wait
        return [RestoreName(path) for path in asides]
    return Decision(these.staged, these.cards)


def _contradiction(these: Sequence[Card]) -> str | None:
    if len({c.folder for c in these}) > 1:
        return "this card was in approved/ and in rejected/ at once; put it into one of them"
    if these[0].folder == "approved" and any(c.verdict.candidate != these[0].verdict.candidate for c in these[1:]):
        return "there were two cards of this entry with different texts in approved/; put one of them there"
    return None


def _cut_short(these: EntryCards) -> str | None:
    """The note, where a ReturnWithNote has put a card with one into pending/ and a stop kept it from taking all of the
    cards away: they were there before that card, and one of two contrary ones must not count because it was left
    alone."""
    if these.note is None:
        return None
    note, at = these.note
    # Of a card that was taken aside to be removed the ctime tells nothing: a rename sets it.
    since = [c for c in these.cards if not is_aside(os.path.basename(c.path))]
    return None if any(c.seen.stat.st_ctime_ns > at for c in since) else note


def _typed_below(these: Sequence[Card]) -> str | None:
    if any(c.verdict.below for c in these):
        return (
            "something was typed or changed below the line that begins with '<!-- recursion-gate:', where it does not "
            "count; type above that line, or a reason as a line 'reason: ...' beside the id"
        )
    return None


def renew(
    card: Preview, previews: Callable[[Candidate], Sequence[Sequence[record_edit.Change]]], settings: Settings
) -> RenewCard | None:
    """Renew a card whose preview shows what is no longer so; what a person has written stays, also below the marker,
    where it is told when the card is decided. `previews`: what approving a candidate would add and take out, now, and
    what it may have been when the card was made."""
    staged, of_staged = card.staged, previews(card.staged)
    as_staged = of_staged[0]
    try:
        says = cards.says_that_it_stands_not(card.data)
        if cards.shows(card.data, as_staged) and says == cards.stands_not(staged, as_staged):
            return None
        candidate = cards.read(card.data, staged, settings).candidate
        of_edited = previews(candidate)
        adds = of_edited[0]
        outdated = cards.is_outdated(card.data, staged, candidate, adds, as_staged)
        outdated |= says != cards.stands_not(candidate, adds)
        outdated |= not cards.shows_what_goes(card.data, adds)  # a person may just have written `supersedes:`
        if not outdated or cards.typed_below(card.data, staged, [*of_staged, *of_edited]):
            return None
        now = cards.with_preview(card.data, staged, adds)
        return RenewCard(staged.id, card.path, card.data, now) if now != card.data else None
    except Refusal:
        return None


def hint(card: Preview, lines: Sequence[str]) -> RenewCard | None:
    """Put these hints on a card; None where it has them, or somebody has typed among its own."""
    now = card_hints.with_hints(card.data, lines)
    if now is None or now == card.data:
        return None
    return RenewCard(card.staged.id, card.path, card.data, now, only_hints=True)
