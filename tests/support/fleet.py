"""Workers on a real git repository: the merged tree beside that of the tasks done one after the other."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recursion_gate.plans.model import Task

from .daemon import Daemon, call
from .plans import Plans, codebase
from .repository import make_repository, tree_of
from .roots import make_root

__all__ = ["Fleet", "fleet", "one_after_the_other", "tasks_for"]

#: What each task does: a file of its own, a file that the tasks before it have written too, and some time.
AGENT = """\
set -e
name=${RECURSION_GATE_TASK#*/}; name=${name%@*}
sleep "$REST"
mkdir -p "part/$name" shared
echo "$name" > "part/$name/file"
grep -o 'needs: .*' >> "part/$name/file" || true
group=$(( ${name#t} % 10 ))
echo "$name" >> "shared/$group"
echo "did $name"
"""


@dataclass(slots=True)
class Fleet:
    """What some workers have made."""

    seconds: float
    tree: dict[str, str]
    done: int
    failed: int


def tasks_for(count: int) -> list[Task]:
    """Tasks in groups of which each has a file in common, one task after the other."""
    return [
        codebase(f"t{n}", f"/part/t{n}/", f"/shared/{n % 10}", needs=[f"t{n - 10}"] if n >= 10 else [], max_attempts=5)
        for n in range(count)
    ]


def one_after_the_other(tasks: Sequence[Task]) -> dict[str, str]:
    """The files that the tasks make, worked out here."""
    made: dict[str, str] = {"README": "base\n"}
    for number, task in enumerate(tasks):
        needs = f"needs: [{', '.join(task.needs)}]\n" if task.needs else ""
        made[f"part/{task.id}/file"] = f"{task.id}\n{needs}"
        made[f"shared/{number % 10}"] = made.get(f"shared/{number % 10}", "") + f"{task.id}\n"
    return made


def fleet(folder: Path, tasks: int, jobs: int, rest: float) -> Fleet:
    """`jobs` workers, with a daemon, do so many tasks, each of which takes `rest` seconds beside what git takes."""
    root = make_root(folder / f"root-{jobs}", "alex")
    repo = make_repository(folder / f"repo-{jobs}")
    agent = folder / "agent.sh"
    agent.write_text(AGENT)
    plans = Plans(root)
    env = {**os.environ, "REST": str(rest), "XDG_CACHE_HOME": str(folder / "cache"), "GIT_CONFIG_GLOBAL": os.devnull}
    with Daemon(root):
        plans.add("p", *tasks_for(tasks))
        began = time.monotonic()
        done = call(root, "work", "--worker", "w", "--jobs", str(jobs), "--repo", str(repo), "--json", "--",
                    "/bin/sh", str(agent), env=env, timeout=1_200)  # fmt: skip
        seconds = time.monotonic() - began
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    return Fleet(seconds, tree_of(repo, "plan/p"), len(said["done"]), len(said["failed"]))
