"""The thread that puts proposals on disk: all that wait at a time together, so that they wait for the disk once.

A thread for each proposal costs more than the proposal: with eight clients two thirds of the processor's time went
into threads that waited for each other. What comes while the thread is at work is its next batch; who comes alone waits
for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from ..clients.propose import Prepared, Proposed, propose_all

__all__ = ["Writer"]

#: The most proposals of one batch.
_MOST = 64

_Job = tuple[Callable[[], Prepared], "asyncio.Future[Proposed]"]


class Writer:
    """Takes proposals from coroutines of one event loop. Its thread starts with the first one and ends with the
    process."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def propose(self, prepare: Callable[[], Prepared]) -> Proposed:
        """Check a proposal by `prepare`, in the thread, and put it on disk. Raises what `prepare` and `propose_all`
        do."""
        self._loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()
        made: asyncio.Future[Proposed] = self._loop.create_future()
        self._jobs.put((prepare, made))
        return await made

    def _run(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            while len(jobs) < _MOST and not self._jobs.empty():
                jobs.append(self._jobs.get())
            outcomes = _outcomes([prepare for prepare, _ in jobs])
            assert self._loop is not None
            with contextlib.suppress(RuntimeError):  # the door has ended meanwhile: nobody is there to be told
                self._loop.call_soon_threadsafe(_tell, [made for _, made in jobs], outcomes)


def _outcomes(jobs: Sequence[Callable[[], Prepared]]) -> list[Proposed | Exception]:
    """What becomes of each, in order: an error of one is not the others'."""
    prepared: list[Prepared] = []
    refused: dict[int, Exception] = {}
    for number, prepare in enumerate(jobs):
        try:
            prepared.append(prepare())
        except Exception as err:
            refused[number] = err
    try:
        found = iter(propose_all(prepared))
    except Exception as err:
        found = iter([err] * len(prepared))
    return [refused[number] if number in refused else next(found) for number in range(len(jobs))]


def _tell(waiting: Sequence[asyncio.Future[Proposed]], outcomes: Sequence[Proposed | Exception]) -> None:
    for made, outcome in zip(waiting, outcomes, strict=True):
        if made.cancelled():
            continue  # its caller has gone: the drop is there all the same
        if isinstance(outcome, Exception):
            made.set_exception(outcome)
        else:
            made.set_result(outcome)
