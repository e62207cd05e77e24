"""``recursion-gate.toml``: every setting, its unit and its default."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, fields
from typing import Any

from .errors import BadSettings
from .layout import Root

__all__ = ["Settings", "load_settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one root. Times are in seconds, sizes in bytes."""

    #: How long a decided card rests before it is carried out, so that it can be taken back.
    grace_seconds: float = 0.0
    #: How long a file that was written in place must have been left alone before it counts as complete, where the
    #: system cannot say whether somebody still has it open.
    settle_seconds: float = 2.0
    #: How long a file that looks cut short is given to be finished before it is refused, where the system cannot
    #: say whether somebody still has it open.
    patience_seconds: float = 60.0
    #: The periodic look at everything, which finds what no file event told of.
    look_seconds: float = 30.0
    #: The same, where there are no file events (``run --poll``).
    poll_seconds: float = 1.0
    #: The largest drop or card.
    max_drop_bytes: int = 1_000_000
    #: The longest raw_text, in characters.
    max_text_chars: int = 20_000
    #: The most candidates in one .jsonl drop.
    max_lines: int = 1_000
    #: The most drops, and the most decisions, that one user gets done before it is the next user's turn.
    max_per_turn: int = 1_000
    #: The most candidates that may wait at one user's gate; drops stay in the inbox until there is room.
    max_pending: int = 100_000


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
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise BadSettings(shown, f"unknown setting '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))
        least = _LEAST.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= _MOST:
            raise BadSettings(shown, f"'{name}' must be a number from {least} to {_MOST:,}")
        data[name] = known[name](value)
        if data[name] != value:
            raise BadSettings(shown, f"'{name}' must be a whole number")
    return Settings(**data)
