"""Draw `approve.svg`, the README's picture of an approval, from a real run of the program.

    .venv/bin/python docs/pictures/approve.py [FILE]

It makes a root in a temporary folder, stages two drops, moves one card into approved/ and carries that out. Names,
card and Record in the picture are read from that folder; the clock stands still, so the same program draws the same
bytes (`tests/scenarios/test_readme.py`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

DROPS = {
    "x.json": {"id": "dragon-2", "text": "Read chapter 2 of Dragon Guide; summarized migration habits."},
    "y.json": {"id": "dragon-3", "text": "Finished the dragon drawing; used watercolors.", "skill_tag": "WORK"},
}
NOW = "2026-11-24T16:30:00Z"
FOLDERS = ("pending", "approved", "rejected", "problems")
SANS, MONO = "DejaVu Sans, Verdana, Arial, sans-serif", "DejaVu Sans Mono, Consolas, Menlo, monospace"


def story(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Play it in `folder`; gives the cards' names (the approved one first), the lines of that card, and those of the
    Record file afterwards."""

    def program(*words: str) -> None:
        env = os.environ | {"RECURSION_GATE_NOW": NOW}
        command = [sys.executable, "-m", "recursion_gate", *words]
        subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)

    program("init", ".", "--user", "demo")
    inbox = folder / "inbox" / "demo"
    for name, drop in DROPS.items():
        (inbox / f".{name}.tmp").write_text(json.dumps({**drop, "created_at": NOW}))
        (inbox / f".{name}.tmp").rename(inbox / name)
    program("once")
    cards = sorted((inbox / "pending").iterdir())
    text = cards[0].read_text("utf-8").splitlines()
    cards[0].rename(inbox / "approved" / cards[0].name)
    program("once")
    record = (folder / "users" / "demo" / "self-knowledge.md").read_text("utf-8").splitlines()
    return [card.name for card in cards], text, record


def text(
    x: float, y: float, words: str, *, size: int = 12, fill: str = "#24292f", font: str = SANS, more: str = ""
) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" font-family="{font}"{more}>{escape(words)}</text>'


def box(x: float, y: float, w: float, h: float, fill: str, *, stroke: str = "none", corner: int = 0) -> str:
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{corner}" fill="{fill}" stroke="{stroke}"/>'


def cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def window(x: int, y: int, w: int, h: int, title: str) -> list[str]:
    dots = [f'<circle cx="{x + w - 14 - 14 * n}" cy="{y + 13}" r="4" fill="#c4ccd4"/>' for n in range(3)]
    return [
        box(x, y, w, h, "#ffffff", stroke="#b8c0c8", corner=7),
        f'<path d="M{x} {y + 26}v-19a7 7 0 0 1 7-7h{w - 14}a7 7 0 0 1 7 7v19z" fill="#e6eaee" stroke="#b8c0c8"/>',
        text(x + 12, y + 17, title, more=' font-weight="bold"'),
        *dots,
    ]


def folder_icon(x: int, y: int, fill: str) -> str:
    return f'<path d="M{x} {y}h8l3 3h11v14h-22z" fill="{fill}" stroke="#00000033"/>'


def card_icon(x: int, y: int, name: str, *, faint: bool = False) -> list[str]:
    lines = [f'<path d="M{x + 11} {y + 20 + 7 * n}h30" stroke="#8a96a3" stroke-width="2"/>' for n in range(4)]
    page = f'<path d="M{x} {y}h38l14 14v48h-52z" fill="#fffdf5" stroke="#8a96a3"/>'
    rows = [name[i : i + 22] for i in range(0, len(name), 22)]
    rows = rows if len(rows) <= 3 else [*rows[:2], rows[2][:19] + "…"]
    named = [text(x + 26, y + 80 + 14 * n, row, size=11, more=' text-anchor="middle"') for n, row in enumerate(rows)]
    return [f'<g opacity="{0.4 if faint else 1}">', page, *lines, *named, "</g>"]


def mark(number: int, x: int, y: int) -> list[str]:
    middle = ' text-anchor="middle" font-weight="bold"'
    return [
        f'<circle cx="{x}" cy="{y}" r="9" fill="#2da44e"/>',
        text(x, y + 4, str(number), fill="#ffffff", more=middle),
    ]


def draw(names: list[str], card: list[str], record: list[str]) -> str:
    """The picture."""
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="404" viewBox="0 0 900 404">',
        "<title>A card is dragged from pending/ to approved/; its line then stands in the Record</title>",
        box(0, 0, 900, 404, "#f6f8fa"),
        *window(12, 12, 424, 300, "inbox / demo / pending"),
        box(13, 38, 130, 273, "#f2f4f6"),
    ]
    for n, name in enumerate(FOLDERS):
        y = 54 + 44 * n
        if name == "approved":
            out.append(box(19, y - 9, 118, 34, "#d3f2da", stroke="#2da44e", corner=5))
        out += [folder_icon(28, y - 1, "#6cc37f" if name == "approved" else "#e8b95b"), text(58, y + 13, name)]
    out += card_icon(190, 70, names[0], faint=True)
    out += card_icon(334, 70, names[1])
    # the card on its way, and the hand that drags it
    out += [
        '<path d="M214 180C190 235 150 215 134 134" fill="none" stroke="#2da44e" stroke-width="3" '
        'stroke-dasharray="7 5"/>',
        '<path d="M133 128l-5 14 13-3z" fill="#2da44e"/>',
        '<g transform="translate(118 90) scale(0.5)">'
        '<path d="M0 0h38l14 14v48h-52z" fill="#fffdf5" stroke="#57606a" stroke-width="2"/>'
        '<path d="M11 20h30M11 28h30M11 36h30M11 44h20" stroke="#8a96a3" stroke-width="3"/></g>',
        '<path d="M134 112l0 19 5-4 4 8 4-2-4-8 6-1z" fill="#24292f" stroke="#ffffff"/>',
    ]
    captions = ("Read the card (any text editor).", "Drag it to approved/ (or rejected/).", "The Record has its line.")
    out += window(452, 12, 436, 204, cut(names[0], 46))
    end = next(n for n, line in enumerate(card) if line.startswith("<!--"))
    shown = [line for line in card[:end] if line.strip() and not line.startswith(("# ", "---", "created_at"))]
    shown += [line for line in card if "self-knowledge" in line][:1]
    shown += [line.strip() for line in card if line.strip().startswith("- •")][:1]
    for n, line in enumerate(shown):
        added = line.startswith("- •") or "self-knowledge" in line
        out.append(text(464, 62 + 21 * n, cut(line, 62), size=11, font=MONO, fill="#1a7f37" if added else "#24292f"))
    out += window(452, 228, 436, 84, "users / demo / self-knowledge.md")
    lines = [line for line in record if line.strip()]
    heading = next(line for line in lines if line.startswith("## "))
    out += [
        text(464, 274, heading, size=11, font=MONO),
        box(458, 283, 424, 20, "#d3f2da"),
        text(464, 297, cut(lines[-1], 62), size=11, font=MONO, fill="#1a7f37"),
    ]
    for n, words in enumerate(captions, 1):
        out += [*mark(n, 30, 318 + 22 * n), text(48, 322 + 22 * n, words, size=13)]
    out += [*mark(1, 872, 54), *mark(2, 186, 206), *mark(3, 872, 270)]
    return "\n".join([*out, "</svg>\n"])


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("approve.svg")
    with tempfile.TemporaryDirectory() as folder:
        target.write_text(draw(*story(Path(folder))), "utf-8")


if __name__ == "__main__":
    main()
