"""Where the door listens: loopback, a unix socket, or a socket that was passed to it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from recursion_gate.core.paths import Root

from ..support.daemon import PROGRAM, call
from ..support.door import Door
from ..support.roots import make_root
from ..support.world import PATIENCE, wait_for


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return make_root(tmp_path / "root", "alex")


def test_a_unix_socket_is_for_the_account_and_its_group_and_goes_with_the_door(root: Root, tmp_path: Path) -> None:
    path = tmp_path / "door.sock"
    for _ in range(2):  # the second finds what the first, killed, has left
        door = Door(root, uds=str(path)).start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with door.client() as client:
            assert client.get("/api/health").status_code == 200
        second = call(root, "serve", "--uds", str(path))
        assert (second.returncode, "another process listens there" in second.stderr) == (1, True)
        door.kill()
        assert path.exists()
    door.start()
    assert door.stop() == 0
    assert not path.exists()


def test_a_file_that_is_no_socket_is_left_alone(root: Root, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("mine")
    done = call(root, "serve", "--uds", str(path))
    assert done.returncode == 1
    assert path.read_text() == "mine"


def test_it_listens_on_this_computer_only_and_a_taken_port_is_told(root: Root) -> None:
    with Door(root) as door:
        listening = subprocess.run(["ss", "-ltnH"], capture_output=True, text=True)
        if listening.returncode == 0:
            mine = [
                line.split()[3] for line in listening.stdout.splitlines() if line.split()[3].endswith(f":{door.port}")
            ]
            assert mine == [f"127.0.0.1:{door.port}"]
        done = call(root, "serve", "--port", str(door.port))
    assert done.returncode == 1
    assert f"127.0.0.1:{door.port}: Address already in use. Take another with --port N" in done.stderr


def test_a_socket_that_systemd_passes_is_taken(root: Root) -> None:
    with socket.create_server(("127.0.0.1", 0)) as passed:
        port = passed.getsockname()[1]
        code = (
            "import os, sys\n"
            f"os.dup2({passed.fileno()}, 3)\n"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
            "os.execv(sys.executable, sys.argv[1:])\n"
        )
        command = [sys.executable, "-c", code, *PROGRAM, "--root", str(root.path), "serve"]
        process = subprocess.Popen(command, pass_fds=[passed.fileno()], stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            assert f"address=http://127.0.0.1:{port} " in process.stderr.readline()
            assert httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=PATIENCE).status_code == 200
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_a_stop_ends_the_request_that_has_begun(root: Root) -> None:
    with Door(root) as door:
        token = door.token()
        with door.connect() as one:
            head = f"POST /api/activity HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            body = b'{"text": "Begun before the stop."}'
            one.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            one.sendall(body[:5])
            assert door.process is not None
            wait_for(lambda: door.has_read(one))
            door.process.terminate()
            one.sendall(body[5:])
            assert b" 201 " in one.recv(10_000)
        assert door.process.wait(PATIENCE) == 0


def test_the_door_imports_nothing_that_merges_or_decides() -> None:
    code = "import json, sys; from recursion_gate.serve import app, listen; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name.removeprefix("recursion_gate.") for name in json.loads(done.stdout) if "recursion_gate." in name}
    merging = ("admin", "archive", "audit", "engine", "regression", "clients.decide", "store.gate", "store.ledger")
    found = {name for name in ours if name.startswith(merging)} - {"store.gate_reader"}
    assert found == set()
    assert {name for name in ours if name.startswith("service.")} == {"service.systemd"}


def test_what_is_wrong_with_the_call_is_told(root: Root, tmp_path: Path) -> None:
    assert call(root, "serve", "--only", "agents,people-of-earth").returncode == 2
    assert call(root, "serve", "--port", "1", "--uds", "x").returncode == 2
    assert "is not a root" in call(tmp_path, "serve").stderr


def test_without_the_extra_it_says_how_to_get_it(root: Root, tmp_path: Path) -> None:
    (tmp_path / "starlette.py").write_text("raise ModuleNotFoundError(name='starlette')")
    done = call(root, "serve", env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "pip install 'recursion-gate[serve]'" in done.stderr
