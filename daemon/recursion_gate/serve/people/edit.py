"""A card edited in place, with the lines that it adds then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from ...clients import decide as deciding
from ...clients.decide import Waiting
from ...core.errors import Refusal
from ...core.model import Candidate
from ...core.words import CATEGORY_OF, SKILLS
from ...formats import cards, frontmatter
from ...store.gate import Gate
from .inbox import address, item_of
from .page import Call, Failed, see_other
from .views import by_file, view
from .wanted import NONE, Wanted

__all__ = ["edit", "edited"]

_GONE = "This card waits no longer: it was decided, or taken out."


def edit(call: Call) -> Response:
    """GET /card/USER/ID/edit"""
    item = _item(call)
    now = view(item, call.page.door.settings)
    if now.problem:
        raise Failed(409, now.problem)
    return _form(call, item, now.now, now.shown)


def edited(call: Call) -> Response:
    """POST /card/USER/ID/edit: save what was typed, or show what it adds (``do=preview``)."""
    item, form, settings = _item(call), call.form, call.page.door.settings
    shown = form.get("shown", "")
    typed = _typed(item.now, form)
    try:
        text = card_text(item, typed)
        candidate = cards.read(text.encode(errors="replace"), item.candidate, settings).candidate
        if form.get("do") == "preview":
            return _form(call, item, candidate, shown)
        deciding.save_edit(item, text, settings, shown=shown)
    except deciding.Changed:
        error = "Somebody has changed this card meanwhile. What you typed is still here; saving it replaces that."
        return _form(call, item, typed, deciding.digest(item.data()), error, 409)
    except Refusal as err:
        return _form(call, item, typed, shown, f"{err.problem[:1].upper()}{err.problem[1:]}. {err.remedy}", 422)
    return see_other(address(item, Wanted.of(call.query), said="saved"))


def card_text(item: Waiting, candidate: Candidate) -> str:
    """The card that says `candidate`; the reason that a person has written on it stays. Raises Refusal, OSError."""
    text = cards.render(candidate, ()).decode()
    reason = cards.reason_in(item.data())
    return text.replace("\nid: ", f"\nreason: {frontmatter.quote(reason)}\nid: ", 1) if reason else text


def _typed(now: Candidate, form: Any) -> Candidate:
    """The candidate as it was typed into the form. Raises Failed."""
    skill, section = form.get("skill", now.skill_tag), form.get("section", now.suggested_ix_section or NONE)
    if skill not in SKILLS or section not in (*CATEGORY_OF, NONE):
        raise Failed(400, "The form names no skill or section that there is.")
    own = None if section == NONE else section
    return now.model_copy(
        update={
            "raw_text": form.get("text", now.raw_text),
            "skill_tag": skill,
            "suggested_ix_section": own,
            "mind_category": CATEGORY_OF[own] if own else None,
        }
    )


def _item(call: Call) -> Waiting:
    item = item_of(call)
    if item is None or item.state != "pending":
        raise Failed(410, _GONE, "Look at the list again.")
    return item


def _form(call: Call, item: Waiting, typed: Candidate, shown: str, error: str = "", status: int = 200) -> Response:
    now = replace(item, gate=Gate.load(item.place), evidence_of={})
    return call.html(
        "edit.html",
        status,
        item=item,
        typed=typed,
        shown=shown,
        files=by_file(now.effect(typed)),
        limit=max(call.page.door.settings.max_text_chars, len(item.candidate.raw_text)),
        skills=SKILLS,
        sections=CATEGORY_OF,
        wanted=Wanted.of(call.query),
        address=address,
        error=error,
    )
