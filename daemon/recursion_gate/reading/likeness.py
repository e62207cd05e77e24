"""Near-duplicates and contradictions among many short texts. Advisory: words are compared, nothing is
understood, and a person decides.

Texts are compared as sets of word stems; rapidfuzz finds the words that differ by a typing error only. Every pair of
10,000 texts would be too many for it, too, so each text is compared only with those that share its rarest words, up to
a limit: the cost grows with the number of texts, not its square.
"""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from . import likeness_words as words

__all__ = ["SAME", "Index", "Likeness", "Said", "likenesses", "plain"]

_K = TypeVar("_K", bound=Hashable)

#: Limits for each text: the characters read, the rarest words looked up, the texts found by one word, the texts
#: compared.
_CHARS, _RARE, _LED, _COMPARED = 400, 6, 60, 12

#: Why two texts are alike that have the same words in the same order.
SAME = "the same words"

_ALIKE = 0.7
_SAME_MATTER = 0.6
#: The likeness from which two long words are one word with a typing error (one in six letters), and the least length.
_MISSPELT, _LONG = 0.82, 5

#: A sign of Chinese, Japanese, Korean; three signs in a row of a script without blanks; or a word with its marks.
_NO_BLANKS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_MARKS = r"\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
_WORD = re.compile(rf"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|(?=([{_NO_BLANKS}]{{1,3}})).|(?:[^\W_]|[{_MARKS}])+")
_PLAIN_WORD = re.compile(r"[a-z0-9]+")
_PIVOT = re.compile(r"(?<!\w)(?:over|rather than|instead of|more than|better than|als|que)(?!\w)")
_PHRASE = re.compile("|".join(sorted(map(re.escape, words.PHRASES), key=len, reverse=True)))
#: "don't", and the "not" that stands within Turkish verbs.
_NOT_WITHIN = re.compile(r"n't(?!\w)|(?<=\w)m(?=[ıiu]yor)")
_VOWELS = frozenset("aeiouyаеиоуыэюяьіαεηιουω")


def _stem(word: str) -> str:
    """The word without the endings of English, without a last vowel, and in American spelling."""
    if len(word) <= 3:
        return word
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith(("ss", "us")):
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] in _VOWELS:
        word = word[:-1]
    if len(word) > 4 and word.endswith("our"):
        return word[:-3] + "or"
    return word[:-1] + "z" if len(word) > 5 and word.endswith("is") else word


def plain(text: str) -> str:
    """The words of a text, by which it is the same as another; of a long one, a hash of them."""
    return _plain(_split(words.without_accents(text)), text)


def _plain(found: Sequence[str], text: str) -> str:
    said = " ".join(found) or "".join(c for c in text if unicodedata.category(c)[0] == "S")  # signs alone
    return said if len(said) <= _CHARS else hashlib.sha256(said.encode()).hexdigest()


def _split(low: str) -> list[str]:
    if low.isascii():
        return _PLAIN_WORD.findall(low)
    return [found[1] or found[0] for found in _WORD.finditer(low)]


class Said(Generic[_K]):
    """One text, taken apart. `name`: texts of one name are not compared with each other."""

    __slots__ = ("against", "is_state", "key", "name", "numbers", "of_one", "plain", "sides", "words")

    def __init__(self, key: _K, text: str, name: str | None = None) -> None:
        self.key, self.name = key, name
        low = words.without_accents(text).replace("’", "'")
        found = _split(low)
        self.plain = _plain(found, text)
        low, within = _NOT_WITHIN.subn("", low[:_CHARS])
        if not low.isascii():
            low = _PHRASE.sub(lambda phrase: f" {words.PHRASES[phrase[0]]} ", low)
        if within or not low.isascii() or len(text) > _CHARS:
            found = _split(low)
        said = frozenset(found)
        numbers = [words.NUMBERS.get(w, w) for w in said if w.isdecimal() or w in words.NUMBERS]
        self.numbers = frozenset(numbers) if numbers else _NONE
        negated = within > 0 or not said.isdisjoint(words.NOT)
        liked, disliked = not said.isdisjoint(words.FOR), not said.isdisjoint(words.AGAINST)
        #: Whether it speaks against something, and the words that name the thing.
        self.against = disliked != negated if liked or disliked else negated
        rest = said - words.STOP - words.NOT - words.FOR - words.AGAINST
        # Interned: ten thousand texts have few different words.
        self.words = frozenset(sys.intern(_stem(w)) for w in rest if not (w in words.NUMBERS or w.isdecimal()))
        #: Whether it says how things are; and the words in it for what there is only one of.
        self.is_state = not said.isdisjoint(words.STATES) or _is_habit(found)
        self.of_one = said & words.ONE_VALUE or _NONE
        sides = _PIVOT.split(low, maxsplit=1)
        self.sides = tuple({_stem(w) for w in _split(side)} & self.words for side in sides) if len(sides) > 1 else ()


_NONE: frozenset[str] = frozenset()  # an empty one takes as much memory as one of four words


