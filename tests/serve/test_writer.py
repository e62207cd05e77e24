"""The thread that puts proposals on disk: what comes together waits for the disk once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable

import pytest
from recursion_gate.clients.propose import Prepared, Proposed, prepare
from recursion_gate.core.errors import Refusal
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.disk import atomic
from recursion_gate.serve.writer import Writer

from ..support.world import World


def proposal(root: Root, text: str) -> Callable[[], Prepared]:
    data = json.dumps({"text": text}).encode()
    return lambda: prepare(root, "alex", "tutor", data, Settings(), None)


async def together(writer: Writer, *jobs: Callable[[], Prepared]) -> list[Proposed | BaseException]:
    """What becomes of jobs that all come while the thread is at work."""
    held, busy = threading.Event(), threading.Event()

    def hold() -> Prepared:
        busy.set()
        held.wait(60)
        raise Refusal("held", "")

    first = asyncio.ensure_future(writer.propose(hold))
    await asyncio.to_thread(busy.wait, 60)
    waiting = [asyncio.ensure_future(writer.propose(job)) for job in jobs]
    await asyncio.sleep(0)  # each has handed in its job
    held.set()
    with pytest.raises(Refusal, match="held"):
        await first
    return await asyncio.gather(*waiting, return_exceptions=True)


def test_what_comes_together_is_synced_together(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    sync = atomic.sync_folder

    def noted(folder: str) -> None:
        synced.append(folder)
        sync(folder)

    monkeypatch.setattr(atomic, "sync_folder", noted)
    jobs = [proposal(root, f"Learned the {n}th letter.") for n in range(20)]
    made = asyncio.run(together(Writer(), *jobs))
    assert synced == [str(root.place("alex").inbox)]
    paths = [each.path for each in made if isinstance(each, Proposed)]
    assert len(set(paths)) == 20
    assert all(path.is_file() for path in paths)
    world = World(root)
    world.reconcile()
    assert {each.candidates[0].id for each in made if isinstance(each, Proposed)} <= {*world.gate_ids()}


def test_what_is_wrong_with_one_is_not_the_others(root: Root) -> None:
    good, bad = proposal(root, "Learned to wait."), proposal(root, "")

    def broken() -> Prepared:
        raise ZeroDivisionError

    one, refused, fault, other = asyncio.run(together(Writer(), good, bad, broken, good))
    assert isinstance(one, Proposed)
    assert isinstance(other, Proposed)
    assert isinstance(refused, Refusal)
    assert isinstance(fault, ZeroDivisionError)


def test_a_caller_that_has_gone_leaves_its_drop_and_the_others_have_their_answers(root: Root) -> None:
    async def run() -> Proposed:
        writer, held = Writer(), threading.Event()

        def slow() -> Prepared:
            held.wait(60)
            return proposal(root, "Learned to leave.")()

        going = asyncio.ensure_future(writer.propose(slow))
        staying = asyncio.ensure_future(writer.propose(proposal(root, "Learned to stay.")))
        await asyncio.sleep(0)
        going.cancel()
        held.set()
        return await staying

    assert asyncio.run(run()).path.is_file()
    world = World(root)
    world.reconcile()
    assert {"Learned to leave.", "Learned to stay."} <= {each["raw_text"] for each in world.gate()}
