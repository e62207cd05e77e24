"""Files as they come: archives, encodings, ends of lines; what is no file, empty or a bomb is refused."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from recursion_gate.sources.encoding import encoding_of, legacy_bytes
from recursion_gate.sources.entry import BadSource
from recursion_gate.sources.file import LINE_LIMIT, SourceFile


def put(path: Path, data: bytes) -> SourceFile:
    path.write_bytes(data)
    return SourceFile(path)


@pytest.mark.parametrize(
    "data",
    [
        "Café\n".encode(),
        b"\xef\xbb\xbfCaf\xc3\xa9\n",
        "Café\n".encode("utf-16"),
        "Café\n".encode("utf-16-le"),
        "Café\n".encode("utf-16-be"),
        "Café\n".encode("utf-32"),
        "Café\n".encode("cp1252"),
    ],
)
def test_text_is_read_in_the_encoding_that_it_has(tmp_path: Path, data: bytes) -> None:
    assert list(put(tmp_path / "a.txt", data).lines()) == ["Café"]


def test_a_mixed_file_is_read_to_its_end_and_the_odd_bytes_are_counted(tmp_path: Path) -> None:
    before = legacy_bytes()
    file = put(tmp_path / "a.txt", "Grüße\n".encode() * 20_000 + "Grüße\n".encode("cp1252"))
    assert set(file.lines()) == {"Grüße"}
    assert legacy_bytes() - before == 2


def test_other_scripts_in_old_encodings_are_told_apart() -> None:
    pytest.importorskip("charset_normalizer")
    text = "Сегодня мы читали книгу о драконах, и это было очень интересно. " * 10
    assert "драконах" in text.encode("cp1251").decode(encoding_of(text.encode("cp1251")))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_kind_of_line_end_ends_a_line(tmp_path: Path, end: str) -> None:
    assert list(put(tmp_path / "a.txt", f"one{end}two{end}".encode()).lines()) == ["one", "two"]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="this is no text"):
        list(put(tmp_path / "a.csv", bytes(range(256)) * 40).lines())


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="a line has more than"):
        list(put(tmp_path / "a.txt", b"x" * (LINE_LIMIT + 1)).lines())


def test_an_empty_file_a_pipe_and_a_damaged_archive_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="the file is empty"):
        put(tmp_path / "a.csv", b"\n \n")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadSource, match="this is a pipe"):
        SourceFile(tmp_path / "pipe")
    with pytest.raises(BadSource, match="the archive is damaged"):
        put(tmp_path / "a.zip", b"PK\x03\x04" + b"x" * 200).members()


def test_a_member_of_an_archive_is_a_file_like_any_other(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/chores.csv", "Task\nSwept\n")
        archive.writestr("export/.hidden", "x")
        archive.writestr("export/empty.csv", "")
    (member,) = SourceFile(tmp_path / "a.zip").members()
    assert (member.name, list(member.lines())) == ("chores.csv", ["Task", "Swept"])


def test_a_bomb_in_an_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b"[" + b" " * 50_000_000 + b"]")
    with pytest.raises(BadSource, match="it would unpack to 50,000,002 bytes"):
        SourceFile(tmp_path / "a.zip").members()
