"""review --list: the whole queue in an editor, a line for each card, as in an interactive rebase.

Each line is a decision of its own, bound to the card as it was listed: one that somebody has changed since is not
decided on. A list that cannot be read decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from ..core.errors import GateError
from .card import Hints
from .output import one_line, say

__all__ = ["BadList", "Choice", "edit_list", "listed", "parse"]

_VERBS = {
    "approve": "approve", "a": "approve", "reject": "reject", "r": "reject",
    "edit": "edit", "e": "edit", "skip": "skip", "s": "skip",
}  # fmt: skip
_HEAD = """\
# {count} wait, oldest first; at the end those whose words were rejected before. Change the first word of a line, save,
# and leave the editor:
#
#   approve ID            it enters the Record, in the places with a +
#   reject ID [REASON]    the Record stays as it is; the receipt keeps the reason
#   edit ID               open its card next; it waits on
#   skip ID               it waits on; so does a card whose line you take out
#
# Lines that begin with # tell what each card says, and count for nothing.
"""


@dataclass(frozen=True)
class Choice:
    """One line of the list."""

    verb: str
    key: str
    reason: str = ""


class BadList(GateError):
    """A line of the list that cannot be read; `number` is the line's, from 1."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(number, problem)
        self.number, self.problem = number, problem

    def __str__(self) -> str:
        return f"line {self.number}: {self.problem}; nothing was decided"


def listed(keys: Sequence[str], items: Sequence[Any]) -> str:
    """The list as it is given to the editor: all cards are skipped unless somebody says otherwise."""
    parts, beside = [_HEAD.format(count=len(items))], Hints()
    for key, item in zip(keys, items, strict=True):
        now = item.now
        where = now.suggested_ix_section or "evidence only"
        about = f"{now.skill_tag} · {where} · from {one_line(now.source or '-', 60)}"
        places = ", ".join(f"{a.file}" for a in item.effect(now))
        told = [f"#   ! {one_line(hint.message, 300)}" for hint in beside.on(item)]
        lines = [f"# {one_line(now.raw_text, 300)}", f"#   {about} · + {places}", *told, f"skip {key}"]
        parts.append("\n" + "\n".join(lines) + "\n")
    return "".join(parts)


def parse(text: str, keys: Sequence[str]) -> list[Choice]:
    """The choices, in the order of the lines. Raises BadList."""
    known, found = set(keys), dict[str, Choice]()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split(None, 2)
        if not words or words[0].startswith("#"):
            continue
        verb = _VERBS.get(words[0].lower())
        if verb is None:
            raise BadList(number, f"'{one_line(words[0], 30)}' is none of approve, reject, edit, skip")
        key = words[1] if len(words) > 1 else ""
        if key not in known:
            raise BadList(number, f"'{one_line(key, 60)}' is no card of this list" if key else "the id is missing")
        if key in found:
            raise BadList(number, f"'{one_line(key, 60)}' stands in two lines")
        reason = words[2].strip() if len(words) > 2 else ""
        if reason and verb != "reject":
            raise BadList(number, f"only 'reject' takes a reason; take '{one_line(reason, 30)}' out")
        found[key] = Choice(verb, key, reason)
    return list(found.values())


def edit_list(items: Sequence[Any], settings: Any) -> dict[str, int]:
    """Let a person decide in an editor; gives how many cards were approved, rejected, skipped, and how many could not
    be decided on, each of which is said. Raises BadList."""
    from ..clients import decide as deciding

    several = len({item.place.user for item in items}) > 1
    keys = [f"{item.place.user}/{item.candidate.id}" if several else item.candidate.id for item in items]
    by_key = dict(zip(keys, items, strict=True))
    shown = {key: deciding.digest(item.data()) if item.card else None for key, item in by_key.items()}
    text = listed(keys, items)
    edited = click.edit(text, extension=".recursion-gate")
    choices = parse(edited, keys) if edited is not None else []
    counts = {"approved": 0, "rejected": 0, "skipped": 0, "not decided": 0}
    for choice in choices:
        if choice.verb == "skip":
            continue
        try:
            what = _carry_out(by_key[choice.key], choice, shown[choice.key], settings)
        except (GateError, click.ClickException, OSError) as err:
            say(f"{choice.key}: {_told(err)}", fg="red")
            counts["not decided"] += 1
            continue
        if what:
            counts[what] += 1
    counts["skipped"] = len(items) - counts["approved"] - counts["rejected"] - counts["not decided"]
    return counts


def _carry_out(item: Any, choice: Choice, shown: str | None, settings: Any) -> str | None:
    from ..clients import decide as deciding

    if choice.verb == "approve":
        deciding.decide(item, "approved", shown=shown)
        return "approved"
    if choice.verb == "reject":
        deciding.decide(item, "rejected", shown=shown, reason=choice.reason or None)
        return "rejected"
    edited = click.edit(item.data().decode("utf-8-sig"), extension=".md")
    if edited is not None:
        deciding.save_edit(item, edited, settings, shown=shown)
    return None


def _told(err: Exception) -> str:
    from .trouble import in_words

    if isinstance(err, OSError):
        return "its card was moved away meanwhile" if isinstance(err, FileNotFoundError) else in_words(err)
    problem = getattr(err, "problem", None) or getattr(err, "message", None) or str(err)
    remedy = getattr(err, "remedy", "")
    return f"{problem}. {remedy}".strip() if remedy else f"{problem}; not decided"
