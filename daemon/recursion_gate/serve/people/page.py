"""What all addresses of the page share: who asks, the form, the templates, the headers, and errors as pages."""

from __future__ import annotations

import errno
import hmac
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...clients.decide import Changed, Waiting
from ...clients.people import People, Slow
from ...clients.person import NotAPerson
from ...clients.sessions import SessionFile
from ...core.errors import GateError, Parked, Refusal
from ...plans.overview import is_used
from ..door import Door
from ..problems import Problem
from . import pulse, words
from .desk import Desk
from .pulse import Pulse
from .session import Session, Sessions
from .tally import Tallies

__all__ = ["HEADERS", "PLAIN", "Call", "Failed", "Page", "action", "form_of", "page_session", "see_other", "signed_in"]

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: then a browser sends no Origin with our own forms either, and the guard takes them for another's.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "max-age=0, no-store",  # Lynx knows no no-store, and shows an old list without the first
}
_ROOM = {errno.ENOSPC, errno.EDQUOT}
#: The most fields that a form may have.
_FIELDS = 400


class Failed(Exception):
    """What a person asked for cannot be done: `words` say why, `remedy` what to do."""

    def __init__(self, status: int, words: str, remedy: str = "") -> None:
        super().__init__(words)
        self.status, self.words, self.remedy = status, words, remedy


@dataclass
class Page:
    """The page of one door."""

    door: Door
    #: Where its sessions are kept.
    kept: SessionFile = field(default_factory=SessionFile)
    #: Where the door is reached, for the link; "": nobody signs in by one.
    at: str = ""
    sessions: Sessions = field(init=False)
    desk: Desk = field(init=False)
    tallies: Tallies = field(init=False)
    #: By what an open page is told of: "" what waits, "plans" the plans.
    pulses: Mapping[str, Pulse] = field(init=False)
    people: People = field(init=False)
    slow: Slow = field(init=False)
    templates: Environment = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(str(self.door.root.path), self.kept)
        self.desk = Desk(self.door.root, self.door.settings)
        self.tallies = Tallies(self.door.root)
        root = self.door.root
        self.pulses = {"": Pulse(lambda: pulse.inboxes(root)), "plans": Pulse(lambda: pulse.plans(root))}
        self.people, self.slow = People(self.door.root), Slow()
        self.templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters |= words.FILTERS

    def users(self) -> list[str]:
        """The users that there are; of those who may only decide, those that have an inbox."""
        try:
            return self.door.root.users()
        except PermissionError:
            return self.door.root.inboxes()

    def end(self) -> None:
        """The door ends."""
        for each in self.pulses.values():
            each.end()

    def has_link(self) -> bool:
        """Whether whoever runs the door signs in by a link: where one account does everything, and no people have
        accounts. Raises Parked, OSError."""
        return self.door.settings.lanes is None and not self.people.all()

    def say_link(self) -> None:
        """Log the link that signs in next: to whoever can read that, the account is open anyway."""
        if self.at and self.has_link():
            link = f"{self.at}/sign-in?token={self.sessions.link_token}"
            print(f"Open the page with this link, which works once:\n  {link}", file=sys.stderr, flush=True)

    def html(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page made from a template."""
        text = self.templates.get_template(template).render(values)
        return Response(text, status, HEADERS, "text/html; charset=utf-8")


@dataclass
class Call:
    """One request of somebody who has signed in."""

    page: Page
    session: Session
    path: str
    #: The parts of the address that a route names.
    params: Mapping[str, str]
    query: Mapping[str, str]
    #: The form's fields, in order; a name may come several times.
    fields: list[tuple[str, str]]
    _waiting: dict[str, list[Waiting]] = field(default_factory=dict)

    @property
    def form(self) -> Mapping[str, str]:
        return dict(self.fields)

    def waiting(self, user: str) -> list[Waiting]:
        """What waits for `user`, looked at once for this request. Raises Parked, OSError."""
        if user not in self._waiting:
            self._waiting[user] = self.page.desk.waiting(user)
        return self._waiting[user]

    def forget_waiting(self) -> None:
        """Have it looked at anew: it has changed."""
        self._waiting.clear()

    def html(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page for this person."""
        known: dict[str, Any] = {"session": self.session, "users": self.page.users(), "path": self.path, **PLAIN}
        known["part"] = next((part for start, part in _PARTS.items() if self.path.startswith(start)), "")
        known["has_plans"] = is_used(self.page.door.root)
        if said := self.query.get("said"):
            known["notice"] = words.SAID.get(said, "")
            if said in ("approved", "rejected") and (of := self.query.get("of", "").partition("/"))[2]:
                known["undo"] = (of[0], of[2])
        return self.page.html(template, status, **{**known, **values})


#: What a page has to say, beside what it shows.
PLAIN: dict[str, Any] = {"notice": "", "error": "", "undo": None, "part": ""}
#: Which page of the navigation the others belong to, by how their address begins.
_PARTS = {
    "/card/": "/", "/several": "/", "/entry/": "/record", "/brief": "/record", "/receipts": "/activity",
    "/verify": "/activity", "/put-back": "/status", "/plans/": "/plans",
}  # fmt: skip

Handler = Callable[[Call], Response]


def signed_in(page: Page, handler: Handler) -> Callable[[Request], Any]:
    """An address that shows something, for those who have signed in."""

    async def handle(request: Request) -> Response:
        session = page_session(page, request)
        if session is None:
            return to_sign_in(request)
        call = Call(page, session, request.url.path, request.path_params, dict(request.query_params), [])
        return await run_in_threadpool(_answer, handler, call)

    return handle


def action(page: Page, handler: Handler) -> Callable[[Request], Any]:
    """An address that does something: a form of this person's own session only."""

    async def handle(request: Request) -> Response:
        session = page_session(page, request)
        if session is None:
            return page.html("message.html", 403, **_MESSAGE, title="Sign in first", words="You are not signed in.",
                             remedy="Nothing was decided. Sign in, and try again.")  # fmt: skip
        fields = await form_of(request)
        call = Call(page, session, request.url.path, request.path_params, dict(request.query_params), fields)
        if not hmac.compare_digest(call.form.get("csrf", "").encode(), session.csrf.encode()):
            return call.html("message.html", 403, title="This form is not yours", remedy="Open the page again.",
                             words="The form was made for another session. Nothing was done.")  # fmt: skip
        return await run_in_threadpool(_answer, handler, call)

    return handle


_MESSAGE: dict[str, Any] = {"session": None, "users": [], "path": "", "has_plans": False, **PLAIN}


def page_session(page: Page, request: Request) -> Session | None:
    """Whoever has signed in with this browser."""
    found = page.sessions.of(request)
    if found is None:
        return None
    session, stamp = found
    if session.name is None:
        return session if page.has_link() else None
    account = page.people.all().get(session.name)
    return session if account is not None and account.stamp == stamp else None


async def form_of(request: Request) -> list[tuple[str, str]]:
    """The fields of a form. Raises Problem where the body is none."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/x-www-form-urlencoded":
        raise Problem(415, "this address takes a form", field="Content-Type")
    try:
        body = (await request.body()).decode()
        fields = parse_qsl(body, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError:
        raise Problem(400, "the form cannot be read") from None
    return [(name, value.replace("\r\n", "\n")) for name, value in fields]


def to_sign_in(request: Request) -> Response:
    """On to the sign-in page, and from there back to here."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/sign-in?" + urlencode({"next": here}), 303, HEADERS)


