"""Sign in by the link that `serve` prints, and sign out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .page import HEADERS, Call, Page, page_session

__all__ = ["sign_in", "sign_out"]

_NOBODY: dict[str, Any] = {"session": None, "users": [], "path": "", "notice": "", "undo": None}


def sign_in(page: Page) -> Any:
    """GET /sign-in: with the link's token, the way in; without, how to get it."""

    async def handle(request: Request) -> Response:
        token = request.query_params.get("token", "")
        onward = inside(request.query_params.get("next", "/"))
        if token and page.sessions.spend(token):
            response = RedirectResponse("/", 303, HEADERS)
            page.sessions.begin(response, None, secure=_is_secure(page, request))
            page.door.say("signed-in", by="link")
            page.say_link()
            return response
        if page_session(page, request) is not None:
            return RedirectResponse(onward, 303, HEADERS)
        error = "This link was used already, or is of an earlier start. Take the newest one that 'serve' has printed."
        return page.html("sign_in.html", 403 if token else 200, **_NOBODY, error=error if token else "")

    return handle


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
