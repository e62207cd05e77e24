"""An analyst's command for tests: answers as its first argument says. The last one counts its calls in the file named
by the second argument.

    right      finds "I learned" and answers in YAML, else NONE
    json       the same, as a list in JSON
    fenced     the same, with words around a fence
    malformed  leaves fields out until it is told what is wrong
    stubborn   is always wrong
    empty      says nothing
    slow       never answers
    failing    ends with an error
    babbling   writes 10 MB
    deaf       answers NONE and never reads the prompt
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path


def main() -> None:
    mode, calls = sys.argv[1], Path(sys.argv[2])
    with calls.open("a") as file:
        file.write("x")
    if mode == "deaf":
        print("NONE")
        return
    prompt = sys.stdin.read()
    if mode == "slow":
        time.sleep(600)
    if mode == "failing":
        print("no money left", flush=True)
        sys.exit(3)
    if mode == "babbling":
        sys.stdout.write("blah " * 2_000_000)
        return
    if mode == "empty":
        return
    piece = prompt[prompt.rindex("# The piece of the conversation") :]
    found = []
    for part in re.split(r"^\[(?=\d+\]$)", piece, flags=re.MULTILINE)[1:]:
        number, _, said = part.partition("]\n")
        learned = re.search(r"I learned (that [^.\n]+)", said)
        if learned:
            found.append(
                {
                    "exchange": int(number),
                    "mind_category": "knowledge",
                    "signal_type": "knowledge",
                    "summary": "Says to have learned something.",
                    "profile_target": "IX-A. KNOWLEDGE",
                    "suggested_entry": f"Learned {learned[1]}.",
                    "priority_score": 3,
                }
            )
    if mode == "stubborn" or (mode == "malformed" and "# Your answer cannot be used" not in prompt):
        print('{"mind_category": "knowledge", "summary": "x"}')
    elif not found:
        print("NONE")
    elif mode == "json":
        print(json.dumps(found))
    else:
        text = "\n---\n".join("\n".join(f"{k}: {json.dumps(v)}" for k, v in each.items()) for each in found)
        print(f"Here is what I found:\n\n```yaml\n{text}\n```\n\nI hope it helps!" if mode == "fenced" else text)


if __name__ == "__main__":
    main()
