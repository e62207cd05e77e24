"""The specification that agents and people share: five short texts in the package, of one version.

They are read from beside this module. A test holds each of them against the code.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

from ..core.errors import GateError

__all__ = ["NAMES", "VERSION", "NoPart", "Part", "part", "parts", "section"]

#: Of all five. The first number changes when something is no longer allowed or no longer true, the second when
#: something is added or made clearer.
VERSION = "1.2"

#: name: what it says. In the order in which they are read.
NAMES = {
    "identity-fork": "an agent may stage, it may not merge",
    "constraints": "must, must not, prefer, escalate; what goes wrong, and then",
    "schema": "what the words mean; drop, gate, card, Record, receipt; acceptance criteria",
    "sources": "many sources, self-contained submissions",
    "lanes": "who may do what in parallel with whom; folders, commands; project, instance patterns",
}


@dataclass(eq=False)
class NoPart(GateError):
    """There is no such part."""

    name: str

    def __str__(self) -> str:
        return f"the specification has no part '{self.name}'. It has: {', '.join(NAMES)}."


@dataclass(frozen=True, slots=True)
class Part:
    """One text of the specification."""

    name: str
    about: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def part(name: str) -> Part:
    """The part `name`. Raises NoPart."""
    if name not in NAMES:
        raise NoPart(name)
    return Part(name, NAMES[name], (files(__package__) / f"{name}.md").read_text("utf-8"))


def parts() -> list[Part]:
    """All parts, in order."""
    return [part(name) for name in NAMES]


def section(name: str, heading: str) -> str:
    """The section ``## heading`` of the part `name`. Raises NoPart, KeyError."""
    found = re.search(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", part(name).text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise KeyError(f"{name}: {heading}")
    return found[0].rstrip() + "\n"
