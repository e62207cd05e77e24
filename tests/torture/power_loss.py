"""Kill at every call and cut the power at every call, in process, for all stories.

    python -m tests.torture.power_loss [--story NAME ...] [--most N] [--seed N]

The same that the suite does with fewer stories and states; `tests.torture.disk` says what is taken to be possible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click

from .harness import Chapter, Count, chapters, every_chain_of_kills, every_kill, memory, power_cuts, stopped_clock
from .stories import STORIES

__all__ = ["main"]


def _tries(most: int, seed: int) -> dict[str, Callable[[Chapter, Path], Count]]:
    return {
        "kills": every_kill,
        "kills in the recovery, again and again": every_chain_of_kills,
        "power cuts": lambda chapter, folder: power_cuts(chapter, folder, most=most, seed=seed),
        "a kill, a start, then a power cut": lambda chapter, folder: power_cuts(
            chapter, folder, most=max(10, most // 10), seed=seed, after_kill=lambda call: True
        ),
    }


@click.command()
@click.option("--story", "stories", multiple=True, type=click.Choice(list(STORIES)), help="Only these stories.")
@click.option("--most", default=100_000, show_default=True, help="The most trees to try at one power cut.")
@click.option("--seed", default=0, show_default=True, help="Which, where there are more.")
def main(stories: tuple[str, ...], most: int, seed: int) -> None:
    """Kill and cut the power at every call, and compare the trees that the work leads to afterwards."""
    total: dict[str, Counter[str]] = {}
    with stopped_clock(), memory() as folder:
        for story in stories or STORIES:
            for chapter in chapters(STORIES[story], folder / f"story-{story}"):
                for what, attempt in _tries(most, seed).items():
                    where = folder / f"{chapter.act}-{what[:6]}"
                    count = attempt(chapter, where)
                    states = f", {count.states} trees{' (sampled)' if count.sampled else ''}" if count.states else ""
                    click.echo(
                        f"{story}/{chapter.act} {what}: {count.points} points{states}, {len(count.broken)} broken"
                    )
                    for line in count.broken:
                        click.echo(f"  {line}")
                    sums = total.setdefault(what, Counter())
                    sums.update(points=count.points, states=count.states, broken=len(count.broken))
    click.echo()
    for what, sums in total.items():
        click.echo(f"{what}: {sums['points']:,} points, {sums['states']:,} trees; broken: {sums['broken']}")
    if any(sums["broken"] for sums in total.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
