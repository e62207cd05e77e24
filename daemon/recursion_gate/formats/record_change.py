"""Lines taken out of a Record file, exchanged in their place, and put back. Pure (contract, "A merge": corrections,
retractions, decisions that are taken back).

Whole lines only: every other byte stays. `remove` undoes what `record_edit.insert` did, and `put_back` what `remove`
did, byte for byte; a test holds that for any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from ..core.model import act_key
from ..core.receipt import Lines, Old, Receipt, Spot
from ..core.words import HEADINGS
from .outline import SECTION_LEVEL, outline
from .record_edit import Change, count, insert, whole_lines

__all__ = [
    "Digest",
    "Step",
    "apply",
    "named_lines",
    "naming",
    "old_lines",
    "preview",
    "spot_of",
    "standing",
    "standing_lines",
    "steps",
    "taken_back",
]

#: A digest of a line, with the salt of the receipt that it goes into.
Digest = Callable[[bytes], str]

_EVIDENCE = "self-evidence.md"


class Step(NamedTuple):
    """What a decision does in one Record file."""

    file: str
    #: The line that is taken out, behind the heading that was made for it, if that is to go, too.
    out: tuple[str, ...] = ()
    #: The line that is put in: in the place of `out`, else at its `spot`, else at the end of its section.
    into: str | None = None
    spot: Spot | None = None
    #: Of several equal lines, whether the last one is taken out.
    last: bool = False

    @property
    def is_addition(self) -> bool:
        """Whether a line is put at the end of its section, and that is all."""
        return self.into is not None and not self.out and self.spot is None


def steps(receipt: Receipt) -> list[Step]:
    """What the decision of `receipt` does in the Record, file by file. Of the evidence file the old entry's step comes
    first."""
    old = receipt.old or {"removed": {}, "lines": {}, "spots": {}}
    linked = receipt.evidence_id is not None and _EVIDENCE not in {**receipt.lines, **receipt.removed}
    made: list[Step] = []
    for file in dict.fromkeys([*old["removed"], *old["lines"], *receipt.removed, *receipt.lines]):
        out, own_out = old["removed"].get(file, []), receipt.removed.get(file, [])
        into, own_in = old["lines"].get(file, []), receipt.lines.get(file, [])
        if file == _EVIDENCE:
            if out or into:
                made.append(Step(file, tuple(out), _line(into)))
            if own_out or own_in:
                made.append(Step(file, tuple(own_out), _line(own_in)))
            continue
        last = bool(own_out) and linked
        made.append(Step(file, tuple(own_out or out), _line(own_in or into), old["spots"].get(file), last))
    return [step for step in made if step.out or step.into]


def _line(lines: Sequence[str]) -> str | None:
    return lines[-1] if lines else None


def apply(text: bytes, step: Step, digest: Digest) -> tuple[bytes, list[str], list[str]]:
    """`text`, UTF-8, after `step`; and the whole lines that were put in and taken out. A line that is to be taken out
    and does not stand there is left at that."""
    at = _find(text, step.out[-1], last=step.last) if step.out else None
    if at is None:
        if step.into is None:
            return text, [], []
        if step.spot is not None:
            return _put_back(text, step, step.spot, digest), [step.into], []
        new, added = insert(text, HEADINGS[step.file], [step.into])
        return new, added, []
    end = at + len(step.out[-1].encode())
    if step.into is not None:
        return text[:at] + step.into.encode() + text[end:], [step.into], [step.out[-1]]
    above = _heading_above(text, at, end, step.out[:-1])
    gone = list(step.out) if above < at else [step.out[-1]]
    return _cut(text, above, end), [], gone


def preview(text: bytes, changes: Sequence[Change]) -> bytes:
    """`text` as it would be after these changes of one file: a line that comes takes the place of one that goes."""
    goes = [change.line for change in changes if change.goes]
    for change in changes:
        if change.comes:
            text = apply(text, Step(change.file, tuple(goes[:1]), change.line), lambda line: "")[0]
            goes = goes[1:]
    for line in goes:
        text = apply(text, Step(changes[0].file, (line,)), lambda line: "")[0]
    return text


def _find(text: bytes, line: str, *, last: bool) -> int | None:
    found = list(whole_lines(text, line))
    return (found[-1] if last else found[0]) if found else None


def _cut(text: bytes, start: int, end: int) -> bytes:
    """`text` without the lines from `start` to `end`, which is where the last one's line end begins."""
    if text[end : end + 2] == b"\r\n":
        end += 2
    elif end < len(text):
        end += 1
    elif start:  # the last line of the file, which has no line end: the one before it shall have none
        start -= 2 if text[start - 2 : start] == b"\r\n" else 1
    return text[:start] + text[end:]


def _heading_above(text: bytes, at: int, end: int, above: Sequence[str]) -> int:
    """Where the lines `above` the line at `at` begin, if they stand right there and nothing else is in that section."""
    start = at
    for line in reversed(above):
        before = text.rfind(b"\n", 0, max(start - 1, 0)) + 1 if start else 0
        if not start or text[before : start - 1].removesuffix(b"\r") != line.encode():
            return at
        start = before
    nothing = len(text)
    for mark in outline(text).marks:
        if mark["level"] and len(mark["level"]) <= SECTION_LEVEL and mark.start() >= end:
            nothing = mark.start()
            break
    return at if text[end:nothing].strip() else start


