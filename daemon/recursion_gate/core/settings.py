"""``recursion-gate.toml``: every setting, its unit and its default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, field, fields
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from .errors import BadSettings
from .hooks import HOLE, Hook, HookName, hook_in_words
from .notify_settings import Notify, notify_in_words
from .paths import Root
from .text import did_you_mean
from .words import Section

__all__ = ["TRIGGER_FIELDS", "Lanes", "Settings", "Trigger", "load_settings", "with_lanes"]

_LIMIT = 1_000_000_000
_CONFIG = ConfigDict(extra="forbid")


def _whole(value: Any) -> Any:
    """``500.0`` is as good as ``500``."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Seconds = Annotated[float, Strict(), Field(ge=0, le=_LIMIT, allow_inf_nan=False)]
#: With 0, the daemon would never rest.
_Interval = Annotated[float, Strict(), Field(ge=0.01, le=_LIMIT, allow_inf_nan=False)]
_Count = Annotated[int, Strict(), BeforeValidator(_whole), Field(ge=0, le=_LIMIT)]
_Name = Annotated[str, Strict(), Field(min_length=1)]


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Lanes:
    """The account and the groups that the lanes belong to (`permissions.lanes`, docs/security.md)."""

    #: The account that the daemon runs under.
    daemon: _Name = "recursion-gate"
    #: The group of those who may drop.
    agents: _Name = "rg-agents"
    #: The group of those who may decide.
    people: _Name = "rg-people"
    #: The group of those who may read the Record and the receipts.
    readers: _Name = "rg-readers"
    #: The group of a user's own agents, by user; of all other users the agents are `agents`.
    agents_of: Mapping[str, _Name] = field(default_factory=dict)


#: What a trigger's line may name.
TRIGGER_FIELDS = ("topic", "score", "date", "source", "source_id", "activity_type")


def _line(value: str) -> str:
    unknown = set(HOLE.findall(value)) - set(TRIGGER_FIELDS)
    if not value.strip() or unknown or re.search(r"[{}]", HOLE.sub("", value)):
        raise ValueError("line")
    return value


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Trigger:
    """The line that an activity of some type suggests, beside its evidence (`formats.triggers`)."""

    #: Its words. ``{topic}`` and so on stand for the drop's fields; a part in ``[...]`` goes where one of its is empty.
    line: Annotated[str, Strict(), AfterValidator(_line)]
    #: The section of the line; None: from the words of the drop.
    section: Section | None = None


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Settings:
    """The settings of one root. Times are in seconds, sizes in bytes."""

    #: How long a decided card rests before it is carried out, so that it can be taken back.
    grace_seconds: _Seconds = 0.0
    #: How long a file that was written in place must have been left alone before it counts as complete, where the
    #: system cannot say whether somebody still has it open.
    settle_seconds: _Seconds = 2.0
    #: How long a file that looks cut short is given to be finished before it is refused.
    patience_seconds: _Seconds = 60.0
    #: How long a file whose ending is none of a drop's must have been left alone before it is refused: a program may
    #: be writing it, to rename it at the end.
    unknown_ending_seconds: _Seconds = 60.0
    #: The periodic full scan, which finds changes without a file event.
    look_seconds: _Interval = 30.0
    #: The same, where there are no file events (``run --poll``).
    poll_seconds: _Interval = 1.0
    #: The largest drop.
    max_drop_bytes: _Count = 1_000_000
    #: The longest raw_text, in characters.
    max_text_chars: _Count = 20_000
    #: The most candidates in one .jsonl drop.
    max_lines: _Count = 1_000
    #: The most drops, and the most decisions, that one user gets done before it is the next user's turn.
    max_per_turn: _Count = 2_000
    #: The most candidates that may wait at one user's gate; further drops are refused, with the remedy.
    max_pending: _Count = 100_000
    #: The most bytes that one user's gate may have; further drops are refused, with the remedy.
    max_gate_bytes: _Count = 50_000_000
    #: Whether the daemon puts hints on cards while it has nothing else to do.
    card_hints: Annotated[bool, Strict()] = True
    #: By `activity_type`: the line that such a drop suggests beside its evidence, or False for none. Types that are not
    #: here have the template's (`formats.triggers`).
    triggers: Mapping[str, Trigger | Literal[False]] = field(default_factory=dict)
    #: With lanes: the account that the people's page runs under. Its cards say who has signed in there and decided.
    page_account: Annotated[str, Strict()] = ""
    #: By name: the webhooks that the HTTP door takes (`core.hooks`).
    hooks: Mapping[HookName, Hook] = field(default_factory=dict)
    #: How people are told that something waits.
    notify: Notify = field(default_factory=Notify)
    #: Whose the lanes are, where daemon, agents and people have accounts of their own; None: one account does it all.
    lanes: Lanes | None = None

    @property
    def max_card_bytes(self) -> int:
        """The largest card: it holds the text of the drop that it was made from several times over."""
        return max(16_000_000, 6 * self.max_drop_bytes)


