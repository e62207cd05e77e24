"""The time and the chance that go into receipts."""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import UTC, datetime

from .errors import BadSettings
from .text import printable

__all__ = ["now", "salt"]


def now() -> datetime:
    """The time that goes into receipts. ``$RECURSION_GATE_NOW`` (ISO 8601) stops the clock, so that two runs of the
    same story can be compared byte for byte."""
    fixed = os.environ.get("RECURSION_GATE_NOW")
    try:
        return datetime.fromisoformat(fixed) if fixed else datetime.now(UTC)
    except ValueError:
        raise BadSettings("$RECURSION_GATE_NOW", f"'{printable(str(fixed))}' is not an instant (ISO 8601)") from None


def salt(what: str) -> str:
    """32 hexadecimal digits that nobody can guess. Where the clock is stopped they follow from `what`, for the same
    reason."""
    if os.environ.get("RECURSION_GATE_NOW"):
        return hashlib.sha256(what.encode()).hexdigest()[:32]
    return secrets.token_hex(16)
