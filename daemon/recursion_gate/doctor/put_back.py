"""Put back into the Record the lines that receipts prove and that are missing there: after an older copy of `users/`
was restored. `doctor --fix` calls it; the daemon never does, since a person may have removed the lines."""

from __future__ import annotations

from ..audit.verify import verify
from ..core.errors import Parked
from ..core.paths import Root
from ..core.receipt import line_digest
from ..core.settings import Settings
from ..disk import lock
from ..engine.record_files import BeingSaved, RecordFiles
from ..engine.recover import not_in_the_record, open_state
from ..formats.record_change import Step
from ..store import jsonl
from ..store.index import Decided

__all__ = ["put_back"]


def put_back(root: Root, user: str, settings: Settings) -> None:
    """Put back all lines of `user` that `verify` calls missing, each at the end of its section, in the order of the
    receipts. Raises AlreadyRunning while a daemon runs, Parked, OSError."""
    place = root.place(user)
    decided = Decided(root)
    try:
        with lock.hold(root):
            state = open_state(place, settings, decided)
            missing = set(verify(root, [user])[0].missing)  # read again under the lock: now nobody else merges
            texts = RecordFiles(state)
            for _, data in jsonl.forwards(place.ledger, state.ledger.size) if missing else ():
                try:
                    receipt = jsonl.receipt(place, data)
                except Parked:  # `verify` says so
                    continue
                for file, lines in receipt.lines.items():
                    if (receipt.seq, file) in missing:
                        texts.add(Step(file, into=lines[-1]), line_digest(None))
            try:
                texts.plan()
            except BeingSaved as err:
                raise err.in_the_midst() from None
            texts.write()
            for receipt in not_in_the_record(state, state.lacks):
                raise OSError(f"receipt {receipt.seq}: its lines are still missing")
    finally:
        decided.close()
