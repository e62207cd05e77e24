"""Many lines as one number each, so that two large files can be compared as a whole. Pure."""

from __future__ import annotations

import os
from array import array
from collections import Counter

__all__ = ["fingerprint", "surplus", "take", "without"]

# Fresh for each run, so that nobody can make two lines that look the same to us.
_SALT = os.urandom(16)


def fingerprint(line: bytes) -> int:
    """A number that stands for `line` in this run of the program, of 64 bits."""
    return hash(_SALT + line)


def surplus(these: array[int], those: array[int]) -> dict[int, int]:
    """Which numbers stand more often in `these` than in `those`, and how much more often."""
    left, right = sorted(these), sorted(those)
    more: dict[int, int] = {}
    if left == right:
        return more
    at, stop = 0, len(right)
    for number in left:
        while at < stop and right[at] < number:
            at += 1
        if at < stop and right[at] == number:
            at += 1
        else:
            more[number] = more.get(number, 0) + 1
    return more


def without(these: array[int], those: array[int]) -> array[int]:
    """The numbers of `these`, each as many times fewer as it stands in `those`."""
    if not those:
        return these
    left = Counter(those)
    kept = array("q")
    for number in these:
        if left.get(number):
            left[number] -= 1
        else:
            kept.append(number)
    return kept


def take(less: dict[int, int], line: bytes) -> bool:
    """Take one off the number of times that `line` is missing; whether it was."""
    mark = fingerprint(line)
    if less.get(mark):
        less[mark] -= 1
        return True
    return False
