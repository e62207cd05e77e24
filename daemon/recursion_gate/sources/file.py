"""A file to import: its beginning, its text, its members if it is an archive. Of any size, in bounded memory."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, BinaryIO

from ..disk.untrusted import kind_of
from .encoding import LEGACY, NotText, encoding_of
from .entry import BadSource

__all__ = ["HEAD", "LINE_LIMIT", "Empty", "SourceFile"]

#: The bytes at the beginning that importers know a form by.
HEAD = 64 * 1024
#: The most characters of one line: a longer one is no text that people or programs write line by line.
LINE_LIMIT = 4_000_000

#: An archive's member may have so many bytes, and so many times the bytes that it takes in the archive; more of them
#: than this are not looked at.
_MEMBER_LIMIT, _RATIO, _MEMBERS = 16 << 30, 200, 2_000
_SMALL = 10_000_000
_ZIP = b"PK\x03\x04"
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)


class Empty(BadSource):
    """There is nothing in a file."""


class SourceFile:
    """The file at `path`, or the `member` of the archive that it is. Raises BadSource where it is no file or folder,
    or empty; OSError."""

    def __init__(self, path: Path, member: str = "") -> None:
        self.path, self.member = path, member
        found = os.stat(path)
        self.is_folder = stat.S_ISDIR(found.st_mode)
        if not self.is_folder and not stat.S_ISREG(found.st_mode):
            raise BadSource(str(path), f"this is a {kind_of(found.st_mode)}, not a file")
        #: Of the file on disk, in bytes.
        self.size = 0 if self.is_folder else found.st_size
        self._raw: IO[bytes] | None = None
        self._end = 0
        #: Other members of the archive that belong to the same export, in its order.
        self.more: tuple[SourceFile, ...] = ()
        self._current = self
        self._members: list[SourceFile] | None = None  # known once somebody has asked
        if not self.is_folder and not self.head.strip():
            raise Empty(self.display, "the file is empty")

    @property
    def name(self) -> str:
        """Its own name, without folders."""
        return Path(self.member).name if self.member else self.path.name

    @property
    def ending(self) -> str:
        return Path(self.name).suffix.lower()

    @property
    def display(self) -> str:
        """As messages name it."""
        return f"{self.path}: {self.member}" if self.member else str(self.path)

    @property
    def done(self) -> int:
        """How many bytes of the file on disk have been read."""
        return self._current._position()

    def _position(self) -> int:
        try:
            return self._raw.tell() if self._raw is not None else 0
        except ValueError:  # closed: as far as it was read
            return self._end

    def parts(self) -> Iterator[SourceFile]:
        """This file, and then each that belongs to the same export, as it is to be read."""
        for part in (self, *self.more):
            self._current = part
            yield part

    @cached_property
    def head(self) -> bytes:
        """Its first bytes; none of a folder."""
        if self.is_folder:
            return b""
        with self.open() as file:
            return file.read(HEAD)

    @cached_property
    def head_text(self) -> str:
        """Its beginning as text; "" where it is none."""
        try:
            return self.head.decode(self.encoding, "replace").removeprefix("\ufeff")
        except NotText:
            return ""

    @cached_property
    def encoding(self) -> str:
        """Raises NotText."""
        return encoding_of(self.head)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its bytes. Raises BadSource where an archive is broken or too large, OSError."""
        with open(self.path, "rb", buffering=0) as raw:
            self._raw = raw
            try:
                if not self.member:
                    with io.BufferedReader(raw, HEAD) as file:
                        yield file
                    self._end = self.size
                    return
                with zipfile.ZipFile(raw) as archive, archive.open(_checked(archive, self.member, self)) as member:
                    yield member  # type: ignore[misc]
                    self._end = raw.tell()
            except _BAD_ZIP as err:
                raise BadSource(self.display, "the archive is damaged or locked", _AGAIN) from err

    @contextmanager
    def text(self) -> Iterator[io.TextIOWrapper]:
        """Its text, with its own line ends. Bytes that are not UTF-8 in a UTF-8 file are read as Windows-1252
        (`encoding.legacy_bytes` counts them). Raises BadSource where it is no text, OSError."""
        try:
            encoding = self.encoding
        except NotText:
            raise BadSource(self.display, "this is no text", "Export it as CSV, JSON or plain text.") from None
        errors = LEGACY if encoding == "utf-8-sig" else "replace"
        with self.open() as file, io.TextIOWrapper(file, encoding, errors, newline="") as text:
            yield text

    def lines(self) -> Iterator[str]:
        """Its lines, whatever their ends, without them. Raises as `text`."""
        with self.text() as text:
            text.reconfigure(newline=None)
            yield from bounded(text, self.display)

    @property
    def is_archive(self) -> bool:
        return not self.member and self.head.startswith(_ZIP)

    def members(self) -> list[SourceFile]:
        """The files in an archive, in its order; none where it is not one. Raises BadSource where it is damaged."""
        if self._members is None:
            self._members = self._look_into() if self.is_archive else []
        return self._members

    def _look_into(self) -> list[SourceFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = [
                    info.filename for info in archive.infolist()[:_MEMBERS] if not info.is_dir() and info.file_size
                ]
        except _BAD_ZIP as err:
            raise BadSource(self.display, "the archive is damaged", _AGAIN) from err
        found = []
        for name in names:
            if not Path(name).name.startswith("."):
                try:
                    found.append(SourceFile(self.path, name))
                except Empty:
                    continue
        return found


_AGAIN = "Export or download it again."


def bounded(text: io.TextIOWrapper, display: str) -> Iterator[str]:
    """The lines of `text` without their ends. Raises BadSource at one that is too long."""
    while line := text.readline(LINE_LIMIT):
        if len(line) >= LINE_LIMIT and not line.endswith("\n"):
            raise BadSource(display, f"a line has more than {LINE_LIMIT:,} characters", "This is no text by lines.")
        yield line.rstrip("\r\n")


def _checked(archive: zipfile.ZipFile, name: str, file: SourceFile) -> zipfile.ZipInfo:
    """The member `name`, which must not be one that grows without measure when it is unpacked. Raises BadSource."""
    info = archive.getinfo(name)
    too_much = info.file_size > _MEMBER_LIMIT or (
        info.file_size > _SMALL and info.file_size > _RATIO * max(1, info.compress_size)
    )
    if too_much:
        raise BadSource(
            file.display,
            f"it would unpack to {info.file_size:,} bytes, from {info.compress_size:,}: no export does that",
        )
    return info
