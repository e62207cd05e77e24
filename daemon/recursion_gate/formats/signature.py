"""How a card says by what, and by whom, it was decided: its line ``via:``, which is true of that card alone. Pure.

A card that a person moves in a file manager has none (contract, "A receipt": via, by).
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from ..core.errors import Refusal
from . import frontmatter
from .cards import with_plain_reason
from .drops import decode
from .record_edit import fold

__all__ = ["sign", "signer_of", "unsigned", "via_of"]

#: Who has signed a card on the people's page: an account's name there.
_SIGNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def sign(card: bytes, action: str, via: str, reason: str | None = None, by: str | None = None) -> bytes:
    """The card as `approve`, `reject` and `review` leave it: its front matter says how it was decided, and on what, so
    that it no longer says so once somebody has edited it or moved it elsewhere; and `by` whom, where that is somebody
    else than the account that writes it. Raises Refusal."""
    text = with_plain_reason(card)
    fields, body = frontmatter.split(text)
    if not fields:
        raise Refusal("the front matter of its card is missing", "Delete the card: a fresh one comes back.")
    head = text[: len(text) - len(body)].rstrip("\n").split("\n")[:-1]
    anew = bool(reason and fold(reason))  # else the reason that a person has written on the card stays
    kept = [line for line in head if not line.startswith(("via:", "reason:") if anew else "via:")]
    if reason and anew:
        kept.append(f"reason: {frontmatter.quote(fold(reason))}")
    without = "\n".join([*kept, "---"]) + "\n" + body
    who = f" by {by}" if by else ""
    signed = "\n".join([*kept, f"via: {via} {action} {_digest(without)}{who}", "---", body])
    if not _says_the_same(signed, fields, body):  # a mapping in braces, a quoted value over several lines
        raise Refusal(
            "its front matter is written in a way that nothing can be added to",
            "Write each field on a line of its own, or move the card by hand.",
        )
    return signed.encode()


def unsigned(card: bytes) -> bytes:
    """A signed card without how it was decided, and why: that is no longer so. Raises Refusal."""
    text = with_plain_reason(card)
    fields, body = frontmatter.split(text)
    head = text[: len(text) - len(body)].rstrip("\n").split("\n")[:-1]
    kept = [line for line in head if not line.startswith(("via:", "reason:"))]
    plain = "\n".join([*kept, "---", body])
    return plain.encode() if "via" in fields and _says_the_same(plain, fields, body) else card


def _says_the_same(signed: str, fields: dict[str, Any], body: str) -> bool:
    """Whether a signed card reads as `fields` and `body`, but for how it was decided."""
    try:
        then, text = frontmatter.split(signed)
    except Refusal:
        return False
    own = ("via", "reason")
    return text == body and {k: v for k, v in then.items() if k not in own} == {
        k: v for k, v in fields.items() if k not in own
    }


def via_of(card: bytes, claimed: str | None, action: str) -> str | None:
    """By what the decision was made, where the card's ``via:`` (`claimed`) is true of `action` and of the card as it
    is now; None where the card was moved or edited by hand."""
    via, _, rest = (claimed or "").partition(" ")
    rest, _, who = rest.partition(" by ")
    text = decode(card)
    without = text.replace(f"\nvia: {claimed}\n", "\n", 1)
    true = via in ("cli", "web") and rest == f"{action} {_digest(without)}"
    return via if true and (not who or _SIGNER.fullmatch(who)) else None


def signer_of(claimed: str | None) -> str | None:
    """Who has decided, as a card's ``via:`` says it. True only where `via_of` is, and of a card that the people's page
    has written: see `ownership.decided_by`."""
    via, _, rest = (claimed or "").partition(" ")
    who = rest.partition(" by ")[2]
    return who if via == "web" and _SIGNER.fullmatch(who) else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
