"""The chain of receipts: appended, mended after any stop, and found again."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from recursion_gate.core.errors import Parked
from recursion_gate.core.model import Candidate
from recursion_gate.core.paths import Place, Root
from recursion_gate.core.receipt import Receipt, chain_hash
from recursion_gate.reading import snapshot
from recursion_gate.store import baseline
from recursion_gate.store import jsonl as tail
from recursion_gate.store.index import Decided
from recursion_gate.store.ledger import Ledger

from ..support.roots import RECORD, add_user
from ..support.samples import candidate, candidates, draft

START = "0" * 64
same_folder = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def place(root: Root) -> Place:
    place = root.place("alex")
    place.receipts.mkdir()
    root.daemon.mkdir()
    return place


@pytest.fixture
def decided(root: Root) -> Iterator[Decided]:
    made = Decided(root)
    yield made
    made.close()


def _append(place: Place, decided: Decided, *numbers: int) -> list[Receipt]:
    return Ledger.open(place, decided).append([draft(candidate(n)) for n in numbers])


COMPACT: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False}


def _id(number: int) -> str:
    return candidate(number).id


def _everyone(candidate_id: str) -> bool:
    return True


# -- the chain ------------------------------------------------------------------------------------------------------


def test_each_receipt_is_one_line_and_hangs_on_the_one_before(place: Place, decided: Decided) -> None:
    made = _append(place, decided, 1, 2) + _append(place, decided, 3)
    lines = place.ledger.read_bytes().splitlines()
    assert [Receipt.model_validate_json(line) for line in lines] == made
    before = START
    for number, line in enumerate(lines, 1):
        fields = json.loads(line)
        said = ["reason", "source", "raw_text", "lines", "removed", "candidate", "approved", "sha256", "card"]
        entry = json.dumps({k: fields[k] for k in said if fields.get(k)}, sort_keys=True, **COMPACT)
        rest = {k: v for k, v in fields.items() if k not in ("hash", "salt", *said) and v is not None}
        rest["entry"] = hmac.new(fields["salt"].encode(), entry.encode(), "sha256").hexdigest()
        text = json.dumps(rest, sort_keys=True, **COMPACT)
        assert fields["hash"] == hashlib.sha256(text.encode()).hexdigest()
        assert (fields["seq"], fields["prev_hash"]) == (number, before)
        before = fields["hash"]


def test_many_at_once_are_the_same_bytes_as_one_at_a_time(root: Root, place: Place, decided: Decided) -> None:
    other = add_user(root, "zoe")
    other.receipts.mkdir()
    _append(place, decided, 1, 2, 3)
    for number in (1, 2, 3):
        _append(other, decided, number)
    assert place.ledger.read_bytes() == other.ledger.read_bytes()


def test_the_first_receipt_hangs_on_the_record_as_it_was(place: Place, decided: Decided) -> None:
    data = baseline.bytes_of(place)
    assert json.loads(data) == {"user": "alex", "files": RECORD}
    place.baseline.write_bytes(data)
    [made] = _append(place, decided, 1)
    assert made.prev_hash == hashlib.sha256(data).hexdigest() == baseline.hash_of(place)


def test_the_record_as_it_was_leaves_out_what_is_missing_or_no_text(place: Place) -> None:
    (place.home / "self.md").unlink()
    (place.home / "self-evidence.md").write_bytes(b"\xff")
    assert set(json.loads(baseline.bytes_of(place))["files"]) == set(RECORD) - {"self.md", "self-evidence.md"}


def test_without_a_file_there_are_no_receipts(place: Place, decided: Decided) -> None:
    ledger = Ledger.open(place, decided)
    assert (ledger.size, ledger.seq, ledger.head, ledger.last) == (0, 0, START, None)
    assert ledger.find(_id(1)) is None
    assert ledger.unfinished(_everyone) == []
    assert tail.end(place.ledger) == tail.End()
    assert list(tail.forwards(place.ledger, 0)) == list(tail.backwards(place.ledger, 0)) == []
    assert not place.ledger.exists()


@same_folder
@given(
    st.lists(candidates(), min_size=1, max_size=3, unique_by=lambda c: c.id), st.sampled_from(["approved", "rejected"])
)
def test_a_receipt_of_any_candidate_is_read_as_it_was_written(
    place: Place, decided: Decided, made: list[Candidate], action: str
) -> None:
    place.ledger.unlink(missing_ok=True)
    decided.forget(place)
    written = Ledger.open(place, decided).append([draft(c, action) for c in made])
    ledger = Ledger.open(place, decided)
    assert ledger.last == written[-1]
    assert [ledger.find(c.id) for c in made] == written
    found = list(tail.forwards(place.ledger, ledger.size))
    for (at, line), receipt in zip(found, written, strict=True):
        assert json.loads(line)["hash"] == chain_hash(json.loads(line)) == receipt.hash
        assert place.ledger.read_bytes()[at:].startswith(line)
    assert [(at, line + b"\n") for at, line in tail.backwards(place.ledger, ledger.size)] == found[::-1]


# -- what a stop leaves ---------------------------------------------------------------------------------------------


def test_a_file_cut_anywhere_is_mended_to_its_whole_receipts(place: Place, decided: Decided) -> None:
    made = _append(place, decided, 1, 2)
    whole = place.ledger.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    near = {at for end in ends for at in range(end - 70, end + 20)}  # each byte there, and every ninth elsewhere
    for cut in sorted({*range(0, len(whole), 9), *near} & set(range(len(whole) + 1))):
        place.ledger.write_bytes(whole[:cut])
        ledger = Ledger.open(place, decided)
        count = sum(end - 1 <= cut for end in ends)  # one that lacks only its line end is whole
        assert ledger.seq == count
        assert ledger.head == (made[count - 1].hash if count else START)
        assert place.ledger.read_bytes() == whole[: ledger.size] == whole[: ([0, *ends])[count]]


@same_folder
@given(st.binary(max_size=200).filter(lambda tail: b"\n" not in tail))
def test_any_tail_that_is_not_a_line_is_cut_off(place: Place, decided: Decided, tail: bytes) -> None:
    place.ledger.unlink(missing_ok=True)
    decided.forget(place)
    made = _append(place, decided, 1, 2)
    whole = place.ledger.read_bytes()
    place.ledger.write_bytes(whole + tail)
    ledger = Ledger.open(place, decided)
    assert (ledger.last, ledger.size) == (made[-1], len(whole))
    assert place.ledger.read_bytes() == whole
    assert [r.seq for r in ledger.append([draft(candidate(3))])] == [3]


@pytest.mark.parametrize(
    "tail", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000, b"\0" * 300_000, b"{" + b" " * 200_000]
)
def test_a_long_or_deep_tail_is_cut_off_too(place: Place, decided: Decided, tail: bytes) -> None:
    made = _append(place, decided, 1)
    whole = place.ledger.read_bytes()
    place.ledger.write_bytes(whole + tail)
    assert Ledger.open(place, decided).last == made[0]
    assert place.ledger.read_bytes() == whole


@same_folder
@given(st.binary(max_size=200), st.booleans())
def test_any_tail_at_all_never_costs_a_receipt(place: Place, decided: Decided, tail: bytes, ended: bool) -> None:
    place.ledger.unlink(missing_ok=True)
    decided.forget(place)
    made = _append(place, decided, 1, 2)
    whole = place.ledger.read_bytes()
    place.ledger.write_bytes(whole + tail + b"\n" * ended)
    try:
        ledger = Ledger.open(place, decided)
    except Parked as err:
        problem = str(err)
    else:
        problem = ""
        assert ledger.last == made[-1]
    assert place.ledger.read_bytes().startswith(whole)
    assert not problem or problem.startswith("receipts/alex/merge-receipts.jsonl: a line is not a receipt")


@pytest.mark.parametrize("line", [b"garbage", b"{}", b'{"seq": 3}', b"null", b"[" * 10_000, b"\xff"])
def test_a_last_line_that_is_no_receipt_parks_the_user(place: Place, decided: Decided, line: bytes) -> None:
    _append(place, decided, 1)
    before = place.ledger.read_bytes() + line + b"\n"
    place.ledger.write_bytes(before)
    with pytest.raises(Parked):
        Ledger.open(place, decided)
    assert place.ledger.read_bytes() == before


def test_a_receipt_longer_than_one_look_at_the_end_is_found(place: Place, decided: Decided) -> None:
    long = candidate(2, meta={"x": "y" * 300_000})
    Ledger.open(place, decided).append([draft(candidate(1))])
    [made] = Ledger.open(place, decided).append([draft(long)])
    ledger = Ledger.open(place, decided)
    assert ledger.last == made == ledger.find(long.id)
    assert [r.seq for r in ledger.unfinished(_everyone)] == [1, 2]
    found = list(tail.forwards(place.ledger, ledger.size))
    assert [at for at, _ in tail.backwards(place.ledger, ledger.size)] == [at for at, _ in found[::-1]]
    assert list(tail.forwards(place.ledger, ledger.size, found[1][0])) == found[1:]


def test_empty_lines_behind_the_last_receipt_hide_it_from_nobody(root: Root, place: Place, decided: Decided) -> None:
    [made] = _append(place, decided, 1)
    with place.ledger.open("ab") as file:
        file.write(b"\n\n")
    assert Ledger.open(place, decided).last == made
    assert snapshot.snapshot(root, "alex").head == made.hash


def test_what_waits_at_the_gate_though_it_has_a_receipt_is_unfinished(place: Place, decided: Decided) -> None:
    _append(place, decided, 1, 2, 3, 4)
    ledger = Ledger.open(place, decided)
    waiting = {_id(3), _id(4)}
    assert [r.candidate_id for r in ledger.unfinished(waiting.__contains__)] == [_id(3), _id(4)]
    assert ledger.unfinished(lambda _: False) == []
    assert [r.seq for r in ledger.unfinished(_everyone)] == [1, 2, 3, 4]


@pytest.mark.parametrize("size", [1, 60, 5_000, 200_000])
def test_a_hole_that_a_power_cut_left_in_an_append_takes_all_behind_it_away(
    place: Place, decided: Decided, size: int
) -> None:
    _append(place, decided, 1, 2)
    whole = place.ledger.read_bytes()
    _append(place, decided, *range(3, 403))
    data = bytearray(place.ledger.read_bytes())
    end = data.index(b"\n", len(whole)) + 1  # the third receipt is whole
    data[end + 10 : end + 10 + size] = b"\0" * size
    place.ledger.write_bytes(data)
    ledger = Ledger.open(place, decided)
    unfinished = ledger.unfinished(lambda i: i not in (_id(1), _id(2)))
    assert [r.seq for r in unfinished] == [3]
    assert place.ledger.read_bytes() == data[:end]
    assert [r.seq for r in ledger.append([draft(candidate(4))])] == [4]
    assert ledger.find(_id(5)) is None


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("size", [1, 600, 70_000])
def test_a_hole_at_the_very_end_is_cut_off_at_once(place: Place, decided: Decided, size: int, end: bytes) -> None:
    made = _append(place, decided, *range(1, 101))
    whole = place.ledger.read_bytes()
    place.ledger.write_bytes(whole[:-size] + b"\0" * size + end)
    ledger = Ledger.open(place, decided)
    left = whole[: whole.rindex(b"\n", 0, len(whole) - size) + 1]
    assert place.ledger.read_bytes() == left
    assert ledger.last == made[left.count(b"\n") - 1]


def test_several_holes_leave_what_stands_before_the_first(place: Place, decided: Decided) -> None:
    _append(place, decided, *range(1, 301))
    data = bytearray(place.ledger.read_bytes())
    for at in range(len(data) // 4, len(data), len(data) // 4):
        data[at : at + 5] = b"\0" * 5
    place.ledger.write_bytes(data)
    ledger = Ledger.open(place, decided)
    unfinished = ledger.unfinished(_everyone)
    assert b"\0" not in place.ledger.read_bytes()
    assert [r.seq for r in unfinished] == list(range(1, ledger.seq + 1))
    assert ledger.size == data[: data.index(0)].rindex(b"\n") + 1


def test_a_failed_append_leaves_the_file_as_it_was(place: Place, decided: Decided) -> None:
    _append(place, decided, 1)
    before = place.ledger.read_bytes()
    ledger = Ledger.open(place, decided)
    with _no_more_than(len(before) + 100), pytest.raises(OSError):
        ledger.append([draft(candidate(2))])
    assert place.ledger.read_bytes() == before
    assert (ledger.seq, ledger.size) == (1, len(before))
    assert [r.seq for r in ledger.append([draft(candidate(2))])] == [2]


class _no_more_than:
    """No file may grow beyond `size` bytes: the nearest thing to a full disk that every account can have."""

    def __init__(self, size: int) -> None:
        self.size, self.before = size, resource.getrlimit(resource.RLIMIT_FSIZE)

    def __enter__(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


# -- finding --------------------------------------------------------------------------------------------------------


def test_each_receipt_is_found_by_its_candidate_and_no_other_users(root: Root, place: Place, decided: Decided) -> None:
    other = add_user(root, "zoe")
    other.receipts.mkdir()
    made = _append(place, decided, 1, 2, 3)
    _append(other, decided, 7)
    ledger = Ledger.open(place, decided)
    assert [ledger.find(_id(n)) for n in (1, 2, 3)] == made
    assert ledger.find(_id(7)) is None
    assert ledger.find("") is None
    ledger.append([draft(candidate(4))])
    assert ledger.find(_id(4)) == ledger.last


@pytest.mark.parametrize("damage", [b"", b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 4000])
@pytest.mark.parametrize("ending", ["", "-wal"])
def test_a_broken_index_is_made_again(root: Root, place: Place, damage: bytes, ending: str) -> None:
    decided = Decided(root)
    made = _append(place, decided, 1, 2)
    assert Ledger.open(place, decided).find(_id(1)) == made[0]
    decided.close()
    Path(f"{root.index}{ending}").write_bytes(damage)
    again = Decided(root)
    assert [Ledger.open(place, again).find(_id(n)) for n in (1, 2, 3)] == [*made, None]
    again.close()


def test_an_index_that_breaks_while_it_is_open_is_made_again(root: Root, place: Place, decided: Decided) -> None:
    made = _append(place, decided, 1, 2)
    ledger = Ledger.open(place, decided)
    assert ledger.find(_id(1)) == made[0]
    for path in root.daemon.iterdir():
        path.write_bytes(b"garbage" * 2000)
    assert [ledger.find(_id(n)) for n in (1, 2, 3)] == [*made, None]


@pytest.mark.parametrize("where", ["no folder", "a folder in its place", "no room on the disk"])
def test_where_no_index_can_be_kept_receipts_are_found_all_the_same(root: Root, place: Place, where: str) -> None:
    decided = Decided(root)
    made = _append(place, decided, 1, 2)
    if where == "no folder":
        root.daemon.rmdir()
    elif where == "a folder in its place":
        root.index.mkdir()
    ledger = Ledger.open(place, decided)
    with _no_more_than(0 if where == "no room on the disk" else 10**9):
        assert [ledger.find(_id(n)) for n in (1, 2, 3)] == [*made, None]
    decided.close()


@pytest.mark.parametrize("room", [0, 5_000, 34_000, 40_000])
def test_where_the_disk_fills_up_after_the_index_was_made_receipts_are_found(
    root: Root, place: Place, room: int
) -> None:
    decided = Decided(root)
    made = _append(place, decided, 1, 2)
    assert Ledger.open(place, decided).find(_id(1)) == made[0]
    made += _append(place, decided, *range(3, 1_500))
    ledger = Ledger.open(place, decided)
    with _no_more_than(room):
        assert [ledger.find(_id(n)) for n in (1, 2, 3, 700, 1_499, 1_500)] == [*made[:3], made[699], made[1_498], None]
    decided.close()


@pytest.mark.parametrize("more", [1, 2, 3, 10])
def test_receipts_that_were_replaced_park_the_user_and_without_the_index_all_are_found(
    root: Root, place: Place, decided: Decided, more: int
) -> None:
    old = _append(place, decided, 91, 92)
    assert Ledger.open(place, decided).find(_id(91)) == old[0]
    aside = Root(root.path / "aside")  # another chain, made where no index knows of it
    aside.daemon.mkdir(parents=True)
    other = aside.place("alex")
    other.receipts.mkdir(parents=True)
    made = _append(other, Decided(aside), *range(1, 1 + more))
    shutil.copy(other.ledger, place.ledger)
    for _ in range(2):
        with pytest.raises(Parked, match=r"delete \.daemon/decided\.sqlite"):
            Ledger.open(place, decided)
    decided.close()
    root.index.unlink()
    ledger = Ledger.open(place, decided)
    assert [ledger.find(_id(n)) for n in range(1, 1 + more)] == made
    assert ledger.find(_id(91)) is None


def test_reading_a_file_that_has_got_shorter_in_the_meantime_ends(place: Place, decided: Decided) -> None:
    ledger = Ledger.open(place, decided)
    ledger.append([draft(candidate(n)) for n in (1, 2)])
    os.truncate(place.ledger, ledger.size // 2)
    assert decided.offset(place, _id(2), ledger.size, ledger.head) is None


def test_a_file_that_is_shorter_or_longer_than_it_was_left_is_seen_as_changed(place: Place, decided: Decided) -> None:
    ledger = Ledger.open(place, decided)
    assert ledger.unchanged()
    ledger.append([draft(candidate(1))])
    assert ledger.unchanged()
    with place.ledger.open("ab") as file:
        file.write(b"x")
    assert not ledger.unchanged()
    place.ledger.unlink()
    assert not ledger.unchanged()


def test_a_hole_in_a_receipt_that_was_decided_long_ago_costs_no_other(place: Place, decided: Decided) -> None:
    _append(place, decided, 1, 2, 3, 4, 5)
    data = bytearray(place.ledger.read_bytes())
    data[data.index(b'"seq":3') + 40] = 0
    place.ledger.write_bytes(data)
    ledger = Ledger.open(place, decided)
    assert ledger.seq == 5
    assert ledger.unfinished(lambda candidate_id: False) == []
    assert place.ledger.read_bytes() == data


def test_a_hole_in_the_last_receipt_is_damage_where_that_is_known_to_have_been_whole(
    place: Place, decided: Decided
) -> None:
    made = _append(place, decided, 1, 2)
    assert Ledger.open(place, decided).find(made[0].candidate_id) == made[0]  # now the index knows how far it reaches
    data = bytearray(place.ledger.read_bytes())
    data[data.index(b'"seq":2') + 40] = 0
    place.ledger.write_bytes(data)
    with pytest.raises(Parked, match="is damaged"):
        Ledger.open(place, decided)
    assert place.ledger.read_bytes() == data
    place.ledger.write_bytes(data[: data.index(0)])  # or a copy that is older
    with pytest.raises(Parked, match="older"):
        Ledger.open(place, decided)


@pytest.mark.parametrize("what", ["the file", "the folder"])
def test_receipts_that_are_gone_are_not_begun_anew(root: Root, place: Place, decided: Decided, what: str) -> None:
    made = _append(place, decided, 1, 2)
    ledger = Ledger.open(place, decided)
    assert ledger.find(_id(1)) == made[0]
    if what == "the file":
        decided.close()
        root.index.unlink()
        place.month(made[0].at).mkdir()  # where decided cards are filed
        place.ledger.unlink()
    else:
        shutil.rmtree(place.receipts)
    with pytest.raises(Parked, match="the receipts are gone"):
        Ledger.open(place, decided)


def test_an_index_that_somebody_has_locked_holds_up_nobody_and_is_left_as_it_is(place: Place, root: Root) -> None:
    first = Decided(root)
    _append(place, first, 1, 2)
    assert Ledger.open(place, first).find(_id(1)) is not None
    first.close()
    before = os.stat(root.index).st_ino
    holder = sqlite3.connect(root.index, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    holder.execute("DELETE FROM upto")
    asked = Decided(root)
    try:
        began = time.monotonic()
        assert Ledger.open(place, asked).find(_id(2)) is not None
        assert time.monotonic() - began < 4  # sqlite waits for 5 s unless told not to
        assert os.stat(root.index).st_ino == before
    finally:
        asked.close()
        holder.execute("ROLLBACK")
        holder.close()
