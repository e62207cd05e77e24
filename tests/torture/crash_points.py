"""Kill the real program at every system call that changes something, with strace, and start it again.

    python -m tests.torture.crash_points [--story NAME[/ACT] ...] [--every N] [--again] [--run] [--jobs N]

One plain run under strace tells which calls there are. Then, for each call and each number N, the program is run again
from the same tree and killed at the N-th of those calls (``strace -e inject=CALL:signal=KILL:when=N``: the call itself
does not happen any more), started once more without strace, and the tree is compared with that of the plain run, byte
for byte. Needs strace (Debian: apt-get install strace) and the right to trace.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import click
import recursion_gate
from recursion_gate.core.paths import Place

from .harness import Chapter, chapters, differences, memory, start_again, stopped_clock
from .stories import NOW, STORIES

__all__ = ["Point", "main"]

#: The calls by which anything is changed, under all their names.
# fmt: off
CALLS = (
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range", "fallocate", "rename",
    "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir", "mkdir",
    "mkdirat", "mknod", "mknodat", "truncate", "ftruncate", "fsync", "fdatasync", "syncfs", "sync",
    "sync_file_range", "msync", "chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "utimensat",
    "setxattr", "fsetxattr", "fremovexattr",
)
# fmt: on
_OPENS = ("openat", "open", "creat")
_LINE = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<args>.*)")
_CHANGING = re.compile(r"O_CREAT|O_WRONLY|O_RDWR|O_TRUNC")


@dataclass(frozen=True, slots=True)
class Point:
    """The N-th time that the program makes this call."""

    call: str
    number: int
    args: str


class Program:
    """``recursion-gate once`` (or ``run``) on one tree."""

    def __init__(self, folder: Path, package: Path, *, run: bool) -> None:
        self.folder, self._run = folder, run
        self.log = folder.with_name(f"{folder.name}.strace")
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RECURSION_GATE")},
            "RECURSION_GATE_NOW": NOW,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(package),
        }

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "recursion_gate", "--root", str(self.folder), "run" if self._run else "once"]

    def start(self, strace: list[str] | None = None) -> subprocess.Popen[bytes]:
        traced = ["strace", "-f", "-qq", "-o", str(self.log), *strace] if strace is not None else []
        return subprocess.Popen(
            [*traced, *self._command()], env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def go(self, wanted: Chapter, strace: list[str] | None = None) -> bool:
        """Run it until it ends, or, where it would not end, until the tree is as `wanted`; gives whether it was
        killed. Raises click.ClickException when it fails in another way."""
        process = self.start(strace)
        said = b""
        try:
            if self._run:
                place = Place(self.folder, "alex")
                until = time.monotonic() + 20
                while process.poll() is None and time.monotonic() < until:
                    if self._has_looked(process) and not differences(wanted.after, place):
                        break
                    time.sleep(0.02)
                if process.poll() is None:
                    os.kill(self._pid(process), signal.SIGTERM)
            _, said = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL):
            return True
        if process.returncode:
            raise click.ClickException(f"the program ended with {process.returncode}: {said.decode(errors='replace')}")
        return False

    def _pid(self, process: subprocess.Popen[bytes]) -> int:
        """The program itself, which may be a child of strace."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return int(children[0]) if children else process.pid

    def _has_looked(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it has done its first look: then its status is there."""
        try:
            told = json.loads((self.folder / ".daemon" / "status.json").read_bytes())
            return bool(told["pid"] == self._pid(process))
        except (OSError, ValueError):
            return False

    def points(self) -> list[Point]:
        """What the log tells: each changing call, and which of its name it was."""
        counts: Counter[str] = Counter()
        found = []
        lines = self.log.read_text(errors="replace").splitlines()
        main_pid = lines[0].split()[0]
        for line in lines:
            said = _LINE.match(line)
            if said is None or said["pid"] != main_pid:  # the other threads only listen for file events
                continue
            counts[said["call"]] += 1
            if said["call"] not in _OPENS or (str(self.folder) in line and _CHANGING.search(line)):
                found.append(Point(said["call"], counts[said["call"]], said["args"]))
        return found


def plain(chapter: Chapter, folder: Path, package: Path, *, run: bool) -> list[Point]:
    """The points of one plain run, which must lead to what is wanted."""
    start_again(chapter.before, folder)
    program = Program(folder, package, run=run)
    program.go(chapter, ["-e", f"trace={','.join('?' + c for c in (*CALLS, *_OPENS))}"])
    told = differences(chapter.after, Place(folder, "alex"))
    if told:
        raise click.ClickException("the plain run already differs: " + "; ".join(told))
    return program.points()


def kill_at(
    chapter: Chapter, point: Point, folder: Path, package: Path, *, run: bool, again: Point | None
) -> tuple[int, list[str]]:
    """Kill at a point, start again (and, where `again` is given, kill once more and start again): how often it was
    killed, and what differs."""
    start_again(chapter.before, folder)
    program = Program(folder, package, run=run)
    killed = 0
    for at in (point, again):
        if at is not None:
            inject = ["-e", f"trace={at.call}", "-e", f"inject={at.call}:signal=KILL:when={at.number}"]
            killed += program.go(chapter, inject)
    program.go(chapter)
    return killed, differences(chapter.after, Place(folder, "alex"))


@click.command()
@click.option("--story", "stories", multiple=True, help="Only these, or, as NAME/ACT, one act of one; 'three' if none.")
@click.option("--every", default=1, show_default=True, help="Kill only at every N-th point.")
@click.option("--again", is_flag=True, help="Kill the start after the kill too, each time at another call.")
@click.option("--run", is_flag=True, help="The daemon ('run') instead of 'once'.")
@click.option("--jobs", default=1, show_default=True, help="How many at a time.")
def main(stories: tuple[str, ...], every: int, again: bool, run: bool, jobs: int) -> None:
    """Kill the real program at every call that changes something."""
    for given in stories:
        if given.partition("/")[0] not in STORIES:
            raise click.BadParameter(f"there is no story {given}: {', '.join(STORIES)}")
    if shutil.which("strace") is None:
        raise click.ClickException("strace is missing (Debian: apt-get install strace)")
    total: Counter[str] = Counter()
    with stopped_clock(), memory() as folder, ThreadPoolExecutor(jobs) as pool:
        package = folder / "package"  # the same from the first run to the last, whoever edits the source meanwhile
        shutil.copytree(Path(recursion_gate.__file__).parent, package / "recursion_gate")
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            free.put(folder / f"job-{number}")

        def try_one(chapter: Chapter, point: Point, second: Point | None) -> tuple[Point, int, list[str]]:
            where = free.get()
            try:
                return (point, *kill_at(chapter, point, where, package, run=run, again=second))
            finally:
                free.put(where)

        for given in stories or ("three",):
            story, _, act = given.partition("/")
            for chapter in chapters(STORIES[story], folder / f"story-{story}-{act}"):
                if act and chapter.act != int(act):
                    continue
                points = plain(chapter, folder / "plain", package, run=run)[::every]
                seconds = [points[n * 7 % len(points)] if again else None for n in range(len(points))]
                tried = Counter({"points": len(points)})
                for point, killed, told in pool.map(try_one, [chapter] * len(points), points, seconds):
                    tried["kills"] += killed
                    tried["missed"] += not killed
                    tried["differ"] += bool(told)
                    for line in told:
                        click.echo(f"  killed at {point.call} {point.number} ({point.args[:80]}): {line}")
                by_call = ", ".join(f"{n} {call}" for call, n in sorted(Counter(p.call for p in points).items()))
                click.echo(
                    f"{story}/{chapter.act}: {tried['points']} points ({by_call}), {tried['kills']} kills, "
                    f"{tried['missed']} points not reached again, {tried['differ']} differ"
                )
                total += tried
    click.echo(
        f"\n{total['points']:,} points, {total['kills']:,} kills; trees that differ afterwards: {total['differ']}"
    )
    if total["differ"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
