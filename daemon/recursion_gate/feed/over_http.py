"""Where drops go: the HTTP door of a root that is elsewhere (`serve`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from ..core.errors import GateError, Refusal
from ..core.text import printable
from .entry import CORRECT, Later, Proposal

__all__ = ["BadAddress", "OverHttp"]

_LIMIT = 16_000_000
_SECONDS = 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: What an entry is refused for; every other status is the door's trouble, or that of whoever set up the feed.
_REFUSED = (413, 422)


class BadAddress(GateError):
    """The address, or the file with the token, cannot be used."""


class OverHttp:
    """The door at `url`, called with the token in `token_file`, for `user`, or the token's own. Raises BadAddress."""

    def __init__(self, url: str, token_file: Path, user: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadAddress(f"'{printable(url)}' is no address: http://HOST:PORT or https://HOST")
        if parts.username or parts.query or parts.fragment:
            raise BadAddress("an address without a name, a password, or anything behind '?' or '#'")
        self._url = url.rstrip("/") + "/api/activity"
        self._file, self._params = token_file, {"user": user} if user is not None else {}
        self.limit = _LIMIT
        self._token()
        # A proxy of the environment is for others, and should not see what stays on this computer.
        self._client = httpx.Client(timeout=_SECONDS, trust_env=parts.hostname not in _LOOPBACK)

    def _token(self) -> str:
        """Read anew at each call: a new token counts at once."""
        try:
            token = self._file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as err:
            why = err.strerror if isinstance(err, OSError) else "this is no token"
            raise BadAddress(f"{self._file}: {why}") from None
        if not token or not token.isprintable() or " " in token:
            raise BadAddress(f"{self._file}: there is no token in it; 'token add' prints one")
        return token

    def take(self, proposal: Proposal, key: str) -> None:
        try:
            headers = {
                "Authorization": f"Bearer {self._token()}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            }
        except BadAddress as err:
            raise Later(str(err)) from None
        try:
            answer = self._client.post(self._url, content=proposal.data, headers=headers, params=self._params)
        except httpx.HTTPError as err:
            raise Later(f"the door cannot be reached: {printable(str(err)) or type(err).__name__}") from None
        said = _object(answer)
        if answer.status_code == 201 and isinstance(said.get("id"), str):
            return
        why = printable(str(said.get("detail") or "no answer of a recursion-gate door"))
        if said.get("detail") and (answer.status_code in _REFUSED or said.get("field") == "source"):
            raise Refusal(why, printable(str(said.get("remedy") or CORRECT)))
        raise Later(f"the door answers {answer.status_code}: {why}", _seconds(answer))

    def close(self) -> None:
        self._client.close()


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(answer: httpx.Response) -> float:
    given = answer.headers.get("retry-after", "")
    return float(given) if given.isdigit() and len(given) < 5 else 0.0
