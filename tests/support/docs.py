"""Run the samples in Markdown files as a reader would: ``console`` blocks with what they must print, ``sh`` blocks."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .world import PATIENCE

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Sample:
    """A command, and what stands below it: ``...`` stands for any lines, ``…`` for any part of one."""

    command: str
    expected: str


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return [body for found, body in _FENCE.findall(path.read_text("utf-8")) if found == language]


def samples(path: Path) -> list[Sample]:
    """Each ``$ command`` in the console blocks of a file with the output shown below it."""
    found: list[Sample] = []
    for body in blocks(path, "console"):
        command: str | None = None
        shown: list[str] = []
        for line in [*body.splitlines(), "$ "]:
            if line.startswith("$ "):
                if command is not None:
                    found.append(Sample(command, "\n".join(shown)))
                command, shown = line[2:], []
            else:
                shown.append(line)
    return found


def matches(expected: str, said: str) -> bool:
    """Whether `said` is what the docs show."""
    lines = expected.strip().split("\n")
    parts = [re.escape(line).replace("…", "[^\n]*") + "\n" for line in lines]
    pattern = "".join(
        "(?:[^\n]*\n)*?" if line.strip() == "..." else part for line, part in zip(lines, parts, strict=True)
    )
    return re.fullmatch(pattern, said.strip() + "\n") is not None


def shell(command: str, cwd: Path, env: dict[str, str]) -> str:
    """What a command prints; fails when it fails."""
    done = subprocess.run(["bash", "-c", command], cwd=cwd, env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
    return done.stdout
