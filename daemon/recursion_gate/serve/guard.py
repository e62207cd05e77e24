"""Who calls, and how: what every request passes before any part of the door sees it.

Host and Origin are checked always: a page of another name that resolves to 127.0.0.1 (DNS rebinding), and a form of
another page that posts here, come with a browser's good name. Then the token, then its pace. A body may be so large and
so slow, and no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..clients.tokens import Grant
from .door import Door
from .pace import BYTES, TooFast
from .problems import Problem, of, too_fast

__all__ = ["Guard", "grant_of"]

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
#: A refused request of so many bytes is read to its end, so that its connection can stay open.
_KEPT_OPEN = 65_536
_GRANT = "recursion_gate.grant"


def grant_of(scope: Scope) -> Grant:
    """The token's grant of a request that has passed the guard."""
    grant: Grant = scope[_GRANT]
    return grant


class Guard:
    """ASGI: passes on what may pass. `is_open` says of a path that it needs no token."""

    def __init__(self, app: ASGIApp, door: Door, is_open: Callable[[str], bool]) -> None:
        self._app, self._door, self._is_open = app, door, is_open
        self._hosts = _LOCAL | {name.lower() for name in door.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        try:
            headers = Headers(scope=scope)
            self._check_address(scope, headers)
            if self._is_open(scope["path"]):
                await self._app(scope, self._limited(headers, receive)[0], send)
                return
            grant = scope[_GRANT] = self._grant(headers)
        except Exception as err:
            await _refuse(err, scope, receive, send)
            return
        await self._call(grant, headers, scope, receive, send)

    async def _call(self, grant: Grant, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._door.pace.enter(grant.name)
        except TooFast as err:
            await _refuse(too_fast(err, "one token"), scope, receive, send)
            return
        counted = [0]
        try:
            limited, counted = self._limited(headers, receive)
            await self._app(scope, limited, send)
        except Problem as err:  # of the length alone: what comes later the application tells
            await _refuse(err, scope, receive, send)
        finally:
            self._door.pace.leave(grant.name, counted[0] / BYTES)

    # -- address ------------------------------------------------------------------------------------------------------

    def _check_address(self, scope: Scope, headers: Headers) -> None:
        """Raises Problem where Host is none of the door's names, or Origin is another page's."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(f"//{hosts[0]}") not in self._hosts:
            raise Problem(
                403,
                "this door is not called by that name",
                field="Host",
                remedy="Call it as 127.0.0.1 or localhost; other names are given with 'serve --host NAME'.",
            )
        for origin in headers.getlist("origin"):
            parts = urlsplit(origin) if origin.isascii() else None
            if parts is None or parts.scheme not in ("http", "https") or parts.netloc.lower() != hosts[0].lower():
                raise Problem(403, "a page of another origin may not call this door", field="Origin")
        followed = scope["method"] in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"  # a link
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not followed:
            raise Problem(403, "a page of another site may not call this door", field="Sec-Fetch-Site")

    # -- token --------------------------------------------------------------------------------------------------------

    def _grant(self, headers: Headers) -> Grant:
        """Raises Problem where the request has no token, or none that is known; Parked, OSError."""
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        grant = self._door.tokens.grant(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
        if grant is None:
            what = "this token is not known here" if token else "this door needs a token"
            raise Problem(
                401,
                what,
                remedy="'Authorization: Bearer TOKEN'; a person makes one with 'recursion-gate token add'.",
                headers={"WWW-Authenticate": 'Bearer realm="recursion-gate"'},
            )
        return grant

    # -- body ---------------------------------------------------------------------------------------------------------

    def _limited(self, headers: Headers, receive: Receive) -> tuple[Receive, list[int]]:
        """`receive` with a limit, and the bytes that have come. Raises Problem where the length says enough."""
        limit, limits, began = self._door.max_body, self._door.limits, time.monotonic()
        close = {"Connection": "close"}
        too_large = Problem(413, f"a body may have {limit:,} bytes", remedy="Send it in parts.", headers=close)
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise too_large
        come, ended = [0], [False]

        async def limited() -> Message:
            if ended[0]:  # what comes then is only that the caller has gone
                return await receive()
            left = min(limits.patience, began + limits.body_seconds - time.monotonic())
            try:
                async with asyncio.timeout(max(left, 0.001)):
                    message = await receive()
            except TimeoutError:
                raise Problem(408, "the body came too slowly", headers=close) from None
            come[0] += len(message.get("body", b""))
            if come[0] > limit:
                raise too_large
            ended[0] = not message.get("more_body", False)
            return message

        return limited, come


def _name(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


async def _refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    problem = of(error)
    if problem is None:
        raise error
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit() or int(length) > _KEPT_OPEN:
        problem.headers["Connection"] = "close"  # what is not read would have to be waited for
    await problem.response()(scope, receive, send)
