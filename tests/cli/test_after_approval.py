"""docs/after-approval.md: its samples are run, in order, on the demo user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..support.docs import blocks, matches, samples, shell
from .test_reading import demo

__all__ = ["demo"]

DOCS = Path(__file__).parents[2] / "docs" / "after-approval.md"


def test_what_the_docs_show_is_what_is_printed_and_the_chain_holds_by_hand(demo: Path) -> None:
    (code,) = blocks(DOCS, "python")
    checked = 0
    for sample in samples(DOCS):
        said = shell(sample.command, demo, dict(os.environ))
        assert matches(sample.expected, said), f"$ {sample.command}\n{said}"
        if (demo / "receipts/demo/merge-receipts.jsonl").exists():
            done = subprocess.run([sys.executable, "-c", code], cwd=demo, capture_output=True, text=True, check=True)
            assert done.stdout == "the chain holds\n"
            checked += 1
    assert checked > 8
    ledger = demo / "receipts/demo/merge-receipts.jsonl"
    ledger.write_text(ledger.read_text().replace('"padding":" ', '"padding":"', 1).replace('"seq":5', '"seq":6'))
    assert subprocess.run([sys.executable, "-c", code], cwd=demo, capture_output=True, check=False).returncode == 1
