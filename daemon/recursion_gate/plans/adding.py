"""Hand a plan to the daemon, a new one or one that was refused: checked, then dropped into ``plans/`` as any program
could."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.errors import Refusal
from ..core.paths import Root
from ..disk import atomic
from ..disk.deliver import deliver
from ..disk.untrusted import look
from .book import MAX_BYTES, BadPlan, part, parts
from .drops import check
from .folder import PROBLEMS, SUFFIX, WHY, PlanFolder
from .model import Plan
from .parse import name_of, parse

__all__ = ["Added", "add", "check_size", "put_back", "taken"]


@dataclass(frozen=True, slots=True)
class Added:
    """A plan that is on disk."""

    plan: Plan
    #: The drop; the file in the plan's folder where the daemon has it already.
    path: Path
    data: bytes


def check_size(data: bytes) -> None:
    """Raises Refusal where a plan is too large."""
    if len(data) > MAX_BYTES:
        raise Refusal(f"the plan has more than {MAX_BYTES:,} bytes", "Make several plans of it.")


def add(root: Root, data: bytes, name: str | None) -> Added:
    """Drop the plan that `data` is, called `name` where it does not say. The same bytes again are the same plan, taken
    by the daemon yet or not: whoever got no answer may call again. Raises Refusal, BadPlan, OSError."""
    check_size(data)
    known = _is_there(root, data, name)
    if known is not None:
        return known
    made = check(root, data, name)
    atomic.make_folder(root.plans)
    wanted = root.plans / f"{made.plan}{SUFFIX}"
    path = deliver(wanted.parent, wanted.name, data)
    if path != wanted:  # one of this name waits for the daemon; under another name this would be no plan
        with suppress(FileNotFoundError):
            atomic.remove(path)
        with suppress(OSError, Refusal):
            if look(wanted, MAX_BYTES).data == data:
                return Added(made, wanted, data)
        raise Refusal(f"plans/{wanted.name} waits for the daemon", "Add this one when the daemon has taken it.")
    return Added(made, path, data)


def taken(root: Root, added: Added, seconds: float) -> Added:
    """The same, with where it lies once the daemon has taken it, if that is within so many seconds: then its tasks are
    there. Raises Refusal where the daemon has refused it, since somebody else was first."""
    until = time.monotonic() + seconds
    while os.path.lexists(added.path) and time.monotonic() < until:
        time.sleep(0.02)
    if os.path.lexists(added.path):
        return added
    found = _is_there(root, added.data, added.plan.plan)
    if found is None:
        raise Refusal(f"the daemon has refused {added.path.name}", f"See why in plans/{PROBLEMS}/.")
    return replace(added, path=found.path)


def put_back(root: Root, file: str, data: bytes) -> Added:
    """Put `data`, a refused plan that was corrected, into ``plans/`` again, and take `file`, as it was refused, and its
    reason out of ``plans/problems/``. Raises Refusal, BadPlan, OSError."""
    why = root.plans / PROBLEMS / f"{file}{WHY}"
    own = ""
    with suppress(OSError, Refusal):
        own = look(why, MAX_BYTES).data.decode(errors="replace").partition(": ")[0]
    name = own if file.endswith(f"-{own}") else file  # a second file of a name was set aside under another one
    added = add(root, data, name_of(name))
    for path in (why.with_name(file), why):
        atomic.remove(path)
    return added


def _is_there(root: Root, data: bytes, name: str | None) -> Added | None:
    """The plan, where its folder has these very bytes."""
    plan = parse(data, name)
    folder = PlanFolder(root.plans / plan.plan)
    with suppress(BadPlan, OSError):
        found = parts(folder)
        if data in found:
            return Added(plan, part(folder, found.index(data) + 1), data)
    return None
