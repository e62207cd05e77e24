"""Many writers, many users, a script that decides at random, and a daemon that is killed every 1 to 3 seconds.

    python -m tests.torture.load
    python -m tests.torture.load --drops 5000 --writers 8 --users 3

At the end each drop must be exactly one of staged, decided and refused, each decision that was put before the daemon
taken once, and `verify` must find nothing. Exits with 1 where that is not so.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import random
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.synchronize import Event
from pathlib import Path

from recursion_gate.core.paths import Root

from ..support.daemon import Daemon, call
from ..support.roots import make_root
from ..support.world import World, wait_for


def write(root: Path, writer: int, users: list[str], count: int) -> None:
    """One agent: drops in every way there is, now and then one that must be refused."""
    dice = random.Random(writer)
    place_of = Root(root).place
    for n in range(count):
        user = dice.choice(users)
        inbox = place_of(user).inbox
        name = f"w{writer}-{n}"
        data: dict[str, object] = {"id": name, "text": f"Writer {writer} did task {n}.", "source": f"writer-{writer}"}
        if dice.random() < 0.02:
            data["skil"] = "WORK"  # a typo: refused
        raw = json.dumps(data).encode()
        target = inbox / f"{name}.json"
        way = dice.random()
        if way < 0.6:
            temp = inbox / f".{name}.tmp"
            temp.write_bytes(raw)
            os.rename(temp, target)
        elif way < 0.9:
            target.write_bytes(raw)
        else:  # bit by bit
            with open(target, "wb", buffering=0) as file:
                for at in range(0, len(raw), 30):
                    file.write(raw[at : at + 30])
                    time.sleep(0.001)
        if n % 50 == 0:
            time.sleep(dice.random() * 0.1)


def decide(root: Path, users: list[str], stop: Event, rests: Event, out: mp.SimpleQueue[dict[str, str]]) -> None:
    """A script in a person's place: moves about half of the cards, to approved/ or rejected/ at random, each once.
    `rests` is set while there are none that it has not looked at."""
    dice = random.Random(0)
    moved: dict[str, str] = {}
    looked: set[str] = set()
    while not stop.is_set():
        idle = True
        for user in users:
            place = Root(root).place(user)
            for card in sorted(place.pending.glob("[!.]*")) if place.pending.is_dir() else ():
                if card.name in looked:
                    continue
                try:
                    candidate_id = card.read_bytes().split(b"\n", 2)[1].partition(b": ")[2].decode().strip('"')
                except (FileNotFoundError, IndexError):
                    continue
                idle = False
                looked.add(card.name)
                if dice.random() < 0.5:
                    continue
                action = dice.choice(["approved", "approved", "rejected"])
                try:
                    card.rename(place.state(action) / card.name)
                    moved[candidate_id] = action
                except FileNotFoundError:
                    continue
        if idle:
            rests.set()
            time.sleep(0.05)
        else:
            rests.clear()
    out.put(moved)


#: Enough of them: then the daemon is let finish.
_KILLS_LIMIT = 40


def _all_looked_at(worlds: dict[str, World]) -> bool:
    return not any(world.names() for world in worlds.values())


def run(folder: Path, writers: int, users: int, drops: int, seed: int) -> list[str]:
    """One run; gives the broken promises."""
    dice = random.Random(seed)
    names = [f"user{n}" for n in range(users)]
    root = make_root(folder / "root", *names)
    worlds = {name: World(root, user=name) for name in names}
    daemon = Daemon(root, wait=False).start()
    context = mp.get_context("spawn")
    stop, rests, out = context.Event(), context.Event(), context.SimpleQueue()
    shares = [drops // writers + (n < drops % writers) for n in range(writers)]
    agents = [context.Process(target=write, args=(root.path, n, names, shares[n]), daemon=True) for n in range(writers)]
    script = context.Process(target=decide, args=(root.path, names, stop, rests, out), daemon=True)
    began = time.monotonic()
    for process in [script, *agents]:
        process.start()
    kills, written = 0, 0.0
    while kills < 5 or (kills < _KILLS_LIMIT and not (_all_looked_at(worlds) and rests.is_set())):
        if not written and not any(agent.is_alive() for agent in agents):
            written = time.monotonic() - began
        time.sleep(dice.uniform(1, 3))  # however far it has come: most of what it does then is to make good
        daemon.kill()
        kills += 1
        daemon = Daemon(root, wait=False).start()
    killed = time.monotonic() - began
    for agent in agents:
        agent.join()
    problems = [f"writer {n} ended with {a.exitcode}" for n, a in enumerate(agents) if a.exitcode]
    wait_for(lambda: _all_looked_at(worlds) and rests.is_set(), 1800)
    stop.set()
    moved: dict[str, str] = out.get()
    script.join()
    wait_for(lambda: not any(w.names("approved") or w.names("rejected") for w in worlds.values()), 1800)
    done = time.monotonic() - began
    daemon.stop()
    for world in worlds.values():
        world.reconciler.close()

    places: Counter[str] = Counter()
    decided: dict[str, str] = {}
    at_gate = refused = 0
    for world in worlds.values():
        gate = world.gate_ids()
        places.update(gate)
        at_gate += len(gate)
        for receipt in world.receipts():
            places[receipt["candidate_id"]] += 1
            decided[receipt["candidate_id"]] = receipt["action"]
        for name in world.names("problems"):
            if name.endswith(".why.txt"):
                continue
            if not (world.place.problems / f"{name}.why.txt").exists():
                problems.append(f"{name} was refused without a reason")
            places[name.removesuffix(".json")] += 1
            refused += 1
    wanted = {f"w{w}-{n}" for w in range(writers) for n in range(shares[w])}
    problems += [f"lost: {name}" for name in sorted(wanted - places.keys())]
    problems += [f"from nowhere: {name}" for name in sorted(places.keys() - wanted)]
    problems += [f"{count} times: {name}" for name, count in places.items() if count > 1]
    problems += [f"decided by nobody: {name}" for name in sorted(decided.keys() - moved.keys())]
    problems += [f"a decision that was lost: {name}" for name in sorted(moved.keys() - decided.keys())]
    began = time.monotonic()
    proof = call(root, "verify")
    verified = time.monotonic() - began
    if proof.returncode:
        problems.append(f"verify: {proof.stdout[-2000:]}")
    print(f"drops:     {len(wanted):,} of {writers} writers for {users} users, written in {written:,.1f} s")
    print(f"kills:     {kills:,} in {killed:,.1f} s")
    print(f"at gate:   {at_gate:,}")
    print(f"decided:   {len(decided):,} ({Counter(decided.values())['approved']:,} approved)")
    print(f"refused:   {refused:,}")
    print(f"all done:  after {done:,.1f} s")
    print(f"verify:    exit {proof.returncode} after {verified:,.1f} s")
    print(f"lost, doubled or torn: {len(problems):,}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--drops", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; else a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        problems = run(Path(name), given.writers, given.users, given.drops, given.seed)
    for problem in problems[:20]:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
