"""The analyst: a conversation goes in, proposals come out. The thinking is done by a command of the person's choice, or
by `rules`; here it is given what it needs, its answer is checked, and what holds is written as a drop.

An exchange has one id for good, so it is proposed at most once, however often and by whatever it is read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from ..clients.stage import NoInbox, stage_many
from ..core.errors import GateError, Refusal
from ..core.model import Candidate
from ..core.paths import Root, valid_user
from ..core.settings import Settings
from ..formats import drops
from ..plans.processes import run
from ..spec import context
from . import rules
from .analyst_answer import CONTRACT, Finding, Malformed, read_answer
from .entry import Importer, Options
from .exchanges import Exchange, Talk, exchanges, pieces, talks, who_speaks
from .file import SourceFile
from .known import FILE_NAME, Known, known
from .read_on import ReadOn
from .words import clipped

__all__ = ["Analysis", "Ask", "CommandFailed", "analyse", "asking", "first_prompt"]

#: What is asked, and answered. Raises CommandFailed, Malformed.
Ask = Callable[[str], str]

#: The longest answer, in bytes.
_LONGEST = 60_000
_NAMES_FROM = (50, 2_000)  # conversations, messages of each


@dataclass(eq=False)
class CommandFailed(GateError):
    """The command that was asked did not answer."""

    how: str
    tail: str = ""
    sentence = "the analyst's command {e.how}{e.tail}. What was proposed before is kept; run it again to read on."


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is to be analysed, for whom and how."""

    file: SourceFile
    form: str
    importer: Importer
    user: str
    options: Options
    source: str = "analyst"
    #: Whose words count, as they are called in the conversation.
    who: str | None = None
    limit: int | None = None
    dry_run: bool = False
    #: Tokens of the pack that goes before each piece; None: all of the Record.
    budget: int | None = None


@dataclass
class Found:
    """What came of an analysis."""

    exchanges: int = 0
    pieces: int = 0
    asked_again: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    staged: list[Candidate] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def asking(command: Sequence[str], timeout: float) -> Ask:
    """Ask by running `command`, the prompt on its standard input, the answer on its standard output; what it writes
    as errors goes to the terminal. It has `timeout` seconds."""

    def ask(prompt: str) -> str:
        try:
            done = run(command, text=prompt, timeout=timeout, every=0.2, stderr=None)
        except OSError as err:
            raise CommandFailed(f"cannot be started: {err.strerror or err}") from None
        if done.size > _LONGEST:
            raise Malformed(f"the answer has {done.size:,} bytes: answer with the objects, or NONE, alone")
        if done.status != 0:
            raise CommandFailed(done.ended, f": {clipped(done.tail(200), 200)}" if done.output.strip() else "")
        return done.output

    return ask


