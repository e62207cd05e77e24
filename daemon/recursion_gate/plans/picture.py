"""A plan as a picture: its tasks in columns, each behind those that it needs, with who has what since when. SVG;
pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

__all__ = ["STYLE", "svg"]

_WIDE, _HIGH, _GAP_X, _GAP_Y, _EDGE, _TOP = 220, 58, 60, 16, 20, 56
#: Of each state, fill and line: light and dark enough to be told apart also without colours, by the word in the box.
_COLOURS = {
    "waiting": ("#f4f4f4", "#666666"),
    "ready": ("#fff6d6", "#7a5c00"),
    "claimed": ("#dcecff", "#1f568f"),
    "done": ("#dff2df", "#2d6b2d"),
    "failed": ("#fbdede", "#a32626"),
    "missing": ("#ffffff", "#a32626"),
}

#: The same in the dark, where the viewer wants that; without it the attributes stand.
STYLE = (
    "@media (prefers-color-scheme: dark) {"
    " .ground { fill: #1e2120; } text { fill: #e9ebe8; } .about { fill: #a9afab; }"
    " .edge { stroke: #7f8682; }"
    " .waiting rect { fill: #2c312f; stroke: #7f8682; } .ready rect { fill: #3b3014; stroke: #f2d791; }"
    " .claimed rect { fill: #16324d; stroke: #8fc3ef; } .done rect { fill: #173627; stroke: #8fd6b8; }"
    " .failed rect { fill: #40211f; stroke: #f2a6a0; } .missing rect { fill: #1e2120; stroke: #f2a6a0; }"
    " .ready .state { fill: #f2d791; } .claimed .state { fill: #8fc3ef; } .done .state { fill: #8fd6b8; }"
    " .failed .state, .missing .state { fill: #f5b5af; } }"
)


def svg(name: str, goal: str, rows: Sequence[dict[str, Any]]) -> str:
    """The picture of a plan whose tasks are `rows`, in its order, as ``plan show --json`` has them in ``list``."""
    places = _places(rows)
    columns = max((column for column, _ in places.values()), default=0) + 1
    lines = max((line for _, line in places.values()), default=0) + 1
    width = 2 * _EDGE + columns * _WIDE + (columns - 1) * _GAP_X
    height = _TOP + _EDGE + lines * (_HIGH + _GAP_Y)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{_text(name, 200)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_EDGE}" y="24" font-size="16" font-weight="bold">{_text(name, 60)}</text>',
        f'<text class="about" x="{_EDGE}" y="42" fill="#555555">{_text(goal, width // 7)}</text>',
    ]
    parts += [_arrow(places[need], places[row["task"]]) for row in rows for need in row["needs"] if need in places]
    parts += [_box(row, *places[row["task"]]) for row in rows]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _places(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """The column of each task, one behind the last that it needs, and its line there. The rows are in the plan's order,
    so what a task needs comes before it."""
    places: dict[str, tuple[int, int]] = {}
    used: dict[int, int] = {}
    for row in rows:
        column = max((places[need][0] + 1 for need in row["needs"] if need in places), default=0)
        places[row["task"]] = (column, used.get(column, 0))
        used[column] = used.get(column, 0) + 1
    return places


def _corner(column: int, line: int) -> tuple[int, int]:
    return _EDGE + column * (_WIDE + _GAP_X), _TOP + line * (_HIGH + _GAP_Y)


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = _corner(*start), _corner(*end)
    x1, y1, y2 = x1 + _WIDE, y1 + _HIGH // 2, y2 + _HIGH // 2
    middle = (x1 + x2) // 2
    return (
        f'<path class="edge" d="M{x1} {y1}C{middle} {y1} {middle} {y2} {x2 - 6} {y2}" fill="none" stroke="#888888"/>'
        f'<path d="M{x2} {y2}l-7 -4v8z" fill="#888888"/>'
    )


def _box(row: dict[str, Any], column: int, line: int) -> str:
    x, y = _corner(column, line)
    fill, stroke = _COLOURS[row["state"]]
    who = f"{row['state']} · {row['worker']}" if row["worker"] else row["state"]
    when = f" since {row['since'][11:16]}" if row["state"] == "claimed" and row["since"] else ""
    about = f"{row['title']}\n{row['why']}" if row["why"] else row["title"]
    return (
        f'<g class="{row["state"]}"><title>{_text(about, 500)}</title>'
        f'<rect x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="6" fill="{fill}" stroke="{stroke}"/>'
        f'<text x="{x + 10}" y="{y + 18}" font-weight="bold">{_text(row["task"], 30)}</text>'
        f'<text x="{x + 10}" y="{y + 34}">{_text(row["title"], 34)}</text>'
        f'<text class="state" x="{x + 10}" y="{y + 50}" fill="{stroke}">{_text(who + when, 36)}</text></g>'
    )


def _text(text: str, limit: int) -> str:
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    return escape(line if len(line) <= limit else line[: limit - 1] + "…")
