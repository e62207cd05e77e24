"""Scopes: which files a task may change, as ``.gitignore`` patterns; whether two scopes have a path in common.

One small automaton is the meaning of a pattern, both for "is this path in it" and for "do these two overlap", so the
two answers cannot differ. Of several patterns the last one that matches a path decides; ``!`` takes paths out. The
tests hold it against git and against pathspec.

`overlap` is exact: it walks the product of two patterns (and of the ``!`` patterns behind them), breadth first, so the
path that it gives is a shortest one that both scopes match. It is asked twice, with upper and lower case as they are
and as one, since both kinds of file system exist. Where the walk has more states than `_STATES`, which needs patterns
made for that purpose, the scopes are taken to overlap.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..core.errors import Refusal

__all__ = ["Overlap", "Scope", "in_scope", "overlap", "overlapping", "scope"]

_STATES = 50_000
_MAX_CHARS = 300
#: A character that most patterns do not name, to stand for all of those.
_OTHERS = "xyzwvu0123456789"
_TOP = 0x10FFFF

#: What a position of a pattern reads: "c" a character, "?" any but "/", "[" of a set, "*" any number but "/", "d" and
#: "D" directories (``**/``: between two, and inside of a name).
_Token = tuple[str, str, tuple[tuple[int, int], ...], bool]
_STAR, _ANY, _DIRS, _IN_DIR = ("*", "", (), False), ("?", "", (), False), ("d", "", (), False), ("D", "", (), False)


def scope(patterns: Iterable[str]) -> Scope:
    """The scope of a list of patterns. Raises Refusal for one that is no pattern, or leads out of the tree."""
    return _scope(tuple(patterns))


@dataclass(frozen=True, eq=False)
class Scope:
    """Some of the paths of a tree."""

    patterns: tuple[_Pattern, ...]

    def __bool__(self) -> bool:
        return any(not pattern.negated for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two scopes have paths in common."""

    first: str
    second: str
    #: A path that both match; None where the patterns are too intricate to say.
    path: str | None

    def __str__(self) -> str:
        if self.path is None:
            return f"'{self.first}' and '{self.second}' may match the same path: they are too intricate to tell"
        loose = next((p for p in (self.first, self.second) if "/" not in p.strip("/") and p[0] not in "/*!?["), None)
        hint = f" ('{loose}' is one in any folder: '/{loose}' is the one at the top)" if loose else ""
        return f"'{self.first}' and '{self.second}' both match {self.path}{hint}"


def in_scope(where: Scope, path: str) -> bool:
    """Whether `path`, from the top of the tree, with ``/``, is in the scope: the last pattern that matches decides."""
    path = unicodedata.normalize("NFC", path)
    return next((not p.negated for p in reversed(where.patterns) if p.matches(path)), False)


@lru_cache(maxsize=100_000)
def overlap(a: Scope, b: Scope) -> Overlap | None:
    """Whether the two scopes have a path in common, and which."""
    for first, without_first in _positive(a):
        for second, without_second in _positive(b):
            if _unrelated(first, second):
                continue
            for fold in (False, True):
                found, path = _common(first, second, (*without_first, *without_second), fold)
                if found:
                    return Overlap(first.text, second.text, path)
    return None


def overlapping(
    scopes: Sequence[Scope], stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[int, int, Overlap | None]]:
    """All pairs of `scopes`, by number, that have paths in common. Takes time for those pairs, and for pairs of which
    one pattern's fixed beginning begins with the other's, not for all pairs there are. Where `stop` says so it ends
    with a pair without an overlap: it could not compare all."""
    starts = sorted({(p.prefix, n) for n, each in enumerate(scopes) for p, _ in _positive(each)})
    above: list[tuple[str, int]] = []
    seen: set[tuple[int, int]] = set()
    for prefix, number in starts:
        while above and not prefix.startswith(above[-1][0]):
            above.pop()
        for _, other in above:
            pair = (min(number, other), max(number, other))
            if number == other or pair in seen:
                continue
            seen.add(pair)
            if stop():
                yield (*pair, None)
                return
            if found := overlap(scopes[pair[0]], scopes[pair[1]]):
                yield (*pair, found)
        above.append((prefix, number))


def _positive(where: Scope) -> Iterator[tuple[_Pattern, tuple[_Pattern, ...]]]:
    """Each pattern that takes paths in, with those behind it that take some out again: a path is in the scope if, and
    only if, one of these matches it and none behind it takes it out."""
    for number, pattern in enumerate(where.patterns):
        if not pattern.negated:
            yield pattern, tuple(p for p in where.patterns[number + 1 :] if p.negated)


