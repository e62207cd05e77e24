"""Conversations, as chats and transcripts give them: who said what when. `import` proposes that they took place; what
was said in them is for the analyst (`analyst`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from .entry import Entry, Item, LeftOut, Options
from .file import SourceFile
from .words import clipped, quoted

__all__ = ["Conversation", "Message", "Talks", "as_items"]

_EXCERPT = 2_000
_NAMES = 6


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    #: The same in every later export of the conversation.
    key: str
    who: str
    text: str
    #: ISO 8601, as a drop's `created_at`; "" where it is not known.
    at: str = ""


@dataclass(slots=True)
class Conversation:
    """One conversation, or one day of a chat that never ends."""

    #: The same in every later export.
    key: str
    title: str
    where: str
    #: The program, if the conversation was with one.
    partner: str = ""
    at: str = ""
    url: str = ""
    messages: list[Message] = field(default_factory=list)
    #: Messages that are no longer in `messages`, since there were too many to keep.
    more: int = 0


@runtime_checkable
class Talks(Protocol):
    """An importer whose files hold conversations."""

    def conversations(self, file: SourceFile, options: Options) -> Iterator[Conversation | LeftOut]:
        """The conversations in `file`, in its order, read as they are asked for."""


def as_items(conversations: Iterator[Conversation | LeftOut]) -> Iterator[Item]:
    """One entry a conversation, evidence only: that it took place, who took part, how it began."""
    for each in conversations:
        if isinstance(each, LeftOut):
            yield each
        elif not each.messages:
            yield LeftOut(each.where, "an empty conversation")
        else:
            yield _entry(each)


def _entry(talk: Conversation) -> Entry:
    count = len(talk.messages) + talk.more
    names = list(dict.fromkeys(message.who for message in talk.messages if message.who))
    if talk.partner:
        asked = sum(message.who != talk.partner for message in talk.messages)
        said = f"Talked with {talk.partner}" + (f" about {quoted(talk.title)}" if talk.title else "")
        said += f": wrote {asked} message{'s' if asked != 1 else ''}."
    else:
        who = ", ".join(names[:_NAMES]) + (" and others" if len(names) > _NAMES else "")
        said = f"Conversation of {who}" + (f" in {quoted(talk.title)}" if talk.title else "")
        said += f": {count:,} message{'s' if count != 1 else ''}."
    fields: dict[str, Any] = {
        "raw_text": clipped(said, 2_000),
        "skill_tag": "THINK",
        "suggested_ix_section": None,
        "activity_type": "conversation",
        "source_id": clipped(talk.key, 500),
        "excerpt": _excerpt(talk.messages),
    }
    if talk.title:
        fields["topic"] = clipped(talk.title, 200)
    if talk.at:
        fields["created_at"] = talk.at
    if talk.url:
        fields["url"] = talk.url
    return Entry((talk.key,), fields, talk.where)


def _excerpt(messages: list[Message]) -> str:
    """How it began."""
    said = ""
    for message in messages[:20]:
        said += f"{message.who}: {clipped(message.text, 400)}\n"
        if len(said) > _EXCERPT:
            break
    return clipped(said, _EXCERPT)
