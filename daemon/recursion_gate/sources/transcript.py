"""Plain transcripts: lines ``Name: text``, with or without a time before them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator

from .conversation import Conversation, Message, as_items
from .entry import Item, LeftOut, Options
from .file import SourceFile

__all__ = ["ABOUT", "conversations", "extract", "identify"]

ABOUT = "a transcript, lines 'Name: text'"

_KEPT, _CHARS = 5_000, 20_000
#: Names that come again and again: at most so many, among so many lines.
_NAMES, _LINES = 12, 200
_LINE = re.compile(
    r"\s*(?:\[?\(?\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d{1,3})?\)?\]?\s*-?\s*)?(?:\*\*)?"
    r"(?P<who>[^\W\d_][^:\n*]{0,39}?)(?:\*\*)?:(?:\*\*)?\s+(?P<text>\S.*)",
    re.DOTALL,
)


def identify(file: SourceFile) -> bool:
    if file.is_folder or file.is_archive or file.ending not in (".txt", ".md", ".text", ".log", ""):
        return False
    lines = [line for line in file.head_text.splitlines()[:_LINES] if line.strip()]
    names = Counter(found["who"] for line in lines if (found := _LINE.match(line)))
    return 2 <= len(names) <= _NAMES and sum(names.values()) * 2 > len(lines) and names.most_common(2)[-1][1] > 1


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    return as_items(conversations(file, options))


def conversations(file: SourceFile, options: Options) -> Iterator[Conversation | LeftOut]:
    """The file is one conversation. So that it may be of any length, only its first messages are kept here; the
    analyst reads `messages`."""
    talk = Conversation("", "", "line 1")
    seen: Counter[str] = Counter()
    for said in _said(file):
        if isinstance(said, LeftOut):
            yield said
        elif len(talk.messages) < _KEPT:
            talk.messages.append(_message(*said, seen))
        else:
            talk.more += 1
    if talk.messages:
        first = " ".join(message.key for message in talk.messages[:5])
        talk.key = hashlib.sha256(first.encode()).hexdigest()[:20]
        yield talk


def messages(file: SourceFile) -> Iterator[Message | LeftOut]:
    """What was said, in order. Equal words of one person are told apart by their number."""
    seen: Counter[str] = Counter()
    for said in _said(file):
        yield said if isinstance(said, LeftOut) else _message(*said, seen)


def _said(file: SourceFile) -> Iterator[tuple[str, str] | LeftOut]:
    """Who said what, in order."""
    who = text = where = ""
    for number, line in enumerate(file.lines(), 1):
        found = _LINE.match(line)
        if found:
            if who:
                yield who, text
            who, text, where = found["who"].strip(), found["text"], f"line {number}"
        elif who and line.strip():
            if len(text) < _CHARS:
                text += "\n" + line.strip()[:_CHARS]
        elif line.strip() and not where:
            yield LeftOut(f"line {number}", "before the first message")
    if who:
        yield who, text


def _message(who: str, text: str, seen: Counter[str]) -> Message:
    digest = hashlib.sha256(f"{who}\0{text}".encode("utf-8", "replace")).hexdigest()[:16]
    if len(seen) < 1_000_000:
        seen[digest] += 1
    return Message(f"{digest}-{seen[digest] or 1}", who, text[:_CHARS])
