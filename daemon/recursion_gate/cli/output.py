"""How commands print: plain text for people, JSON for programs, never both."""

from __future__ import annotations

import functools
import json
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import click

from ..core.paths import Root
from ..core.unseen import shows, without_unseen
from .trouble import in_words

__all__ = [
    "Filter",
    "LeftOut",
    "columns",
    "filter_options",
    "json_option",
    "one_line",
    "print_json",
    "say",
    "short_id",
    "table",
    "terminal_size",
    "user_option",
    "users_of",
    "wrapped",
]

_F = TypeVar("_F", bound=Callable[..., Any])

#: How many columns the text of a listing should have, before ids are shortened to make room for it.
_ROOM = 20


def json_option(command: _F) -> _F:
    """``--json``, as every listing takes it."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def complete_user(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from ..core.paths import find_root

    try:
        root = find_root(ctx.find_root().params.get("root"))
        return [u for u in root.users() if u.startswith(incomplete)] if root else []
    except OSError:
        return []


def user_option(command: _F) -> _F:
    """``--user NAME``; completed by the shell."""
    return click.option("--user", metavar="NAME", help="Only this user. Else all users.", shell_complete=complete_user)(
        command
    )


class Filter:
    """What of a listing is asked for: entries from a source, of a skill, in a section."""

    def __init__(self, source: str | None, skill: str | None, section: str | None) -> None:
        self._source, self._skill, self._section = (source or "").casefold(), skill, section
        asked = {"--source": source, "--skill": skill, "--section": section}
        #: What is asked for, to be put after "nothing waits"; empty where it is all.
        self.told = "".join(f" {name} {value}" for name, value in asked.items() if value)

    def __bool__(self) -> bool:
        return bool(self.told)

    def takes(self, entry: Any) -> bool:
        """Whether `entry`, a candidate or a receipt, is asked for."""
        return (
            self._source in (entry.source or "").casefold()
            and self._skill in (None, entry.skill_tag)
            and self._section in (None, entry.suggested_ix_section or "none")
        )


def _meant(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A skill or a section in the program's own word, however it was spelt."""
    if value is None or (param.name == "section" and value.lower() == "none"):
        return value and "none"
    from ..core.model import SECTION_SPELLINGS, SKILL_SPELLINGS, meant

    spellings = SECTION_SPELLINGS if param.name == "section" else SKILL_SPELLINGS
    found = meant(value, spellings)
    if found is None:
        raise click.BadParameter(f"'{value}' is none of {', '.join(spellings)}{_OR_NONE[param.name == 'section']}.")
    return found


_OR_NONE = ("", ", none (evidence only)")


def filter_options(command: _F) -> _F:
    """``--source``, ``--skill``, ``--section``, given to the command as one `Filter`, `wanted`."""

    @click.option("--source", metavar="TEXT", help="Only what comes from a source with TEXT in its name.")
    @click.option("--skill", metavar="SKILL", callback=_meant, help="Only THINK, WRITE, WORK or STEWARD.")
    @click.option(
        "--section", metavar="SECTION", callback=_meant, help="Only IX-A, IX-B, IX-C (knowledge, ...) or none."
    )
    @functools.wraps(command)
    def filtered(*args: Any, source: str | None, skill: str | None, section: str | None, **more: Any) -> Any:
        return command(*args, wanted=Filter(source, skill, section), **more)

    return cast(_F, filtered)


def terminal_size() -> tuple[int, int]:
    """Columns and lines."""
    size = shutil.get_terminal_size()
    return max(20, size.columns), max(10, size.lines)


def users_of(root: Root, user: str | None) -> list[str]:
    """`user` alone, or all users. Raises click.ClickException when there is no such user."""
    users = root.users()
    if user is None:
        return users
    if user not in users:
        raise click.ClickException(
            f"there is no user '{user}'. The users are: {', '.join(users) or 'none yet'}. "
            f"Add one with 'recursion-gate user add {user}'."
        )
    return [user]


