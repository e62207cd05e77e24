"""A command may do anything: never end, print gigabytes, fork and leave. It is bounded, and nothing of it stays."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from recursion_gate.plans.processes import run

from ..support.world import wait_for


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except FileNotFoundError:
        return False


def test_it_gets_its_text_and_gives_status_and_output(tmp_path: Path) -> None:
    code = "import os,sys; print(sys.stdin.read()[::-1], os.getcwd(), os.environ['X']); sys.exit(3)"
    done = run(_python(code), text="abc", where=tmp_path, env={"X": "y"})
    assert (done.status, done.ended) == (3, "exited with 3")
    assert done.output.split() == ["cba", str(tmp_path), "y"]


def test_a_megabyte_of_text_goes_to_one_that_reads_and_writes_at_once_and_to_one_that_does_neither() -> None:
    text = "x" * 1_000_000
    done = run(
        _python("import sys; [sys.stdout.write(line) for line in iter(lambda: sys.stdin.read(10), '')]"), text=text
    )
    assert (done.status, done.size) == (0, 1_000_000)
    assert run(_python("pass"), text=text).status == 0


def test_a_gigabyte_of_output_is_drained_and_only_its_end_is_kept() -> None:
    code = "import sys; b = b'x' * 1_000_000\nfor _ in range(1000): sys.stdout.buffer.write(b)\nprint('\\nthe end')"
    done = run(_python(code))
    assert (done.status, done.size) == (0, 1_000_000_009)
    assert done.output.endswith("the end\n")
    assert len(done.output) <= 64_000


def test_one_that_never_ends_is_ended_also_if_it_ignores_the_signal() -> None:
    began = time.monotonic()
    done = run(_python("import time; time.sleep(600)"), timeout=0.2)
    assert (done.status, done.ended) == (None, "was ended after 0.2 s")
    assert time.monotonic() - began < 60
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    assert run(_python(code), timeout=1).status is None


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_what_it_leaves_in_the_background_is_ended_and_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    done = run(["/bin/sh", "-c", f"sleep 600 & echo $! > {tmp_path}/pid; echo left"])
    assert (done.status, done.output) == (0, "left\n")
    assert time.monotonic() - began < 60
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not _runs(pid))


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_a_tick_ends_it_with_all_that_it_has_started(tmp_path: Path) -> None:
    pids: list[int] = []

    def tick() -> str | None:
        if not pids and (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            pids.append(int((tmp_path / "pid").read_text()))
        return "was told to" if pids else None

    done = run(["/bin/sh", "-c", f"sleep 600 & echo $! > {tmp_path}/pid; wait"], tick=tick, every=0.02)
    assert (done.status, done.ended) == (None, "was told to")
    wait_for(lambda: not _runs(pids[0]))


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_what_forks_and_leaves_for_a_session_of_its_own_is_ended_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    leave = f"import os, time; os.setsid(); open({str(pid)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(600)"
    code = (
        f"import os, subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {leave!r}])\n"
        f"while not os.path.exists({str(pid)!r}) or not open({str(pid)!r}).read().endswith('.'): time.sleep(0.01)\n"
    )
    assert run(_python(code)).status == 0
    wait_for(lambda: not _runs(int(pid.read_text().rstrip("."))))


def test_a_command_that_is_not_there_is_said() -> None:
    with pytest.raises(FileNotFoundError):
        run(["/no/such/command"])


def test_its_output_is_shown_too_where_asked() -> None:
    read, write = os.pipe()
    run(_python("print('seen')"), echo=write)
    os.close(write)
    assert os.read(read, 100) == b"seen\n"
    os.close(read)
