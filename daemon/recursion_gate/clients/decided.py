"""Find what a person means by an id, whatever became of it: it waits, was decided, taken back or forgotten. Reads
only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..core.entry import Entry, check_undo
from ..core.errors import Parked, Refusal
from ..core.model import Candidate, act_key, id_hash, looks_like_act_id
from ..core.paths import Place, Root
from ..core.receipt import Receipt
from ..store import entries, jsonl
from ..store.gate import Gate
from ..store.standing import Standing
from .decide import NoSuchCandidate, OnLeftOut
from .requests import asked

__all__ = ["Decided", "find", "find_entry", "last", "means", "names"]


@dataclass(frozen=True, slots=True)
class Decided:
    """One candidate of a user, and what became of it."""

    place: Place
    candidate_id: str
    #: Its last receipt; None where it has none.
    receipt: Receipt | None
    #: As it waits at the gate; None where it does not.
    waits: Candidate | None

    @property
    def act(self) -> str | None:
        """Its own ACT id, where it has been approved as an entry of its own."""
        named = self.receipt.evidence_id if self.receipt else None
        return named if named and act_key(named) == act_key(self.candidate_id) else None

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.act or self.candidate_id

    @property
    def text(self) -> str:
        """Its text; "" where it was forgotten."""
        if self.waits is not None:
            return self.waits.raw_text
        return self.receipt.raw_text if self.receipt else ""

    def entry(self) -> Entry | None:
        """The entry of the Record that it became, with what concerns it. Raises Parked, OSError."""
        return entries.find(self.place, self.candidate_id)

    def check_undo(self) -> Receipt:
        """The decision that can be taken back. Raises Refusal where there is none, Parked, OSError."""
        if self.waits is not None and self.receipt is not None and self.receipt.action == "undone":
            raise Refusal(f"'{self.candidate_id}' waits already: its decision was taken back on {self.receipt.at[:10]}")
        if self.receipt is not None and self.receipt.action == "forgotten":
            raise Refusal(f"'{self.candidate_id}' was forgotten on {self.receipt.at[:10]}: nothing brings it back")
        entry = self.entry()
        gone, linked = (entry.gone, entry.linked) if entry else (None, [])
        return check_undo(self.candidate_id, self.receipt, gone, linked, waits=self.waits is not None)


def means(given: str, name: str) -> bool:
    """Whether `given` is `name`, the beginning of it, or the beginning of its last part (as git shortens its ids)."""
    return bool(given) and (name.startswith(given) or name.rpartition("-")[2].startswith(given))


def find(root: Root, users: Sequence[str], given: str, left_out: OnLeftOut | None = None) -> Decided:
    """What `given` means among `users`: the id of a candidate or an ACT id, or the beginning of one, or of its last
    part. A user whose files cannot be read is given to `left_out`, and the others go on. Raises NoSuchCandidate;
    without `left_out` Parked, OSError."""
    found: list[Decided] = []
    exact: list[Decided] = []
    for user in users:
        try:
            for each, is_exact in _matches(root.place(user), given):
                found.append(each)
                exact += [each] if is_exact else []
        except (Parked, OSError) as err:
            if left_out is None:
                raise
            left_out(user, err)
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        lists = "'recursion-gate receipts' lists the decisions, 'recursion-gate pending' what waits."
        raise NoSuchCandidate(given, f"is neither decided nor waiting. {lists}")
    several = ", ".join(f"{each.name} ({each.place.user})" for each in (exact or found)[:5])
    raise NoSuchCandidate(given, f"could be {len(exact or found)} entries: {several}. Give more of it, or --user.")


def find_entry(root: Root, users: Sequence[str], given: str, left_out: OnLeftOut | None = None) -> Decided:
    """As `find`; and, where that finds nothing, an entry with the ACT id `given`, in full, from before the first
    receipt. Raises what `find` does."""
    try:
        return find(root, users, given, left_out)
    except NoSuchCandidate:
        for user in users:
            with suppress(Parked, OSError):
                entry = entries.find(root.place(user), given) if looks_like_act_id(given) else None
                if entry is not None:
                    return Decided(root.place(user), given, entry.receipt, None)
        raise


def _matches(place: Place, given: str) -> Iterator[tuple[Decided, bool]]:
    """What `given` may mean of one user, and whether it is the whole name. Raises Parked, OSError."""
    lines: dict[str, bytes] = {}
    exact: set[str] = set()
    for _, line in jsonl.forwards(place.ledger, jsonl.end(place.ledger).size):
        head = jsonl.HEAD.match(line)
        if head is None:
            continue
        candidate_id, act = head["id"].decode(), (head["evidence"] or b"").decode()
        named = means(given, candidate_id)
        if not named and act and means(given, act):  # not that of the entry it links to
            named = act_key(act) == id_hash(candidate_id)
        if named or candidate_id in lines:
            lines[candidate_id] = line
        if named and given in (candidate_id, act):
            exact.add(candidate_id)
    gate = Gate.load(place)
    found = dict.fromkeys([*lines, *(i for i in gate.ids if means(given, i))])
    for candidate_id in found:
        receipt = jsonl.receipt(place, lines[candidate_id]) if candidate_id in lines else None
        is_exact = candidate_id in exact or candidate_id == given
        yield Decided(place, candidate_id, receipt, gate.get(candidate_id)), is_exact


def last(root: Root, users: Sequence[str], left_out: OnLeftOut | None = None) -> Decided | None:
    """The newest decision of `users` that was not taken back; None where there is none. What is asked to be taken back
    already, in undo/, does not count. Raises Parked, OSError, but gives them to `left_out`, if there is one."""
    newest: Decided | None = None
    for user in users:
        place = root.place(user)
        try:
            found = _last_of(place)
        except (Parked, OSError) as err:
            if left_out is None:
                raise
            left_out(user, err)
            continue
        if found is not None and (newest is None or _at(found) > _at(newest)):
            newest = found
    return newest


def _last_of(place: Place) -> Decided | None:
    waiting, known = asked(place), Standing()
    for _, line in jsonl.backwards(place.ledger, jsonl.end(place.ledger).size):
        receipt = jsonl.receipt(place, line)
        became = known.of(receipt.candidate_id, receipt.action, receipt.supersedes, receipt.retracts)
        if became not in (None, "undone", "forgotten") and receipt.candidate_id not in waiting:
            return Decided(place, receipt.candidate_id, receipt, None)
    return None


def _at(found: Decided) -> str:
    return found.receipt.at if found.receipt else ""


def names(root: Root, users: Sequence[str], start: str, limit: int) -> list[str]:
    """At most `limit` ids of candidates and entries that begin with `start`: of what waits, then of what was decided,
    the newest first. A user whose files cannot be read is left out."""
    found: dict[str, None] = {}
    for user in users:
        place = root.place(user)
        with suppress(Parked, OSError):
            found |= dict.fromkeys(i for i in Gate.load(place).ids if i.startswith(start))
            for _, line in jsonl.backwards(place.ledger, jsonl.end(place.ledger).size):
                if len(found) >= limit:
                    break
                if head := jsonl.HEAD.match(line):
                    both = (head["id"].decode(), (head["evidence"] or b"").decode())
                    found |= dict.fromkeys(name for name in both if name and name.startswith(start))
    return list(found)[:limit]
