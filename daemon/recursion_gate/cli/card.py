"""One candidate on a terminal: its text, its details, and the lines that approving it adds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from .output import one_line, terminal_size, wrapped

__all__ = ["Hints", "Rejected", "change_lines", "kind_of", "print_screen", "whole_card"]

#: Begins each line of an agent's text, so that nobody mistakes it for a line of this program.
_QUOTE = "> "


def _text(candidate: Any) -> list[str]:
    from ..formats.record_edit import clean

    return _quoted(clean(candidate.raw_text).split("\n"))


def _context(candidate: Any) -> list[str]:
    """The proposer's words to the person who decides."""
    from ..formats.cards import context

    return _quoted(context(candidate))


def _quoted(lines: list[str]) -> list[str]:
    return [part for line in lines for part in wrapped(line, _QUOTE, _QUOTE).split("\n")]


def _first(lines: list[str], limit: int) -> list[str]:
    """At most `limit` lines on a terminal, the last of which says how many are not shown."""
    if not sys.stdout.isatty() or len(lines) <= limit:
        return lines
    more = click.style(f"... {len(lines) - limit + 1} more lines: m shows all of it", bold=True)
    return [*lines[: limit - 1], more]


class Hints:
    """The hints for the person who decides, as far as this account may read them. Gate, Record and receipts of a user
    are read once, for all of the user's cards."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def on(self, item: Any) -> list[Any]:
        """The hints on one candidate, as its card is now."""
        if item.place.user not in self._known:
            self._known[item.place.user] = self._read(item.place)
        known = self._known[item.place.user]
        return known.hints(item.now) if known is not None else []

    @staticmethod
    def _read(place: Any) -> Any:
        from ..core.errors import GateError
        from ..core.paths import Root
        from ..reading import hints, snapshot

        try:
            return hints.known(snapshot.snapshot(Root(place.root), place.user))
        except (GateError, OSError):  # hints are advice; what is wrong is said by those who need the files
            return None


class Rejected:
    """The rejections of the words that are proposed again, as far as this account may read them. The receipts of a
    user are read once, for all of the user's cards."""

    def __init__(self) -> None:
        self._words: dict[str, Any] = {}

    def of(self, item: Any) -> Any:
        """The last rejection of a candidate's words, as its card is now; None where there is none."""
        from ..reading import likeness, rejected

        user = item.place.user
        if user not in self._words:
            try:
                self._words[user] = rejected.same_words(item.place.ledger)
            except OSError:
                self._words[user] = {}
        words = self._words[user]
        return words.get(likeness.plain(item.now.raw_text)) if words else None

    def last(self, items: Iterable[Any]) -> list[Any]:
        """`items` in their order, but those whose words were rejected before at the end."""
        return sorted(items, key=lambda item: self.of(item) is not None)

    def as_json(self, item: Any) -> dict[str, Any] | None:
        rejection = self.of(item)
        return {"id": rejection.id, "when": rejection.at, "reason": rejection.reason} if rejection else None


def _hints(found: Sequence[Any]) -> list[str]:
    told = [one_line(line, 500) for hint in found for line in hint.lines]
    lines = [part for line in told for part in wrapped(line, "! ", "  ").split("\n")]
    return [click.style(line, fg="yellow") for line in lines]


def whole_card(item: Any, candidate: Any, hints: Sequence[Any] = ()) -> str:
    """All of `candidate`, of the `hints` on it, and of the lines that approving it adds, as wide as the terminal."""
    lines = [*_text(candidate), "", *_details(item, candidate), *_context(candidate), *_hints(hints), ""]
    lines += change_lines(item.diff(candidate))
    return "\n".join(lines)


def change_lines(diff: Iterable[str]) -> list[str]:
    """A unified diff of Record files as a person reads it: what comes in green, what goes in red, file by file."""
    lines = []
    for line in diff:
        if line.startswith(("---", "@@")):
            continue
        if line.startswith("+++"):
            lines.append(click.style(line[4:], bold=True))
        elif line.startswith(("+", "-")):
            colour = "green" if line[0] == "+" else "red"
            lines.append(click.style(wrapped(line, rest="  "), fg=colour))
        else:  # the lines around it only show where it goes
            lines.append(click.style(one_line(line, terminal_size()[0]) if sys.stdout.isatty() else line, dim=True))
    return lines


def print_screen(item: Any, candidate: Any, keys: int, hints: Sequence[Any] = ()) -> None:
    """`candidate` on one screen that leaves `keys` lines free: its text, shortened to fit, its details, the `hints` on
    it, and a line for each place that it goes to."""
    below = [*_details(item, candidate), *_first(_context(candidate), 6), *_hints(hints)]
    effect = item.effect(candidate)
    places = [f"- {a.file}, {a.heading}: {a.line}" for a in effect if a.goes]
    places += [f"  {a.file}, {a.heading}, no longer there: {a.line}" for a in effect if a.by_hand == "removed"]
    places += [f"+ {a.file}, {a.heading}" for a in effect if a.comes]
    room = max(3, terminal_size()[1] - len(below) - len(places) - keys - 3)
    click.echo("\n".join([*_first(_text(candidate), room), "", *below]))
    for place in places:
        colour = {"+": "green", "-": "red"}.get(place[0])
        click.secho(one_line(place, terminal_size()[0]) if sys.stdout.isatty() else place, fg=colour)


def kind_of(entry: Any) -> str:
    """Whether `entry`, a candidate or a receipt, is a correction or a retraction; "" where it is a new entry."""
    return "correction" if entry.supersedes else "retraction" if entry.retracts else ""


def _target(entry: Any) -> str:
    """The entry that `entry` corrects or retracts, in words; "" where it is a new one."""
    if entry.supersedes:
        return f"corrects {entry.supersedes}"
    return f"retracts {entry.retracts}" if entry.retracts else ""


def _details(item: Any, candidate: Any) -> list[str]:
    """Lines with everything about `candidate` but its text, each value shortened."""
    section = candidate.suggested_ix_section
    where = f"{section} ({candidate.mind_category})" if section else "evidence only"
    # An agent's text must not be able to move the cursor and so hide what is approved.
    first = [candidate.skill_tag, where, f"from {one_line(candidate.source or '-', 60)}"]
    first += [f"score {one_line(candidate.score, 30)}"] if candidate.score is not None else []
    edited = " (edited)" if candidate != item.candidate else ""
    made = [" · ".join(first), f"{item.place.user} · {candidate.created_at} · {candidate.id}{edited}"]
    if about := _target(candidate):
        made.append(about)
    if candidate.link_to_evidence_id:
        made.append(f"links to {candidate.link_to_evidence_id}")
    for name in ("evidence_summary", "activity_type", "topic", "source_id"):
        if (value := getattr(candidate, name)) is not None:
            made.append(f"{name}: {one_line(value, 60)}")
    return "\n".join(wrapped(detail, rest="  ") for detail in made).split("\n")