def load_settings(root: Root) -> Settings:
    """The settings of `root`; the defaults where it has no file. Raises BadSettings."""
    file = root.settings.name
    try:
        data = tomllib.loads(root.settings.read_text("utf-8-sig"))
        return TypeAdapter(Settings).validate_python(data)
    except FileNotFoundError:
        return Settings()
    except OSError as err:
        raise BadSettings(file, f"cannot be read: {err.strerror}") from err
    except ValidationError as err:
        raise BadSettings(file, _in_words(err.errors()[0])) from None
    except (ValueError, RecursionError) as err:
        raise BadSettings(file, f"is not valid TOML: {err}") from err


def _in_words(error: Any) -> str:
    """One of pydantic's errors as a person who wrote the file understands it."""
    where, what, value = error["loc"], error["type"], error["input"]
    if where[0] == "hooks":
        return hook_in_words(error)
    if where[0] == "notify":
        return notify_in_words(error)
    where = tuple(name for name in where if name != "Trigger")  # the type, which pydantic names where there are two
    name, table = where[-1], f" in [{'.'.join(where[:-1])}]" if where[1:] else ""
    if what == "unexpected_keyword_argument":
        return f"unknown setting '{name}'{table}" + did_you_mean(
            name, [f.name for f in fields((Trigger if where[0] == "triggers" else Lanes) if table else Settings)]
        )
    if where[0] == "triggers":
        return _trigger_in_words(where)
    if where == ("lanes",):
        return "'lanes' must be a table: [lanes]"
    if where[:2] == ("lanes", "agents_of"):
        return '[lanes.agents_of] must name a group for each user: alex = "group"'
    if table:
        return f"'{name}'{table} must be the name of {'an account' if name == 'daemon' else 'a group'}"
    if what == "int_type" and isinstance(value, float) and 0 <= value <= _LIMIT:
        return f"'{name}' must be a whole number"
    return f"'{name}' must be a number from {0.01 if name in ('look_seconds', 'poll_seconds') else 0} to {_LIMIT:,}"


def _trigger_in_words(where: Any) -> str:
    if len(where) == 1:
        return "'triggers' must be a table: [triggers.quiz]"
    if where[-1] in ("section", "line"):
        what = {
            "section": "must be IX-A, IX-B or IX-C, or be left out",
            "line": f"must be words, with {', '.join(f'{{{name}}}' for name in TRIGGER_FIELDS)} for the drop's own",
        }
        return f"'{where[-1]}' in [triggers.{where[1]}] {what[where[-1]]}"
    return f"[triggers.{where[1]}] must have a line, and may have a section; or write {where[1]} = false in [triggers]"


def with_lanes(text: str, lanes: Lanes) -> str:
    """The settings file `text` with `lanes` in it; all else stays, comments too. Raises BadSettings."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        if "lanes" not in document:
            if text.strip():
                document.add(tomlkit.nl())
            document.add("lanes", tomlkit.table())
        table: Any = document["lanes"]
        _update(table, {**asdict(lanes), "agents_of": table.get("agents_of", {})})
        if lanes.agents_of:
            _update(table.setdefault("agents_of", tomlkit.table()), dict(sorted(lanes.agents_of.items())))
        else:
            table.pop("agents_of", None)
        new = tomlkit.dumps(document)
        if TypeAdapter(Settings).validate_python(tomllib.loads(new)).lanes != lanes:
            raise ValueError
    except (TOMLKitError, ValueError, TypeError, AttributeError):
        problem = "its lanes are written in a way that cannot be changed here; put these lines there:\n"
        raise BadSettings("recursion-gate.toml", problem + tomlkit.dumps({"lanes": asdict(lanes)})) from None
    return new


def _update(table: Any, values: Mapping[str, Any]) -> None:
    """`values` and no others into `table`; those that are there stay in their places."""
    for name in [name for name in table if name not in values]:
        del table[name]
    for name, value in values.items():
        if table.get(name) != value:
            table[name] = value
