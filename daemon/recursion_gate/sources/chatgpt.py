"""ChatGPT: ``conversations.json`` of its data export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .conversation import Conversation, Message, as_items
from .entry import Item, LeftOut, Options
from .file import SourceFile
from .json_items import items
from .words import clipped

__all__ = ["ABOUT", "conversations", "extract", "identify"]

ABOUT = "ChatGPT's conversations.json: that a conversation took place"

_PARTNER = "ChatGPT"
_STEPS = 100_000


def identify(file: SourceFile) -> bool:
    text = file.head_text
    return (
        text.lstrip().startswith("[") and '"mapping"' in text and ('"current_node"' in text or '"create_time"' in text)
    )


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    return as_items(conversations(file, options))


def conversations(file: SourceFile, options: Options) -> Iterator[Conversation | LeftOut]:
    for number, data in enumerate(items(file), 1):
        where = f"conversation {number}"
        nodes = data.get("mapping") if isinstance(data, dict) else None
        if not isinstance(nodes, dict):
            yield LeftOut(where, "not a conversation")
            continue
        key = str(data.get("conversation_id") or data.get("id") or f"{data.get('title')} {data.get('create_time')}")
        yield Conversation(
            key=key,
            title=clipped(str(data.get("title") or ""), 200),
            where=where,
            partner=_PARTNER,
            at=_at(data.get("create_time")),
            url=f"https://chatgpt.com/c/{key}" if data.get("conversation_id") or data.get("id") else "",
            messages=_messages(nodes, data.get("current_node")),
        )


def _messages(nodes: dict[str, Any], last: Any) -> list[Message]:
    """What was said, on the branch that the person ended with, oldest first. Without one: in the order of time."""
    found: list[Message] = []
    if last in nodes:
        seen: set[str] = set()
        while isinstance(last, str) and last in nodes and last not in seen and len(seen) < _STEPS:
            seen.add(last)
            node = nodes[last] if isinstance(nodes[last], dict) else {}
            found += _message(node)
            last = node.get("parent")
        return found[::-1]
    for node in nodes.values():
        found += _message(node if isinstance(node, dict) else {})
    return sorted(found, key=lambda message: message.at)


def _message(node: dict[str, Any]) -> list[Message]:
    """The message of a node; none where it is empty, hidden, or a tool's."""
    data = node.get("message")
    author = data.get("author") if isinstance(data, dict) else None
    content = data.get("content") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(author, dict) or not isinstance(content, dict):
        return []
    if author.get("role") not in ("user", "assistant"):
        return []
    metadata = data.get("metadata")
    if isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation"):
        return []
    parts = content.get("parts")
    text = "\n".join(part for part in parts if isinstance(part, str)) if isinstance(parts, list) else ""
    if not text.strip():
        return []
    who = _PARTNER if author["role"] == "assistant" else "I"
    return [Message(str(data.get("id") or node.get("id") or ""), who, text.strip(), _at(data.get("create_time")))]


def _at(seconds: Any) -> str:
    """An instant in seconds since 1970 as a drop has it; "" where there is none."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e11:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
