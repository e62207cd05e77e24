"""Fixed stories: what agents drop and what a person does, the same to the byte and to the second each time.

An act is done at once; then the daemon does all that is to be done; then comes the next act. Nothing in them depends
on the clock: modification times are set, and the daemon's clock is stopped (`NOW`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recursion_gate.core.paths import Place

from ..support.roots import make_root

__all__ = ["NOW", "SECRET", "STORIES", "Story", "ground"]

#: What ``$RECURSION_GATE_NOW`` is set to.
NOW = "2026-11-24T16:30:00+00:00"
_WHEN = 1_795_536_000_000_000_000  # nanoseconds: 2026-11-24T16:00:00Z

Act = Callable[[Place], None]


@dataclass(frozen=True, slots=True)
class Story:
    """Acts, and how many candidates they leave as what."""

    name: str
    acts: tuple[Act, ...]


def ground(folder: Path) -> Place:
    """A root at `folder` with the user alex, as every story begins. Files count as complete at once."""
    root = make_root(folder, "alex")
    root.settings.write_text("settle_seconds = 0\npatience_seconds = 0\nunknown_ending_seconds = 0\n")
    root.daemon.mkdir()
    place = root.place("alex")
    for path in sorted(folder.rglob("*")):
        os.utime(path, ns=(_WHEN, _WHEN))
    return place


# -- agents -----------------------------------------------------------------------------------------------------------


def _drop(place: Place, name: str, data: str | dict[str, Any], second: int = 0) -> None:
    """Put a file into the inbox as the contract advises: under another name first, then renamed."""
    temp = place.inbox / ".coming"
    temp.write_text(json.dumps(data) if isinstance(data, dict) else data)
    os.utime(temp, ns=(_WHEN + second * 1_000_000_000, _WHEN + second * 1_000_000_000))
    temp.rename(place.inbox / name)


def _drop_three(place: Place) -> None:
    _drop(place, "a.json", {"id": "moon", "text": "I learned why the moon changes.", "source": "quiz"})
    _drop(place, "b.md", "---\nskill_tag: work\nlink_to_evidence_id: moon\n---\n\nDrew the moon, eight times.\n", 1)
    _drop(place, "c.txt", "Voice note: I prefer mornings.\n", 2)


def _drop_one(place: Place) -> None:
    _drop(place, "a.json", {"id": "moon", "text": "I learned why the moon changes."})


# -- people -----------------------------------------------------------------------------------------------------------


def _card(place: Place, words: str, state: str = "pending") -> Path:
    """The card that these words stand in."""
    (found,) = [p for p in place.state(state).iterdir() if words in p.read_text()]
    return found


def _move(place: Place, words: str, state: str, name: str | None = None) -> None:
    card = _card(place, words)
    card.rename(place.state(state) / (name or card.name))


def _edit(card: Path, old: str, new: str) -> None:
    text = card.read_text()
    assert old in text
    card.write_text(text.replace(old, new, 1))


def _decide_three(place: Place) -> None:
    # Decisions are carried out in the order of the moves; where the clock is too coarse to tell, of the names.
    _edit(_card(place, "\nI learned why"), "why the moon changes.", "why the moon wanes.")
    _move(place, "\nI learned why", "approved", "1.md")
    _move(place, "\nDrew the moon", "approved", "2.md")
    _move(place, "\nVoice note", "rejected", "3.md")


def _approve(words: str) -> Act:
    return lambda place: _move(place, words, "approved")


def _reject(words: str) -> Act:
    return lambda place: _move(place, words, "rejected")


def _both_folders(place: Place) -> None:
    card = _card(place, "moon")
    shutil.copy2(card, place.rejected / card.name)
    card.rename(place.approved / card.name)


def _two_texts(place: Place) -> None:
    card = _card(place, "moon")
    for name, word in (("one.md", "wanes"), ("two.md", "waxes")):
        shutil.copy2(card, place.approved / name)
        _edit(place.approved / name, "changes", word)
    card.unlink()


def _break_a_card(place: Place) -> None:
    _edit(_card(place, "moon"), "skill_tag: THINK", "skill_tag: [THINK")
    _move(place, "moon", "approved")


def _copies(place: Place) -> None:
    """Approve an edited card, with copies of it here and there: one decision."""
    card = _card(place, "moon")
    _edit(card, "changes", "wanes")
    (place.approved / "copy.md").write_text(card.read_text() + "\n")
    shutil.copy2(card, place.approved / "other.md")


def _bad_drops(place: Place) -> None:
    _drop(place, "typo.json.why.txt", "\x00")  # named like a reason, and not to be overwritten by one
    _drop(place, "typo.json", {"raw_text": "x", "skilltag": "THINK"}, 1)
    _drop(place, "torn.json", '{"raw_text": "x', 2)


def _the_same_again(place: Place) -> None:
    _drop_one(place)
    _drop(place, "typo.json", {"raw_text": "y", "skilltag": "THINK"})  # its name is taken in problems/


def _never_staged(place: Place) -> None:
    _drop(place, "two.jsonl", '{"text": "One."}\n{"text": "Two.", "suggested_ix_section": null}\n')
    (place.approved / "mine.md").write_text("I wonder what holds the moon.\n")
    os.utime(place.approved / "mine.md", ns=(_WHEN, _WHEN))


def _drop_linked(place: Place) -> None:
    """Two entries that say the same of the same evidence: the same line twice, each with its receipt."""
    _drop(place, "b.json", {"id": "b", "text": "Drew it.", "skill_tag": "WORK", "link_to_evidence_id": "moon"}, 1)
    _drop(place, "c.json", {"id": "c", "text": "Drew it.", "skill_tag": "WORK", "link_to_evidence_id": "moon"}, 2)


def _drop_two_alike(place: Place) -> None:
    """Two that say nearly the same, so that each card has a hint that names the other."""
    _drop(place, "b.json", {"id": "b", "text": "Drew the moon with chalk.", "skill_tag": "WORK"}, 1)
    _drop(place, "c.json", {"id": "c", "text": "She drew a moon with chalk.", "skill_tag": "WORK"}, 2)


def _drop_many(place: Place) -> None:
    """So many that the daemon syncs the disk instead of each card."""
    _drop(place, "many.jsonl", "".join(f'{{"id": "m{n}", "text": "I learned {n} things."}}\n' for n in range(9)))


def _approve_all(place: Place) -> None:
    for card in sorted(place.pending.iterdir()):
        card.rename(place.approved / card.name)


def _deny_the_evidence(place: Place) -> None:
    _move(place, "\nI learned why", "rejected", "1.md")
    _move(place, "\nDrew the moon", "approved", "2.md")


# -- after approval ----------------------------------------------------------------------------------------------------

#: What is forgotten in the stories: nothing else that stands in them has a piece of it.
SECRET = "Ferdinand is afraid of the cellar."


def _both(*acts: Act) -> Act:
    """Several things, done before the daemon looks."""

    def all_of_them(place: Place) -> None:
        for act in acts:
            act(place)

    return all_of_them


def _drop_text(candidate_id: str, text: str, **fields: str | None) -> Act:
    return lambda place: _drop(place, f"{candidate_id}.json", {"id": candidate_id, "text": text, **fields})


def _drop_about(candidate_id: str, text: str, *, about: str, **fields: str | None) -> Act:
    """A drop whose fields name the entry `about` by its ACT id: each "ACT" among them."""

    def act(place: Place) -> None:
        receipts = [json.loads(line) for line in place.ledger.read_text().splitlines()]
        (named,) = {r["evidence_id"] for r in receipts if r["candidate_id"] == about and r["evidence_id"]}
        given = {name: named if value == "ACT" else value for name, value in fields.items()}
        _drop(place, f"{candidate_id}.json", {"id": candidate_id, "text": text, **given})

    return act


def _ask(place: Place, name: str, data: bytes) -> None:
    """Put a file into undo/, whole at once."""
    temp = place.inbox / ".coming"
    temp.write_bytes(data)
    os.utime(temp, ns=(_WHEN, _WHEN))
    temp.rename(place.undo / name)


def _undo(*ids: str) -> Act:
    """Put copies of their decided cards into undo/."""

    def act(place: Place) -> None:
        for candidate_id in ids:
            filed = sorted(p for p in place.receipts.glob("*-*/*.md") if f"\nid: {candidate_id}\n" in p.read_text())
            _ask(place, filed[-1].name, filed[-1].read_bytes())

    return act


def _forget(candidate_id: str) -> Act:
    return lambda place: _ask(place, "forget.md", f'---\nforget: "{candidate_id}"\n---\n'.encode())


def _edit_by_hand(place: Place) -> None:
    """A person changes the Record elsewhere, and a line that the entry moon has put there."""
    knowledge = place.home / "self-knowledge.md"
    knowledge.write_text(knowledge.read_text().replace("- • a seed line", "- • my own line") + "\nby hand\n")
    skill = place.home / "self-skill-think.md"
    skill.write_text(skill.read_text().replace("why the moon changes", "how the moon changes"))


_SEED = "ACT--p436yg2"


def _bring_a_record(place: Place) -> None:
    """An entry from another program, before the first receipt."""
    for file, line in (
        ("self-evidence.md", f"- {_SEED} — Learned that owls sleep. — 2025-01-01 — THINK"),
        ("self-knowledge.md", f"- • Owls sleep. — {_SEED}"),
    ):
        path = place.home / file
        path.write_text(path.read_text().replace("a seed line\n", f"a seed line\n{line}\n"))


_MOON = (_drop_one, _approve("moon"))
_FIXED = (
    *_MOON,
    _drop_about("sun", "I learned that the sun lights it.", about="moon", supersedes="ACT"),
    _approve("id: sun"),
)
_KEPT = (*_MOON, _drop_text("secret", SECRET, source="quiz"))
_REST = _drop_about("rest", "I know him now.", about="secret", supersedes="ACT")

_AFTERWARDS = (
    Story("undo", (*_MOON, _undo("moon"))),
    Story("undo-rejection", (_drop_one, _reject("moon"), _undo("moon"))),
    Story("undo-and-again", (*_MOON, _both(_edit_by_hand, _undo("moon")), _approve("moon"))),
    Story("undo-linked", (*_MOON, _drop_linked, _approve_all, _undo("b"), _undo("c", "moon"))),
    Story("correct", (*_FIXED, _undo("sun"), _approve("id: sun"))),
    Story(
        "correct-elsewhere",
        (
            *_MOON,
            _both(
                _edit_by_hand, _drop_about("sun", "I love the sun.", about="moon", supersedes="ACT", skill_tag="WRITE")
            ),
            _approve("id: sun"),
            _undo("sun"),
        ),
    ),
    Story(
        "retract",
        (
            *_MOON,
            _drop_about("joke", "It was a joke.", about="moon", retracts="ACT"),
            _approve("id: joke"),
            _undo("joke"),
        ),
    ),
    Story(
        "chain",
        (
            *_FIXED,
            _drop_about("stars", "I learned that stars light nothing.", about="sun", supersedes="ACT"),
            _approve("id: stars"),
            _undo("moon"),
            _undo("stars", "sun"),
        ),
    ),
    Story(
        "second-correction",
        (
            *_MOON,
            _both(
                _drop_about("one", "I learned it is one.", about="moon", supersedes="ACT"),
                _drop_about("two", "It was a joke.", about="moon", retracts="ACT"),
            ),
            _approve_all,
        ),
    ),
    Story(
        "seed",
        (
            _both(_bring_a_record, _drop_text("owls", "I learned that owls hunt.", supersedes=_SEED)),
            _approve("id: owls"),
            _undo("owls"),
            _drop_text("joke", "It was a joke.", retracts=_SEED),
            _approve("id: joke"),
        ),
    ),
    Story("forget-waiting", (*_KEPT, _forget("secret"))),
    Story("forget-rejected", (*_KEPT, _reject(SECRET), _forget("secret"))),
    Story("forget-approved", (*_KEPT, _approve(SECRET), _forget("secret"))),
    Story(
        "forget-corrected", (*_KEPT, _approve(SECRET), _REST, _approve("id: rest"), _forget("secret"), _undo("rest"))
    ),
    Story("forget-undone", (*_KEPT, _approve(SECRET), _undo("secret"), _approve(SECRET), _forget("secret"))),
    Story(
        "forget-retracted",
        (
            *_KEPT,
            _approve(SECRET),
            _drop_about("joke", "Ferdinand is not afraid.", about="secret", retracts="ACT"),
            _approve("id: joke"),
            _forget("secret"),
        ),
    ),
    Story(
        "forget-again",
        (
            *_KEPT,
            _approve(SECRET),
            _forget("secret"),
            lambda place: _drop(
                place, "again.jsonl", f'{{"id": "secret", "text": "{SECRET}"}}\n{{"id": "x", "text": "Not this."}}\n'
            ),
        ),
    ),
    Story("undo-garbage", (*_MOON, lambda place: _ask(place, "x.txt", b"hello"), _forget("nobody"), _undo("moon"))),
)

STORIES = {
    story.name: story
    for story in (
        Story("three", (_drop_three, _decide_three)),
        Story("refused", (_bad_drops, _the_same_again)),
        Story("contradiction", (_drop_one, _both_folders)),
        Story("two-texts", (_drop_one, _two_texts)),
        Story("broken-card", (_drop_one, _break_a_card)),
        Story("copies", (_drop_one, _copies)),
        Story("never-staged", (_drop_one, _approve("moon"), _never_staged, _the_same_again)),
        Story("no-evidence", (_drop_three, _deny_the_evidence)),
        Story("same-line", (_drop_one, _approve("moon"), _drop_linked, _approve("id: b\n"), _approve("id: c\n"))),
        Story("hints", (_drop_two_alike, _approve("id: b\n"), _approve("id: c\n"))),
        Story("one", (_drop_one, _approve("moon"))),
        Story("rejected", (_drop_one, _reject("moon"))),
        Story("many", (_drop_many, _approve_all)),
        *_AFTERWARDS,
    )
}
