"""Print the figures of the hints."""

from __future__ import annotations

import sys

from . import CLASSES, measure

print(f"| pairs | | {' | '.join(CLASSES)} |\n|---|---|{'---|' * len(CLASSES)}")
for figures in measure():
    print(figures.row())
    if "--wrong" in sys.argv and figures.name == "chosen":
        for pair, label in figures.wrong:
            print(f"  {pair.label}, found {label}: {pair.language} {pair.one[:90]} / {pair.other[:90]}")
