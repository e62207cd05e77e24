"""The whole protocol as a state machine: agents, people and the world against a small model (all promises).

The model knows, for each candidate, its text, what it links to, and whether it is pending, approved or rejected; and
for each card that a person has put somewhere, where. What a look must lead to follows from that alone
(`Model.resolve`).
The reconciler, the files and the disk are the real ones; only the clock is ours, so that nothing has to be waited for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from recursion_gate.audit.verify import verify
from recursion_gate.core.model import id_hash
from recursion_gate.core.receipt import chain_hash
from recursion_gate.core.settings import Settings
from recursion_gate.disk import atomic
from recursion_gate.formats import cards, signature

from .dying import Dying, Killed
from .roots import RECORD, add_user, make_root
from .world import World

__all__ = ["COUNTS", "STATES", "Protocol"]

#: What was done in all examples, for a report.
COUNTS: Counter[str] = Counter()
#: Each state of the model that was reached, as a hash.
STATES: set[int] = set()

_SKILLS = ("THINK", "WRITE", "WORK", "STEWARD")
_SECTIONS = ("IX-A", "IX-B", "IX-C", None)


#: What is cut short is not given up while an example lasts, unless `time_passes`.
_SETTINGS = Settings(settle_seconds=50)


class Clock:
    """Stands in for the module `time`: goes on when it is told to, and back."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.wrong = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def time(self) -> float:
        return time.time() + self.wrong

    def time_ns(self) -> int:
        return int(self.time() * 1e9)


@dataclass
class Candidate:
    """What the model knows of one candidate."""

    text: str
    link: str | None = None
    #: The candidate whose entry it supersedes, or retracts.
    about: str | None = None
    retracts: bool = False
    state: str = "dropped"  # then pending, approved, rejected, forgotten
    stood: bool = False  # whether it was approved when it was forgotten: then what it superseded is gone all the same
    staged: str = ""  # the text as it was dropped
    texts: set[str] = field(default_factory=set)  # each text that it ever had

    @property
    def stands(self) -> bool:
        return self.state == "approved"


@dataclass
class Put:
    """A card that a person has put into approved/ or rejected/."""

    action: str
    text: str | None  # None: broken
    below: bool = False  # whether something was typed below its marker line, too