def spot_of(text: bytes, line: str, digest: Digest) -> Spot | None:
    """Where `line` stands in `text`; None: it does not."""
    at = _find(text, line, last=False)
    if at is None:
        return None
    before = text.rfind(b"\n", 0, max(at - 1, 0)) + 1
    return {
        "line": text.count(b"\n", 0, at) + 1,
        "after": digest(text[before : at - 1].removesuffix(b"\r")) if at else "",
    }


def _put_back(text: bytes, step: Step, spot: Spot, digest: Digest) -> bytes:
    """`text` with the line where it stood: behind the line that was before it, of several the nearest; where that is
    gone, at the end of its section."""
    assert step.into is not None
    line = step.into.encode()
    if spot["line"] == 1:
        return line + _newline(text, 0) + text if text else line
    where = [(abs(n + 1 - spot["line"]), n, end) for n, end, said in _lines(text) if digest(said) == spot["after"]]
    if not where:
        return insert(text, HEADINGS[step.file], [step.into])[0]
    end = min(where)[-1]
    if end == len(text) and text[end - 1 : end] != b"\n":
        return text + _newline(text, end) + line
    return text[:end] + line + _newline(text, end) + text[end:]


def _lines(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The lines of `text`: the number of each, from 1, the offset behind its line end, and what it says."""
    at = 0
    for number, line in enumerate(text.split(b"\n"), 1):
        at = min(at + len(line) + 1, len(text))
        yield number, at, line.removesuffix(b"\r")


def _newline(text: bytes, at: int) -> bytes:
    end = text.rfind(b"\n", 0, at)
    end = text.find(b"\n", at) if end < 0 else end
    return b"\r\n" if end > 0 and text[end - 1 : end] == b"\r" else b"\n"


# -- the lines of an entry, as a person has left them ----------------------------------------------------------------


def standing(text: bytes, file: str, line: str, act: str, others: Collection[str]) -> str | None:
    """The entry's `line` as it stands in `text`: as it was merged, or as a person has edited it since, known by its ACT
    id; None where it was taken out. `others`: the lines of other entries that name the same id."""
    if next(whole_lines(text, line), None) is not None:
        return line
    return naming(text, file, act, others)


def naming(text: bytes, file: str, act: str, others: Collection[str]) -> str | None:
    """The first line of a Record file that names this ACT id as entries do, and is none of the `others`."""
    return next((said for _, said in named_lines(text, file, act) if said not in others), None)


def named_lines(text: bytes, file: str, act: str) -> Iterator[tuple[int, str]]:
    """The list items of a Record file that name this ACT id as entries do, and where each begins."""
    name = re.escape(act.encode())
    if file == _EVIDENCE:
        pattern = rb"^[ \t]*[-*+][ \t]+%b(?![\w\x80-\xff-])[^\r\n]*" % name
    else:
        pattern = rb"^[ \t]*(?:[-*+]|\xe2\x80\xa2)[^\r\n]*(?<![\w-])%b[ \t.)\]]*(?=\r?$)" % name
    for found in re.finditer(pattern, text, re.MULTILINE):
        said = found[0].decode(errors="replace")
        if next(whole_lines(text, said), None) is not None:
            yield found.start(), said


def standing_lines(
    receipt: Receipt, linked: Callable[[], Sequence[Receipt]], text: Callable[[str], bytes]
) -> dict[str, str]:
    """The lines of an entry as they stand in the Record, by file: as they were merged, or as a person has edited them
    since. `text` gives a Record file's bytes, `linked` the approvals that link to the entry, where they are needed.
    Raises what those raise."""
    found = {}
    act, others = receipt.evidence_id or "", None
    is_own = act_key(act) == act_key(receipt.candidate_id)
    for file, lines in receipt.lines.items():
        line: str | None = lines[-1]
        if not count(text(file), lines[-1]):
            others = linked() if others is None else others
            same = {other.lines[file][-1] for other in others if file in other.lines}
            line = standing(text(file), file, lines[-1], act, same) if is_own else None
        if line is not None:
            found[file] = line
    return found


def old_lines(
    receipt: Receipt, linked: Callable[[], Sequence[Receipt]], text: Callable[[str], bytes]
) -> dict[str, tuple[str, str | None]]:
    """The lines of an entry as they were merged, and as they stand in the Record; of one from before the first receipt
    only as they stand. As `standing_lines`."""
    found = standing_lines(receipt, linked, text)
    if receipt.seq == 0:
        return {file: ("", line) for file, line in found.items()}
    return {file: (lines[-1], found.get(file)) for file, lines in receipt.lines.items()}


def taken_back(
    receipt: Receipt, linked: Callable[[], Sequence[Receipt]], text: Callable[[str], bytes]
) -> tuple[Lines, Old | None]:
    """What taking the decision of `receipt` back does: the lines that go, and what it gives back of the entry that it
    had superseded or retracted; as the fields `removed` and `old` of its receipt have them. As `standing_lines`."""
    removed = {f: [*receipt.lines[f][:-1], s] for f, s in standing_lines(receipt, linked, text).items()}
    if receipt.old is None:
        return removed, None
    old, gone = receipt.old, dict(receipt.old["lines"])
    struck = gone.get(_EVIDENCE)
    if struck and receipt.target and not count(text(_EVIDENCE), struck[-1]):  # edited by hand since it was struck out
        there = naming(text(_EVIDENCE), _EVIDENCE, receipt.target, ())
        gone[_EVIDENCE] = [*struck[:-1], there or struck[-1]]
    return removed, {"removed": gone, "lines": old["removed"], "spots": old["spots"]}
