"""correct and retract: a person's own, staged, shown and decided in one go."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..core.paths import Root
from . import root_of
from .card import change_lines, whole_card
from .carrying_out import CarryingOut, wait_option
from .deciding import complete_decided
from .keys import key, line
from .options import LeftOut, json_option, section_choice, skill_choice, user_option, users_of
from .output import one_line, print_json, say

if TYPE_CHECKING:
    from ..clients.decided import Decided
    from ..core.receipt import Receipt

__all__ = ["correct", "retract"]

_SOURCE = "person"
_COMMENT = "# What shall stand in its place? Lines that begin with # do not count; an empty text changes nothing."
_act_argument = click.argument("entry", metavar="ACT", shell_complete=complete_decided)
_yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
_stage_option = click.option("--stage", "only_stage", is_flag=True, help="Only propose: the card waits in pending/.")


@click.command()
@_act_argument
@click.argument("text", required=False)
@skill_choice("That of the entry unless told.")
@section_choice("That of the entry unless told.")
@click.option("--reason", metavar="TEXT", help="Why; it is kept in the receipt.")
@_yes_option
@_stage_option
@user_option
@wait_option
@json_option
@click.pass_context
def correct(
    ctx: click.Context,
    /,
    entry: str,
    text: str | None,
    skill: str | None,
    section: str | None,
    reason: str | None,
    yes: bool,
    only_stage: bool,
    **more: Any,
) -> None:
    """Correct an entry of the Record.

    ACT is its ACT id, or its candidate's id; it may be shortened. TEXT takes the place of its text; '-' reads it from
    standard input, and without TEXT the old one opens in $EDITOR. Shows the lines that go and come, asks, and has them
    carried out. The old entry stays in the evidence, struck, and 'undo' brings it back.

    Where no daemon runs, and this account may, the work is done at once, as 'recursion-gate once' does it. Exits with 1
    when the entry no longer stands, or nothing is changed.

    \b
    Examples:
      recursion-gate correct ACT-2026-11-24-btjdj2yx0cl8u4k0 "Owls hunt at night."
      recursion-gate correct btjdj2yx --reason "She read it again."
      recursion-gate correct btjdj2yx "Owls hunt at night." --stage
    """
    asked = _Asked(ctx, yes, only_stage, reason, **more)
    found, receipt = asked.find(entry)
    old = receipt.raw_text
    said = _text_of(text, old)
    skill = skill or receipt.skill_tag
    section = section or receipt.suggested_ix_section or "none"
    same_place = (skill, section) == (receipt.skill_tag, receipt.suggested_ix_section or "none")
    if said == old.strip() and same_place:
        raise click.ClickException("nothing is changed: that is what the entry says.")
    fields = {"raw_text": said, "skill_tag": skill, "suggested_ix_section": None if section == "none" else section}
    asked.carry_out(found, receipt, fields | {"supersedes": receipt.evidence_id})


@click.command()
@_act_argument
@click.argument("why", required=False)
@_yes_option
@_stage_option
@user_option
@wait_option
@json_option
@click.pass_context
def retract(ctx: click.Context, /, entry: str, why: str | None, yes: bool, only_stage: bool, **more: Any) -> None:
    """Retract an entry of the Record: it no longer stands.

    ACT is its ACT id, or its candidate's id; it may be shortened. WHY is kept in the receipt, not in the Record. Shows
    the lines that go, asks, and has them taken out. The entry stays in the evidence, struck; 'undo' brings it back,
    'forget' erases it.

    Where no daemon runs, and this account may, the work is done at once, as 'recursion-gate once' does it. Exits with 1
    when the entry no longer stands, or nothing is changed.

    \b
    Examples:
      recursion-gate retract ACT-2026-11-24-btjdj2yx0cl8u4k0 "It was a joke."
      recursion-gate retract btjdj2yx --yes
    """
    asked = _Asked(ctx, yes, only_stage, None, **more)
    found, receipt = asked.find(entry)
    if why is None and sys.stdin.isatty() and not yes:
        say(one_line(receipt.raw_text, 500), "> ", "> ")
        why = line("why it no longer stands (or Enter)")
        if why is None:
            raise click.ClickException("nothing is changed.")
    fields = {"raw_text": (why or "").strip() or "It no longer stands.", "retracts": receipt.evidence_id}
    asked.carry_out(found, receipt, fields | {"skill_tag": receipt.skill_tag, "suggested_ix_section": None})


def _text_of(text: str | None, old: str) -> str:
    """The text that was given, read or typed. Raises click.ClickException where there is none."""
    if text is None:
        if not sys.stdin.isatty():
            raise click.UsageError("give TEXT, or '-' to read it from standard input.")
        edited = click.edit(f"{old}\n\n{_COMMENT}\n", extension=".md")
        text = "" if edited is None else "\n".join(x for x in edited.splitlines() if not x.startswith("#"))
        if not text.strip():
            raise click.ClickException("nothing is changed: the text was not saved, or is empty.")
    elif text == "-":
        try:
            text = sys.stdin.read()
        except UnicodeDecodeError:
            raise click.UsageError("the text is not UTF-8.") from None
    if not text.strip():
        raise click.UsageError("the text is empty: say what is so, or use 'recursion-gate retract'.")
    return text.strip()


@dataclass
class _Done:
    """What is told at the end, as JSON."""

    candidate_id: str
    state: str = "dropped"
    act: str | None = None
    diff: tuple[str, ...] = ()
    done: bool = False


class _Asked:
    """One correction or retraction, as it was asked for."""

    def __init__(
        self, ctx: click.Context, yes: bool, only_stage: bool, reason: str | None, user: str | None, wait: float,
        as_json: bool,
    ) -> None:  # fmt: skip
        from ..clients.person import check_person
        from ..core.settings import load_settings

        check_person()
        if as_json and not (yes or only_stage):
            raise click.UsageError("--json asks nothing: add --yes, or --stage.")
        self._ctx, self._yes, self._only_stage, self._reason, self._json = ctx, yes, only_stage, reason, as_json
        self._root: Root = root_of(ctx)
        self._settings = load_settings(self._root)
        self._users = users_of(self._root, user)
        self._work = CarryingOut(self._root, self._settings, wait)

    def find(self, given: str) -> tuple[Decided, Receipt]:
        """The entry that is meant, and the receipt that approved it. Raises click.ClickException where it does not
        stand."""
        from ..clients import decided

        found = decided.find_entry(self._root, self._users, given, LeftOut(self._users))
        entry = found.entry()
        if entry is None:
            last = found.receipt
            became = (
                "it waits in pending/: edit its card, or reject it"
                if found.waits
                else f"it was {last.message}"
                if last
                else ""
            )
            raise click.ClickException(f"'{found.candidate_id}' is no entry of the Record: {became}.")
        if entry.unclear:
            raise click.ClickException(f"{entry.unclear}. Edit the Record by hand instead.")
        if entry.problem is not None:
            by = entry.gone.evidence_id if entry.gone and entry.gone.supersedes else None
            remedy = f" Correct or retract {by}." if by else ""
            raise click.ClickException(f"{found.name} no longer stands: {entry.problem}.{remedy}")
        if found.act is None:
            raise click.ClickException(
                f"'{found.candidate_id}' has no evidence of its own: it links to {entry.receipt.evidence_id}. "
                "'recursion-gate undo' takes it back."
            )
        return found, entry.receipt

    def carry_out(self, found: Decided, receipt: Receipt, fields: dict[str, Any]) -> None:
        """Stage it, show it, ask, decide, and wait until it is carried out."""
        from ..clients.own import drop
        from ..core.text import printable

        candidate_id = f"cand-{time.time_ns() // 1_000_000}-{os.urandom(4).hex()[:7]}"
        made = _Done(candidate_id)
        path = drop(found.place, {"id": candidate_id, "source": _SOURCE, **fields})
        if self._only_stage:
            if not self._json:
                click.echo(printable(str(path)))
            self._end(found, receipt, made)
            return
        item = self._card_of(found, candidate_id, path)
        if item is None:
            if not self._json:
                say(
                    f"proposed as {candidate_id}; {self._work.why}. Then: recursion-gate approve {candidate_id}",
                    fg="yellow",
                )
            self._end(found, receipt, made)
            self._ctx.exit(1)
        made.state, made.diff = "pending", tuple(item.diff(item.now))
        if self._decide(item):
            made.state = "approved"
            self._wait_for_the_merge(found, item, made)
        self._end(found, receipt, made)
        if made.state != "approved":
            self._ctx.exit(1)

    def _card_of(self, found: Decided, candidate_id: str, path: Any) -> Any:
        """Its card, as soon as it is in pending/. Raises click.ClickException where the drop was refused."""
        from ..clients import decide, requests
        from ..store.gate import Gate

        def look() -> Any:
            refused = requests.refusal(found.place, path)
            if refused is not None:
                raise click.ClickException(f"{refused.problem}. {refused.remedy}".strip())
            if path.exists() or candidate_id not in Gate.load(found.place):
                return None
            items = decide.waiting(self._root, [found.place.user], self._settings)
            return next((w for w in items if w.candidate.id == candidate_id and w.card), None)

        return self._work.until(found.place, look, "its card is made")

    def _decide(self, item: Any) -> bool:
        """Show what it changes, ask, and move its card; gives whether it was approved."""
        from ..clients import decide
        from ..core.errors import Refusal

        shown = decide.digest(item.data())
        if not self._json:
            click.echo(whole_card(item, item.now) if not self._yes else "\n".join(change_lines(item.diff(item.now))))
        pressed = "y" if self._yes else self._ask()
        try:
            if pressed == "y":
                decide.decide(item, "approved", shown=shown, reason=self._reason)
                return True
            if pressed == "n":
                decide.decide(item, "rejected", shown=shown, reason="not after all")
                click.echo(f"{item.candidate.id}: rejected; the Record stays as it is")
                return False
        except Refusal as err:
            raise click.ClickException(f"{item.candidate.id}: {err.problem}. {err.remedy}".strip()) from err
        say(f"left waiting in pending/: recursion-gate approve {item.candidate.id}")
        return False

    @staticmethod
    def _ask() -> str:
        while True:
            try:
                pressed = key("Do it? [y]es [n]o, reject it [l]eave it waiting")
            except KeyboardInterrupt:
                click.echo()
                return "l"
            if pressed in ("y", "n"):
                return pressed
            if pressed in ("l", "q", "\x1b"):
                return "l"
            say("y has it carried out, n rejects it, l leaves its card in pending/", fg="red")

    def _wait_for_the_merge(self, found: Decided, item: Any, made: _Done) -> None:
        """Wait until it has left the gate; says what became of it."""
        from ..clients import decide, decided
        from ..store.gate import Gate

        moved = found.place.approved / item.card.name

        def look() -> Any:
            if moved.exists() and item.candidate.id in Gate.load(found.place):
                return None  # as long as it lies there, not all cards need be read
            now = [w for w in decide.waiting(self._root, [found.place.user], self._settings)
                   if w.candidate.id == item.candidate.id]  # fmt: skip
            if not now:
                return decided.find(self._root, [found.place.user], item.candidate.id)
            return now[0] if now[0].state == "pending" else None

        end = self._work.until(found.place, look, "it is carried out")
        if isinstance(end, decide.Waiting):
            raise click.ClickException(f"{item.candidate.id} came back: {_note(end) or 'its card says why'}")
        made.done = end is not None
        made.act = end.act if end is not None else None
        if self._json:
            return
        if end is None:
            say(f"{item.candidate.id}: approved; {self._work.why}", fg="yellow")
        elif end.receipt.retracts:
            click.secho(f"{found.name} is retracted", fg="green")
        else:
            click.secho(f"{found.name} is superseded by {end.act}", fg="green")

    def _end(self, found: Decided, receipt: Receipt, made: _Done) -> None:
        if self._json:
            print_json(
                {"user": found.place.user, "id": made.candidate_id, "about": receipt.evidence_id,
                 "evidence_id": made.act, "state": made.state, "diff": list(made.diff), "done": made.done}
            )  # fmt: skip


def _note(item: Any) -> str | None:
    from ..core.errors import Refusal
    from ..formats import cards

    try:
        return cards.note_in(item.data())
    except (Refusal, OSError):
        return None
