"""Each part of a root put back alone from each earlier moment at each later one: nothing is decided twice, nothing
is lost in silence, and the remedies lead back to a root that verifies (tests/scenarios/test_put_back.py
has the short form).

    python -m tests.torture.backups
"""

from __future__ import annotations

import tempfile
from itertools import combinations
from pathlib import Path

from ..scenarios.test_put_back import PARTS, check, tell_the_story


def main() -> None:
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        moments = tell_the_story(Path(folder))
        for older, newer in combinations(moments, 2):
            for part in PARTS:
                for at_work in (False, True):
                    check(newer, older, part, Path(folder) / "try", at_work=at_work)
                    done += 1
    print(f"{done} copies put back: nothing decided twice, nothing lost in silence, all mended by the remedies")


if __name__ == "__main__":
    main()
