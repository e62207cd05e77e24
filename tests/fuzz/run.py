"""Coverage-guided fuzzing of all that reads foreign bytes, with atheris (``pip install -e '.[fuzz]'``).

    python -m tests.fuzz.run --executions 1000000
    python -m tests.fuzz.run --executions 100000 --target drops

Each target (see `tests.fuzz.targets`) runs in a process of its own, since libFuzzer ends the process it runs in. An
input that breaks a promise is kept in ``--keep`` (the working folder unless told) and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Result:
    """What came of one target's run."""

    target: str
    executions: int
    #: Edges of the code that were reached, as libFuzzer counts them.
    coverage: int
    #: Inputs that each reached something new.
    corpus: int
    seconds: float
    problem: str


def fuzz_one(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process. Does not return."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["recursion_gate"], enable_loader_override=False):
        targets = importlib.import_module("tests.fuzz.targets")
    atheris.Setup([sys.argv[0], *arguments], targets.TARGETS[name])
    atheris.Fuzz()


def run(target: str, executions: int, keep: Path, most_bytes: int) -> Result:
    """Fuzz one target in a process of its own."""
    from .targets import seeds

    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder)
        for number, data in enumerate(seeds(target)):
            (corpus / f"seed-{number}").write_bytes(data)
        began = time.monotonic()
        arguments = [
            str(corpus),
            f"-runs={executions}",
            f"-max_len={most_bytes}",
            f"-artifact_prefix={keep}/{target}-",
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ]
        child = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.run", "--one", target, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'daemon'}"},
        )
        seconds = time.monotonic() - began
    said = child.stdout + child.stderr
    counts = re.findall(r"^#(\d+)\s.*?cov: (\d+).*?corp: (\d+)", said, re.MULTILINE)
    last = counts[-1] if counts else ("0", "0", "0")
    done = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    problem = ""
    if child.returncode:
        text = said[said.find("Uncaught Python exception") :] if "Uncaught Python exception" in said else said
        problem = text[:3000]
    return Result(target, int(done[1] if done else last[0]), int(last[1]), int(last[2]), seconds, problem)


def main() -> int:
    if sys.argv[1:2] == ["--one"]:
        fuzz_one(sys.argv[2], sys.argv[3:])
        return 0
    from .targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=1_000_000, help="in all, shared out among the targets")
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="all")
    parser.add_argument("--most-bytes", type=int, default=4096, help="the longest input")
    parser.add_argument("--keep", type=Path, default=Path.cwd(), help="where inputs that break something are kept")
    given = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("skipped: atheris is not installed; pip install -e '.[fuzz]' (CPython 3.11 to 3.13 on Linux)")
        return 0
    names = list(TARGETS) if given.target == "all" else [given.target]
    results = []
    print(f"{'target':<21} {'executions':>10} {'edges':>6} {'corpus':>6} {'seconds':>7}  found")
    for name in names:
        one = run(name, -(-given.executions // len(names)), given.keep.absolute(), given.most_bytes)
        results.append(one)
        found = "a broken promise" if one.problem else "nothing"
        print(f"{name:<21} {one.executions:>10,} {one.coverage:>6,} {one.corpus:>6,} {one.seconds:>7,.0f}  {found}")
        if one.problem:
            print(one.problem, flush=True)
        sys.stdout.flush()
    print(f"{'all':<21} {sum(r.executions for r in results):>10,}")
    return 1 if any(r.problem for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