def _is_habit(found: Sequence[str]) -> bool:
    """Whether an English text begins as "Goes to bed at 8" or "Has two brothers", and not as "Has counted 9 birds"."""
    first, second = (*found[:2], "", "")[:2]
    if first in ("has", "have"):
        return not second.endswith(("ed", "en")) and second not in words.DONE
    return len(first) > 3 and first.endswith("s") and not first.endswith("ss") and second in words.AFTER_A_VERB


@dataclass(frozen=True, slots=True)
class Likeness(Generic[_K]):
    """Two texts that a person should look at together."""

    kind: Literal["near-duplicate", "possible conflict"]
    this: _K
    other: _K
    #: In words, for a person.
    why: str


class Index(Generic[_K]):
    """Texts, found by their rarest words."""

    def __init__(self) -> None:
        self._texts: list[Said[_K]] = []
        self._often: Counter[str] = Counter()
        self._led: dict[str, list[int]] = {}
        self._same: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, said: Said[_K]) -> None:
        n = len(self._texts)
        self._texts.append(said)
        same = self._same.setdefault(said.plain, [])
        if len(same) < 2:  # one of them is perhaps the text that is asked for
            same.append(n)
        self._often.update(said.words)
        for word in said.words:
            led = self._led.setdefault(word, [])
            if len(led) < _LED:
                led.append(n)

    def nearest(self, said: Said[_K]) -> list[Likeness[_K]]:
        """The nearest duplicate of a text and the nearest contradiction to it."""
        best: dict[str, tuple[float, Likeness[_K]]] = {}
        for other in self._near(said):
            kind, score, why = _compare(said, other)
            if kind and score > best.get(kind, (0.0,))[0]:
                best[kind] = (score, Likeness(kind, said.key, other.key, why))
        return [likeness for _, likeness in best.values()]

    def _near(self, said: Said[_K]) -> Iterator[Said[_K]]:
        """The texts that share most of its rarest words."""
        same = self._same.get(said.plain, ())
        rare = sorted(said.words, key=lambda w: (self._often[w], w))[:_RARE]
        shared = Counter(n for word in rare for n in self._led.get(word, ()) if n not in same)
        for n in (*same, *(n for n, _ in sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:_COMPARED])):
            if said.name is None or self._texts[n].name != said.name:
                yield self._texts[n]


def likenesses(new: Sequence[Said[_K]], known: Sequence[Said[_K]]) -> list[Likeness[_K]]:
    """For each text of `new`, the nearest duplicate and the nearest contradiction among `known` and the texts of `new`
    before it."""
    index = Index[_K]()
    for said in known:
        index.add(said)
    found: list[Likeness[_K]] = []
    for said in new:
        found += index.nearest(said)
        index.add(said)
    return found


def _compare(a: Said[_K], b: Said[_K]) -> tuple[Literal["near-duplicate", "possible conflict", ""], float, str]:
    if a.plain == b.plain:
        return "near-duplicate", 2.0, SAME
    shared = len(a.words & b.words)
    if not shared:
        return "", 0.0, ""
    typos = _typos(a.words - b.words, b.words - a.words, shared)
    alike = (shared + typos) / (len(a.words | b.words) - typos)
    if why := _conflict(a, b, alike):
        return "possible conflict", alike, why
    if alike >= _ALIKE and a.numbers == b.numbers:
        return "near-duplicate", alike, f"{alike:.0%} of the words are the same{', or misspelt' if typos else ''}"
    return "", 0.0, ""


def _conflict(a: Said[_K], b: Said[_K], alike: float) -> str:
    """Why two texts, of whose words so many are the same, may contradict each other; empty: they do not."""
    if alike >= _SAME_MATTER and a.against != b.against:
        return "one speaks for it, one against it"
    if alike >= _SAME_MATTER and len(a.sides) == len(b.sides) == 2 and _turned(a.sides, b.sides):
        return "one puts first what the other puts second"
    if alike == 1 and a.is_state and b.is_state and a.numbers != b.numbers and len(a.numbers) == len(b.numbers):
        return "the same with another number"
    if a.of_one & b.of_one and len(a.words - b.words) == len(b.words - a.words) == 1 and a.against == b.against:
        return "the same with another value"
    return ""


def _typos(a: frozenset[str], b: frozenset[str], shared: int) -> int:
    """The number of words in `a` and `b` that differ by a typing error only, at most `shared`, the number of words that
    the texts have in common; 0 where it makes no difference."""
    possible = min(len(a), len(b), shared)
    if (shared + possible) / (shared + len(a) + len(b) - possible) < _SAME_MATTER:
        return 0
    return min(possible, _near(a, b), _near(b, a)) if possible else 0


def _near(words: frozenset[str], others: frozenset[str]) -> int:
    long = [word for word in others if len(word) >= _LONG]
    return sum(
        len(word) >= _LONG
        and process.extractOne(word, long, scorer=OSA.normalized_similarity, score_cutoff=_MISSPELT) is not None
        for word in words
    )


def _turned(a: Sequence[set[str]], b: Sequence[set[str]]) -> bool:
    crossed = min(len(a[0] & b[1]), len(a[1] & b[0]))
    return crossed > 0 and crossed >= max(len(a[0] & b[0]), len(a[1] & b[1]))
