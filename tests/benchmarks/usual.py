"""The usual way, as an app would write it: load the JSON array, change it, save it, under a lock, with fsync."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from . import floor


def approve(root: Path, candidate_id: str) -> None:
    """One approval: the candidate off the gate, its lines at the end of three files, one receipt; each synced."""
    with open(root / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        gate: list[dict[str, Any]] = json.loads((root / "gate.json").read_text())
        (chosen,) = [c for c in gate if c["id"] == candidate_id]
        gate.remove(chosen)
        line = f"- • {chosen['raw_text']} — ACT-{candidate_id}\n".encode()
        for name in ("self-evidence.md", "self-knowledge.md", "self-skill-think.md"):
            floor.append(f"{root}/{name}", line)
        floor.append(f"{root}/receipts.jsonl", json.dumps(chosen).encode() + b"\n")
        floor.put(f"{root}/gate.json", json.dumps(gate, indent=2).encode(), sync=True)


def stage(root: Path, drop: dict[str, Any]) -> None:
    """One candidate onto the gate."""
    with open(root / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = root / "gate.json"
        gate: list[dict[str, Any]] = json.loads(path.read_text()) if os.path.exists(path) else []
        gate.append(drop)
        floor.put(str(path), json.dumps(gate, indent=2).encode(), sync=True)