class LeftOut:
    """Says on stderr which user a command leaves out, and why; the others go on (contract: "The gate")."""

    def __init__(self, users: Sequence[str]) -> None:
        self._asked, self._out = users, list[str]()

    def __call__(self, user: str, why: Exception) -> None:
        if user not in self._out:
            self._out.append(user)
            click.echo(f"{user} is left out: {in_words(why)}", err=True)

    def __bool__(self) -> bool:
        return bool(self._out)

    @property
    def nothing_is_left(self) -> bool:
        """Whether nobody is left of whom was asked for: of one user that was named, or of all."""
        return bool(self._out) and len(self._out) == len(self._asked)


def print_json(data: Any) -> None:
    """`data` as JSON, indented by two."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


# -- text on a terminal -----------------------------------------------------------------------------------------------


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: letters of East Asia two, marks on a letter none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _fitting(text: str, most: int) -> int:
    """How many characters of `text` fit into `most` columns."""
    taken = 0
    for number, char in enumerate(text):
        taken += _columns(char)
        if taken > most:
            return number
    return len(text)


def _cut(text: str, most: int) -> str:
    return text if columns(text) <= most else text[: _fitting(text, most - 1)] + "…"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def one_line(text: str, most: int) -> str:
    """`text` on one line of at most `most` columns."""
    text = text if text.isprintable() else "".join(c if shows(c) else " " for c in text)
    return _cut(" ".join(without_unseen(text).split()), most)


def wrapped(text: str, first: str = "", rest: str = "") -> str:
    """`text` after `first`, broken at blanks where the terminal ends, each further line after `rest`. In a pipe it
    stays one line."""
    if not sys.stdout.isatty():
        return first + text
    width = max(20, shutil.get_terminal_size().columns)
    lines, line = [], first
    empty = True  # whether the line has no word yet
    for word in text.split(" "):
        left = width - columns(line) - (not empty)
        if columns(word) > left and not empty and columns(word) <= width - columns(rest):
            lines.append(line)
            line, empty, left = rest, True, width - columns(rest)
        line += "" if empty else " "
        while columns(word) > left:  # longer than a whole line, as text without blanks is
            fits = _fitting(word, left)
            lines.append(line + word[:fits])
            line, word, left = rest, word[fits:], width - columns(rest)
        line += word
        empty = False
    return "\n".join(part.rstrip() for part in [*lines, line])


def say(text: str, first: str = "", rest: str | None = None, **style: Any) -> None:
    """Print `text` as `wrapped` has it; further lines are indented by two more than the first, unless told."""
    click.secho(wrapped(text, first, first + "  " if rest is None else rest), **style)


def short_id(candidate_id: str) -> str:
    """An id as it can be typed: the last part of one that was made, else its beginning."""
    made, _, last = candidate_id.rpartition("-")
    return last if made.startswith("cand-") and last else candidate_id[:24]


def table(rows: Iterable[Sequence[str]], heads: Sequence[str]) -> None:
    """Columns on a terminal, the last one cut to its width, and the ids shortened where they would leave it none; tabs
    in a pipe, nothing cut."""
    lines = [list(row) for row in rows]
    if not sys.stdout.isatty():
        for line in lines:
            click.echo("\t".join(line))
        return
    total = shutil.get_terminal_size().columns
    widths = _widths(lines, heads)
    if _room(total, widths) < _ROOM and "ID" in heads:
        for line in lines:
            line[heads.index("ID")] = short_id(line[heads.index("ID")])
        widths = _widths(lines, heads)
    room = max(_room(total, widths), 1)
    for line in lines:
        line[-1] = one_line(line[-1], room)
    for number, line in enumerate([list(heads), *lines]):
        shown = "  ".join(_padded(c, w) for c, w in zip(line, widths, strict=True)).rstrip()
        click.secho(_cut(shown, total), bold=not number)


def _widths(lines: Sequence[Sequence[str]], heads: Sequence[str]) -> list[int]:
    return [max(columns(line[i]) for line in [heads, *lines]) for i in range(len(heads))]


def _room(total: int, widths: Sequence[int]) -> int:
    """What the other columns leave for the last one."""
    return total - sum(widths[:-1]) - 2 * (len(widths) - 1)