@dataclass
class Model:
    """One user, as the contract has it."""

    candidates: dict[str, Candidate] = field(default_factory=dict)
    drops: dict[str, list[str]] = field(
        default_factory=dict
    )  # file name -> the ids in it; good drops, not yet looked at
    bad: set[str] = field(default_factory=set)  # file names that must be refused at the next look
    partial: dict[str, tuple[bytes, str]] = field(default_factory=dict)  # name -> what is yet to come, and the id
    refused: Counter[str] = field(default_factory=Counter)
    puts: dict[str, list[Put]] = field(default_factory=dict)  # id -> the cards outside of pending/
    again: list[str] = field(default_factory=list)  # ids whose decided cards lie somewhere again, not yet looked at
    requests: dict[str, str] = field(default_factory=dict)  # id -> "undone" or "forgotten": files in undo/
    log: list[tuple[str, str]] = field(default_factory=list)  # the receipts: id, action
    kept: int = 0  # at least so many edited or broken cards must have been kept in problems/

    def ids(self, *states: str) -> list[str]:
        return [i for i, c in self.candidates.items() if c.state in states]

    def resolve(self) -> None:
        """A look at all that lies there, with nothing left to do afterwards."""
        for ids in self.drops.values():
            for candidate_id in ids:
                if self.candidates[candidate_id].state == "dropped":
                    self.candidates[candidate_id].state = "pending"
        self.drops.clear()
        self.refused.update(self.bad)
        self.bad.clear()
        # Each is answered; but where the decision is taken back in the same look, it is its card again.
        self.kept += sum(candidate_id not in self.requests for candidate_id in self.again)
        self.again.clear()
        last = {candidate_id: number for number, (candidate_id, _) in enumerate(self.log, 1)}
        for candidate_id in sorted(self.requests, key=lambda i: -last.get(i, 0)):
            self._take_back(candidate_id, self.requests[candidate_id])
        self.requests.clear()
        for candidate_id, puts in list(self.puts.items()):
            for put in [p for p in puts if p.text is None and p.action == "approved"]:
                puts.remove(put)
                self.kept += 1
            if len({p.action for p in puts}) > 1 or len({p.text for p in puts if p.action == "approved"}) > 1:
                puts.clear()
            if any(p.below for p in puts):
                puts.clear()
                self.kept += 1
            if not puts:
                del self.puts[candidate_id]
        while any(self._carry_out(candidate_id) for candidate_id in list(self.puts)):
            pass

    def _take_back(self, candidate_id: str, action: str) -> None:
        this = self.candidates[candidate_id]
        if action == "forgotten":
            this.stood, this.state = this.stands, action
            self.puts.pop(candidate_id, None)
        elif self.gone(candidate_id) or any(c.link == candidate_id for c in self.candidates.values() if c.stands):
            self.kept += 1  # refused: others rest on it
            return
        else:
            this.state, this.text = "pending", this.staged
        self.log.append((candidate_id, action))

    def gone(self, candidate_id: str) -> bool:
        """Whether its entry is superseded or retracted."""
        return any(c.about == candidate_id for c in self.candidates.values() if c.stands or c.stood) and (
            (candidate_id, "approved") in self.log
        )

    def _carry_out(self, candidate_id: str) -> bool:
        """Whether anything changed."""
        this, put = self.candidates[candidate_id], self.puts[candidate_id][0]
        if put.action == "approved" and this.link is not None:
            target = self.candidates[this.link].state
            if target == "pending":
                return False  # it waits
            if target != "approved" or self.gone(this.link) or self.candidates[this.link].retracts:  # it goes back
                del self.puts[candidate_id]
                return True
        if put.action == "approved" and this.about is not None:
            target = self.candidates[this.about].state
            if target != "approved" or self.gone(this.about):  # it goes back
                del self.puts[candidate_id]
                return True
        this.state = put.action
        if put.action == "approved" and put.text is not None:
            this.text = put.text
        self.log.append((candidate_id, put.action))
        del self.puts[candidate_id]
        return True

    def key(self) -> object:
        """The state, without names and texts."""
        return (
            sorted((c.state, c.link is not None, c.about is not None, c.retracts) for c in self.candidates.values()),
            len(self.drops),
            len(self.bad),
            len(self.partial),
            len(self.again),
            sorted(self.requests.values()),
            sorted(sorted((p.action, p.text is None) for p in puts) for puts in self.puts.values()),
        )


