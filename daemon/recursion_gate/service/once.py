"""`once`: do everything that waits at a root, then stop (contract: "Commands")."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from ..core.paths import Root
from ..core.settings import Settings
from ..disk.lock import hold
from ..engine.reconcile import Reconciler
from ..engine.settle import load_looks, save_looks
from .hinting import Hinting
from .plan_look import PlanLook
from .run_queue import RunQueue

__all__ = ["once"]


def once(
    root: Root,
    settings: Settings,
    did: Callable[[str], object] = lambda what: None,
    progress: Callable[[int, int], object] = lambda done, left: None,
    plan_problem: Callable[[str, str], object] = lambda plan, why: None,
) -> Reconciler:
    """Do everything that waits at `root`, then put hints on the cards, and stop. A file that may still be being written
    gets `settle_seconds`; files that must rest for longer stay, and how long they have rested is saved for the next
    call.

    Calls `did` after each action with its name, `progress` after each turn with the number of actions done and the
    number known to be left, and at the end `plan_problem` with each plan that cannot be used, and why. Returns the
    reconciler: its `problems`, `unsettled` and `unknown` say what remains. Raises AlreadyRunning; OSError if the root
    is away.
    """
    with hold(root) as lock:
        reconciler = Reconciler(root, settings)
        count = 0

        def count_and_tell(what: str, user: str, which: str) -> None:
            nonlocal count
            count += 1
            did(what)

        reconciler.did, reconciler.before, reconciler.check = count_and_tell, lock.renew, lock.check
        reconciler.looks = load_looks(root)
        run_queue = RunQueue(reconciler)
        for user in sorted({*root.users(), *root.inboxes()}):
            run_queue.add(user)
        plans = PlanLook(root, settings, lock.check)
        plans.wake()
        patience_ends = time.monotonic() + settings.patience_seconds
        while True:
            while run_queue:
                run_queue.run_next()
                progress(count, reconciler.left)
            while (steps := plans.look_if_due()) and plans.due is not None:
                for _ in range(steps):
                    did("planned")
                time.sleep(max(0.0, plans.due - time.monotonic()))
            # A file that does not parse is not waited for; a disk that failed is tried again a few times.
            dues = (run_queue.next_due(without=reconciler.problems.keys() - run_queue.resting), plans.settles)
            due = min((each for each in dues if each is not None), default=None)
            if due is None or due > min(patience_ends, time.monotonic() + settings.settle_seconds + 0.1):
                break
            time.sleep(max(0.0, due - time.monotonic()))
            run_queue.wake()
            plans.wake()
        for plan, why in plans.problems.items():
            plan_problem(plan, why)
        reconciler.unsettled = {u: s for u, s in run_queue.due_users().items() if u not in reconciler.problems}
        with contextlib.suppress(OSError):  # a full disk: every file then rests once more
            reconciler.resting = save_looks(root, reconciler.looks)
        if settings.card_hints:
            hinting = Hinting(reconciler)
            for user in root.users():
                hinting.note(user)
            hinting.work()
        reconciler.close()
        return reconciler
