"""review: go through what waits, card by card."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..layout import Root
from . import root_of
from .deciding import print_card
from .output import LeftOut, one_line, say, short_id, user_option, users_of
from .trouble import in_words

__all__ = ["review"]

_KEYS = "[a]pprove [r]eject [e]dit [s]kip [q]uit [?]"
_HELP = """
  a   approve: the green lines enter the Record
  r   reject: the Record stays as it is; you may give a reason
  e   edit the card in $EDITOR, then look at it again
  s   skip: it stays where it is
  q   quit
"""
_AGAIN = "The card is as it was. 'e' opens what you typed once more."


@click.command()
@user_option
@click.pass_context
def review(ctx: click.Context, user: str | None) -> None:
    """Go through what waits, card by card.

    Shows one candidate at a time with the lines that approving would add, and takes single keys: a approve, r reject,
    e edit in $EDITOR, s skip, q quit. Ctrl-C quits, too; what was decided by then stays decided.

    A user whose gate or cards cannot be read is left out, which is said on stderr; exits with 1 when that leaves
    nobody, with 130 after Ctrl-C.

    \b
    Example:
      recursion-gate review --user demo
    """
    from .. import deciding
    from ..settings import load_settings

    root = root_of(ctx)
    settings = load_settings(root)
    users = users_of(root, user)
    left_out = LeftOut(users)
    items = [w for w in deciding.waiting(root, users, settings, left_out) if w.state == "pending"]
    if left_out.nothing_is_left:
        ctx.exit(1)
    if not items:
        click.echo("nothing waits")
        return
    counts = {"approved": 0, "rejected": 0, "skipped": 0}
    interrupted = False
    try:
        for number, item in enumerate(items):
            done = _Card(item, settings, len(items) - number).decide()
            if done == "quit":
                break
            counts[done] += 1
    except KeyboardInterrupt:
        interrupted = True
        click.echo()
    left = len(items) - sum(counts.values())
    click.echo("\n" + ", ".join(f"{n} {what}" for what, n in counts.items()) + f", {left} left")
    _hint(root, counts)
    if interrupted:
        ctx.exit(130)


def _hint(root: Root, counts: dict[str, int]) -> None:
    from ..lock import is_held

    if counts["approved"] + counts["rejected"] and is_held(root) is False:
        click.echo("No daemon runs: 'recursion-gate run' or 'once' carries out what you decided.")


class _Card:
    """One card on the screen, until it is decided."""

    def __init__(self, item: Any, settings: Any, left: int) -> None:
        self._item, self._settings, self._left = item, settings, left
        #: What stands for the card as it was seen: only that is decided on.
        self._shown: str | None = None
        #: What was typed in the editor and could not be saved.
        self._typed: str | None = None
        self._is_old = True

    def decide(self) -> str:
        """Ask until it is approved, rejected, skipped, or all is quit."""
        from .. import deciding
        from ..errors import Refusal

        click.echo()
        click.secho(f"── {self._left} left " + "─" * 50, dim=True)
        while True:
            try:
                if self._is_old:
                    self._is_old = False
                    self._show()
                done = self._do(_ask(self._prompt()))
                if done:
                    return done
            except deciding.Changed as err:
                self._is_old = True
                self._tell(f"{err.problem}. {err.remedy}" + (f" {_AGAIN}" if self._typed else ""))
            except Refusal as err:
                self._tell(f"{err.problem}. {_remedy(err)}")
            except FileNotFoundError:
                click.echo("its card was moved away meanwhile")
                return "skipped"
            except OSError as err:
                if err.filename is None:  # of the terminal
                    raise
                self._tell(in_words(err))
            except click.ClickException as err:  # of the editor
                self._tell(err.message)

    def _prompt(self) -> str:
        """The keys, and which card they are for: a long card has scrolled the rest away."""
        return f"{self._left} left · {one_line(short_id(self._item.candidate.id), 20)} · {_KEYS} "

    def _tell(self, problem: str) -> None:
        say(problem, fg="red")

    def _show(self) -> None:
        from .. import deciding

        data = self._item.data() if self._item.card else None
        self._shown = deciding.digest(data) if data else None
        print_card(self._item, self._item.as_edited(self._settings, data))
        click.echo()

    def _do(self, key: str) -> str | None:
        from .. import deciding

        if key == "a":
            deciding.decide(self._item, "approved", shown=self._shown)
            click.secho("approved", fg="green")
            return "approved"
        if key == "r":
            try:
                reason = click.prompt("reason (or Enter)", default="", show_default=False)
            except click.Abort:  # Ctrl-C: not rejected after all
                click.echo()
                self._is_old = True
                return None
            deciding.decide(self._item, "rejected", shown=self._shown, reason=reason)
            click.secho("rejected", fg="red")
            return "rejected"
        if key == "e":
            self._edit()
        elif key == "?":
            click.echo(_HELP)
        return {"s": "skipped", "q": "quit"}.get(key)

    def _edit(self) -> None:
        """Open the card, or what was typed the last time, and put it in its place."""
        from .. import deciding
        from ..errors import Refusal

        text = self._typed
        if text is None:
            try:
                text = self._item.data().decode("utf-8-sig")
            except UnicodeDecodeError:
                raise Refusal("its card is not UTF-8", "Delete it: a clean one comes back.") from None
        with _left_to_the_editor():
            edited = click.edit(text, extension=".md")
        if edited is None:
            if self._typed is not None:
                self._tell(_AGAIN)
            else:
                self._is_old = True
            return
        self._typed = edited
        try:
            deciding.save_edit(self._item, edited, self._settings, shown=self._shown)
        except deciding.Changed:
            raise
        except Refusal as err:
            raise Refusal(err.problem, _AGAIN) from err
        self._typed, self._is_old = None, True


def _remedy(err: Any) -> str:
    from ..drops import PUT_BACK

    return "'e' opens it: mend it there." if err.remedy in ("", PUT_BACK) else str(err.remedy)


@contextmanager
def _left_to_the_editor() -> Iterator[None]:
    """Ctrl-C means the editor while it is open, as with git. Not ignored: the editor would inherit that."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _ask(prompt: str) -> str:
    """One key; from a pipe, one line. The end of the input quits. Raises KeyboardInterrupt."""
    click.secho(prompt, bold=True, nl=False)
    if sys.stdin.isatty():
        try:
            key = click.getchar(echo=False)
        except EOFError:  # Ctrl-D
            key = "q"
        click.echo()
        return "q" if key == "\x1b" else key.lower()
    line = sys.stdin.readline()
    click.echo()
    return line.strip()[:1].lower() if line else "q"
