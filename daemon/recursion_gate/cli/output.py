"""How commands print: plain text for people, JSON for programs, never both.

On a terminal text is wrapped and cut; in a pipe it is not, and columns are separated by tabs. rich measures and wraps;
it is imported where a terminal needs it, and not before. click drops the colours where they are not wanted.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from ..core.unseen import shows, without_unseen

__all__ = [
    "one_line",
    "print_json",
    "print_json_list",
    "progress_bar",
    "say",
    "short_id",
    "table",
    "terminal_size",
    "wrapped",
]

#: The minimum width of a listing's text, in columns; the ids are shortened for it.
_ROOM = 20
#: Fewer bytes than this get no progress bar.
_LARGE = 20_000_000


def print_json(data: Any) -> None:
    """`data` as JSON, indented by two."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_json_list(items: Iterable[dict[str, Any]]) -> int:
    """A JSON array, printed item by item: there may be a million. Gives their number."""
    start, count = "[\n", 0
    for count, item in enumerate(items, 1):  # noqa: B007
        click.echo(start + json.dumps(item, ensure_ascii=False), nl=False)
        start = ",\n"
    click.echo("\n]" if count else "[]")
    return count


def terminal_size() -> tuple[int, int]:
    """Columns and lines."""
    size = shutil.get_terminal_size()
    return max(20, size.columns), max(10, size.lines)


def one_line(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` columns."""
    text = text if text.isprintable() else "".join(c if shows(c) else " " for c in text)
    text = " ".join(without_unseen(text).split())
    if text.isascii():
        return text if len(text) <= limit else text[: limit - 1] + "…"
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= limit else set_cell_size(text, limit - 1).rstrip() + "…"


def wrapped(text: str, first: str = "", rest: str = "") -> str:
    """`text` after `first`, wrapped at the width of the terminal, each further line after `rest`. In a pipe it stays
    one line."""
    if not sys.stdout.isatty():
        return first + text
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    width = terminal_size()[0] - max(cell_len(first), cell_len(rest))
    lines = Text(text).wrap(Console(), max(1, width))
    return first + f"\n{rest}".join(line.plain.rstrip() for line in lines)


def say(text: str, first: str = "", rest: str | None = None, **style: Any) -> None:
    """Print `text` wrapped after `first`; `rest` indents the further lines, by default by two more than `first`."""
    click.secho(wrapped(text, first, first + "  " if rest is None else rest), **style)


def short_id(candidate_id: str) -> str:
    """An id as it can be typed: the last part of a generated one, else its beginning."""
    made, _, last = candidate_id.rpartition("-")
    return last if made.startswith("cand-") and last else candidate_id[:24]


def table(rows: Iterable[Sequence[str]], heads: Sequence[str]) -> None:
    """Columns on a terminal: the last one is cut to fit, the ids are shortened where it would have no room. Tabs in a
    pipe, nothing cut.

    Not rich's table: that takes 6 s for 10,000 rows, this 0.5 s.
    """
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.cells import cell_len, set_cell_size

    lines = [list(heads), *map(list, rows)]
    total, last = shutil.get_terminal_size().columns, len(heads) - 1

    def widths() -> list[int]:
        return [max(cell_len(line[column]) for line in lines) for column in range(last)]

    def room() -> int:
        return total - sum(widths()) - 2 * last

    if "ID" in heads and room() < _ROOM:
        for line in lines[1:]:
            line[heads.index("ID")] = short_id(line[heads.index("ID")])
    sizes, left = widths(), max(1, room())
    for number, line in enumerate(lines):
        cells = [*map(set_cell_size, line, sizes), one_line(line[last], left)]
        click.secho(set_cell_size("  ".join(cells), total).rstrip(), bold=not number)


@contextmanager
def progress_bar(label: str, least: int = _LARGE) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, fed with the bytes done and their total, where there are at least so many; nothing in a
    pipe."""
    with ExitStack() as stack:
        bars: list[Callable[[int, int], None]] = []

        def progress(done: int, total: int) -> None:
            if total < least or not sys.stderr.isatty():
                return
            if not bars:
                from rich.console import Console
                from rich.progress import Progress

                bar = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
                task = bar.add_task(label)
                bars.append(lambda done, total: bar.update(task, completed=done, total=total))
            bars[0](done, total)

        yield progress
