"""A person's decision from the command line or a page: the same move of one card that a file manager makes.

Nothing here merges: a card is put into approved/ or rejected/, and the daemon carries it out.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ..core.errors import GateError, Parked, Refusal
from ..core.model import Candidate
from ..core.paths import Place, Root, is_ignored
from ..core.receipt import Receipt, how_to_take_back
from ..core.settings import Settings
from ..disk import aside, untrusted
from ..disk.deliver import deliver
from ..formats import cards, record_change, record_edit, signature
from ..formats.card_hints import without_hints
from ..store import entries, history, jsonl, seeds
from ..store.gate import Gate
from .person import check_person

__all__ = [
    "Action",
    "Changed",
    "NoSuchCandidate",
    "Waiting",
    "decide",
    "digest",
    "find",
    "save_edit",
    "waiting",
]

Action = Literal["approved", "rejected"]

#: Called with a user that has to be left out, and why.
OnLeftOut = Callable[[str, Exception], None]


@dataclass(eq=False)
class NoSuchCandidate(GateError):
    """An id, or the beginning of one, that names no candidate, or more than one."""

    given: str
    problem: str
    sentence = "'{e.given}' {e.problem}"


class Changed(Refusal):
    """The card is no longer the one that the person looked at."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A candidate that waits, with its card."""

    place: Place
    candidate: Candidate
    #: The path of its card; None where the daemon has not created it yet.
    card: Path | None
    #: The folder the card is in: pending, approved or rejected.
    state: str
    gate: Gate
    #: The candidate as a person has edited its card; None where it says what was staged.
    edited: Candidate | None = None
    #: Why the card cannot be read; empty where it can.
    problem: str = ""
    #: The largest card that is read, in bytes: the daemon's limit (`Settings.max_card_bytes`).
    limit: int = Settings().max_card_bytes
    #: The evidence that each link means in the end, as far as it was asked for; shared by all that wait with it.
    evidence_of: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def now(self) -> Candidate:
        """The candidate as its card says now."""
        return self.edited or self.candidate

    def look(self) -> tuple[Path, untrusted.Seen]:
        """The card and its content. Raises Refusal, OSError."""
        if self.card is None:
            raise Refusal("its card has not been made yet", "Start the daemon, or call 'recursion-gate once'.")
        return self.card, untrusted.look(self.card, self.limit)

    def data(self) -> bytes:
        """The card's bytes. Raises Refusal, OSError."""
        return self.look()[1].data

    def as_edited(self, settings: Settings, data: bytes | None = None) -> Candidate:
        """The candidate with the edits that a person has made to its card, or to `data`, which was its card a moment
        ago. Raises Refusal, OSError."""
        if data is None and self.card is None:
            return self.candidate
        return cards.read(self.data() if data is None else data, self.candidate, settings).candidate

    def effect(self, candidate: Candidate) -> list[record_edit.Change]:
        """The lines that approving `candidate` would add."""
        return record_edit.effect(candidate, self.gate.get, self._decided_as, self.evidence_of, self._standing)

    def target(self, candidate: Candidate) -> str | None:
        """The text of the entry that approving `candidate` would correct or retract; None where there is none that
        stands. Raises Parked, OSError."""
        named = candidate.supersedes or candidate.retracts
        entry = entries.find(self.place, named) if named else None
        return entry.receipt.raw_text if entry is not None and entry.problem is None else None

    def _standing(self, named: str) -> record_edit.OldLines:
        entry = entries.find(self.place, named)
        if entry is None or entry.problem is not None:
            return {}
        try:
            return record_change.old_lines(entry.receipt, lambda: entry.linked, seeds.text_of(self.place))
        except OSError:  # an account that may not read the Record
            return {file: (lines[-1], lines[-1]) for file, lines in entry.receipt.lines.items()}

    def _decided_as(self, candidate_id: str) -> str | None:
        start = b'"candidate_id":"%s"' % candidate_id.encode()
        ledger = self.place.ledger
        for _, line in jsonl.backwards(ledger, jsonl.end(ledger).size):
            if start in line[:200]:
                last = jsonl.receipt(self.place, line)
                return last.evidence_id if last.action == "approved" else None
        return None

    def diff(self, candidate: Candidate) -> Iterator[str]:
        """The change that approving `candidate` would make in the Record, as a unified diff."""
        files: dict[str, list[record_edit.Change]] = {}
        for change in self.effect(candidate):
            files.setdefault(change.file, []).append(change)
        text = seeds.text_of(self.place)
        for file, those in files.items():
            old = text(file)
            new = record_change.preview(old, those)
            yield from difflib.unified_diff(
                old.decode().splitlines(), new.decode().splitlines(), file, file, n=2, lineterm=""
            )


def waiting(
    root: Root, users: list[str], settings: Settings | None = None, left_out: OnLeftOut | None = None
) -> Iterator[Waiting]:
    """All that waits for a person, oldest first, user by user.

    A user whose gate or cards cannot be read is given to `left_out`, and the others go on; without it that is raised:
    Parked, OSError.
    """
    for user in users:
        place = root.place(user)
        try:
            gate = Gate.load(place)
            cards_by_id = _cards(place, gate, settings or Settings()) if len(gate) else {}
        except (Parked, OSError) as err:
            if left_out is None:
                raise
            left_out(user, err)
            continue
        evidence_of: dict[str, str] = {}
        for candidate in gate:
            item = cards_by_id.get(candidate.id) or Waiting(place, candidate, None, "pending", gate)
            yield replace(item, evidence_of=evidence_of)


