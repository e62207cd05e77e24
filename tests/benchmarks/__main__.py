"""``python -m tests.benchmarks``: the table, as text, as JSON, and as a plot of cost against size.

The times are real; what is compared are ratios of times from one run. Before and after each group the same small
piece of work is timed; where that varies too much, other things were going on, and nothing is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ..support.roots import make_root
from . import afterwards, floor, hints, rows
from .rows import Row

GROUPS: dict[str, Callable[[int], list[Row]]] = {
    "commands": rows.commands,
    "delivery": lambda n: [rows.delivery(n)],
    "burst": lambda n: [rows.burst(n)],
    "growth": lambda n: [rows.growth(n)],
    "single": lambda n: [rows.single(n)],
    "latency": rows.latency,
    "approvals": rows.approvals,
    "one-approval": lambda n: [rows.one_approval(n)],
    "users": lambda n: rows.many_users(max(1, n - 2)),
    "history": lambda n: rows.history(max(1, n // 2)),
    "idle": lambda n: rows.idle(),
    "hints": hints.hints,
    **afterwards.GROUPS,
}


def calibrate() -> float:
    """Seconds of a fixed piece of work: a little arithmetic and 20 synced files."""
    with rows.scratch() as path:
        start = time.perf_counter()
        sum(n * n for n in range(300_000))
        for number in range(20):
            floor.write_new(f"{path}/{number}", b"x" * 4096, sync=True)
        return time.perf_counter() - start


def _time(seconds: float, count: int) -> str:
    each = seconds / count
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if each >= size:
            return f"{each / size:.3g} {unit}"
    return f"{each:.2g} s"


def _line(row: Row) -> str:
    plain = row.name.startswith("idle") or "memory" in row.name

    def shown(value: float) -> str:
        return f"{value:,.4g}" if plain else _time(value, row.count)

    spread = f"{shown(min(row.ours))} to {shown(max(row.ours))}"
    aim = "-" if row.target is None else f"{'≥' if row.faster else '≤'} {row.target:g}"
    verdict = {None: "", True: "met", False: "MISSED"}[row.met]
    notes = "; ".join(f"{k}: {v:,.3g}" for k, v in row.notes.items())
    cells = [row.name + (f" ({notes})" if notes else ""), shown(row.value(row.ours)), spread]
    cells += [shown(row.value(row.beside)), row.what, f"{row.ratio:.2f}", aim, verdict, row.synced]
    return "| " + " | ".join(cells) + " |"


HEAD = "| what | ours | spread | beside | of what | ratio | target | | synced |\n|---|---|---|---|---|---|---|---|---|"


def plot(path: Path) -> None:
    """The cost of a candidate in a burst of 500 against the number that wait: an SVG."""
    sizes = [100, 300, 1_000, 3_000, 10_000, 30_000]
    costs = []
    for size in sizes:
        with rows.scratch() as folder:
            root = make_root(folder / "root", "alex")
            reconciler = rows.fill(root, size)
            rows.put_drops(root.place("alex").inbox, 1_000_000, 500)
            costs.append(rows.timed(lambda reconciler=reconciler: rows.catch_up(reconciler)) / 500 * 1e6)  # type: ignore[misc]
    top = max(costs) * 1.2
    points = [(60 + i * 100, 250 - 210 * cost / top) for i, cost in enumerate(costs)]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="300" font-family="sans-serif" font-size="12">'
    ]
    parts.append('<rect width="640" height="300" fill="white"/><text x="60" y="20">µs a candidate, burst of 500</text>')
    parts.append('<path d="M60 40V250H600" stroke="black" fill="none"/>')
    parts.append(f'<polyline fill="none" stroke="teal" points="{" ".join(f"{x:.0f},{y:.0f}" for x, y in points)}"/>')
    for (x, y), size, cost in zip(points, sizes, costs, strict=True):
        parts.append(
            f'<circle cx="{x}" cy="{y:.0f}" r="3" fill="teal"/><text x="{x - 12}" y="{y - 8:.0f}">{cost:.0f}</text>'
        )
        parts.append(f'<text x="{x - 14}" y="268">{size:,}</text>')
    parts.append('<text x="270" y="290">candidates that wait</text></svg>')
    path.write_text("\n".join(parts) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], help="which (all unless named)")
    parser.add_argument("--repeat", type=int, default=5, help="repetitions of each (5)")
    parser.add_argument("--json", metavar="FILE", help="write all times there")
    parser.add_argument("--plot", metavar="FILE", help="draw cost against size there, as SVG")
    parser.add_argument("--anyway", action="store_true", help="report even if the run was disturbed")
    args = parser.parse_args()
    found: list[Row] = []
    steady = [calibrate() for _ in range(5)]
    for name in args.groups or GROUPS:
        print(f"{name} …", file=sys.stderr, flush=True)
        found += GROUPS[name](args.repeat)
        steady += [calibrate() for _ in range(3)]
    if args.plot:
        plot(Path(args.plot))
    middle = statistics.median(steady)
    off = sum(not middle / 1.6 < value < middle * 1.6 for value in steady) / len(steady)
    if args.json:
        data = [row.__dict__ | {"ratio": row.ratio, "met": row.met} for row in found]
        Path(args.json).write_text(json.dumps({"calibration": steady, "rows": data}, indent=2) + "\n")
    if off > 0.25 and not args.anyway:
        print(f"disturbed: {off:.0%} of the calibrations are far from the rest; nothing reported", file=sys.stderr)
        return 1
    print(f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
          f"{off:.0%} of the calibrations off\n")  # fmt: skip
    print(HEAD)
    for row in found:
        print(_line(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
