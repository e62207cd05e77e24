"""Claude: ``conversations.json`` of its data export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import dates
from .conversation import Conversation, Message, as_items
from .entry import Item, LeftOut, Options
from .file import SourceFile
from .json_items import items
from .words import clipped

__all__ = ["ABOUT", "conversations", "extract", "identify"]

ABOUT = "Claude's conversations.json: that a conversation took place"

_PARTNER = "Claude"


def identify(file: SourceFile) -> bool:
    text = file.head_text
    return text.lstrip().startswith("[") and '"chat_messages"' in text and '"uuid"' in text


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    return as_items(conversations(file, options))


def conversations(file: SourceFile, options: Options) -> Iterator[Conversation | LeftOut]:
    for number, data in enumerate(items(file), 1):
        where = f"conversation {number}"
        said = data.get("chat_messages") if isinstance(data, dict) else None
        if not isinstance(said, list):
            yield LeftOut(where, "not a conversation")
            continue
        key = str(data.get("uuid") or f"{data.get('name')} {data.get('created_at')}")
        yield Conversation(
            key=key,
            title=clipped(str(data.get("name") or ""), 200),
            where=where,
            partner=_PARTNER,
            at=_at(data.get("created_at")),
            url=f"https://claude.ai/chat/{key}" if data.get("uuid") else "",
            messages=[message for each in said for message in _message(each)],
        )


def _message(data: Any) -> list[Message]:
    """A message as it was said; none where it has no words."""
    if not isinstance(data, dict) or data.get("sender") not in ("human", "assistant"):
        return []
    parts = data.get("content")
    found = [
        str(part.get("text") or "")
        for part in (parts if isinstance(parts, list) else ())
        if isinstance(part, dict) and part.get("type") == "text"
    ]
    text = "\n".join(filter(None, found)).strip() or str(data.get("text") or "").strip()
    who = _PARTNER if data["sender"] == "assistant" else "I"
    return [Message(str(data.get("uuid") or ""), who, text, _at(data.get("created_at")))] if text else []


def _at(text: Any) -> str:
    try:
        return dates.parse(text) if isinstance(text, str) else ""
    except (dates.BadDate, dates.Ambiguous):
        return ""
