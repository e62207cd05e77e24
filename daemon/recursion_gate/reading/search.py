"""Which lines of the Record answer a question, and whether any does. No model, no network: SQLite's full-text index
(FTS5, in memory) stems the words and ranks the lines by BM25; this module decides when that is no answer.

A line answers when it has most of what the question asks for. Words are weighed by how rare they are in the Record; a
word that it does not have at all weighs most, so "Does she like spiders?" finds nothing where all that is known is
what she likes. Words that say only that something was done (learn, make, know) or how (old, fast) weigh little, and
answer nothing alone. A number in the question must stand in the line; so must a number where one is asked for ("How
old ...?"), and what "Which ...?" or "How many ...?" asks for, unless no line has it.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

from ..core.errors import GateError
from ..core.words import ACT_ID
from .lines import Line

__all__ = ["Found", "NoFullText", "search"]

#: How much of what is asked a line must have; how much less than the best line the others may have.
_ENOUGH, _BESIDE_BEST = 0.5, 0.75
_LIGHT = 0.2


class NoFullText(GateError):
    """This Python's SQLite was built without its full-text index."""

    sentence = (
        "this Python's SQLite has no full-text index (FTS5), which 'voice ask' needs. "
        "A Python from python.org or from a Linux distribution has it."
    )


@dataclass(frozen=True, slots=True)
class Found:
    """A line that answers, and how much of what was asked it has, from 0 to 1."""

    line: Line
    share: float


def _words(*lists: str) -> frozenset[str]:
    return frozenset(word for words in lists for word in words.split())


#: The words of any question, whatever it asks for.
_STOP = _words(
    "a about all also am an and any anybody anyone anything are as at be because been being but by can could did do",
    "does doing done each either else ever for from had happen happens happened has have having he her hers him his",
    "how i if in into is it its itself just kind long many may me might more most much my no not of often on one or",
    "our out over please record she should so some somebody someone something sort still such tell than that the",
    "their them then there these they thing things this those to too up us very was we were what whatever when where",
    "which while who whom whose why will with without would yet you your day days time times ask asks asked",
)
#: Words that say only that somebody did, knew or liked something.
_WEAK = _words(
    "become begin call come do feel find found get give go keep know knew learn like liked look love make named name",
    "need put say see show start take talk teach tell think try understand understood use want way wish wonder",
    "work write big good great new old small school called named far fast hard help first kept part type",
)
#: Forms that no stemmer brings together.
_FORMS = {
    form: word
    for word, forms in {
        "begin": "began begun", "bite": "bit bitten", "break": "broke broken", "bring": "brought", "build": "built",
        "bury": "buried", "buy": "bought", "catch": "caught", "child": "children", "choose": "chose chosen",
        "come": "came", "dig": "dug", "draw": "drew drawn", "drive": "drove driven", "eat": "ate eaten",
        "fall": "fell fallen", "feed": "fed", "feel": "felt", "find": "found", "fly": "flew flown flies",
        "foot": "feet", "forget": "forgot forgotten", "get": "got gotten", "give": "gave given", "go": "went gone",
        "grow": "grew grown", "hear": "heard", "hide": "hid hidden", "hold": "held", "keep": "kept", "knife": "knives",
        "know": "knew known", "lead": "led", "leaf": "leaves", "leave": "left", "light": "lit", "lose": "lost",
        "make": "made", "mean": "meant", "meet": "met", "mouse": "mice", "pay": "paid", "ride": "rode ridden",
        "ring": "rang rung", "run": "ran", "say": "said", "see": "saw seen", "sell": "sold", "send": "sent",
        "sew": "sewn", "sing": "sang sung", "sleep": "slept", "speak": "spoke spoken", "spend": "spent",
        "stand": "stood", "swim": "swam swum", "take": "took taken", "teach": "taught", "tell": "told",
        "think": "thought", "throw": "threw thrown", "tooth": "teeth", "understand": "understood",
        "wake": "woke woken", "wear": "wore worn", "win": "won", "wolf": "wolves", "write": "wrote written",
        "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine",
        "10": "ten", "11": "eleven", "12": "twelve",
    }.items()
    for form in forms.split()
}  # fmt: skip
_MONTHS = "January February March April May June July August September October November December".lower().split()
#: Words that ask for a part of the Record, if the question has no others.
_PARTS = {
    word: part
    for part, words in {
        "IX-A": "knowledge know learn learned understand understood figured",
        "IX-B": "curiosity curious interested interests wonder want try",
        "IX-C": "personality voice prefer prefers love loves hate hates character",
        "THINK": "think",
        "WRITE": "write",
        "WORK": "work make build built",
        "STEWARD": "steward care cared",
    }.items()
    for word in words.split()
}

#: Words that ask for a number, after "how"; words that are one.
_MEASURES = _words("far heavy high many old tall")
_NUMBER = re.compile(
    r"[0-9]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|"
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million|half|dozen|once|twice)\b",
    re.IGNORECASE,
)

