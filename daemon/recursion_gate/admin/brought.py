"""What a user of another instance brings: a Record, and what that instance's receipts tell of it.

The companion-self app gives no entry's id in its receipts. It makes one of the day and the candidate's id, so the entry
is found by that, or else by its words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ..core.errors import GateError, Refusal
from ..core.paths import LEDGER_NAME, RECORD_FILES
from ..disk.untrusted import look
from ..formats.record_parse import Evidence, parse
from ..store.seed_receipts import SeedReceipt

__all__ = ["NotBrought", "decisions_in", "record_in"]

#: The most bytes of a Record file, and of the receipts.
_RECORD_LIMIT, _RECEIPTS_LIMIT = 16 << 20, 64 << 20
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class NotBrought(GateError):
    """Something in the folder cannot be brought."""


def record_in(folder: Path) -> dict[str, bytes]:
    """The Record files in `folder`, as they are. Raises NotBrought where there is none, or one is no text; OSError."""
    found: dict[str, bytes] = {}
    for file in RECORD_FILES:
        try:
            found[file] = look(folder / file, _RECORD_LIMIT).data
            found[file].decode("utf-8")
        except FileNotFoundError:
            continue
        except Refusal as err:
            raise NotBrought(f"{folder / file}: {err.problem}") from None
        except UnicodeDecodeError:
            raise NotBrought(f"{folder / file} is not UTF-8 text") from None
    if not found:
        raise NotBrought(f"there is no Record in {folder}, none of {', '.join(RECORD_FILES)}")
    return found


def decisions_in(folder: Path, record: dict[str, bytes]) -> list[SeedReceipt]:
    """What the receipts in `folder` tell of this `record`, oldest first; none where there are no receipts. Raises
    NotBrought where a line of them is no receipt, OSError."""
    path = folder / LEDGER_NAME
    try:
        data = look(path, _RECEIPTS_LIMIT).data
    except FileNotFoundError:
        return []
    except Refusal as err:
        raise NotBrought(f"{path}: {err.problem}") from None
    evidence = parse({name: text.decode() for name, text in record.items()}).evidence
    entries = _Entries(evidence)
    return [
        SeedReceipt(
            candidate_id=each["candidate_id"], evidence_id=entries.of(each), merged_at=each.get("merged_at") or ""
        )
        for each in _merges(path, data)
    ]


def _merges(path: Path, data: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not _ID.fullmatch(str(found.get("candidate_id"))):
            raise NotBrought(f"{path}: line {number} is no receipt; mend or remove the line")
        if found.get("merged_at") is not None and not _is_instant(found["merged_at"]):
            raise NotBrought(f"{path}: line {number}: 'merged_at' is no instant; mend or remove the line")
        if found.get("action", "approved") == "approved":
            yield found


def _is_instant(value: object) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


class _Entries:
    """The evidence of a Record, of which each receipt takes one."""

    def __init__(self, evidence: tuple[Evidence, ...]) -> None:
        self._free = list(evidence)

    def of(self, receipt: dict[str, Any]) -> str | None:
        """The entry that this receipt tells of: the one with the id that the app made, else the only one that says the
        same; None where that cannot be told."""
        said = " ".join(str(receipt.get("raw_text", "")).split())
        same = [each for each in self._free if each.summary == said]
        wanted = receipt.get("evidence_id") or _app_id(receipt)
        found = next((each for each in same if each.id == wanted), None)
        if found is None and len(same) == 1:
            found = same[0]
        if found is None:
            return None
        self._free.remove(found)
        return found.id


def _app_id(receipt: dict[str, Any]) -> str:
    """The id that the companion-self app gives an entry: the day of the merge, and the digits of the last nine signs of
    the candidate's id (app/schema/record.js, mergeCandidate)."""
    digits = re.sub(r"[^0-9]", "", receipt["candidate_id"][-9:])[-8:] or "0"
    return f"ACT-{str(receipt.get('merged_at') or '')[:10]}-{digits}"
