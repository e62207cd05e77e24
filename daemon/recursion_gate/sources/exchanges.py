"""A conversation cut into exchanges: what the person says in one go, and what comes back.

Where an exchange begins depends on what was said before it alone, so that a conversation that grows only gets new ones:
an exchange is known by its first message for good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .conversation import Conversation, Message, Talks
from .entry import Importer, LeftOut, Options, WrongOption
from .file import SourceFile
from .words import clipped

__all__ = ["Exchange", "Talk", "exchanges", "pieces", "talks", "who_speaks"]

#: The most messages of one exchange, and characters of one message that are given to an analyst.
_LONGEST, _CHARS = 20, 2_000
#: One prompt has at most so many exchanges and characters of them.
_PIECE, _PIECE_CHARS = 8, 12_000
_EXCERPT = 4_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange of a conversation."""

    talk: Talk
    messages: tuple[Message, ...]
    who: str

    @property
    def key(self) -> str:
        """Names it for good, in this conversation."""
        return self.messages[0].key

    @property
    def digest(self) -> str:
        """Names it for good, among all conversations."""
        return hashlib.sha256(f"{self.talk.key}\0{self.key}".encode("utf-8", "replace")).hexdigest()[:20]

    @property
    def at(self) -> str:
        return next((message.at for message in self.messages if message.at), self.talk.at)

    @property
    def text(self) -> str:
        """The exchange as it is shown to a person and to an analyst."""
        return "\n".join(f"{message.who}: {clipped(message.text, _CHARS)}" for message in self.messages)

    @property
    def excerpt(self) -> str:
        return clipped(self.text, _EXCERPT)

    @property
    def own(self) -> list[Message]:
        """The messages of the person whom all is about."""
        return [message for message in self.messages if message.who == self.who]


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation whose messages are read as they are asked for."""

    key: str
    title: str
    where: str
    at: str
    url: str
    messages: Iterable[Message] = field(compare=False)


def talks(importer: Importer, form: str, file: SourceFile, options: Options) -> Iterator[Talk]:
    """The conversations in `file`. Raises WrongOption where a file of this form holds none, BadSource, OSError."""
    if form == "transcript":
        yield from _transcript(file)
        return
    if not isinstance(importer, Talks):
        raise WrongOption(f"a file of the form '{form}' is no conversation: 'recursion-gate import' takes it")
    for each in importer.conversations(file, options):
        if isinstance(each, Conversation) and each.messages:
            yield Talk(each.key, each.title, each.where, each.at, each.url, each.messages)


def _transcript(file: SourceFile) -> Iterator[Talk]:
    """A transcript is one conversation of any length: it is not kept."""
    from .transcript import messages

    said = (message for message in messages(file) if not isinstance(message, LeftOut))
    first = next(said, None)
    if first is not None:
        yield Talk(f"transcript {first.key}", "", "line 1", "", "", _with(first, said))


def _with(first: Message, rest: Iterator[Message]) -> Iterator[Message]:
    yield first
    yield from rest


def exchanges(talk: Talk, who: str) -> Iterator[Exchange]:
    """The exchanges of `talk` in which `who` says something, in order."""
    block: list[Message] = []
    for message in talk.messages:
        begins = message.who == who and block and block[-1].who != who
        if begins or len(block) >= _LONGEST:
            yield from _exchange(talk, block, who)
            block = []
        block.append(message)
    yield from _exchange(talk, block, who)


def _exchange(talk: Talk, block: list[Message], who: str) -> Iterator[Exchange]:
    if any(message.who == who for message in block):
        yield Exchange(talk, tuple(block), who)


def pieces(found: Iterable[Exchange]) -> Iterator[list[Exchange]]:
    """The exchanges of one conversation in pieces that an analyst reads at a time."""
    piece: list[Exchange] = []
    chars = 0
    for exchange in found:
        size = len(exchange.text)
        if piece and (len(piece) >= _PIECE or chars + size > _PIECE_CHARS):
            yield piece
            piece, chars = [], 0
        piece.append(exchange)
        chars += size
    if piece:
        yield piece


def who_speaks(file_names: Iterable[str], asked: str | None, user: str) -> str:
    """Whose words count: `asked`, else "I" where a chat with a program has it, else the one who is called as the user.
    Raises WrongOption where none is."""
    names = list(dict.fromkeys(file_names))
    if asked is not None:
        found = next((name for name in names if name.casefold() == asked.casefold()), None)
        if found is None:
            raise WrongOption(f"nobody is called '{asked}' in it: {', '.join(names[:12])}")
        return found
    for name in names:
        if name == "I" or name.casefold() == user.casefold() or name.casefold().split()[0] == user.casefold():
            return name
    raise WrongOption(f"who of them is {user}? --who NAME, one of {', '.join(names[:12])}")