def analyse(
    analysis: Analysis,
    root: Root,
    settings: Settings,
    read_on: ReadOn,
    ask: Ask | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Read the conversations on from where they were, and stage what is found: by `ask`, or by the rules where it is
    None. Raises WrongOption, BadSource, CommandFailed, NoInbox, Parked, OSError; what was staged before stays."""
    inbox = root.place(analysis.user).inbox
    if not valid_user(analysis.user) or not inbox.is_dir():
        raise NoInbox(analysis.user, str(inbox))
    who = _who(analysis)
    found = Found()
    with known(root, analysis.user) as there:
        reader = _Reader(analysis, root, settings, there, found, ask, who)
        try:
            for talk in _talks(analysis):
                new = _counted(read_on.new(talk.key, exchanges(talk, who)), found)
                for piece in pieces(new):
                    reader.read([each for each in piece if _is_in(each, analysis.options)])
                    if not analysis.dry_run and not reader.is_full:
                        read_on.note(piece[-1])
                        if ask is not None:
                            read_on.save()
                    progress(analysis.file.done, analysis.file.size)
                    if reader.is_full:
                        return found
        finally:
            reader.write()
            if not analysis.dry_run:
                read_on.save()
    return found


def _counted(new: Iterator[Exchange], found: Found) -> Iterator[Exchange]:
    for each in new:
        found.exchanges += 1
        yield each


def _talks(analysis: Analysis) -> Iterator[Talk]:
    for part in analysis.file.parts():
        yield from talks(analysis.importer, analysis.form, part, analysis.options)


def _who(analysis: Analysis) -> str:
    conversations, messages = _NAMES_FROM
    read = _talks(analysis)
    names = [m.who for talk in islice(read, conversations) for m in islice(talk.messages, messages)]
    return who_speaks(names, analysis.who, analysis.user)


def _is_in(exchange: Exchange, options: Options) -> bool:
    """Whether an exchange is of the period that was asked for."""
    if options.since is None and options.until is None:
        return True
    if not exchange.at:
        return False
    moment = datetime.fromisoformat(exchange.at)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (options.since is None or moment >= options.since) and (options.until is None or moment < options.until)


class _Reader:
    """Reads pieces and writes what is found in them."""

    def __init__(
        self,
        analysis: Analysis,
        root: Root,
        settings: Settings,
        there: Known,
        found: Found,
        ask: Ask | None,
        who: str,
    ) -> None:
        self._analysis, self._root, self._settings = analysis, root, settings
        self._there, self._found, self._ask, self._who = there, found, ask, who
        self._pack = _pack(root, analysis) if ask is not None else ""
        self._sentences: set[str] = set()
        self._drops: list[dict[str, Any]] = []
        self.is_full = False

    def read(self, piece: list[Exchange]) -> None:
        """Look for proposals in a piece, without what is known, and write them."""
        fresh = [each for each in piece if self._is_new(each)]
        if not fresh:
            return
        self._found.pieces += 1
        findings = list(self._by_rules(fresh)) if self._ask is None else self._asked(fresh, self._ask)
        for fields in findings:
            self._stage(fields)
        if self._ask is not None or len(self._drops) >= 100:
            self.write()

    def _is_new(self, exchange: Exchange) -> bool:
        state = self._there.state(_id(exchange))
        if state != "new":
            self._found.counts[state] += 1
        return state == "new"

    def _asked(self, piece: list[Exchange], ask: Ask) -> list[dict[str, Any]]:
        """The findings of the command; what is wrong with its answer is sent back once."""
        prompt = self._pack + "\n" + _prompt(piece, self._who, self._analysis.user)
        try:
            try:
                answer = ask(prompt)
                findings = read_answer(answer, piece)
            except Malformed as err:
                self._found.asked_again += 1
                findings = read_answer(ask(f"{prompt}\n{_BACK.format(problem=err)}"), piece)
        except Malformed as err:
            self._found.reasons[f"the answer was wrong twice: {err}"] += len(piece)
            return []
        return [_fields(finding) for finding in findings]

    def _by_rules(self, piece: list[Exchange]) -> Iterator[dict[str, Any]]:
        for exchange in piece:
            said = rules.find(exchange)
            if said is None:
                continue
            plain = said.sentence.casefold()
            if plain in self._sentences:
                self._found.reasons["said before, in the same words"] += 1
                continue
            if len(self._sentences) < 1_000_000:
                self._sentences.add(plain)
            fields = _common(exchange) | {
                "raw_text": f'Said: "{said.sentence}"' if said.section else said.sentence,
                "skill_tag": said.skill,
                "tags": [said.signal],
                "rationale": "Said of themselves, in words for it; found by rules, without a model.",
            }
            if said.section:
                fields["suggested_ix_section"] = said.section
            yield fields

    def _stage(self, fields: dict[str, Any]) -> None:
        limit = self._analysis.limit
        if limit is not None and self._found.counts["new"] >= limit:
            self.is_full = True
            return
        drop = fields | {"source": self._analysis.source}
        try:
            data = json.dumps(drop, ensure_ascii=False).encode()
            (made,) = drops.parse("import.json", data, 0, self._settings)
        except (Refusal, UnicodeEncodeError) as err:
            self._found.reasons[err.problem if isinstance(err, Refusal) else "half a character in it"] += 1
            return
        self._found.counts["new"] += 1
        if len(self._found.staged) < 10_000:
            self._found.staged.append(made.candidate)
        self._there.add(str(drop["id"]))
        self._drops.append(drop)

    def write(self) -> None:
        """Write what was found. Raises NotAllowed, OSError."""
        if self._drops and not self._analysis.dry_run:
            path = stage_many(self._drops, user=self._analysis.user, root=self._root.path, name=FILE_NAME)
            self._found.files.append(path)
        self._drops = []


_BACK = """\
# Your answer cannot be used

{problem}. Answer once more, with NONE or with the corrected object or list alone.
"""


def _id(exchange: Exchange) -> str:
    return f"ana-{exchange.digest}"


def _common(exchange: Exchange) -> dict[str, Any]:
    """What a proposal says of the exchange that it rests on."""
    fields: dict[str, Any] = {
        "id": _id(exchange),
        "excerpt": exchange.excerpt,
        "source_id": clipped(f"{exchange.talk.key} {exchange.key}", 500),
    }
    if exchange.at:
        fields["created_at"] = exchange.at
    if exchange.talk.url:
        fields["url"] = exchange.talk.url
    if exchange.talk.title:
        fields["topic"] = exchange.talk.title
    return fields


def _fields(finding: Finding) -> dict[str, Any]:
    meta = {"signal_type": finding.signal}
    if finding.priority is not None:
        meta["priority_score"] = str(finding.priority)
    return _common(finding.exchange) | {
        "raw_text": finding.entry,
        "suggested_ix_section": finding.section,
        "rationale": clipped(". ".join(filter(None, [finding.summary.rstrip("."), finding.note])), 2_000),
        "tags": [finding.signal],
        "meta": meta,
    }


def _pack(root: Root, analysis: Analysis) -> str:
    """The staging pack, with the Record and the recent rejections as far as this account may read them."""
    try:
        made = context.pack(root, "staging", analysis.user, analysis.budget, record=True, source=analysis.source)
    except PermissionError:
        made = context.pack(root, "staging", analysis.user, analysis.budget, record=False)
    return made.text


def _prompt(piece: Sequence[Exchange], who: str, user: str) -> str:
    name = user if who == "I" else who
    said = "\n\n".join(f"[{number}]\n{exchange.text}" for number, exchange in enumerate(piece, 1))
    mine = f'\n"I" is {user}.\n' if who == "I" else ""
    return f"# Your answer\n\n{CONTRACT.format(who=name, user=user)}\n# The piece of the conversation\n{mine}\n{said}\n"


def first_prompt(analysis: Analysis, root: Root) -> str:
    """What a command would be asked first, for a person to see. Raises as `analyse`."""
    who = _who(analysis)
    for talk in _talks(analysis):
        for piece in pieces(exchanges(talk, who)):
            return _pack(root, analysis) + "\n" + _prompt(piece, who, analysis.user)
    return ""
