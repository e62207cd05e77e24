"""Sign in, by the link that `serve` prints or by an account's name and passphrase; and sign out."""

from __future__ import annotations

import math
import threading
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...clients.people import Account
from .page import HEADERS, PLAIN, Call, Page, form_of, page_session

__all__ = ["pass_in", "sign_in", "sign_out"]

_NOBODY: dict[str, Any] = {"session": None, "users": [], "path": "", **PLAIN}
#: Digests of passphrases that are computed at once: each takes 32 MB.
_AT_ONCE = threading.Semaphore(2)


def sign_in(page: Page) -> Any:
    """GET /sign-in: with the link's token, the way in; else the form, or how to get a link."""

    async def handle(request: Request) -> Response:
        token = request.query_params.get("token", "")
        onward = inside(request.query_params.get("next", "/"))
        if page_session(page, request) is not None and not token:
            return RedirectResponse(onward, 303, HEADERS)
        if token and page.has_link() and page.sessions.spend(token):
            response = RedirectResponse("/", 303, HEADERS)
            page.sessions.begin(response, None, secure=_is_secure(page, request))
            page.door.say("signed-in", by="link")
            page.say_link()
            return response
        error = "This link was used already, or is of an earlier start. Take the newest one that 'serve' has printed."
        return _form(page, onward, error if token else "", 403 if token else 200)

    return handle


def pass_in(page: Page) -> Any:
    """POST /sign-in: a name and a passphrase."""

    async def handle(request: Request) -> Response:
        form = dict(await form_of(request))
        name, passphrase = form.get("name", "").strip(), form.get("passphrase", "")
        onward = inside(form.get("next", "/"))
        which = name if name in page.people.all() else ""  # all that are no account's are slowed down as one
        wait = page.slow.seconds(which)
        if wait:
            seconds = str(math.ceil(wait))
            answer = _form(page, onward, f"Too many wrong passphrases for this name. Wait {seconds} s.", 429)
            answer.headers["Retry-After"] = seconds
            return answer
        page.slow.failed(which)  # before it is known: so that many at once are no way around it
        account = await run_in_threadpool(_check, page, name, passphrase)
        if account is None:
            page.door.say("not-signed-in", account=which or "(unknown)")
            return _form(page, onward, "There is no such name with that passphrase.", 403)
        page.slow.succeeded(which)
        response = RedirectResponse(onward, 303, HEADERS)
        page.sessions.begin(response, account.name, account.stamp, secure=_is_secure(page, request))
        page.door.say("signed-in", by=account.name)
        return response

    return handle


def _check(page: Page, name: str, passphrase: str) -> Account | None:
    with _AT_ONCE:
        return page.people.check(name, passphrase)


def _form(page: Page, onward: str, error: str, status: int = 200) -> Response:
    has_accounts = bool(page.people.all())
    return page.html("sign_in.html", status, **{**_NOBODY, "error": error}, onward=onward, has_accounts=has_accounts)


def sign_out(page: Page) -> Any:
    """POST /sign-out."""

    def handler(call: Call) -> Response:
        response = RedirectResponse("/sign-in", 303, HEADERS)
        page.sessions.end(call.session, response)
        return response

    return handler


def inside(address: str) -> str:
    """`address` where it is one of this page, else the first page: a link must not lead elsewhere through here."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    is_own = not parts.scheme and not parts.netloc and address.startswith("/") and not address.startswith("//")
    return address if is_own and "\\" not in address and address.isprintable() else "/"


def _is_secure(page: Page, request: Request) -> bool:
    """Whether the browser speaks TLS with a proxy before us: then the cookie goes nowhere else."""
    return (request.url.hostname or "").lower() in page.door.hosts
