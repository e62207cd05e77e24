"""Eight agents that drop at once into one inbox while a script decides: nothing is lost, nothing doubled."""

from __future__ import annotations

import json
import multiprocessing as mp
import os
import re
from collections import Counter
from pathlib import Path

from recursion_gate import stage
from recursion_gate.audit.verify import verify
from recursion_gate.core.paths import Root

from ..support.daemon import Daemon
from ..support.world import PATIENCE, World, wait_for

AGENTS, EACH = 8, 250


def _agent(root: Path, number: int) -> None:
    """Drop in each of the ways that there are, one after the other."""
    inbox = Root(root).place("alex").inbox
    for n in range(EACH):
        name = f"a{number}-{n:03}"
        data = {"id": name, "text": f"Agent {number} did its task {n}.", "source": f"agent-{number}"}
        way = n % 4
        if way == 0:  # written in place
            (inbox / f"{name}.json").write_text(json.dumps(data))
        elif way == 1:  # written aside, then renamed
            (inbox / f".{name}").write_text(json.dumps(data))
            os.rename(inbox / f".{name}", inbox / f"{name}.json")
        elif way == 2:  # all agents under the same few names: only what nobody has taken is taken
            fd = os.open(inbox / f".{name}", os.O_WRONLY | os.O_CREAT)
            os.write(fd, json.dumps(data).encode())
            os.close(fd)
            for k in range(10_000):
                try:
                    os.link(inbox / f".{name}", inbox / f"result-{k}.json")
                    break
                except FileExistsError:
                    continue
            os.unlink(inbox / f".{name}")
        else:
            stage(data["text"], user="alex", root=root, source=data["source"], fields={"id": name})


def _decide_every_third(world: World, decided: set[str]) -> int:
    """Approve, as a script would, each third of the cards that are there; gives how many decisions are carried out."""
    for card in sorted(world.place.pending.glob("[!.]*")):
        found = re.match(rb"---\n#.*\nid: (a\d-(\d+))\n", card.read_bytes())
        if found and int(found[2]) % 3 == 0 and found[1].decode() not in decided:
            decided.add(found[1].decode())
            world.move(card, "approved")
    return len(world.receipts())


def test_two_thousand_drops_of_eight_agents_are_each_staged_or_decided_once(root: Root) -> None:
    world = World(root)
    wanted = {f"a{a}-{n:03}" for a in range(AGENTS) for n in range(EACH)}
    thirds = {name for name in wanted if int(name[-3:]) % 3 == 0}
    decided: set[str] = set()
    with Daemon(root):
        wait_for(world.place.pending.is_dir)
        context = mp.get_context("spawn")
        agents = [context.Process(target=_agent, args=(root.path, number)) for number in range(AGENTS)]
        for agent in agents:
            agent.start()
        wait_for(lambda: _decide_every_third(world, decided) == len(thirds))
        for agent in agents:
            agent.join(PATIENCE)
            assert agent.exitcode == 0
        wait_for(lambda: len(world.gate()) + len(thirds) == len(wanted))
        wait_for(lambda: len(world.names("pending")) == len(wanted) - len(thirds))
        wait_for(lambda: not world.names("approved"))
        wait_for(lambda: not world.names())  # the drops of a flood are taken away last
    receipts, gate = Counter(r["candidate_id"] for r in world.receipts()), Counter(world.gate_ids())
    assert set((receipts + gate).values()) == {1}
    assert receipts.keys() == thirds == decided
    assert gate.keys() == wanted - thirds
    assert world.names("problems") == world.names() == []
    evidence = Counter(line for line in world.lines("self-evidence.md") if line.startswith("- ACT-"))
    assert len(evidence) == len(thirds) == evidence.total()
    (proof,) = verify(root, ["alex"], [])
    assert [f for f in proof.findings if f.severity == "fault"] == []