def _unique(number: int) -> str:
    """Words of which no piece stands in another text, so that what is forgotten can be looked for."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:20]


class Protocol(RuleBasedStateMachine):
    """See the module. `self.worlds` and `self.models` are by user."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.root = make_root(Path(self._folder) / "root", "alex")
        self.clock = Clock()
        self._patch = pytest.MonkeyPatch()
        for name, module in list(sys.modules.items()):  # one clock for the whole engine, whatever its modules are
            if name.startswith("recursion_gate.engine.") and getattr(module, "time", None) is time:
                self._patch.setattr(module, "time", self.clock)
        self.worlds: dict[str, World] = {}
        self.models: dict[str, Model] = {}
        self._take_up("alex")
        self._number = 0
        self._open: list[Any] = []
        COUNTS["examples"] += 1

    def teardown(self) -> None:
        try:
            for file in self._open:
                file.close()
            if sys.exc_info()[0] is not None:  # it has failed already: that is what is to be told
                return
            for user in self.models:
                self._settle(user)
                self.agrees(user)
            for proof in verify(self.root, list(self.models)):
                assert [f for f in proof.findings if f.severity == "fault"] == []
        finally:
            self._patch.undo()
            for world in self.worlds.values():
                world.reconciler.close()
            shutil.rmtree(self._folder)

    def _take_up(self, user: str) -> None:
        self.worlds[user] = World(self.root, _SETTINGS, user)
        self.models[user] = Model()
        self._settle(user)

    def _next(self) -> int:
        self._number += 1
        return self._number

    # -- the daemon ---------------------------------------------------------------------------------------------------

    def _turns(self, user: str) -> None:
        """Turns until nothing is left to do but what waits for longer than a moment."""
        reconciler = self.worlds[user].reconciler
        for _ in range(100):
            outcome = reconciler.reconcile(user)
            assert reconciler.problems == {}
            if outcome.more:
                continue
            if outcome.due is None or outcome.due > 1:
                return
            self.clock.ahead += outcome.due + 0.05
        raise AssertionError("the reconciler never comes to rest")

    def _settle(self, user: str) -> None:
        self._turns(user)
        model = self.models[user]
        forgets = "forgotten" in model.requests.values()
        model.resolve()
        if forgets:  # what was refused of it has gone, too
            there = self.worlds[user].names("problems")
            model.refused = Counter(name for name in model.refused if name in there)
            model.kept = sum(f"{name}.why.txt" in there and name not in model.refused for name in there)
        STATES.add(hash(repr(self.models[user].key())))

    # -- agents -------------------------------------------------------------------------------------------------------

    users = st.sampled_from(["alex", "sam"])
    dice = st.randoms(use_true_random=False)

    def _new(self, user: str, dice: random.Random, *, link: bool = False) -> tuple[str, bytes]:
        model, number = self.models[user], self._next()
        candidate_id = f"c{number}"
        targets = model.ids("pending", "approved", "rejected") if link else []
        text = f"Did {_unique(number)}."
        candidate = Candidate(text, dice.choice(targets) if targets else None, staged=text, texts={text})
        model.candidates[candidate_id] = candidate
        fields = {
            "id": candidate_id,
            "text": candidate.text,
            "skill_tag": dice.choice(_SKILLS),
            "suggested_ix_section": dice.choice(_SECTIONS),
            "created_at": "2026-11-24T10:00:00Z",
        }
        if candidate.link:
            fields["link_to_evidence_id"] = candidate.link
        return candidate_id, json.dumps(fields).encode()

    @initialize(dice=dice)
    def some_wait_already_and_some_are_decided(self, dice: random.Random) -> None:
        for _ in range(6):
            candidate_id, data = self._new("alex", dice)
            self.worlds["alex"].drop(f"{candidate_id}.json", data)
            self.models["alex"].drops[f"{candidate_id}.json"] = [candidate_id]
        self._settle("alex")
        for action in ("approved", "approved", "rejected"):
            self.decide("alex", dice, action, how=5)
            self._settle("alex")

    @rule(user=users, dice=dice, link=st.booleans(), in_place=st.booleans())
    def drop(self, user: str, dice: random.Random, link: bool, in_place: bool) -> None:
        if user not in self.models:
            return
        candidate_id, data = self._new(user, dice, link=link)
        name = f"{candidate_id}.json"
        if in_place:
            (self.worlds[user].place.inbox / name).write_bytes(data)
        else:
            self.worlds[user].drop(name, data)
        self.models[user].drops[name] = [candidate_id]

    @rule(dice=dice)
    def drop_several(self, dice: random.Random) -> None:
        made = [self._new("alex", dice) for _ in range(3)]
        name = f"lines-{self._next()}.jsonl"
        self.worlds["alex"].drop(name, b"\n".join(data for _, data in made))
        self.models["alex"].drops[name] = [candidate_id for candidate_id, _ in made]

    @rule(dice=dice)
    def drop_what_cannot_be_staged(self, dice: random.Random) -> None:
        name = f"bad-{self._next()}.json"
        spoilt = dice.choice([b'{"text": "x", "skil": 1}', b"[]", b'{"text": ""}', b'{"text": "x"} y', b'{"tex": 1}'])
        self.worlds["alex"].drop(name, spoilt)
        self.models["alex"].bad.add(name)

    @rule(dice=dice, change=st.booleans())
    def drop_the_same_id_again(self, dice: random.Random, change: bool) -> None:
        """The same again is the same; anything else under a taken id is refused."""
        world, model = self.worlds["alex"], self.models["alex"]
        if model.drops or not (known := model.ids("pending")):
            return
        candidate_id = dice.choice(known)
        staged = next(c for c in world.gate() if c["id"] == candidate_id)
        name = f"again-{self._next()}.json"
        text = "Another text." if change else staged["raw_text"]
        world.drop(name, {"id": candidate_id, "text": text})
        if change:
            model.bad.add(name)
        else:
            model.drops[name] = []

    @rule(dice=dice, hold=st.booleans())
    def write_the_half_of_a_drop(self, dice: random.Random, hold: bool) -> None:
        candidate_id, data = self._new("alex", dice)
        name = f"slow-{self._next()}.json"
        file = open(self.worlds["alex"].place.inbox / name, "wb", buffering=0)  # noqa: SIM115
        cut = dice.randrange(1, len(data))
        file.write(data[:cut])
        if hold:
            self._open.append(file)
        else:
            file.close()
        self.models["alex"].partial[name] = (data[cut:], candidate_id)

    @precondition(lambda self: self.models["alex"].partial)
    @rule(dice=dice)
    def write_the_rest(self, dice: random.Random) -> None:
        model = self.models["alex"]
        name = dice.choice(sorted(model.partial))
        rest, candidate_id = model.partial.pop(name)
        path = self.worlds["alex"].place.inbox / name
        for file in [f for f in self._open if f.name == str(path)]:
            file.close()
            self._open.remove(file)
        with open(path, "ab") as file:
            file.write(rest)
        model.drops[name] = [candidate_id]

    @precondition(lambda self: self.models["alex"].drops)
    @rule(dice=dice, gone=st.booleans())
    def overwrite_or_delete_a_drop_before_it_is_looked_at(self, dice: random.Random, gone: bool) -> None:
        model, world = self.models["alex"], self.worlds["alex"]
        name = dice.choice(sorted(model.drops))
        for candidate_id in model.drops.pop(name):
            del model.candidates[candidate_id]
        if gone:
            (world.place.inbox / name).unlink()
        else:
            candidate_id, data = self._new("alex", dice)
            world.drop(name, data)
            model.drops[name] = [candidate_id]

    # -- people -------------------------------------------------------------------------------------------------------

    def _card(self, user: str, dice: random.Random) -> tuple[str, Path] | None:
        """One of the cards in pending/, of a candidate that nobody has decided on yet."""
        world, model = self.worlds[user], self.models[user]
        free = [i for i in model.ids("pending") if i not in model.puts and world.cards(i)]
        if not free:
            return None
        candidate_id = dice.choice(free)
        return candidate_id, world.cards(candidate_id)[0]

    def _said(self, card: Path, candidate_id: str) -> str:
        """The text on a card of ours."""
        return card.read_text().partition("\n---\n")[2].partition("\n<!--")[0].strip()

    @rule(user=users, dice=dice, action=st.sampled_from(["approved", "approved", "rejected"]), how=st.integers(0, 6))
    def decide(self, user: str, dice: random.Random, action: str, how: int) -> None:
        if user not in self.models or (found := self._card(user, dice)) is None:
            return
        candidate_id, card = found
        world, puts = self.worlds[user], self.models[user].puts
        text: str | None = self._said(card, candidate_id)
        name = dice.choice([card.name, f"{card.stem} (1).md", f"mine {candidate_id}.md", f"{card.stem} (copy).md"])
        target = world.place.state(action) / name
        if how == 0:  # copied: the one in pending/ stays, and is cleared away
            self._later(card)
            shutil.copy(card, target)
        else:
            if how == 1:
                text = f"Edit {_unique(self._next())}."
                self.models[user].candidates[candidate_id].texts.add(text)
                card.write_text(card.read_text().replace(self._said(card, candidate_id), text))
            elif how == 2:
                text = None
                card.write_text(card.read_text().replace("skill_tag:", "skilltag:"))
            elif how == 6:
                card.write_text(card.read_text() + "\nAnd more.\n")
            card.rename(target)
        puts[candidate_id] = [Put(action, text, below=how == 6)]
        if how == 3:  # and a second copy beside it
            shutil.copy(target, target.with_name(f"{candidate_id} again.md"))
            puts[candidate_id].append(Put(action, text))
        elif how == 4:  # and the contrary
            other = "rejected" if action == "approved" else "approved"
            shutil.copy(target, world.place.state(other) / name)
            puts[candidate_id].append(Put(other, text))

    def _later(self, card: Path) -> None:
        """Wait until what is made now has a later time than `card`: the kernel counts in ticks of some ms."""
        probe = Path(self._folder) / "probe"
        while True:
            probe.write_bytes(b"")
            if probe.stat().st_ctime_ns > card.stat().st_ctime_ns:
                return

    @rule(dice=dice)
    def take_back(self, dice: random.Random) -> None:
        model, world = self.models["alex"], self.worlds["alex"]
        ids = [i for i, puts in model.puts.items() if len(puts) == 1 and puts[0].text is not None]
        if not ids:
            return
        candidate_id = dice.choice(ids)
        (put,) = model.puts.pop(candidate_id)
        (card,) = world.cards(candidate_id, put.action)
        card.rename(world.place.pending / card.name)

    @rule(dice=dice, what=st.sampled_from(["rename", "edit", "delete", "duplicate"]))
    def do_something_to_a_pending_card(self, dice: random.Random, what: str) -> None:
        found = self._card("alex", dice)
        if found is None:
            return
        candidate_id, card = found
        if what == "rename":
            card.rename(card.with_name(f"renamed {self._next()}.md"))
        elif what == "edit":
            new = f"Edit {_unique(self._next())}."
            self.models["alex"].candidates[candidate_id].texts.add(new)
            card.write_text(card.read_text().replace(self._said(card, candidate_id), new))
        elif what == "delete":
            card.unlink()
        else:
            shutil.copy(card, card.with_name(f"{card.stem} (conflicted copy {self._next()}).md"))

    @precondition(lambda self: self.models["alex"].ids("approved", "rejected"))
    @rule(dice=dice, state=st.sampled_from(["approved", "rejected", "pending"]))
    def put_a_decided_card_somewhere_again(self, dice: random.Random, state: str) -> None:
        world, model = self.worlds["alex"], self.models["alex"]
        decided = set(model.ids("approved", "rejected")) - set(model.requests)
        filed = sorted(p for p in world.place.receipts.glob("*-*/*.md") if cards.id_of(p.read_bytes()) in decided)
        if not filed:
            return
        card = dice.choice(filed)
        self._later(card)
        shutil.copy(card, world.place.state(state) / f"again {self._next()}.md")
        model.again.append(cards.id_of(card.read_bytes()) or "")

    @rule(dice=dice, state=st.sampled_from(["approved", "rejected", "pending"]))
    def put_what_was_never_staged_where_only_cards_go(self, dice: random.Random, state: str) -> None:
        candidate_id, data = self._new("alex", dice)
        name = f"stray-{candidate_id}.json"
        temp = self.worlds["alex"].place.inbox / ".coming"
        temp.write_bytes(data)
        temp.rename(self.worlds["alex"].place.state(state) / name)
        self.models["alex"].drops[f"{state}/{name}"] = [candidate_id]

    # -- after the decision -------------------------------------------------------------------------------------------

    def _request(self, user: str, candidate_id: str, what: str) -> None:
        """As the commands put it into undo/; or, to take back, as a person does: a copy of the decided card."""
        world = self.worlds[user]
        self.models[user].requests[candidate_id] = "undone" if what == "id" else "forgotten"
        text = f'---\n{what}: "{candidate_id}"\n---\n\nPlease.\n'
        data = signature.sign(text.encode(), self.models[user].requests[candidate_id], "cli")
        filed = [p for p in world.place.receipts.glob("*-*/*.md") if cards.id_of(p.read_bytes()) == candidate_id]
        if what == "id" and filed and self._next() % 2:
            data = max(filed, key=lambda p: p.stat().st_ctime_ns).read_bytes()
        temp = world.place.inbox / ".coming"
        temp.write_bytes(data)
        temp.rename(world.place.undo / f"{what} {self._next()}.md")

    @precondition(lambda self: any(m.ids("approved", "rejected") for m in self.models.values()))
    @rule(user=users, dice=dice)
    def take_a_decision_back(self, user: str, dice: random.Random) -> None:
        if user not in self.models:
            return
        model = self.models[user]
        through = {c.link for c in model.candidates.values() if c.link and c.link in model.candidates}
        chained = {i for i in through if model.candidates[i].link}  # a link to a link: which of the two rests on it?
        ids = [i for i in model.ids("approved", "rejected") if i not in chained and i not in model.requests]
        if ids:
            COUNTS["taken back"] += 1
            self._request(user, dice.choice(ids), "id")

    @rule(user=users, dice=dice)
    def forget(self, user: str, dice: random.Random) -> None:
        if user not in self.models or self._next() % 2:
            return
        model = self.models[user]
        ids = [i for i in model.ids("pending", "approved", "rejected") if i not in model.requests]
        if ids:
            self._settle(user)
            ids = [i for i in ids if model.candidates[i].state in ("pending", "approved", "rejected")]
            COUNTS["forgotten"] += 1
            self._request(user, dice.choice(ids), "forget")

    @precondition(lambda self: any(m.ids("approved") for m in self.models.values()))
    @rule(user=users, dice=dice, retracts=st.booleans())
    def propose_a_correction_or_a_retraction(self, user: str, dice: random.Random, retracts: bool) -> None:
        if user not in self.models:
            return
        self._settle(user)
        world, model = self.worlds[user], self.models[user]
        ids = [i for i in model.ids("approved") if not model.gone(i) and not model.candidates[i].retracts]
        if not ids:
            return
        target = dice.choice(ids)
        candidate_id, data = self._new(user, dice)
        fields = json.loads(data) | {"retracts" if retracts else "supersedes": self._act(world, target)}
        model.candidates[candidate_id].about, model.candidates[candidate_id].retracts = target, retracts
        world.drop(f"{candidate_id}.json", fields)
        model.drops[f"{candidate_id}.json"] = [candidate_id]
        self._settle(user)
        COUNTS["retractions" if retracts else "corrections"] += 1

    def _act(self, world: World, candidate_id: str) -> str:
        return f"ACT-2026-11-24-{id_hash(candidate_id)}"

    @precondition(lambda self: self.models["alex"].ids("forgotten"))
    @rule(dice=dice)
    def drop_what_was_forgotten_again(self, dice: random.Random) -> None:
        world, model = self.worlds["alex"], self.models["alex"]
        name = f"again-{self._next()}.json"
        world.drop(name, {"id": dice.choice(model.ids("forgotten")), "text": "Another text."})
        model.bad.add(name)

    @rule(dice=dice)
    def put_a_request_about_nothing_into_undo(self, dice: random.Random) -> None:
        name = f"garbage-{self._next()}.md"
        what, action = dice.choice([("id", "undone"), ("forget", "forgotten")])
        temp = self.worlds["alex"].place.inbox / ".coming"
        temp.write_bytes(signature.sign(f'---\n{what}: "nobody"\n---\n\nPlease.\n'.encode(), action, "cli"))
        temp.rename(self.worlds["alex"].place.undo / name)
        self.models["alex"].bad.add(name)

    # -- the world ----------------------------------------------------------------------------------------------------

    @rule(user=users)
    def look(self, user: str) -> None:
        if user in self.models:
            self._settle(user)
            self.agrees(user)

    @precondition(lambda self: any(m.drops or m.puts or m.bad or m.again or m.requests for m in self.models.values()))
    @rule(at=st.lists(st.integers(0, 40), min_size=1, max_size=3))
    def be_killed_while_looking(self, at: list[int]) -> None:
        """And killed again while it makes good what the kill has left."""
        user = max(
            self.models,
            key=lambda u: (len(self.models[u].requests), len(self.models[u].puts), len(self.models[u].drops)),
        )
        for last in at:
            atomic.calls = Dying(last)
            try:
                with contextlib.suppress(Killed):
                    self._turns(user)
                    atomic.calls = atomic.Calls()
                    break
            finally:
                atomic.calls = atomic.Calls()
            COUNTS["kills"] += 1
            self._is_whole(user)
            self.worlds[user].restart()
        self._settle(user)
        self.agrees(user)

    @precondition(lambda self: any(m.puts or m.requests for m in self.models.values()))
    @rule(at=st.lists(st.integers(0, 40), min_size=1, max_size=3))
    def be_killed_while_carrying_out(self, at: list[int]) -> None:
        self.be_killed_while_looking(at)

    @rule()
    def restart(self) -> None:
        for world in self.worlds.values():
            world.restart()

    @rule()
    def time_passes(self) -> None:
        """So much that nobody will write the rest of what was begun."""
        model = self.models["alex"]
        for file in self._open:
            file.close()
        self._open.clear()
        self._settle("alex")
        self.clock.ahead += 100
        for name, (_, candidate_id) in model.partial.items():
            model.bad.add(name)
            del model.candidates[candidate_id]
        model.partial.clear()
        self._turns("alex")  # it is looked at anew where it was still open at the last look
        self.clock.ahead += 100
        self._settle("alex")
        self.agrees("alex")

    @rule(hours=st.sampled_from([0, 1, 24 * 365]))
    def the_clock_is_set_back(self, hours: int) -> None:
        self.clock.wrong = -3600.0 * hours

    @precondition(lambda self: "sam" not in self.models)
    @rule()
    def a_user_is_added(self) -> None:
        add_user(self.root, "sam")
        self._take_up("sam")

    # -- what must hold -----------------------------------------------------------------------------------------------

    def _is_whole(self, user: str) -> None:
        """What a reader may see at any instant (promise 4): whole files, and no line that is not of a receipt."""
        world = self.worlds[user]
        gate = world.gate_ids()
        assert len(gate) == len(set(gate))
        receipts = [json.loads(line) for line in self._whole_receipts(user)]
        for file, data in world.record().items():
            left = Counter(data.decode().split("\n"))
            left.subtract(RECORD[file].split("\n"))
            left.subtract(line for r in receipts for lines in _ins(r) for line in lines.get(file, []))
            assert not +left, f"{file} holds what no receipt accounts for: {+left}"

    def _whole_receipts(self, user: str) -> list[bytes]:
        place = self.worlds[user].place
        data = place.ledger.read_bytes() if place.ledger.exists() else b""
        return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]

    @invariant()
    def a_reader_sees_whole_files(self) -> None:
        COUNTS["steps"] += 1
        for user in self.models:
            self._is_whole(user)

    def agrees(self, user: str) -> None:
        """The disk is as the model says, after a look (promises 1, 2, 3, 5, 7, 9)."""
        COUNTS["comparisons"] += 1
        world, model = self.worlds[user], self.models[user]
        note(f"{user}: {model}")
        assert sorted(world.gate_ids()) == sorted(model.ids("pending"))
        receipts = world.receipts()
        assert Counter((r["candidate_id"], r["action"]) for r in receipts) == Counter(model.log)
        decided = {i: (c.state, c.text) for i, c in model.candidates.items() if c.state in ("approved", "rejected")}
        last = {r["candidate_id"]: r for r in receipts}
        assert {i: (r["action"], r["raw_text"]) for i, r in last.items() if i in decided and "raw_text" in r} == {
            i: said for i, said in decided.items() if "raw_text" in last[i]
        }
        for before, receipt in zip([None, *receipts], receipts, strict=False):
            assert receipt["hash"] == chain_hash(receipt)
            assert before is None or (receipt["seq"], receipt["prev_hash"]) == (before["seq"] + 1, before["hash"])
        for file, data in world.record().items():
            text = data.decode()
            due = Counter(line for r in receipts for lines in _ins(r) for line in lines.get(file, []))
            due.subtract(line for r in receipts for lines in _outs(r) for line in lines.get(file, []))
            assert not -due
            for line in due.elements():
                assert f"{line}\n" in text
                text = text.replace(f"{line}\n", "", 1)
            assert text == RECORD[file]
        self._says_what_stands(world, model)
        held = {"approved": set[str](), "rejected": set[str]()}
        for candidate_id, puts in model.puts.items():
            held[puts[0].action].add(candidate_id)
        for state, ids in held.items():
            assert {cards.id_of(p.read_bytes()) for p in world.place.state(state).iterdir()} == ids
        there = {cards.id_of(p.read_bytes()) for p in world.place.pending.iterdir()}
        assert there | held["approved"] == set(model.ids("pending"))
        assert world.names() == sorted(model.partial), f"{world.names()}"
        refused = world.names("problems")
        assert all(name.endswith(".why.txt") or f"{name}.why.txt" in refused for name in refused)
        assert set(model.refused) <= set(refused)
        assert len(refused) // 2 >= model.refused.total() + model.kept

    def _says_what_stands(self, world: World, model: Model) -> None:
        """The Record names each entry that stands once, and none of those that do not (promise 11)."""
        record = {name: data.decode() for name, data in world.record().items()}
        skills = "".join(text for name, text in record.items() if name.startswith("self-skill-"))
        for candidate_id, this in model.candidates.items():
            stands = this.stands and not this.retracts and not model.gone(candidate_id)
            assert skills.count(f"- • {this.text} — ") == stands, f"{candidate_id}: {this}"
            if not this.link and not this.retracts and this.state != "forgotten":
                struck = this.stands and model.gone(candidate_id)
                assert record["self-evidence.md"].count(f"— ~~{this.text}~~ (") == struck
                assert record["self-evidence.md"].count(f"— {this.text} — ") == stands
        forgotten = [text for i in model.ids("forgotten") for text in model.candidates[i].texts]
        for path in world.root.path.rglob("*") if forgotten else ():
            if path.is_file():
                data = path.read_bytes()
                for text in forgotten:
                    assert text[5:17].encode() not in data, f"{path} has a piece of {text}"


def _ins(receipt: dict[str, Any]) -> list[dict[str, list[str]]]:
    """The lines that a receipt has put in, by file."""
    return [receipt.get("lines") or {}, (receipt.get("old") or {}).get("lines") or {}]


def _outs(receipt: dict[str, Any]) -> list[dict[str, list[str]]]:
    return [receipt.get("removed") or {}, (receipt.get("old") or {}).get("removed") or {}]
