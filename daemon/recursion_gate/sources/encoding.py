"""The encoding of a text that another program wrote: UTF-8, UTF-16, or an old one; or several in one file."""

from __future__ import annotations

import codecs
import importlib

__all__ = ["LEGACY", "NotText", "encoding_of", "legacy_bytes"]

#: The error handler by which single bytes that are not UTF-8 are read as Windows-1252: a file that was put together
#: from several has both.
LEGACY = "recursion-gate-legacy"

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FALLBACK = "cp1252"
#: With fewer bytes above ASCII than this nothing can be told from them.
_ENOUGH = 40

_count = 0


class NotText(ValueError):
    """The bytes are no text."""


def legacy_bytes() -> int:
    """How many bytes have been read as Windows-1252 so far in this process, within UTF-8."""
    return _count


def _as_legacy(err: UnicodeError) -> tuple[str, int]:
    global _count
    if not isinstance(err, UnicodeDecodeError):
        raise err
    _count += err.end - err.start
    return err.object[err.start : err.end].decode(_FALLBACK, "replace"), err.end


codecs.register_error(LEGACY, _as_legacy)


def encoding_of(head: bytes) -> str:
    """The encoding of a file that begins with `head`; "utf-8-sig" means UTF-8 with or without a mark. Raises NotText
    where it is no text."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    if b"\0" in head:
        return _wide(head)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
        return "utf-8-sig"
    except UnicodeDecodeError as err:
        if err.start and head[: err.start].isascii() is False:
            return "utf-8-sig"  # UTF-8 so far: a mixed file, see LEGACY
    return _guess(head)


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: Latin text has a zero in every second byte."""
    pairs = len(head) // 2
    for name, zeros in (("utf-16-le", head[1::2].count(0)), ("utf-16-be", head[0::2].count(0))):
        if pairs and zeros > 0.7 * pairs and head.count(0) == zeros:
            return name
    raise NotText


def _guess(head: bytes) -> str:
    try:
        normalizer = importlib.import_module("charset_normalizer")
    except ImportError:
        return _FALLBACK
    if sum(byte > 127 for byte in head[:20_000]) < _ENOUGH:
        return _FALLBACK
    best = normalizer.from_bytes(head[:20_000], cp_exclusion=["utf_7"]).best()
    name = str(best.encoding) if best else _FALLBACK
    # Western text is often taken for cp1250.
    return _FALLBACK if name in ("ascii", "utf_8", "cp1250", "latin_1") else name
