"""Large imports: 100,000 rows of a spreadsheet, killed again and again and resumed; a transcript of a gigabyte. Nothing
is lost, nothing doubled, and the memory does not grow with the file.

    python -m tests.torture.imports
    python -m tests.torture.imports --rows 20000 --megabytes 100
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from recursion_gate.core.paths import Root

from ..support.daemon import PROGRAM
from ..support.roots import make_root
from ..support.terminal import Terminal

__all__ = ["killed_and_resumed", "main"]

#: Of so many rows the daemon stages what is there between the kills; of more only at the end, since that takes long.
_STAGED_BETWEEN = 20_000


def table(path: Path, rows: int) -> None:
    """A spreadsheet of `rows` different rows."""
    with path.open("w") as file:
        file.write("Task,Date,Room,Points\n")
        for n in range(rows):
            file.write(
                f"Did chore number {n} of the house,{2020 + n % 6}-{n % 12 + 1:02}-{n % 28 + 1:02},R{n % 9},{n % 10}\n"
            )


def chat(path: Path, size: int) -> int:
    """A WhatsApp chat of at least `size` bytes; gives its messages."""
    count, written = 0, 0
    with path.open("w") as file:
        while written < size:
            day, second = divmod(count, 2_000)
            at = time.gmtime(1_577_836_800 + day * 86_400 + second * 30)
            who = "Alex" if count % 3 else "Grandma"
            written += file.write(f"{time.strftime('%d/%m/%Y, %H:%M', at)} - {who}: message {count} about the boat\n")
            count += 1
    return count


def run(root: Root, *words: str) -> tuple[int, int, str]:
    """One import in a process of its own: exit code, its most memory in kilobytes, what it printed."""
    child = subprocess.Popen([*PROGRAM, "--root", str(root.path), "import", *words], stdout=subprocess.PIPE)
    assert child.stdout is not None
    said = child.stdout.read().decode()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, used.ru_maxrss, said


def killed_and_resumed(folder: Path, rows: int, seed: int = 1) -> tuple[Root, int]:
    """An import of `rows` rows that is killed at random instants, each time a little later, until it comes through;
    in between the daemon stages what is there. Gives the root and the number of kills."""
    root, path, chance = make_root(folder / "root", "alex"), folder / "chores.csv", random.Random(seed)
    root.settings.write_text("card_hints = false\n")  # hints on 100,000 cards are not what is measured
    table(path, rows)
    kills, longest = 0, 0.7
    while True:
        child = subprocess.Popen(
            [*PROGRAM, "--root", str(root.path), "import", str(path), "--json"], stdout=subprocess.DEVNULL
        )
        try:
            assert child.wait(chance.uniform(0.3, longest)) == 0
            break
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            kills += 1
            longest *= 1.3
        if kills % 3 == 0 and rows <= _STAGED_BETWEEN:
            _once(root)
    _once(root)
    return root, kills


def _once(root: Root) -> None:
    subprocess.run([*PROGRAM, "--root", str(root.path), "once"], check=True, stdout=subprocess.DEVNULL, timeout=900)


def texts(root: Root) -> Counter[str]:
    return Counter(each["raw_text"] for each in json.loads(root.place("alex").gate.read_bytes()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--megabytes", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        root, kills = killed_and_resumed(folder, given.rows)
        found = texts(root)
        assert len(found) == given.rows
        assert set(found.values()) == {1}
        assert not list(root.place("alex").problems.glob("*"))
        print(f"{given.rows:,} rows, {kills} kills: each is at the gate, once")

        fresh = make_root(folder / "fresh", "alex")
        terminal = Terminal(fresh, "import", str(folder / "chores.csv"), TERM="xterm")
        code, said = terminal.end()
        assert code == 0
        assert "reading chores.csv" in said
        print("a terminal shows the progress")
        for again, where in (
            ("the first time", make_root(folder / "third", "alex")),
            ("with all of it at the gate", root),
        ):
            began = time.monotonic()
            code, memory, said = run(where, str(folder / "chores.csv"))
            assert code == 0, said
            print(f"{again}: {time.monotonic() - began:.1f} s, {memory / 1024:.0f} MB")
        count = chat(folder / "chat.txt", given.megabytes * 1_000_000)
        began = time.monotonic()
        code, memory, said = run(fresh, str(folder / "chat.txt"), "--day-first", "--json")
        assert code == 0
        staged = json.loads(said)["staged"]
        print(
            f"a chat of {given.megabytes:,} MB, {count:,} messages: {staged:,} days in "
            f"{time.monotonic() - began:.0f} s, {memory / 1024:.0f} MB"
        )


if __name__ == "__main__":
    main()
