"""WhatsApp: "Export chat", from Android or an iPhone. One conversation a day."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

from . import dates
from .conversation import Conversation, Message, as_items
from .entry import Item, LeftOut, Options
from .file import SourceFile

__all__ = ["ABOUT", "conversations", "extract", "identify"]

ABOUT = "WhatsApp chat export: the days that people wrote to each other"

#: Messages of one day that are kept, and characters of one message: the others are counted.
_KEPT, _CHARS = 5_000, 20_000

_MARKS = "\u200e\u200f\u202a-\u202e\ufeff"
_MARK = re.compile(f"[{_MARKS}]")
_START = re.compile(
    rf"[{_MARKS}]*\[?(?P<date>\d{{1,4}}[/.-]\d{{1,2}}[/.-]\d{{1,4}}),?[\s\u202f]+(?:à[\s\u202f]+)?"
    r"(?P<time>\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:[\s\u202f]*[ap]\.?[\s\u202f]?m\.?)?)"
    r"(?:\][\s\u202f]*|[\s\u202f]+-[\s\u202f]+)(?P<rest>.*)",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_WHO = re.compile(rf"[{_MARKS}]*~?[\s\u202f]*(?P<who>[^:\n]{{1,80}}?):(?:\s(?P<text>.*)|\Z)", re.DOTALL)
_NO_WORDS = re.compile(
    r"<[^<>]{3,40}>|(?:image|video|audio|sticker|GIF|document|Contact card) omitted|null|(?:"
    r"This message was deleted|You deleted this message|"
    r"Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht|"
    r"Ce message a été supprimé|Vous avez supprimé ce message|"
    r"Se eliminó este mensaje|Eliminaste este mensaje|"
    r"Questo messaggio è stato eliminato|Hai eliminato questo messaggio|"
    r"(?:Esta m|M)ensagem (?:foi )?apagada|Você apagou esta mensagem|"
    r"Dit bericht is verwijderd|(?:U|Je) hebt dit bericht verwijderd"
    r")\.?",
    re.IGNORECASE,
)
#: Behind a message that was changed later, in whatever language.
_EDITED = re.compile(r"\s*\u200e?<[^<>]*(?:edited|bearbeitet|modifié|editó|modificato|editada|bewerkt)\.?>\Z")
#: The name of the file before that of the chat.
_TITLE = re.compile(
    r"(?i)^_chat$|^(?:whatsapp[ -]chat (?:with|mit|met|avec|-)|chat (?:de )?whatsapp con|conversa do whatsapp com"
    r"|discussion whatsapp avec) |\s*\(\d+\)$"
)


#: Messages come in bursts, and most exports have no seconds.
_instant = lru_cache(1_000)(dates.parse)


def identify(file: SourceFile) -> bool:
    if file.is_folder or file.is_archive:
        return False
    lines = [line for line in file.head_text.splitlines()[:60] if line.strip()]
    return sum(_START.match(line) is not None for line in lines) > max(1, len(lines) // 3)


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    return as_items(conversations(file, options))


def conversations(file: SourceFile, options: Options) -> Iterator[Conversation | LeftOut]:
    name = file.path.stem if file.name == "_chat.txt" else file.name.removesuffix(".txt")
    title = _TITLE.sub("", name).strip()
    day: Conversation | None = None
    for where, message in _messages(file, options):
        if isinstance(message, str):
            yield LeftOut(where, message)
            continue
        if day is None or day.at[:10] != message.at[:10]:
            if day is not None:
                yield day
            day = Conversation(f"{message.at[:10]} {message.key}", title, where, at=message.at)
        if len(day.messages) < _KEPT:
            day.messages.append(message)
        else:
            day.more += 1
    if day is not None:
        yield day


def _messages(file: SourceFile, options: Options) -> Iterator[tuple[str, Message | str]]:
    """The messages with their places; for what is none, why not."""
    start: re.Match[str] | None = None
    text, number = "", 0
    for line_number, line in enumerate(file.lines(), 1):
        found = _START.match(line)
        if found:
            if start is not None:
                yield f"line {number}", _message(start, text, options)
            start, text, number = found, found["rest"], line_number
        elif start is None:
            if line.strip():
                yield f"line {line_number}", "no message"
        elif len(text) < _CHARS:
            text += "\n" + line[:_CHARS]
    if start is not None:
        yield f"line {number}", _message(start, text, options)


def _message(start: re.Match[str], text: str, options: Options) -> Message | str:
    said = _WHO.match(text)
    if said is None:
        return "a notice of WhatsApp's own"
    text = said["text"] or ""
    words = _MARK.sub("", _EDITED.sub("", text) if text.endswith(">") else text).strip()
    if not words or text.startswith("\u200e") or _NO_WORDS.fullmatch(words):  # so an iPhone marks what is not typed
        return "a picture or another message without words"
    try:
        at = _instant(f"{start['date']}, {start['time']}", options.day_first)
    except dates.BadDate:
        return "a date that cannot be read"
    who = _MARK.sub("", said["who"]).strip()
    key = hashlib.sha256(f"{at}\0{who}\0{words}".encode("utf-8", "replace")).hexdigest()[:20]
    return Message(key, who, words[:_CHARS], at)