def _unrelated(a: _Pattern, b: _Pattern) -> bool:
    return not (a.prefix.startswith(b.prefix) or b.prefix.startswith(a.prefix))


def _common(a: _Pattern, b: _Pattern, without: tuple[_Pattern, ...], fold: bool) -> tuple[bool, str | None]:
    """Whether a path matches `a` and `b` and none of `without`, and a shortest such path."""
    patterns = (a, b, *without)
    signs = _signs(patterns, fold)
    start = (tuple(p.start for p in patterns), True)  # True: a name must follow
    came: dict[tuple[tuple[int, ...], bool], tuple[object, str]] = {start: (None, "")}
    todo = deque([start])
    while todo:
        state = todo.popleft()
        masks, at_name = state
        for sign in signs:
            if sign == "/" and at_name:
                continue
            new = tuple(p.step(m, sign, fold) for p, m in zip(patterns, masks, strict=True))
            following = (new, sign == "/")
            if not (new[0] and new[1]) or following in came:
                continue
            came[following] = (state, sign)
            hits = [bool(m & p.accept) for p, m in zip(patterns, new, strict=True)]
            if sign != "/" and hits[0] and hits[1] and not any(hits[2:]):
                return True, _path(came, following)
            if len(came) > _STATES:
                return True, None
            todo.append(following)
    return False, None


def _path(came: dict[tuple[tuple[int, ...], bool], tuple[object, str]], last: object) -> str:
    signs = []
    while last is not None:
        last, sign = came[last]  # type: ignore[index]
        signs.append(sign)
    return "".join(reversed(signs))


def _signs(patterns: Sequence[_Pattern], fold: bool) -> list[str]:
    """One character of each kind that the patterns tell apart."""
    starts: dict[str, None] = {}
    named = set()
    for pattern in patterns:
        for kind, char, ranges, _ in pattern.tokens:
            if kind == "c":
                named.add(char)
                starts.setdefault(char)
            for low, high in ranges:  # a kind begins where a range does, and behind its end
                named.update(map(chr, range(low, min(high, low + 200) + 1)))
                starts.setdefault(chr(low))
                starts.setdefault(chr(min(high + 1, _TOP)))
    if fold:
        starts = dict.fromkeys(char.lower() if len(char.lower()) == 1 else char for char in starts)
    other = next((c for c in _OTHERS if c not in named), "\u4e00")
    return [*dict.fromkeys([other, *starts, "/"])]


def _cases(char: str) -> tuple[str, ...]:
    return tuple(c for c in dict.fromkeys((char, char.upper(), char.lower())) if len(c) == 1)


# -- one pattern ------------------------------------------------------------------------------------------------------


class _Pattern:
    """One pattern as an automaton. Its positions are the bits of a number: those of `tokens`, then the end, then what
    lies below a folder that matches."""

    def __init__(self, text: str, negated: bool, tokens: list[_Token], folder: bool) -> None:
        self.text, self.negated, self.tokens = text, negated, tokens
        end = len(tokens)
        self._below = 1 << (end + 2)
        self.accept = self._below | (0 if folder else 1 << end)
        self._over = sum(1 << i for i, t in enumerate(tokens) if t is _STAR)
        self._over_dirs = sum(1 << i for i, t in enumerate(tokens) if t is _DIRS)
        self._moves: dict[tuple[str, bool], tuple[int, int, int]] = {}
        self.start = self._close(1)
        #: The beginning that all paths have which match, in small letters.
        self.prefix = ""
        for kind, char, _, _ in tokens:
            if kind != "c":
                break
            self.prefix += char
        self.prefix = self.prefix.lower()

    def matches(self, path: str) -> bool:
        """Whether the pattern matches this path, or a folder above it."""
        mask = self.start
        for sign in path:
            mask = self.step(mask, sign, False)
            if not mask:
                return False
        return bool(mask & self.accept)

    def step(self, mask: int, sign: str, fold: bool) -> int:
        """The positions behind `sign`; with `fold` upper and lower case are one."""
        move = self._moves.get((sign, fold)) or self._move(sign, fold)
        return self._close(((mask & move[0]) << 1) | (mask & move[1]) | ((mask & move[2]) >> 1))

    def _move(self, sign: str, fold: bool) -> tuple[int, int, int]:
        on, stay, back = 0, self._below, 0
        signs, is_slash = _cases(sign) if fold else (sign,), sign == "/"
        for i, token in enumerate(self.tokens):
            kind = token[0]
            if kind in "*D" and not is_slash:
                stay |= 1 << i
            elif kind == "D":
                back |= 1 << i
            elif any(_reads(token, each) for each in signs):
                on |= 1 << i
        end = len(self.tokens)
        on |= 1 << (end + 1) | (1 << end if is_slash else 0)
        return self._moves.setdefault((sign, fold), (on, stay, back))

    def _close(self, mask: int) -> int:
        while True:
            more = mask | (mask & self._over) << 1 | (mask & self._over_dirs) << 2
            if more == mask:
                return mask
            mask = more


