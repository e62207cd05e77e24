"""recursion-gate, but that a user's turn never ends once there is a drop called ``hang.json``; only the first such turn
at a root, so that the daemon that is started in its place can go on. All other threads of the process go on, too.

python hanging.py --root ROOT run
"""

from __future__ import annotations

import sys
import time

from recursion_gate.cli import main
from recursion_gate.engine.reconcile import Outcome, Reconciler

_reconcile = Reconciler.reconcile


def _reconcile_or_hang(self: Reconciler, user: str) -> Outcome:
    hung = self.root.daemon / "hung"
    if (self.root.inbox / user / "hang.json").exists() and not hung.exists():
        hung.touch()
        while True:
            time.sleep(60)
    return _reconcile(self, user)


Reconciler.reconcile = _reconcile_or_hang  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main(prog_name="recursion-gate"))
