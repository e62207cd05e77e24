"""The state machine of the whole protocol (`tests.protocol`), for long.

    python -m tests.torture.protocol --examples 20000

Each example is a story of at most --steps steps in a root of its own. Prints how many were told and what was in them; a
story that breaks a promise is cut down to its shortest form, shown, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from ..support.protocol import COUNTS, STATES, Protocol


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=50, help="the most in one example")
    given = parser.parse_args()
    began = time.monotonic()
    broken = 0
    try:
        run_state_machine_as_test(
            Protocol,
            settings=settings(
                max_examples=given.examples,
                stateful_step_count=given.steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception:
        broken = 1
        traceback.print_exc()
    print(f"examples:        {COUNTS['examples']:,} in {time.monotonic() - began:,.0f} s")
    print(f"steps:           {COUNTS['steps']:,}")
    print(f"states:          {len(STATES):,} different ones of the model, names and texts aside")
    print(f"looks held against the model: {COUNTS['comparisons']:,}")
    print(f"kills:           {COUNTS['kills']:,}")
    for what in ("taken back", "corrections", "retractions", "forgotten"):
        print(f"{f'{what}:':<17}{COUNTS[what]:,}")
    print(f"promises broken: {broken}")
    return broken


if __name__ == "__main__":
    sys.exit(main())
