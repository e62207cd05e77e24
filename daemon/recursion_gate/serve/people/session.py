"""Who has signed in. By a link that `serve` prints, which works once (as Jupyter's); from then on by a signed cookie.

A session is known by a random number that only the door gives out, in a cookie that only the door can sign, so that
nobody can bring a session of their own. Each form carries a token that belongs to that number. The key outlives the
door where it has a place to keep it (`clients.sessions`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
import threading
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from ...clients.sessions import LASTS, SessionFile
from ...core import text

__all__ = ["Session", "Sessions"]


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that has signed in."""

    number: str
    #: The name of the person's account; None: whoever runs the door.
    name: str | None
    #: The token of its forms.
    csrf: str


class Sessions:
    """The sessions of one door; `kept` is where it keeps them."""

    def __init__(self, root: str, kept: SessionFile) -> None:
        self._kept = kept
        # Cookies do not know of ports: two doors on one computer must not take each other's.
        self.cookie = f"recursion-gate-{hashlib.sha256(root.encode()).hexdigest()[:8]}"
        self._lock = threading.Lock()
        self._link = secrets.token_urlsafe(32)

    # -- the link -----------------------------------------------------------------------------------------------------

    @property
    def link_token(self) -> str:
        """The token of the link that signs in next."""
        return self._link

    def spend(self, token: str) -> bool:
        """Whether `token` is that of the link; from then on another one is."""
        with self._lock:
            if not hmac.compare_digest(token.encode(errors="replace"), self._link.encode()):
                return False
            self._link = secrets.token_urlsafe(32)
            return True

    # -- sessions -----------------------------------------------------------------------------------------------------

    def begin(self, response: Response, name: str | None, stamp: str = "", *, secure: bool = False) -> None:
        """Begin a session with a number of its own, whatever the browser had before. `stamp` changes with the person's
        passphrase, and ends the sessions that have the old one."""
        value = _signer(self._kept.now().key).dumps([secrets.token_urlsafe(18), name, stamp])
        assert isinstance(value, str)
        response.set_cookie(
            self.cookie, value, max_age=LASTS, path="/", httponly=True, samesite="strict", secure=secure
        )

    def of(self, request: Request) -> tuple[Session, str] | None:
        """The session of a request and its stamp; None where it has none."""
        known = self._kept.now()
        try:
            number, name, stamp = _signer(known.key).loads(request.cookies.get(self.cookie, ""), max_age=LASTS)
        except (BadSignature, ValueError, TypeError):
            return None
        if number in known.ended:
            return None
        csrf = hmac.digest(known.key, b"form " + number.encode(), "sha256").hex()[:40]
        return Session(number, name, csrf), stamp

    def end(self, session: Session, response: Response) -> None:
        """Sign out: the cookie works no longer, whoever has a copy of it."""
        try:
            self._kept.end(session.number)
        except OSError as err:  # it is ended here; a door that starts anew would not know
            print(text.event("sign-out-not-kept", reason=err.strerror), file=sys.stderr, flush=True)
        response.delete_cookie(self.cookie, path="/", httponly=True, samesite="strict")


def _signer(key: bytes) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(key, salt="recursion-gate session")
