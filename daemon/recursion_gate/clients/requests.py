"""What a person asks of the daemon beside a decision: a file in undo/ that takes one back, or has an entry forgotten.

Such a file names its entry, and has no text of it: what is to be forgotten shall not be written down once more.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Literal

from ..core.errors import Refusal
from ..core.paths import Place, is_ignored
from ..disk import untrusted
from ..disk.deliver import deliver
from ..formats import cards, frontmatter, signature
from .person import check_person

__all__ = ["Kind", "ask", "asked", "reason_beside", "refusal", "said_in"]

Kind = Literal["undone", "forgotten"]

_WHY = re.compile(r"^Why: +(.*)\nWhat to do: (.*)$", re.MULTILINE)
_LIMIT = 2_000_000
_SAYS = {
    "undone": ("id", "undo", "This takes a decision back: the entry waits again."),
    "forgotten": ("forget", "forget", "This has an entry erased."),
}


def ask(place: Place, kind: Kind, name: str, *, via: str = "cli", by: str | None = None) -> Path:
    """Put a request about the entry `name`, its ACT id or its candidate's id, into undo/; gives its path. Raises
    NotAPerson where an agent runs this, Refusal where there is no undo/, OSError."""
    check_person()
    field, stem, about = _SAYS[kind]
    text = f"---\n{field}: {frontmatter.quote(name)}\n---\n\n{about}\n"
    data = signature.sign(text.encode(), kind, via, by=by)
    try:
        return deliver(place.undo, f"{stem}-{os.urandom(5).hex()}.md", data, own=True)
    except FileNotFoundError:  # not ours to make: what another account has made there decides nothing
        raise Refusal(
            f"{place.display_path(place.undo)}/ is missing, which the daemon makes",
            "Start it ('recursion-gate run', or 'once'), then try again.",
        ) from None
    except OSError as err:
        raise OSError(err.errno, err.strerror, str(place.undo)) from err  # not the temporary name, or none at all


def asked(place: Place) -> set[str]:
    """The candidates whose decision lies in undo/ to be taken back; empty where this account may not look there."""
    found: set[str] = set()
    with suppress(OSError), os.scandir(place.undo) as there:
        for path in sorted(e.path for e in there if not is_ignored(e.name)):
            with suppress(Refusal, FileNotFoundError):
                found.add(cards.id_of(untrusted.look(path, _LIMIT).data) or "")
    return found - {""}


def refusal(place: Place, path: Path) -> Refusal | None:
    """Why the daemon has refused the file that was put at `path`; None where it has not."""
    why = reason_beside(place, path.name)
    return None if why is None else said_in(why)


def said_in(why: str) -> Refusal:
    """A reason that the daemon has put beside a file, as the refusal that it tells of."""
    said = _WHY.search(why)
    return Refusal(said[1], said[2]) if said else Refusal(why.strip())


def reason_beside(place: Place, name: str) -> str | None:
    """The reason beside the file `name` in problems/; None where there is none, or this account may not read it."""
    with suppress(Refusal, FileNotFoundError, PermissionError, NotADirectoryError):
        return untrusted.look(place.problems / f"{name}.why.txt", _LIMIT).data.decode(errors="replace")
    return None
