"""docs/doors.md, "A queue": its producers are understood, in each language that can run here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.accounts import without
from .conftest import Queue

PAGE = Path(__file__).parents[2] / "docs" / "doors.md"
LINES = dict(re.findall(r"^\| (shell|Python|JavaScript|Ruby|Go) \| `(.*)` \|$", PAGE.read_text("utf-8"), re.MULTILINE))

#: How a line is run that has a client, in a language.
AROUND = {
    "shell": ("bash", "-c", 'redis-cli() {{ command redis-cli -p {port} "$@"; }}; {line}'),
    "Python": ("python3", "-c", "import redis; client = redis.Redis(port={port}); {line}"),
    "JavaScript": (
        "node",
        "-e",
        '(async () => {{ const client = require("redis").createClient({{ url: "redis://127.0.0.1:{port}" }});'
        " await client.connect(); {line} await client.quit(); }})()",
    ),
    "Ruby": ("ruby", "-e", 'require "redis"; client = Redis.new(port: {port}); {line}'),
}
_LIBRARY = {
    "shell": ("redis-cli", "--version"),
    "JavaScript": ("node", "-e", 'require("redis")'),
    "Ruby": ("ruby", "-e", 'require "redis"'),
}


def test_the_page_has_a_line_for_five_languages() -> None:
    assert set(LINES) == {*AROUND, "Go"}


@pytest.mark.parametrize("language", AROUND)
def test_a_producers_line_becomes_a_candidate(queue: Queue, language: str) -> None:
    program, option, around = AROUND[language]
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_PATH": "/usr/share/nodejs"}
    if language in _LIBRARY:
        there = (
            shutil.which(program) and subprocess.run(_LIBRARY[language], env=env, capture_output=True).returncode == 0
        )
        without(None if there else f"needs {program} with its Redis client")
    else:
        env.pop("PATH")
        program = sys.executable
    line = LINES[language].replace("entries", queue.name)
    command = [program, option, around.format(port=queue.server.port, line=line)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    _is_staged(queue)


#: Go's client, of a version that Debian's Go can build.
_GO_CLIENT = "github.com/redis/go-redis/v9@v9.7.0"
_GO = """
package main

import (
	"context"

	"github.com/redis/go-redis/v9"
)

func main() {{
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{{Addr: "127.0.0.1:{port}"}})
	if err := {line}.Err(); err != nil {{
		panic(err)
	}}
}}
"""


def test_the_line_in_go_becomes_a_candidate(queue: Queue, tmp_path: Path) -> None:
    """Its client is a module, which `go get` brings; with GO111MODULE=off it is looked for in $GOPATH."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("needs Go")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([go, *words], cwd=folder, capture_output=True, text=True, timeout=600)

    folder = tmp_path / "producer"
    folder.mkdir()
    line = LINES["Go"].replace("entries", queue.name)
    (folder / "main.go").write_text(_GO.format(port=queue.server.port, line=line))
    if os.environ.get("GO111MODULE") != "off":
        assert run("mod", "init", "example.org/producer").returncode == 0
        brought = run("get", _GO_CLIENT)
        if brought.returncode:
            pytest.skip(f"the Go client cannot be had here: {brought.stderr.strip()[-200:]}")
    done = run("run", "main.go")
    assert done.returncode == 0, done.stderr
    _is_staged(queue)


def _is_staged(queue: Queue) -> None:
    queue.once()
    assert queue.texts() == ["Learned to whistle."]
    assert queue.world.gate()[0]["source"] == "tutor"
