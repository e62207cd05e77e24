"""``[hooks.NAME]`` of the settings: how the body of another program's webhook becomes a drop (docs/sources.md).

Here is only what can be said of the settings by themselves; `sources.webhook` fills them from a body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, model_validator
from pydantic.dataclasses import dataclass

from .text import did_you_mean
from .words import SKILLS

__all__ = ["HOLE", "Hook", "HookName", "hook_in_words"]

#: A path in a template: ``{data.title}``.
HOLE = re.compile(r"\{([^{}]*)\}")
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
HookName = Annotated[str, Field(pattern=rf"^{_NAME}$")]
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
#: The fields of a drop that `fields` may make; the others have a setting of their own, or are the door's.
_FIELDS = (
    *("skill_tag", "suggested_ix_section", "mind_category", "activity_type", "evidence_summary", "source_id", "topic"),
    *("score", "meta", "rationale", "excerpt", "url", "confidence", "tags", "link_to_evidence_id"),
)
_SECTIONS = ("IX-A", "IX-B", "IX-C", "none")


def _path(value: str) -> str:
    if not value.strip() or re.search(r"[{}]", value):
        raise ValueError("must be a path, such as data.title or items[0].name")
    return value.strip()


def _template(value: str) -> str:
    if not value.strip() or any(not hole.strip() for hole in HOLE.findall(value)):
        raise ValueError('must be words, with paths in braces: "Did {data.chore} in {data.minutes} minutes"')
    if re.search(r"[{}]", HOLE.sub("", value)):
        raise ValueError("has a brace without its other one")
    return value


def _one_of(known: tuple[str, ...]) -> Any:
    def check(value: Any) -> Any:
        if value not in known:
            raise ValueError(f"must be {', '.join(known[:-1])} or {known[-1]}")
        return value

    return BeforeValidator(check)


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("must be the name of a header, such as X-Chores-Secret")
    return value


def _fields(value: dict[str, str]) -> dict[str, str]:
    for name, made in value.items():
        if name not in _FIELDS:
            hint = did_you_mean(name, _FIELDS) or f"; the fields are {', '.join(_FIELDS)}"
            raise ValueError(f"has an unknown field '{name}'{hint}")
        if "{" in made or "}" in made:
            _template(made)
        elif not made.strip().removeprefix("="):
            raise ValueError(f"must say where '{name}' is: a path, words with {{paths}}, or \"=always these words\"")
    return value


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_Text = Annotated[str, Strict(), Field(min_length=1, max_length=1_000)]
_Path = Annotated[_Text, AfterValidator(_path)]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Hook:
    """One webhook. A path leads into the body: ``data.title``, ``items[0].name``, ``items[].name`` (all of them)."""

    #: Whose inbox its drops go to.
    user: _Text
    #: The candidate's words. ``{data.title}`` stands for what is there; a part in ``[...]`` goes where one of its is
    #: not in the body.
    text: Annotated[_Text, AfterValidator(_template)]
    #: A file with the secret; `$NAME` in its path is the environment's.
    secret_file: _Text | None = None
    #: The environment variable with the secret.
    secret_env: _Text | None = None
    #: The header in which the sender puts the secret itself; None: it signs, after Standard Webhooks.
    secret_header: Annotated[_Text, AfterValidator(_header)] | None = None
    #: Who proposes, as the cards say it; None: the hook's name.
    source: _Text | None = None
    #: Of each candidate; None: THINK, as of any drop.
    skill: Annotated[str, _one_of(SKILLS)] | None = None
    #: Of each candidate, "none" for evidence only; None: from the words.
    section: Annotated[str, _one_of(_SECTIONS)] | None = None
    #: Where in the body the event's own identity is; () : the sender's message id, else the body itself.
    id: Annotated[tuple[_Path, ...], BeforeValidator(_list), Field(max_length=5)] = ()
    #: Where the body says when it was; None: when it came.
    created_at: _Path | None = None
    #: What 3/4/2026 means; None: it is refused.
    day_first: Annotated[bool, Strict()] | None = None
    #: By path, what the body must say there; others of the sender's messages are answered and left.
    only: Annotated[Mapping[_Path, str | bool | int | float], Field(max_length=20)] = field(default_factory=dict)
    #: By field of a drop: a path (with ``?`` behind it: where there is one), words with paths, or ``=`` and words.
    fields: Annotated[dict[str, _Text], AfterValidator(_fields)] = field(default_factory=dict)

    @model_validator(mode="after")
    def _agrees(self) -> Hook:
        if (self.secret_file is None) == (self.secret_env is None):
            raise ValueError("must have a secret_file or a secret_env, and not both")
        for own, name in ((self.skill, "skill_tag"), (self.section, "suggested_ix_section")):
            if own is not None and name in self.fields:
                raise ValueError(f"says '{name}' twice: by itself and in its fields")
        return self


_SECRET = (
    "a secret does not belong into this file, which every account here may read: put it into a file of its own "
    "(secret_file) or into an environment variable (secret_env)"
)


def hook_in_words(error: Any) -> str:
    """One of pydantic's errors in ``[hooks]`` as a person who wrote the file understands it."""
    where, what = [str(part) for part in error["loc"] if part != "[key]"], error["type"]
    if len(where) == 1:
        return "'hooks' must be a table: [hooks.chores]"
    table = f"[hooks.{where[1]}]"
    if not re.fullmatch(_NAME, where[1]):
        return f"{table}: a hook's name is 1 to 64 letters, digits, '.', '_' or '-'"
    if len(where) == 2:
        said = str(error["ctx"]["error"]) if what == "value_error" else "must be a table with user, text and a secret"
        return f"{table} {said}"
    name = where[2]
    if what == "unexpected_keyword_argument":
        if name in ("secret", "token", "key", "password"):
            return f"'{name}' in {table}: {_SECRET}"
        known = list(Hook.__dataclass_fields__)
        return f"unknown setting '{name}' in {table}{did_you_mean(name, known)}"
    if what == "missing":
        return f"{table} has no '{name}'"
    if what == "value_error":
        return f"'{name}' in {table} {error['ctx']['error']}"
    forms = {
        "fields": 'must be a table of texts: topic = "data.room"',
        "only": 'must be a table of paths and what is there: "type" = "chore.done"',
        "day_first": "must be true or false",
        "id": "must be a path, or a list of up to five",
    }
    return f"'{name}' in {table} {forms.get(name, 'must be text, of 1 to 1,000 characters')}"
