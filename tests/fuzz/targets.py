"""What is fuzzed: for each reader of foreign bytes a function that takes any bytes and fails when a promise breaks.

Nothing but `Refusal` (drops, cards, front matter) or `Parked` (gate, receipts) may come out of a reader, and what it
accepts must survive the way through the rest of the program.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from recursion_gate.core import model, receipt
from recursion_gate.core.errors import Parked, Refusal
from recursion_gate.core.model import Candidate
from recursion_gate.core.paths import Place, Root
from recursion_gate.core.settings import Settings
from recursion_gate.formats import cards, drops, frontmatter, record_edit, signature
from recursion_gate.formats.card_name import file_name
from recursion_gate.formats.gate_json import dump
from recursion_gate.sources.analyst_answer import Malformed, read_answer
from recursion_gate.sources.conversation import Message
from recursion_gate.sources.entry import BadSource, Options, WrongOption
from recursion_gate.sources.exchanges import Exchange, Talk
from recursion_gate.sources.file import SourceFile
from recursion_gate.sources.registry import importer
from recursion_gate.sources.run import Request, proposal
from recursion_gate.store.gate import Gate
from recursion_gate.store.index import Decided
from recursion_gate.store.ledger import Ledger

__all__ = ["TARGETS", "seeds"]

_SETTINGS = Settings()
_NAMES = ("drop.json", "drop.jsonl", "drop.md", "drop.txt")
_NOW = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)
_MTIME = 1_764_000_000_000_000_000
_HEADINGS = tuple(record_edit.HEADINGS.values())


def _candidate(number: int = 1, **fields: object) -> Candidate:
    data = {
        "id": f"cand-1764000000000-abc{number:04}",
        "raw_text": "Read chapter 2 of Dragon Guide;\nsummarized migration habits.",
        "created_at": "2026-11-24T16:30:00Z",
        "source": "quiz: 1",
        "link_to_evidence_id": None,
        **fields,
    }
    (proposal,) = drops.parse("drop.json", receipt.canonical(data), _MTIME, _SETTINGS)
    return proposal.candidate


_STAGED = _candidate(evidence_summary="Quiz: 9 of 10", topic="dragons")


class _Disk:
    """One user's gate and receipts in a folder in memory."""

    def __init__(self) -> None:
        shm = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None)
        self.root = Root(Path(self._folder.name))
        self.place = Place(self.root.path, "alex")
        self.place.home.mkdir(parents=True)
        self.place.receipts.mkdir(parents=True)
        self.decided = Decided(self.root)


_disk: _Disk | None = None


def _the_disk() -> _Disk:
    global _disk
    if _disk is None:
        _disk = _Disk()
    return _disk


def _reads_well(err: Refusal | Parked) -> None:
    """What is refused says why, in one line."""
    assert err.problem
    assert err.problem.isprintable()


# -- the targets ------------------------------------------------------------------------------------------------------


def fuzz_drops(data: bytes) -> None:
    """A drop is refused, or gives candidates that gate, card and Record take, the same ones each time."""
    name = _NAMES[data[0] % len(_NAMES)] if data else _NAMES[0]
    try:
        proposals = drops.parse(name, data[1:], _MTIME, _SETTINGS)
    except Refusal as err:
        _reads_well(err)
        return
    again = drops.parse(name, data[1:], _MTIME, _SETTINGS)
    found = [p.candidate for p in proposals]
    assert [p.candidate for p in again] == found
    assert found
    for candidate in found[:3]:
        assert Candidate.model_validate_json(dump([candidate]).decode()[1:-2]) == candidate
        additions = record_edit.additions(candidate, model.act_id(candidate), linked=False)
        card = cards.render(candidate, additions)
        assert cards.id_of(card) == candidate.id
        verdict = cards.read(card, candidate, _SETTINGS)
        assert not verdict.edited
        assert len(file_name(candidate).encode()) <= 100
        for addition in additions:
            assert len(addition.line.splitlines()) == 1


def fuzz_cards(data: bytes) -> None:
    """A card is refused, or says what one candidate of the same id is to be, and is read again as that."""
    named = cards.id_of(data)
    try:
        verdict = cards.read(data, _STAGED, _SETTINGS)
    except Refusal as err:
        _reads_well(err)
        return
    candidate = verdict.candidate
    assert candidate.id == _STAGED.id
    assert verdict.edited == (candidate != _STAGED)
    lines = record_edit.additions(candidate, model.act_id(candidate), linked=False)
    again = cards.read(cards.render(candidate, lines), candidate, _SETTINGS)
    assert not again.edited
    if named != _STAGED.id:  # taken for a drop, or for another's card
        return
    try:
        signed = signature.sign(data, "approved", "cli", "said so")
    except Refusal as err:
        _reads_well(err)
        return
    then = cards.read(signed, _STAGED, _SETTINGS)
    assert then.candidate == candidate
    assert then.reason == "said so"
    assert signature.via_of(signed, then.via, "approved") == "cli"
    assert signature.via_of(signed, then.via, "rejected") is None


