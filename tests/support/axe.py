"""axe-core, which finds what keeps people out of a page: fetched by .ci/run with npm, into .ci/node."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

__all__ = ["violations"]

_HERE = Path(__file__).parents[2] / ".ci" / "node" / "node_modules" / "axe-core" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(tab: Any) -> list[str]:
    """What axe finds on the page that is open in a tab; the test skips where axe is not there."""
    script = Path(os.environ.get("AXE_CORE", _HERE))
    if not script.is_file():
        pytest.skip("no axe-core here: npm install --prefix .ci/node axe-core")
    tab.evaluate(script.read_text("utf-8"))  # by the debugger: the page's own policy lets no other script in
    found = tab.evaluate("tags => axe.run({runOnly: tags})", _TAGS)
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]