def _reads(token: _Token, sign: str) -> bool:
    kind, char, ranges, negated = token
    if kind == "c":
        return sign == char
    if sign == "/" or kind == "*":
        return False
    return kind in "?d" or any(low <= ord(sign) <= high for low, high in ranges) != negated


@lru_cache(maxsize=10_000)
def _scope(patterns: tuple[str, ...]) -> Scope:
    return Scope(tuple(map(_pattern, patterns)))


def _pattern(text: str) -> _Pattern:
    """Read one pattern. Raises Refusal."""
    whole = text
    text = unicodedata.normalize("NFC", text)
    negated = text.startswith("!")
    text = text.removeprefix("!")
    _check(whole, text)
    folder = text.endswith("/")
    inner = text.strip("/")
    anchored = "/" in text[:-1]
    names = inner.split("/")
    while names[-1] == "**" and len(names) > 1:  # all below a folder
        names, folder = names[:-1], True
    if names == ["**"]:  # everything
        names, folder = ["*"], False
    tokens: list[_Token] = [] if anchored else [_DIRS, _IN_DIR]
    for number, name in enumerate(names):
        is_last = number == len(names) - 1
        if name == "**" and not is_last:
            if tokens[-1:] != [_IN_DIR]:
                tokens += [_DIRS, _IN_DIR]
            continue
        tokens += _tokens(whole, name)
        if not is_last:
            tokens.append(("c", "/", (), False))
    return _Pattern(whole, negated, tokens, folder)


def _check(whole: str, text: str) -> None:
    names = text.strip("/").split("/")
    problem = remedy = ""
    if not text.strip("/") or text != text.strip() or not text.isprintable():
        problem, remedy = "is no pattern", "Write a path of the tree, as in 'app/schema/' or 'docs/*.md'."
    elif len(text) > _MAX_CHARS:
        problem, remedy = f"has more than {_MAX_CHARS} characters", "Name the folder."
    elif ".." in names or text.startswith("~") or text[1:2] == ":":
        problem, remedy = "leads out of the tree", "A scope names files of the tree, from its top."
    elif ".git" in map(str.lower, names):
        problem, remedy = "names git's own folder", "No task may change .git."
    elif "." in names or "" in names:
        problem, remedy = "has an empty name or '.' in it", "Write 'app/' in place of './app/' or 'app//'."
    elif "\\" in text or text.startswith("#"):
        problem, remedy = "has a '\\' or begins with '#'", "Use '/' between names, and '?' for a special sign."
    elif text.endswith("**/"):
        problem, remedy = "ends in '**/'", "Write 'app/' for all that is in a folder."
    if problem:
        raise Refusal(f"the scope '{whole}' {problem}", remedy)


def _tokens(whole: str, name: str) -> list[_Token]:
    """One name of a pattern, without ``/``."""
    found: list[_Token] = []
    at = 0
    while at < len(name):
        char = name[at]
        at += 1
        if char == "*":
            if found[-1:] != [_STAR]:
                found.append(_STAR)
        elif char == "?":
            found.append(_ANY)
        elif char == "[":
            end = name.find("]", at + 1 + (name[at : at + 1] in ("!", "^")))
            if end < 0 or "[" in name[at:end]:
                raise Refusal(f"the scope '{whole}' has a '[' that is not closed", "Write [abc] or [a-z].")
            found.append(_set(name[at:end]))
            at = end + 1
        else:
            found.append(("c", char, (), False))
    return found


def _set(inner: str) -> _Token:
    negated = inner[0] in "!^"
    inner = inner[negated:]
    ranges = []
    at = 0
    while at < len(inner):
        low = high = ord(inner[at])
        if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner):
            high = ord(inner[at + 2])
            at += 2
        at += 1
        if low <= high:
            ranges.append((low, high))
    return ("[", "", tuple(ranges), negated)