def fuzz_frontmatter(data: bytes) -> None:
    """Front matter is refused, or its values are plain strings; whatever is quoted is read back as it was."""
    text = data.decode(errors="replace")
    frontmatter.peek_id(text)
    try:
        fields, body = frontmatter.split(text)
    except Refusal as err:
        _reads_well(err)
    else:
        assert all(isinstance(name, str) for name in fields)
        assert len(body) <= len(text)
    quoted = frontmatter.quote(text[:200])
    assert frontmatter.split(f"---\nid: {quoted}\n---\n") == ({"id": text[:200]}, "")


def fuzz_gate(data: bytes) -> None:
    """A gate parks its user, or is saved and read again without a change."""
    place = _the_disk().place
    place.gate.write_bytes(data)
    try:
        gate = Gate.load(place)
    except Parked as err:
        _reads_well(err)
        assert place.gate.read_bytes() == data
        return
    gate.save()
    saved = place.gate.read_bytes()
    again = Gate.load(place)
    assert list(again) == list(gate)
    again.save()
    assert place.gate.read_bytes() == saved


def fuzz_record(data: bytes) -> None:
    """A line goes in, whole, once, and no other byte of the text changes."""
    heading = _HEADINGS[data[0] % len(_HEADINGS)] if data else _HEADINGS[0]
    text = data[1:].decode(errors="replace").encode()
    line = "- • Did it. — ACT-2026-11-24-abcdefghij"
    before = record_edit.count(text, line)
    new, added = record_edit.insert(text, heading, [line, line])
    assert added[-2:] == [line, line]
    assert record_edit.count(new, line) == before + 2
    size = len(new) - len(text)
    at = next((n for n, (a, b) in enumerate(zip(text, new, strict=False)) if a != b), len(text))
    assert any(text == new[:start] + new[start + size :] for start in range(at, max(-1, at - size - 1), -1))
    third, made = record_edit.insert(new, heading, [line])
    assert made == [line], "the section was not found again"
    assert len(third) - len(new) in (len(line.encode()) + 1, len(line.encode()) + 2)


def fuzz_ledger(data: bytes) -> None:
    """Receipts park their user, or are cut to whole ones, and then stay as they are."""
    disk = _the_disk()
    place = disk.place
    place.ledger.write_bytes(data)
    try:
        ledger = Ledger.open(place, disk.decided)
    except Parked as err:
        _reads_well(err)
        return
    mended = place.ledger.read_bytes()
    assert mended == data[: len(mended)] or mended == data + b"\n"
    assert ledger.size == len(mended)
    again = Ledger.open(place, disk.decided)
    assert (again.size, again.seq, again.head) == (ledger.size, ledger.seq, ledger.head)
    assert place.ledger.read_bytes() == mended


class _Imports:
    """A file of one form of `sources`, in memory."""

    def __init__(self, form: str, name: str) -> None:
        self._form, self._importer = form, importer(form)
        self._path = _the_disk().root.path / f"import-{form}" / name
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._folder = self._path.parent if form == "companion-self" else None

    def __call__(self, data: bytes) -> None:
        """A file of another program is refused with a reason, or each place in it gives a drop that the daemon takes
        or a reason why not; a second reading gives the same."""
        self._path.write_bytes(data)
        found = self._read()
        if len(data) % 8 == 0:
            assert found == self._read()

    def _read(self) -> list[object]:
        try:
            file = SourceFile(self._folder or self._path)
            request = Request(file, self._form, "alex", Options(now=_NOW, day_first=True))
            assert self._importer.identify(file) in (True, False)
            items = list(islice(self._importer.extract(file, request.options), 5_000))
        except (BadSource, WrongOption) as err:
            return [str(err)]
        for item in items[:4]:
            line, drop = proposal(item, request, _SETTINGS)
            assert (drop is None) == (line.outcome == "left out")
            assert line.why if drop is None else line.candidate is not None and line.candidate.id == drop["id"]
        return list(items)


def fuzz_answer(data: bytes) -> None:
    """An analyst's answer gives one finding an exchange at most, or is refused in words."""
    try:
        found = read_answer(data.decode(errors="replace"), _PIECE)
    except Malformed as err:
        assert str(err)  # noqa: PT017
        return
    assert len({finding.exchange.digest for finding in found}) == len(found) <= len(_PIECE)


