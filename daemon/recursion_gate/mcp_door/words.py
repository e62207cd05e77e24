"""Errors as sentences for a model: what happened, and what to do."""

from __future__ import annotations

import errno

from pydantic import ValidationError

from ..core.errors import GateError, Refusal
from ..core.text import did_you_mean, printable
from ..formats.fields import PUT_BACK

__all__ = ["NotPossible", "in_words", "of_arguments", "unknown_argument"]

_ROOM = {errno.ENOSPC, errno.EDQUOT}


class NotPossible(GateError):
    """What was asked for is not for this caller, or there is no such thing."""


def in_words(error: Exception) -> str | None:
    """An error of the program as a sentence; None where it is no such error."""
    match error:
        case Refusal():
            remedy = "Correct it, and propose it again." if error.remedy == PUT_BACK else error.remedy
            return f"{error.in_full}. {remedy or ''}".strip()
        case GateError():
            return str(error)
        case PermissionError():
            return "the account that this server runs under may not do that: it may propose, and not read"
        case OSError() if error.errno in _ROOM:
            return "there is no room on the disk: nothing was taken. Try again later."
        case OSError():
            return f"the disk fails ({error.strerror}): nothing was taken. Try again later."
    return None


def of_arguments(error: ValidationError) -> str:
    """What is wrong with the arguments of a call, field by field."""
    found = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()[:5]]
    return "; ".join(found)


def unknown_argument(name: str, known: list[str], source: str) -> str:
    """Why an argument that no tool has is refused."""
    if name == "source":
        return f"you propose under the source '{source}' and no other: leave 'source' out"
    return f"unknown argument '{printable(name[:60])}'{did_you_mean(name[:60], known)}"
