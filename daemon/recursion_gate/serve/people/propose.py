"""A person's own entry, typed here: it becomes a drop like any other ("manual entry")."""

from __future__ import annotations

import os
import time
from typing import Any

from starlette.responses import Response

from ...clients.own import drop
from ...core.words import CATEGORY_OF, SKILLS
from .page import Call, Failed, see_other
from .wanted import NONE

__all__ = ["form", "propose"]

#: Under which source it is staged where no account of a person has signed in.
_SOURCE = "by-hand"


def form(call: Call, error: str = "", status: int = 200) -> Response:
    """GET /propose"""
    return call.html(
        "propose.html", status, skills=SKILLS, sections=CATEGORY_OF, form=call.form or call.query, error=error,
        limit=call.page.door.settings.max_text_chars, daemon=call.page.door.daemon(),
    )  # fmt: skip


def propose(call: Call) -> Response:
    """POST /propose"""
    said = call.form
    text, user, skill, section = (said.get(name, "") for name in ("text", "user", "skill", "section"))
    if not text.strip():
        return form(call, "An entry needs a text.", 422)
    if len(text) > call.page.door.settings.max_text_chars:
        return form(call, f"The text has {len(text):,} characters; the most allowed is "
                    f"{call.page.door.settings.max_text_chars:,}.", 422)  # fmt: skip
    if user not in call.page.users():
        return form(call, "Choose for whom.", 422)
    if skill not in SKILLS or section not in ("", NONE, *CATEGORY_OF):
        raise Failed(400, "The form names no skill or section that there is.")
    candidate_id = f"cand-{time.time_ns() // 1_000_000}-{os.urandom(4).hex()[:7]}"
    fields: dict[str, Any] = {"id": candidate_id, "raw_text": text, "source": call.session.name or _SOURCE}
    fields["skill_tag"] = skill
    if section:
        fields["suggested_ix_section"] = None if section == NONE else section
    drop(call.page.door.root.place(user), fields)
    return see_other("/?said=staged")