def _cards(place: Place, gate: Gate, settings: Settings) -> dict[str, Waiting]:
    """The candidates that have a card, by id."""
    found: dict[str, Waiting] = {}
    for state in ("pending", "approved", "rejected"):
        folder = place.state(state)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if is_ignored(path.name):
                continue
            try:
                data = untrusted.look(path, settings.max_card_bytes).data
            except (Refusal, FileNotFoundError):
                continue
            candidate = gate.get(cards.id_of(data) or "")
            if candidate is not None:
                edited, problem = _edits(data, candidate, settings)
                found[candidate.id] = Waiting(
                    place, candidate, path, state, gate, edited, problem, settings.max_card_bytes
                )
    return found


def _edits(card: bytes, candidate: Candidate, settings: Settings) -> tuple[Candidate | None, str]:
    """The card as a person has edited it, and why it cannot be read."""
    if cards.is_as_staged(card, candidate):
        return None, ""
    try:
        verdict = cards.read(card, candidate, settings)
    except Refusal as err:
        return None, err.in_full
    return verdict.candidate if verdict.edited else None, ""


def find(
    root: Root, users: list[str], given: str, settings: Settings | None = None, left_out: OnLeftOut | None = None
) -> Waiting:
    """The candidate that `given` means: its id, the beginning of it, or the beginning of its last part, as long as no
    other has the same (as git shortens its ids). `left_out` as in `waiting`. Raises NoSuchCandidate, Parked,
    OSError."""
    found = [w for w in waiting(root, users, settings, left_out) if _means(given, w.candidate.id)]
    exact = [w for w in found if w.candidate.id == given]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        problem = _decided(root, users, given)
        raise NoSuchCandidate(given, problem or "is not at the gate. 'recursion-gate pending' lists what waits.")
    several = ", ".join(f"{w.candidate.id} ({w.place.user})" for w in found[:5])
    raise NoSuchCandidate(given, f"could be {len(found)} candidates: {several}. Give more of it, or --user.")


def _decided(root: Root, users: list[str], given: str) -> str:
    """The decision on the candidate or the entry that `given` means, in words; "" for none or several."""
    found: dict[tuple[str, str], Receipt] = {}
    for user in users:
        with suppress(Parked, OSError):
            for _, receipt in history.decisions(root, [user]):
                if _means(given, receipt.candidate_id) or given == receipt.evidence_id:
                    found[receipt.candidate_id, user] = receipt
    exact = {key: receipt for key, receipt in found.items() if key[0] == given} or found
    if len(exact) != 1:
        return ""
    [((candidate_id, user), receipt)] = exact.items()
    which = "" if candidate_id == given else f"({candidate_id}) "
    why = f" ({receipt.reason})" if receipt.reason else ""
    how = "" if receipt.action == "forgotten" else f" {how_to_take_back(candidate_id)}"
    return f"{which}waits no longer: it was {receipt.message}{why}, for {user}.{how}"


def _means(given: str, candidate_id: str) -> bool:
    return bool(given) and (candidate_id.startswith(given) or candidate_id.rpartition("-")[2].startswith(given))


def decide(
    item: Waiting,
    action: Action,
    *,
    shown: str | None = None,
    reason: str | None = None,
    via: str = "cli",
    by: str | None = None,
) -> None:
    """Move the card of one candidate into approved/ or rejected/. The card is written anew, so that it carries how,
    and the file system by whom, it was decided; `by` is somebody else than the account that runs this.

    `shown` is the `digest` of the card that the person has looked at: what somebody has edited since is not decided
    on. Raises Changed then, Refusal when it is decided already, NotAPerson where an agent runs this, OSError.
    """
    check_person()
    if item.state != "pending":
        raise Refusal(f"its card is in {item.state}/ already", "The daemon carries it out; to take it back, move it.")
    card, seen = item.look()
    _check_unchanged(seen.data, shown)
    _deliver(item.place.state(action), card.name, signature.sign(seen.data, action, via, reason, by), own=True)
    with contextlib.suppress(FileNotFoundError):
        aside.take_away(card, untrusted.is_still(seen.mark))  # where somebody has saved it meanwhile it stays


def digest(card: bytes) -> str:
    """A value that changes whenever the card does, but for its hints: they come and go while a person reads."""
    return hashlib.sha256(without_hints(card)).hexdigest()


def _check_unchanged(card: bytes, shown: str | None) -> None:
    if shown is not None and digest(card) != shown:
        raise Changed("its card was changed since it was shown", "Look at it again.")


def save_edit(item: Waiting, text: str, settings: Settings, *, shown: str | None = None) -> None:
    """Put an edited card in the place of the one in pending/, unless that is no longer the one `shown`; below its
    marker line stands then what it adds now. Raises Changed, Refusal when it does not parse, OSError."""
    data = text.encode()
    candidate = cards.read(data, item.candidate, settings).candidate
    now = replace(item, gate=Gate.load(item.place), evidence_of={})  # a person may have taken long
    data = cards.with_preview(data, item.candidate, now.effect(candidate))
    _check_unchanged(item.data(), shown)
    assert item.card is not None
    _deliver(item.card.parent, item.card.name, data, over=True)


def _deliver(folder: Path, name: str, data: bytes, *, over: bool = False, own: bool = False) -> None:
    try:
        deliver(folder, name, data, over=over, own=own)
    except OSError as err:
        raise OSError(err.errno, err.strerror, str(folder)) from err  # not the temporary name, or none at all