_TALK = Talk("t", "", "", "", "", ())
_PIECE = [Exchange(_TALK, (Message(f"m{n}", "Alex", "I learned it."),), "Alex") for n in range(3)]


#: form: the name that its files have.
_FILES = {
    "anki": "deck.apkg",
    "chatgpt": "conversations.json",
    "claude": "conversations.json",
    "companion-self": "recursion-gate.json",
    "csv": "table.csv",
    "goodreads": "goodreads_library_export.csv",
    "grace-mar": "recursion-gate.md",
    "icalendar": "calendar.ics",
    "json": "data.json",
    "kindle": "My Clippings.txt",
    "markdown-list": "list.md",
    "obsidian": "2026-11-24.md",
    "quiz": "quiz.csv",
    "transcript": "talk.txt",
    "whatsapp": "_chat.txt",
}

TARGETS: dict[str, Callable[[bytes], None]] = {
    "drops": fuzz_drops,
    "cards": fuzz_cards,
    "frontmatter": fuzz_frontmatter,
    "gate": fuzz_gate,
    "record": fuzz_record,
    "ledger": fuzz_ledger,
    "answer": fuzz_answer,
    **{f"import-{form}": _Imports(form, name) for form, name in _FILES.items()},
}


# -- what to begin with -----------------------------------------------------------------------------------------------


def seeds(target: str) -> list[bytes]:
    """Good inputs, which the fuzzer then spoils."""
    if target == "answer":
        answer = (
            b"exchange: 2\nmind_category: knowledge\nsignal_type: lookup\nsummary: x\nprofile_target: IX-A\n"
            b"suggested_entry: Learned it.\npriority_score: 3\n"
        )
        return [
            answer,
            b"```yaml\n" + answer + b"```",
            b"NONE",
            b"- " + answer.replace(b"\n", b"\n  "),
            b'[{"exchange": 1}]',
        ]
    if target.startswith("import-"):
        return _import_seeds(target.removeprefix("import-"))
    other = _candidate(2, raw_text="漢字を三つ学んだ。", suggested_ix_section=None, meta={"a": [1, None, 0.5]})
    lines = [(c, record_edit.additions(c, model.act_id(c), linked=False)) for c in (_STAGED, other)]
    cards_of = [cards.render(c, these, "a note") for c, these in lines]
    signed = signature.sign(cards_of[0], "rejected", "web", "why: not")
    if target == "drops":
        whole = receipt.canonical(_STAGED.as_json() | {"status": "pending"})
        return [
            b"\0" + whole,
            b"\1" + whole + b"\n" + receipt.canonical(other.as_json()) + b"\n",
            *(b"\2" + card for card in cards_of),
            b"\3I want to try it.\n",
        ]
    if target in ("cards", "frontmatter"):
        return [*cards_of, signed, cards_of[0].replace(b"\n", b"\r\n"), b"---\na: {b: [c, ~]}\nd: |\n  e\n---\nf\n"]
    if target == "gate":
        return [dump([_STAGED, other]), b"[]\n"]
    if target == "record":
        text = "---\na: b\n---\n# T\n\n## Activity\n\n- x\n\n---\n\n## Interests\n\n```\n## Activity\n```\n~~~\n"
        return [bytes([n]) + text.encode() for n in range(len(_HEADINGS))] + [b"\4## Activity\r\n- a\r\n"]
    return _receipts()


def _import_seeds(form: str) -> list[bytes]:
    """The beginnings of the samples of a form, and small ones whole."""
    folder = Path(__file__).parents[2] / "fixtures" / "sources" / form
    name = _FILES[form]
    found = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.endswith((".drops.jsonl", ".options"))]
    same = [path for path in found if path.suffix == Path(name).suffix or path.name == name]
    made = [path.read_bytes() for path in same[:5]]
    return [*(data[:900] for data in made), *(data[:4_000] for data in made[:2]), made[0].replace(b"\n", b"\r\n")[:700]]


def _receipts() -> list[bytes]:
    disk = _the_disk()
    disk.place.ledger.unlink(missing_ok=True)
    disk.decided.forget(disk.place)
    ledger = Ledger.open(disk.place, disk.decided)
    ledger.append([_draft(_candidate(n)) for n in (1, 2, 3)])
    whole = disk.place.ledger.read_bytes()
    return [whole, whole[:-1], whole[:-40], whole + b"\0" * 20, whole[:900]]


def _draft(of: Candidate) -> dict[str, object]:
    from ..support.samples import draft

    return draft(of)