def see_other(address: str) -> Response:
    """Look there now: what a form answers, so that loading again does not send it again."""
    return RedirectResponse(address, 303, HEADERS)


def _answer(handler: Handler, call: Call) -> Response:
    """What `handler` answers, or its error as a page."""
    try:
        return handler(call)
    except HTTPException as err:
        return _failed(call, Failed(err.status_code, "There is no such page here."))
    except Exception as err:
        return _failed(call, _failure(err))


def _failed(call: Call, failed: Failed) -> Response:
    title = _TITLES.get(failed.status, "That was not done")
    return call.html("message.html", failed.status, title=title, words=failed.words, remedy=failed.remedy)


_TITLES = {404: "Not here", 409: "It has changed", 503: "Not possible now", 507: "The disk is full"}


def _failure(error: Exception) -> Failed:
    """An error of the program, for a person."""
    match error:
        case Failed():
            return error
        case Changed():
            return Failed(409, "This card was changed since you saw it, so nothing was decided.", "Look at it again.")
        case Refusal():
            return Failed(422, f"{error.problem[:1].upper()}{error.problem[1:]}.", error.remedy)
        case NotAPerson():
            return Failed(403, str(error))
        case Parked():
            return Failed(503, f"{error.path}: {error.problem}", "Somebody has to mend that first; see Status.")
        case FileNotFoundError():
            return Failed(409, "The card is gone: it was moved or decided meanwhile.", "Look at the list again.")
        case PermissionError():
            return Failed(403, "The account that this page runs under may not do that.", "See docs/security.md.")
        case OSError() if error.errno in _ROOM:
            return Failed(507, "There is no room on the disk. Nothing was decided.", "Make room, then try again.")
        case OSError():
            return Failed(503, f"The disk fails: {error.strerror}.", "Try again later.")
        case GateError():
            return Failed(422, str(error))
    traceback.print_exception(error, file=sys.stderr)
    return Failed(500, f"Internal error ({type(error).__name__}); see the door's log.")
