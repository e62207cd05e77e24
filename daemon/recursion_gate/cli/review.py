"""review: decide card by card."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..core.paths import Root
from . import root_of
from .card import Hints, Rejected, print_screen, whole_card
from .keys import ESC, key, line
from .options import Filter, LeftOut, filter_options, user_option, users_of
from .output import one_line, say, short_id, terminal_size, wrapped
from .trouble import in_words

__all__ = ["review"]

_KEYS = "[a]pprove [r]eject [e]dit [s]kip [b]ack [u]ndo [q]uit [?]"
_HELP = """
  a   approve: it enters the Record, in the places with a green +
  r   reject: the Record stays as it is; you may give a reason
  e   edit the card in $EDITOR, then look at it again
  s   skip: it stays where it is
  b   back to the card before; what you decided on it is taken back, unless it is done
  u   undo: your last decision in this review is taken back, also when it is done; its card is the next
  m   more: the whole text, and the exact lines that approving adds
  /   find a card by words in its text, its source or its id
  q   quit
"""
_SHORT = "a approve, r reject, e edit, s skip, b back, u undo, m more, / find, q quit, ? help"
_LEAVES = {"s": "skipped", "b": "back", "u": "undo", "/": "find", "q": "quit", ESC: "quit"}
_AGAIN = "The card is as it was. 'e' opens what you typed once more."
#: A key counts when the card has been on the screen for this many seconds.
_SEEN = 0.3
#: How long, in seconds, the daemon may take for a decision that is taken back.
_CARRIED_OUT = 10.0


@click.command()
@user_option
@filter_options
@click.option("--list", "as_list", is_flag=True, help="All cards at once in $EDITOR, a line for each.")
@click.pass_context
def review(ctx: click.Context, user: str | None, wanted: Filter, as_list: bool) -> None:
    """Decide card by card.

    Shows one candidate at a time and the places that approving would add it to, and takes single keys: a approve,
    r reject, e edit in $EDITOR, s skip, b back, u undo, m more, / find, q quit. Ctrl-C quits, too; what was decided
    by then stays decided. A key counts when its card has been on the screen for a moment. Cards whose words were
    rejected before come last.

    With --list the whole queue opens in $EDITOR: a line for each card that begins with approve, reject, edit or skip.
    Each line is a decision of its own, on the card as it was listed; exits with 1 when one could not be decided on.

    A user whose gate or cards cannot be read is left out, which is said on stderr; exits with 1 when that leaves
    nobody, with 130 after Ctrl-C.

    \b
    Examples:
      recursion-gate review --user demo
      recursion-gate review --skill WRITE --source quiz
      recursion-gate review --list
    """
    from ..clients import decide as deciding
    from ..clients.person import check_person
    from ..core.settings import load_settings

    check_person()
    root = root_of(ctx)
    settings = load_settings(root)
    users = users_of(root, user)
    left_out = LeftOut(users)
    waits = deciding.waiting(root, users, settings, left_out)
    items = Rejected().last(w for w in waits if w.state == "pending" and wanted.takes(w.now))
    if left_out.nothing_is_left:
        ctx.exit(1)
    if not items:
        click.echo("nothing waits" + wanted.given)
        return
    if as_list:
        from .review_list import edit_list

        counts = edit_list(items, settings)
        click.echo(", ".join(f"{n} {what}" for what, n in counts.items() if n or what != "not decided"))
        _hint(root, counts)
        if counts["not decided"]:
            ctx.exit(1)
        return
    beside = Hints()
    pile = _Pile([_Card(item, settings, beside) for item in items])
    interrupted = False
    try:
        pile.go_through()
    except KeyboardInterrupt:
        interrupted = True
        click.echo()
    counts = {what: list(pile.done.values()).count(what) for what in ("approved", "rejected", "skipped")}
    click.echo("\n" + ", ".join(f"{n} {what}" for what, n in counts.items()) + f", {pile.left} left")
    _hint(root, counts)
    if interrupted:
        ctx.exit(130)


class _Pile:
    """The cards, which of them are done, and the way back."""

    def __init__(self, cards: list[_Card]) -> None:
        self._cards = cards
        #: approved, rejected or skipped, by the number of the card.
        self.done: dict[int, str] = {}
        self._before: list[int] = []

    @property
    def left(self) -> int:
        return len(self._cards) - len(self.done)

    def go_through(self) -> None:
        """Until all are done, or `q`. Raises KeyboardInterrupt."""
        at: int | None = 0
        while at is not None:
            did = self._cards[at].decide(self.left)
            if did == "quit":
                return
            if did == "back":
                at = self._back(at)
            elif did == "undo":
                at = self._undo(at)
            elif did == "find":
                found = self._find(at)
                if found != at:
                    self._before.append(at)
                at = found
            else:
                self.done[at] = did
                self._before.append(at)
                at = self._next(at)

    def _others(self, at: int) -> list[int]:
        """Those that are not done, from the one after `at` on, around to it."""
        size = len(self._cards)
        return [n % size for n in range(at + 1, at + size) if n % size not in self.done]

    def _next(self, at: int) -> int | None:
        return next(iter(self._others(at)), None)

    def _back(self, at: int) -> int:
        if not self._before:
            say("this is the first card", fg="red")
            return at
        before = self._before[-1]
        if self._cards[before].take_back(self.done.get(before, "")):
            self.done.pop(before, None)
            self._before.pop()
            return before
        return at

    def _undo(self, at: int) -> int:
        """Take the last decision of this review back; gives its card, or the one `at` where it cannot be."""
        decided = [n for n in self._before if self.done.get(n) in ("approved", "rejected")]
        if not decided:
            say("nothing was decided in this review; 'recursion-gate undo --last' takes older ones back", fg="red")
            return at
        last = decided[-1]
        if not self._cards[last].undo(self.done[last]):
            return at
        del self.done[last]
        self._before.remove(last)
        return last

    def _find(self, at: int) -> int:
        words = line("find (words)")
        if not words:
            return at
        for number in self._others(at):
            if self._cards[number].has(words):
                return number
        say(f"no other card has '{one_line(words, 40)}'", fg="red")
        return at


def _hint(root: Root, counts: dict[str, int]) -> None:
    from ..disk.lock import is_held

    if not counts["approved"] + counts["rejected"]:
        return
    if is_held(root) is False:
        click.echo("No daemon runs: 'recursion-gate run' or 'once' carries out what you decided.")
    click.echo("A slip? 'recursion-gate undo --last' takes the last decision back.")


class _Card:
    """One card on the screen, until it is decided."""

    def __init__(self, item: Any, settings: Any, beside: Hints) -> None:
        self._item, self._settings, self._left, self._beside = item, settings, 0, beside
        #: The hints for the decision, once computed.
        self._hints: list[Any] | None = None
        #: The digest of the card as it was seen: only that is decided on.
        self._shown: str | None = None
        #: Text typed in the editor that could not be saved.
        self._typed: str | None = None
        self._is_old = True
        #: The card's bytes, and when it came on the screen.
        self._data: bytes | None = None
        self._since = 0.0

    def has(self, words: str) -> bool:
        """Whether its text, source or id contains each of `words`."""
        now = self._item.now
        text = f"{now.raw_text} {now.source or ''} {now.id}".casefold()
        return all(word in text for word in words.casefold().split())

    def take_back(self, action: str) -> bool:
        """Take `action` back, if it was a decision and is not carried out; says why where that is not possible."""
        from ..core.errors import GateError

        try:
            if self._move_back(action):
                return True
            self._tell("what you decided on the card before is carried out: u takes it back")
        except GateError as err:
            self._tell(_whole(err))
        except OSError as err:
            self._tell(in_words(err))
        return False

    def _move_back(self, action: str) -> bool:
        """False where the decision is carried out. Raises Refusal where its card cannot be moved, OSError."""
        from ..clients import take_back
        from ..disk.lock import is_held

        if self._data is None or action not in ("approved", "rejected"):
            return True
        item = self._again()
        if item is None:
            return False
        runs, rests = bool(is_held(Root(item.place.root))), self._settings.grace_seconds > 0
        if item.state != "pending" and not take_back.take_out(item, runs=runs, rests=rests):
            return False
        self._item = self._again() or item
        return True

    def _again(self) -> Any:
        """The candidate as it waits now, with its card; None where it has none."""
        from ..clients import decide as deciding

        place, candidate_id = self._item.place, self._item.candidate.id
        waits = deciding.waiting(Root(place.root), [place.user], self._settings)
        return next((w for w in waits if w.candidate.id == candidate_id and w.card), None)

    def undo(self, action: str) -> bool:
        """Take `action` back, also where it is carried out; says why where that is not possible."""
        from ..clients import decided, take_back
        from ..core.errors import GateError
        from .carrying_out import CarryingOut
        from .undo import carried_out

        place = self._item.place
        root, work = Root(place.root), CarryingOut(Root(place.root), self._settings, _CARRIED_OUT)
        try:
            if self._move_back(action):
                return True
            found = decided.find(root, [place.user], self._item.candidate.id)
            if not carried_out(work, found, take_back.take_back(found), "it is taken back", quiet=False):
                return False
            item = work.until(place, self._again, "its card is made")
        except (GateError, click.ClickException) as err:
            self._tell(err.message if isinstance(err, click.ClickException) else _whole(err))
            return False
        except OSError as err:
            self._tell(in_words(err))
            return False
        if item is None:
            self._tell(f"it is taken back; {work.why}")
            return False
        self._item, self._data, self._typed = item, None, None
        click.secho("taken back", fg="green")
        return True

    def decide(self, left: int) -> str:
        """Ask until it is approved, rejected, skipped, or left for another."""
        from ..clients import decide as deciding
        from ..core.errors import Refusal

        self._left, self._is_old = left, True
        click.echo()
        click.secho(f"── {self._left} left ".ljust(min(60, terminal_size()[0]), "─"), dim=True)
        while True:
            try:
                if self._is_old:
                    self._is_old = False
                    self._show()
                done = self._do(key(self._prompt(), self._since + _SEEN))
                if done:
                    return done
            except deciding.Changed as err:
                self._is_old = True
                self._tell(f"{err.in_full}. {err.remedy}" + (f" {_AGAIN}" if self._typed else ""))
            except Refusal as err:
                self._tell(f"{err.in_full}. {_remedy(err)}")
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
        return f"{self._left} left · {one_line(short_id(self._item.candidate.id), 20)} · {_KEYS}"

    def _tell(self, problem: str) -> None:
        say(problem, fg="red")

    def _show(self) -> None:
        from ..clients import decide as deciding

        data = self._item.data() if self._item.card else None
        self._shown = deciding.digest(data) if data else None
        self._data = data
        keys = wrapped(self._prompt()).count("\n") + 1
        if self._hints is None:
            self._hints = self._beside.on(self._item)
        print_screen(self._item, self._item.as_edited(self._settings, data), keys, self._hints)
        self._since = time.monotonic()

    def _more(self) -> None:
        now = self._item.as_edited(self._settings, self._data)
        click.echo_via_pager(whole_card(self._item, now, self._hints or ()) + "\n")
        self._is_old = sys.stdout.isatty()

    def _do(self, pressed: str) -> str | None:
        from ..clients import decide as deciding

        if pressed == "a":
            deciding.decide(self._item, "approved", shown=self._shown)
            click.secho("approved", fg="green")
            return "approved"
        if pressed == "r":
            reason = line("reason (or Enter)")
            if reason is None:  # not rejected after all
                self._is_old = True
                return None
            deciding.decide(self._item, "rejected", shown=self._shown, reason=reason)
            click.secho("rejected", fg="red")
            return "rejected"
        if pressed == "e":
            self._edit()
        elif pressed == "m":
            self._more()
        elif pressed == "?":
            for about in _HELP.split("\n"):
                say(about, rest=" " * 6)
        elif pressed not in _LEAVES:
            say("that is no key here. " + _SHORT, fg="red")
        return _LEAVES.get(pressed)

    def _edit(self) -> None:
        """Open the card, or what was typed the last time, and put it in its place."""
        from ..clients import decide as deciding
        from ..core.errors import Refusal

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
            raise Refusal(err.problem, _AGAIN, found=err.found) from err
        self._typed, self._is_old = None, True


def _whole(err: Exception) -> str:
    """What an error says, with its remedy."""
    return f"{getattr(err, 'problem', err)}. {getattr(err, 'remedy', '')}".strip()


def _remedy(err: Any) -> str:
    from ..formats.fields import PUT_BACK

    return "'e' opens it: mend it there." if err.remedy in ("", PUT_BACK) else str(err.remedy)


@contextmanager
def _left_to_the_editor() -> Iterator[None]:
    """Ctrl-C means the editor while it is open, as with git. Not ignored: the editor would inherit that."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
