"""Near-duplicates and contradictions among many short texts. Advisory: words are compared, nothing is
understood, and a person decides.

Texts are compared as sets of word stems; rapidfuzz finds the words that differ by a typing error only. Every pair of
10,000 texts would be too many for it, too, so each text is compared only with those that share its rarest words, up to
a limit: the cost grows with the number of texts, not its square.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

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

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+(?:['’][^\W_]+)*")


def _words(*lists: str) -> frozenset[str]:
    return frozenset(word for words in lists for word in words.split())


_STOP = _words(
    "a an and are as at be been but by did do does for from had has have he her him his i in into is it its me my of",
    "on or our she so than that the their them then there they this to today very was we were when with you your",
)
_COUNTING = "zero one two three four five six seven eight nine ten eleven twelve"
_ORDER = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_NUMBERS = {word: str(n) for words in (_COUNTING, _ORDER) for n, word in enumerate(words.split())}
_NOT = _words("not no never cannot without nothing neither nor stopped quit")
_PIVOT = re.compile(r"(?<!\w)(?:over|rather than|instead of|more than|better than)(?!\w)")


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


_FOR = {_stem(w) for w in _words("like love enjoy prefer adore favourite favorite want")}
_AGAINST = {_stem(w) for w in _words("hate dislike avoid detest boring bored loathe")}


def plain(text: str) -> str:
    """The words of a text, by which it is the same as another; of a long one, a hash of them."""
    return _plain(_WORD.findall(_low(text)))


def _plain(words: Sequence[str]) -> str:
    said = " ".join(words)
    return said if len(said) <= _CHARS else hashlib.sha256(said.encode()).hexdigest()


def _low(text: str) -> str:
    return text.casefold().replace("’", "'")


class Said(Generic[_K]):
    """One text, taken apart. `name`: texts of one name are not compared with each other."""

    __slots__ = ("against", "key", "name", "numbers", "plain", "sides", "words")

    def __init__(self, key: _K, text: str, name: str | None = None) -> None:
        self.key, self.name = key, name
        low = _low(text)
        self.plain = _plain(_WORD.findall(low))
        low = low[:_CHARS]
        words = _WORD.findall(low)
        self.numbers = frozenset(_NUMBERS.get(w, w) for w in words if w.isdecimal() or w in _NUMBERS)
        stems = {_stem(w) for w in words if w not in _STOP}
        negated = any(w in _NOT or w.endswith("n't") for w in words)
        liked, disliked = bool(stems & _FOR), bool(stems & _AGAINST)
        #: Whether it speaks against something, and the words that name the thing.
        self.against = disliked != negated if liked or disliked else negated
        self.words = frozenset(
            s for s in stems - _FOR - _AGAINST if not (s in _NOT or s.endswith("n't") or s in _NUMBERS or s.isdecimal())
        )
        self.sides = tuple({_stem(w) for w in _WORD.findall(side)} for side in _PIVOT.split(low, maxsplit=1))


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
    if alike >= _SAME_MATTER and a.against != b.against:
        return "possible conflict", alike, "one speaks for it, one against it"
    if alike >= _SAME_MATTER and len(a.sides) == len(b.sides) == 2 and _turned(a.sides, b.sides):
        return "possible conflict", alike, "one puts first what the other puts second"
    if alike >= _ALIKE and a.numbers == b.numbers:
        return "near-duplicate", alike, f"{alike:.0%} of the words are the same{', or misspelt' if typos else ''}"
    return "", 0.0, ""


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
    return crossed > 0 and crossed >= max(len(a[0] & b[0] - _FOR), len(a[1] & b[1]))
