"""One user's folders as agents and people use them, for tests: drop, move, look."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recursion_gate.core.paths import READ_ME, RECORD_FILES, TEMP_NAME, Root
from recursion_gate.core.settings import Settings
from recursion_gate.engine.reconcile import Outcome, Reconciler
from recursion_gate.formats import cards

#: How long a test waits for what must come, in seconds: what takes one may take thirty on a machine that is busy.
PATIENCE = 90.0


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true value of `condition`; fails when there is none within `seconds`."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"waited {seconds} s in vain"
        time.sleep(0.01)
    return value


def take_away(folder: Path) -> None:
    """Remove a folder with all that is in it, though a daemon at work may be putting something there."""

    def gone() -> bool:
        with contextlib.suppress(OSError):  # not empty: something has come
            shutil.rmtree(folder)
            return True
        return False

    wait_for(gone)


class World:
    """A user `user` at `root`, and a reconciler that works when it is told to."""

    def __init__(self, root: Root, settings: Settings | None = None, user: str = "alex") -> None:
        self.root, self.settings = root, settings or Settings()
        self.user, self.place = user, root.place(user)
        self.reconciler = Reconciler(root, self.settings)

    def restart(self) -> None:
        """As after a stop: nothing is remembered but what is on disk."""
        self.reconciler.close()
        self.reconciler = Reconciler(self.root, self.settings)

    # -- agents -------------------------------------------------------------------------------------------------------

    def drop(self, name: str, data: bytes | str | dict[str, Any]) -> Path:
        """Put a file into the drop zone, whole at once."""
        raw = json.dumps(data).encode() if isinstance(data, dict) else data.encode() if isinstance(data, str) else data
        self.place.inbox.mkdir(parents=True, exist_ok=True)
        temp = self.place.inbox / ".coming"
        temp.write_bytes(raw)
        target = self.place.inbox / name
        os.rename(temp, target)
        return target

    def stage(self, candidate_id: str, text: str = "Looked at the moon.", **fields: Any) -> Path:
        """Drop a candidate, have it staged, and give its card."""
        self.drop(f"{candidate_id}.json", {"id": candidate_id, "raw_text": text, **fields})
        self.reconcile()
        return self.card(candidate_id)

    # -- the daemon ---------------------------------------------------------------------------------------------------

    def reconcile(self) -> Outcome:
        """Turns until nothing more can be done now; short waits (a file just written) are waited for."""
        while True:
            outcome = self.reconciler.reconcile(self.user)
            if outcome.more:
                continue
            if outcome.due is None or outcome.due > 0.5 or self.user in self.reconciler.problems:
                return outcome
            time.sleep(outcome.due)

    # -- people -------------------------------------------------------------------------------------------------------

    def card(self, candidate_id: str, state: str = "pending") -> Path:
        """The one card of a candidate in a folder."""
        found = self.cards(candidate_id, state)
        assert len(found) == 1, f"{candidate_id} has {len(found)} cards in {state}/: {self.names(state)}"
        return found[0]

    def cards(self, candidate_id: str, state: str = "pending") -> list[Path]:
        folder = self.place.state(state)
        return [folder / name for name in sorted(self.names(state)) if self._id_in(folder / name) == candidate_id]

    def _id_in(self, path: Path) -> str | None:
        with contextlib.suppress(FileNotFoundError):  # a daemon at work may have taken it away since
            return cards.id_of(path.read_bytes())
        return None

    def approve(self, *ids: str) -> None:
        for candidate_id in ids:
            self.move(self.card(candidate_id), "approved")
        self.reconcile()

    def reject(self, *ids: str) -> None:
        for candidate_id in ids:
            self.move(self.card(candidate_id), "rejected")
        self.reconcile()

    def undo(self, candidate_id: str) -> None:
        """Take the last decision on a candidate back, by a copy of its filed card."""
        filed = [p for p in self.place.receipts.glob("*/*.md") if self._id_in(p) == candidate_id]
        assert filed, f"no filed card of {candidate_id}"
        shutil.copy(filed[-1], self.place.undo)
        self.reconcile()

    def move(self, card: Path, state: str, name: str | None = None) -> Path:
        return card.rename(self.place.state(state) / (name or card.name))

    # -- what stands on disk ------------------------------------------------------------------------------------------

    def names(self, state: str = "") -> list[str]:
        """The names of the files (not folders) in a folder of the inbox; ``""`` is the drop zone."""
        folder = self.place.state(state) if state else self.place.inbox
        if not folder.is_dir():
            return []
        # A daemon at work may be writing one under its temporary name.
        found = (p for p in folder.iterdir() if p.name not in (TEMP_NAME, READ_ME))
        return sorted(p.name for p in found if not p.is_dir() or p.is_symlink())

    def gate(self) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = json.loads(self.place.gate.read_bytes()) if self.place.gate.exists() else []
        return data

    def gate_ids(self) -> list[str]:
        return [c["id"] for c in self.gate()]

    def receipts(self) -> list[dict[str, Any]]:
        if not self.place.ledger.exists():
            return []
        whole, _, _ = self.place.ledger.read_bytes().rpartition(b"\n")  # the last line may be being written
        return [json.loads(line) for line in whole.splitlines()]

    def record(self) -> dict[str, bytes]:
        return {n: (self.place.home / n).read_bytes() for n in RECORD_FILES if (self.place.home / n).exists()}

    def lines(self, file: str) -> list[str]:
        return (self.place.home / file).read_bytes().decode().splitlines()

    def why(self, name: str) -> str:
        """What the note beside a refused file says."""
        return (self.place.problems / f"{name}.why.txt").read_text()


def tree(root: Path, *, without: tuple[str, ...] = (".daemon",)) -> dict[str, bytes]:
    """Every file under `root` with its bytes; folders with nothing."""
    found: dict[str, bytes] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in without]
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), root) + "/"] = b""
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = Path(path).read_bytes()
    return found