_ACT = re.compile(ACT_ID)
_DATE = re.compile(r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\w-])")
_CJK = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])")
_WORD = re.compile(r"[^\W_]+(?:['’](?!s\b)[^\W_]+)*")


def _plain(text: str) -> list[str]:
    """The words of `text` in one case, with one form for what a stemmer would keep apart."""
    low = _CJK.sub(r" \1 ", _DATE.sub(r"\1\2\3", text)).casefold().replace("’", "'")
    return [_FORMS.get(word, word) for word in _WORD.findall(low)]


def _when(date: str | None) -> str:
    """The words by which the day of a line can be asked for."""
    found = _DATE.fullmatch(date or "")
    if found is None or not 1 <= int(found[2]) <= 12:
        return ""
    return f"{found[1]} {_MONTHS[int(found[2]) - 1]} {found[1]}{found[2]}{found[3]}"


def search(found: Sequence[Line], question: str, limit: int, without: Iterable[str] = ()) -> list[Found]:
    """The lines that answer `question`, the best first, at most `limit`; none when none does.

    Of equally good lines the later one comes first. `without` are words that stand for whom the Record is about.
    Raises NoFullText.
    """
    named = set(_ACT.findall(question))
    if named:
        return [Found(line, 1.0) for line in found if named & set(line.evidence_ids)][:limit]
    skip = _STOP | {word for name in without for word in _plain(name)}
    words = _plain(question)
    asked = [word for word in dict.fromkeys(words) if word not in skip]
    strong = [word for word in asked if word not in _WEAK and word not in _PARTS]
    if not strong:
        part = next((_PARTS[word] for word in asked if word in _PARTS), None)
        if part is None:
            return []
        return [Found(line, 1.0) for line in reversed(found) if part in line.sections or part in line.skills][:limit]
    pairs = list(pairwise(words))
    which = {word for before, word in pairs if before in ("which", "many") and word in strong}
    number = any(before == "how" and word in _MEASURES for before, word in pairs)
    return _ranked(found, asked, strong, which, number, limit)


def _ranked(
    found: Sequence[Line], asked: Sequence[str], strong: Sequence[str], which: set[str], number: bool, limit: int
) -> list[Found]:
    """The lines that have enough of `asked`: one of `strong`, each number in it, each of `which` that any line has, and
    a number if one is asked for."""
    with closing(_index(found)) as index:
        has = {word: _having(index, [word]) for word in asked}
        weight = {
            word: math.log(1 + (len(found) - len(has[word]) + 0.5) / (len(has[word]) + 0.5))
            * (1 if word in strong else _LIGHT)
            for word in asked
        }
        whole = sum(weight.values())
        must = [word for word in asked if word.isdecimal() or (word in which and has[word])]
        shares: dict[int, float] = {}
        for n in _having(index, asked):
            if number and not _NUMBER.search(found[n].text):
                continue
            mine = [word for word in asked if n in has[word]]
            share = sum(weight[word] for word in mine) / whole
            if share >= _ENOUGH and any(word in strong for word in mine) and all(word in mine for word in must):
                shares[n] = share
        ranks = _ranks(index, asked) if shares else {}
    best = max(shares.values(), default=0)
    good = [n for n, share in shares.items() if share >= best * _BESIDE_BEST]
    good.sort(key=lambda n: (-round(shares[n], 6), round(ranks[n], 6), -n))
    return [Found(found[n], round(shares[n], 3)) for n in good[:limit]]


def _index(found: Sequence[Line]) -> sqlite3.Connection:
    index = sqlite3.connect(":memory:")
    try:
        index.execute("PRAGMA temp_store = MEMORY")
        index.execute("CREATE VIRTUAL TABLE line USING fts5(text, day, tokenize = 'porter unicode61')")
    except sqlite3.OperationalError:
        index.close()
        raise NoFullText from None
    index.executemany(
        "INSERT INTO line (rowid, text, day) VALUES (?, ?, ?)",
        ((n, " ".join(_plain(line.text)), _when(line.date)) for n, line in enumerate(found)),
    )
    return index


def _query(words: Iterable[str]) -> str:
    return " OR ".join(f'"{word}"' for word in words)  # of letters, digits and apostrophes: nothing to escape


def _having(index: sqlite3.Connection, words: Sequence[str]) -> set[int]:
    """The lines that have any of `words`."""
    return {n for (n,) in index.execute("SELECT rowid FROM line WHERE line MATCH ?", (_query(words),))}


def _ranks(index: sqlite3.Connection, words: Sequence[str]) -> dict[int, float]:
    """BM25 of each line that has any of `words`: the lower the better."""
    return dict(index.execute("SELECT rowid, bm25(line) FROM line WHERE line MATCH ?", (_query(words),)))
