"""Print the figures of `voice ask`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from recursion_gate.core.paths import Root
from recursion_gate.reading import snapshot

from . import measure, sample

with tempfile.TemporaryDirectory() as folder:
    world, ids = sample(Root(Path(folder) / "root"))
    for figures in measure(snapshot.snapshot(world.root, "mira"), ids):
        print(figures.row())
        if "--wrong" in sys.argv and figures.name != "both":
            print(*figures.wrong, sep="\n")
