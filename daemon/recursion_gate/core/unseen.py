"""Text that a person cannot see, which a model reads all the same. Pure (contract, "A merge").

The rule: a sign stays if it shows, or if the sign before it (and where it matters, behind it) is one that it changes.
So control and format characters, what Unicode calls default-ignorable, fillers, blanks that are no white space, private
use and noncharacters go; the joiners, selectors and tags stay in the scripts, emoji and flags that need them, one at a
time. White space is left to others. The tables are fixed, not those of this Python's Unicode: what was merged under an
older one must give the same line when it is verified.
"""

from __future__ import annotations

import re

__all__ = ["ALWAYS", "IN_PLACE", "is_unseen", "shows", "without_unseen"]

#: Never seen, wherever they stand, as the inside of a character class.
ALWAYS = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # control characters that are no white space
    "\xad\u034f\u061c\u17b4\u17b5\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\u115f\u1160\u3164\uffa0"  # fillers
    "\ufe01-\ufe0d\U000e0000-\U000e0fff"  # selectors that no emoji and few scripts have, tags
    "\ue000-\uf8ff\U000f0000-\U0010ffff"  # private use
    "\ufdd0-\ufdef\ufffe\uffff" + "".join(f"{chr(n)}{chr(n + 1)}" for n in range(0x1FFFE, 0xF0000, 0x10000)) +
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"  # of shorthand and music
)  # fmt: skip
#: Seen only in what the sign before them does.
IN_PLACE = "\u180b-\u180f\u200c\u200d\u2800\ufe00\ufe0e\ufe0f\U00013430-\U00013455\U00016fe4"

# The flags that there are; other words in tags show as a black flag, or not at all.
_FLAG = "\U0001f3f4(?:{})\U000e007f".format(
    "|".join("".join(chr(0xE0000 + ord(c)) for c in place) for place in ("gbeng", "gbsct", "gbwls"))
)
_GONE = re.compile(f"({_FLAG})|[{ALWAYS}]")
_SUSPECT = re.compile(f"[{ALWAYS}{IN_PLACE}]")
# Of these, what Python calls printable, or may some day; and what is ASCII: to look for few signs takes little time.
_PRINTABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U00013430-\U00013455\U00016fe4\U0001d159\U000e0000-\U000e0fff]"
)
_ASCII = re.compile("[\x00-\x08\x0e-\x1b\x7f]")
_PLACED = re.compile(f"[{IN_PLACE}]")

_EMOJI = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa\u24c2"
    "\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff"
)
# Scripts whose letters join, and those whose letters do with a sign that takes the vowel away.
_CURSIVE = (
    "\u0620-\u065f\u066e-\u06d3\u06d5-\u06dc\u06de-\u06ff\u0710-\u077f\u07ca-\u07f5\u0840-\u085b\u0860-\u086a"
    "\u0870-\u088e\u0898-\u08e1\u08e3-\u08ff\u1820-\u18aa\ua840-\ua871\ufb50-\ufdc7\ufe70-\ufefc"
    "\U00010ac0-\U00010ae6\U00010d00-\U00010d27\U00010f30-\U00010f54\U0001e900-\U0001e94b"
)
_INDIC = (
    "\u0900-\u0dff\u0e3a\u0eba\u0f40-\u0fbc\u1000-\u109f\u1700-\u17d3\u1a20-\u1a7e\u1b00-\u1b7f\u1b80-\u1bf3\u2d7f"
    "\ua800-\ua82c\ua880-\ua8c5\ua930-\ua953\ua980-\ua9c0\uaa60-\uaa7f\uaae0-\uaaf6\uabc0-\uabed"
    "\U00010a00-\U00010a3f\U00011000-\U00011fff"
)
_VIRAMA = (
    "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u1715"
    "\u1734\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua82c\ua8c4\ua953\ua9c0\uaaf6\uabed\U00010a3f"
    "\U00011046\U00011070\U0001107f\U000110b9\U00011133\U00011134\U000111c0\U00011235\U000112ea\U0001134d\U00011442"
    "\U000114c2\U000115bf\U0001163f\U000116b6\U0001172b\U00011839\U0001193d\U0001193e\U000119e0\U00011a34\U00011a47"
    "\U00011a99\U00011c3f\U00011d44\U00011d45\U00011d97"
)
#: The characters allowed before a sign, and behind it (None: any).
_PLACES: tuple[tuple[str, str, str | None], ...] = (
    ("\u200d", f"[{_EMOJI}](?:\ufe0f|[\U0001f3fb-\U0001f3ff])?", f"[{_EMOJI}]"),
    ("\u200c\u200d", f"[{_CURSIVE}]", f"[{_CURSIVE}]"),
    ("\u200d", f"[{_CURSIVE}]", None),  # the last letter of an abbreviation, in the form it has within a word
    ("\u200c\u200d", f"[{_VIRAMA}]", None),
    ("\u200c\u200d", f"[{_INDIC}]", f"[{_VIRAMA}\u17c9\u17ca]"),
    ("\ufe0e\ufe0f", f"[{_EMOJI}]", None),
    ("\ufe0f", "[#*0-9]", "\u20e3"),  # keycaps
    ("\ufe00", "[\u1000-\u109f\uaa60-\uaa7f\ua840-\ua871\U00010ac0-\U00010ae6]", None),
    ("\u180b-\u180f", "[\u1820-\u18aa]", None),
    ("\u2800", "[\u2801-\u28ff]", "[\u2801-\u28ff]"),
    ("\U00013430-\U00013455", "[\U00013000-\U00013455]", None),
    ("\U00016fe4", "[\U00018b00-\U00018cd5]", None),
)
_RULES = tuple(
    (re.compile(f"[{signs}]"), re.compile(f"(?:{before})\\Z"), re.compile(behind) if behind else None)
    for signs, before, behind in _PLACES
)


def shows(char: str) -> bool:
    """Whether `char`, left by `without_unseen`, is anything but white space, a line end or not assigned yet."""
    return char.isprintable() or char in "\u200c\u200d" or "\U000e0020" <= char <= "\U000e007f"


def is_unseen(text: str) -> bool:
    """Whether there is something in `text` that `without_unseen` takes out."""
    return without_unseen(text) != text


def without_unseen(text: str) -> str:
    """`text` without what a person cannot see; its white space stays as it is."""
    if text.isascii():
        return text if text.isprintable() else _ASCII.sub("", text)
    if (text.isprintable() and _PRINTABLE.search(text) is None) or _SUSPECT.search(text) is None:
        return text
    text = _GONE.sub(r"\1", text)
    if _PLACED.search(text) is None:
        return text
    made: list[str] = []  # alternately what is kept, and a sign that is
    last = 0
    before = ""  # the last signs that were kept
    for found in _PLACED.finditer(text):
        at, sign = found.start(), found[0]
        before = (before + text[max(last, at - 3) : at])[-3:]
        made.append(text[last:at])
        last = at + 1
        behind = text[at + 1 : at + 2]
        for signs, ahead, next_to in _RULES:
            if signs.match(sign) and ahead.search(before) and (next_to is None or next_to.match(behind)):
                made.append(sign)
                before += sign
                break
    return "".join([*made, text[last:]])
