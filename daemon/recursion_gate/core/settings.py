"""``recursion-gate.toml``: every setting, its unit and its default."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .errors import BadSettings
from .paths import Root

__all__ = ["Lanes", "Settings", "load_settings", "with_lanes"]


@dataclass(frozen=True, slots=True)
class Lanes:
    """Which account and which groups the lanes belong to (`lanes`, docs/security.md)."""

    #: The account that the daemon runs under.
    daemon: str = "recursion-gate"
    #: The group of those who may drop.
    agents: str = "rg-agents"
    #: The group of those who may decide.
    people: str = "rg-people"
    #: The group of those who may read the Record and the receipts.
    readers: str = "rg-readers"
    #: For a user whose agents are others than those of all users: their group, by user.
    agents_of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one root. Times are in seconds, sizes in bytes."""

    #: How long a decided card rests before it is carried out, so that it can be taken back.
    grace_seconds: float = 0.0
    #: How long a file that was written in place must have been left alone before it counts as complete, where the
    #: system cannot say whether somebody still has it open.
    settle_seconds: float = 2.0
    #: How long a file that looks cut short is given to be finished before it is refused.
    patience_seconds: float = 60.0
    #: How long a file whose ending is none of a drop's must have been left alone before it is refused: a program may
    #: be writing it, to rename it at the end.
    unknown_ending_seconds: float = 60.0
    #: The periodic look at everything, which finds what no file event told of.
    look_seconds: float = 30.0
    #: The same, where there are no file events (``run --poll``).
    poll_seconds: float = 1.0
    #: The largest drop.
    max_drop_bytes: int = 1_000_000
    #: The longest raw_text, in characters.
    max_text_chars: int = 20_000
    #: The most candidates in one .jsonl drop.
    max_lines: int = 1_000
    #: The most drops, and the most decisions, that one user gets done before it is the next user's turn.
    max_per_turn: int = 2_000
    #: The most candidates that may wait at one user's gate; further drops are refused, with the remedy.
    max_pending: int = 100_000
    #: The most bytes that one user's gate may have; further drops are refused, with the remedy.
    max_gate_bytes: int = 50_000_000
    #: Whose the lanes are, where daemon, agents and people have accounts of their own; None: one account does it all.
    lanes: Lanes | None = None

    @property
    def max_card_bytes(self) -> int:
        """The largest card: it holds the text of the drop that it was made from several times over."""
        return max(16_000_000, 6 * self.max_drop_bytes)


_LEAST = {"look_seconds": 0.01, "poll_seconds": 0.01}  # with 0, looking would never end
_MOST = 1_000_000_000


def load_settings(root: Root) -> Settings:
    """The settings of `root`; the defaults where it has no file. Raises BadSettings."""
    shown, defaults = root.settings.name, Settings()
    try:
        data: dict[str, Any] = tomllib.loads(root.settings.read_text("utf-8-sig"))
    except FileNotFoundError:
        return defaults
    except OSError as err:
        raise BadSettings(shown, f"cannot be read: {err.strerror}") from err
    except (ValueError, RecursionError) as err:
        raise BadSettings(shown, f"is not valid TOML: {err}") from err
    known = {f.name: type(getattr(defaults, f.name)) for f in fields(Settings)}
    for name, value in data.items():
        if name == "lanes":
            data[name] = _lanes(shown, value)
            continue
        if name not in known:
            raise BadSettings(shown, f"unknown setting '{name}'{_near(name, known)}")
        least = _LEAST.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= _MOST:
            raise BadSettings(shown, f"'{name}' must be a number from {least} to {_MOST:,}")
        data[name] = known[name](value)
        if data[name] != value:
            raise BadSettings(shown, f"'{name}' must be a whole number")
    return Settings(**data)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _lanes(shown: str, value: Any) -> Lanes:
    known = [f.name for f in fields(Lanes)]
    if not isinstance(value, dict):
        raise BadSettings(shown, "'lanes' must be a table: [lanes]")
    for name, given in value.items():
        if name not in known:
            raise BadSettings(shown, f"unknown setting '{name}' in [lanes]{_near(name, known)}")
        if name == "agents_of":
            if not isinstance(given, dict) or not all(isinstance(group, str) and group for group in given.values()):
                raise BadSettings(shown, '[lanes.agents_of] must name a group for each user: alex = "group"')
        elif not isinstance(given, str) or not given:
            what = "an account" if name == "daemon" else "a group"
            raise BadSettings(shown, f"'{name}' in [lanes] must be the name of {what}")
    return Lanes(**value)


def _without_lanes(text: str) -> str:
    """The settings file `text` without our tables; comments stay."""
    kept, ours = [], False
    for line in text.splitlines(keepends=True):
        start = line.strip()
        if start.startswith("["):
            ours = start.partition("#")[0].strip() in ("[lanes]", "[lanes.agents_of]")
        if not ours or start.startswith("#"):
            kept.append(line)
    return "".join(kept).rstrip()


def with_lanes(text: str, lanes: Lanes) -> str:
    """The settings file `text` with `lanes` in it; all else stays. Raises BadSettings."""
    kept = _without_lanes(text)
    values = asdict(lanes)
    of = values.pop("agents_of")
    lines = ["[lanes]", *(f"{name} = {_quoted(value)}" for name, value in values.items())]
    if of:
        lines += [
            "",
            "[lanes.agents_of]",
            *(f"{_quoted(user)} = {_quoted(group)}" for user, group in sorted(of.items())),
        ]
    new = (kept + "\n\n" if kept else "") + "\n".join(lines) + "\n"
    try:
        if tomllib.loads(new)["lanes"] != values | ({"agents_of": dict(of)} if of else {}):
            raise ValueError
    except (ValueError, KeyError):
        told = "its lanes are written in a way that cannot be changed here; put these lines there:\n"
        raise BadSettings("recursion-gate.toml", told + "\n".join(lines)) from None
    return new


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
