"""Print the figures of `voice ask`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from recursion_gate import read
from recursion_gate.layout import Root

from . import measure, sample

with tempfile.TemporaryDirectory() as folder:
    world, ids = sample(Root(Path(folder) / "root"))
    for figures in measure(read.snapshot(world.root, "mira"), ids):
        print(figures.row())
        if "--wrong" in sys.argv and figures.name != "both":
            print(*figures.wrong, sep="\n")
