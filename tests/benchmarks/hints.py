"""The rows about hints: staging with them on beside staging with them off, and what they cost themselves."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import Settings
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.formats import card_hints
from recursion_gate.formats.gate_json import dump
from recursion_gate.service.hinting import Hinting

from ..support.roots import make_root
from ..support.world import wait_for
from .rows import (
    HEADINGS,
    Row,
    _resident,
    _wait_until_created,
    _writers,
    candidate,
    catch_up,
    daemon,
    scratch,
    timed,
)

#: One text in so many is that of another with a word changed.
_LIKE_ANOTHER = 20

_random = random.Random(14)
_SYLLABLES = [f"{c}{v}" for c in "bdfgklmnprst" for v in "aeiou"]
_VOCABULARY = ["".join(_random.choices(_SYLLABLES, k=_random.randint(2, 4))) for _ in range(4_000)]
_WEIGHTS = [1 / (n + 5) for n in range(len(_VOCABULARY))]


def texts(count: int, seed: int) -> list[str]:
    """Sentences of words as frequent as in a language; one in twenty is nearly another."""
    found: list[str] = []
    source = random.Random(seed)
    for number in range(count):
        if number % _LIKE_ANOTHER == _LIKE_ANOTHER - 1:
            words = source.choice(found).split()
            words[source.randrange(len(words))] = "other"
        else:
            words = source.choices(_VOCABULARY, _WEIGHTS, k=source.randint(6, 25))
        found.append(" ".join(words))
    return found


def lay_out(path: Path, entries: int, pending: int, *, hints: bool = True) -> Root:
    """A root with a Record of so many entries and so many candidates that wait."""
    root = make_root(path / "root", "alex")
    place = root.place("alex")
    record = texts(entries, 1)
    for name, heading in HEADINGS.items():
        lines = "".join(f"- • {text} — ACT-2026-01-01-{n:010}\n" for n, text in enumerate(record))
        (place.home / name).write_text(f"# Record\n\n## {heading}\n{lines}")
    for folder in (place.pending, root.daemon):
        folder.mkdir(parents=True, exist_ok=True)
    waiting = [candidate(n).model_copy(update={"id": f"w{n}", "raw_text": t}) for n, t in enumerate(texts(pending, 2))]
    place.gate.write_bytes(dump(waiting))
    (root.path / "recursion-gate.toml").write_text(f"card_hints = {str(hints).lower()}\n")
    reconciler = Reconciler(root, Settings())
    catch_up(reconciler)
    reconciler.close()
    return root


def _hinted(place: Place) -> int:
    return sum(card_hints.hints_in(card.read_bytes()) != () for card in place.pending.glob("*.md"))


@contextmanager
def _at_work(root: Root) -> Iterator[int]:
    """The daemon, with the hints of all that waits made; gives its process id."""
    with daemon(root) as process:
        if "true" in (root.path / "recursion-gate.toml").read_text():
            wait_for(lambda: _hinted(root.place("alex")), 300)
            at = time.monotonic()
            while (now := _hinted(root.place("alex"))) and time.monotonic() < at + 1:
                if now != _hinted(root.place("alex")):
                    at = time.monotonic()
        yield process.pid


def _burst(root: Root, count: int, pending: int) -> float:
    place = root.place("alex")
    start = time.perf_counter()
    _writers(place.inbox, count, 8)
    _wait_until_created(place, 0, pending + count)
    return time.perf_counter() - start


def bursts(repeat: int, count: int = 10_000, pending: int = 1_000) -> Iterator[Row]:
    """Drops by 8 processes, until all are on the gate, durable, each with its card."""
    for entries in (1_000, 10_000):
        times: dict[bool, list[float]] = {True: [], False: []}
        for number in range(2 * repeat):
            on = number % 4 in (0, 3)  # on, off, off, on: what grows with time falls on both
            with scratch() as path:
                root = lay_out(path, entries, pending, hints=on)
                with _at_work(root):
                    times[on].append(_burst(root, count, pending))
        name = f"burst of {count:,} with hints, {pending:,} pending, Record of {entries:,}"
        yield Row(name, times[True], times[False], "without hints", 1.1, "gate", count=count)


def singles(repeat: int, pending: int = 1_000, entries: int = 10_000) -> Iterator[Row]:
    """One drop to a daemon that may be making hints just then: it was left alone for 0.05 to 1.5 s. Two daemons take
    turns, and the other one is stopped meanwhile, so that what else the machine does falls on both."""
    times: dict[bool, list[float]] = {True: [], False: []}
    source, new = random.Random(5), texts(40 * repeat, 3)
    with scratch() as path, scratch() as other:
        roots = {True: lay_out(path, entries, pending), False: lay_out(other, entries, pending, hints=False)}
        with _at_work(roots[True]) as with_hints, _at_work(roots[False]) as without:
            for number, text in enumerate(new):
                pause = source.uniform(0.05, 1.5)
                for on, other_one in ((True, without), (False, with_hints)):
                    os.kill(other_one, signal.SIGSTOP)
                    try:
                        time.sleep(pause)
                        times[on].append(_until_on_the_gate(roots[on].place("alex"), 400_000 + number, text))
                        time.sleep(0.02)  # the turn goes on: the card, the drop
                    finally:
                        os.kill(other_one, signal.SIGCONT)
    name = f"one drop with hints, {pending:,} pending, Record of {entries:,}"
    yield Row(f"{name}: p50", times[True], times[False], "without hints", 1.1, "gate")
    yield Row(f"{name}: p90", times[True], times[False], "without hints", 1.1, "gate", quantile=0.9)


def _until_on_the_gate(place: Place, number: int, text: str) -> float:
    before, gate = os.stat(place.gate).st_ino, str(place.gate)
    start = time.perf_counter()
    _drop(place, number, text)
    while os.stat(gate).st_ino == before:
        assert time.perf_counter() < start + 20, "the drop did not reach the gate"
    return time.perf_counter() - start


def _drop(place: Place, number: int, text: str) -> None:
    temp = place.inbox / f".{number}.tmp"
    temp.write_text(json.dumps({"id": f"n{number}", "raw_text": text}))
    os.rename(temp, place.inbox / f"{number}.json")


def work(repeat: int, pending: int = 1_000) -> Iterator[Row]:
    """The hints themselves: of all that waits, and of one more drop, beside staging the same."""
    for entries in (1_000, 10_000):
        first, one, staging, single = list[float](), list[float](), list[float](), list[float]()
        for _ in range(repeat):
            with scratch() as path:
                root = lay_out(path, entries, 0)
                place, drops = root.place("alex"), texts(pending + 1, 2)
                reconciler = Reconciler(root, Settings())
                catch_up(reconciler)
                hinting = Hinting(reconciler)
                for some, staged, made in ((drops[:-1], staging, first), (drops[-1:], single, one)):
                    for number, text in enumerate(some):
                        _drop(place, number + len(place.gate.read_bytes()), text)
                    staged.append(timed(lambda r=reconciler: catch_up(r), settled=True))  # type: ignore[misc]
                    hinting.note("alex")
                    made.append(timed(hinting.work))
                reconciler.close()
        where = f"Record of {entries:,}"
        yield Row(f"hints on {pending:,} cards, {where}", first, staging, "staging them", None, "51 cards")
        yield Row(f"hints after one more drop, {where}", one, single, "staging it", None, "-")
        resident = {}
        for on in (True, False):
            with scratch() as path:
                root = lay_out(path, entries, pending, hints=on)
                with _at_work(root) as pid:
                    resident[on] = _resident(pid)
        yield Row(f"hints: memory, {where}", [resident[True]], [resident[False]], "without hints", None, "-")


def hints(repeat: int) -> list[Row]:
    """All rows about hints."""
    return [*bursts(repeat), *singles(repeat), *work(min(repeat, 3))]
