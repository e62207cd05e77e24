"""Whether a webhook comes from whom it says: signed after Standard Webhooks, or with a shared secret in a header.

The secret is read anew for each message, so that another one counts at once; it is in a file of its own or in the
environment, since every account on the machine may read the settings. Several lines are several secrets, so that one
can be replaced while messages come.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

from ..core.errors import GateError
from ..core.hooks import Hook

__all__ = ["NoSecret", "NotSigned", "check", "secrets_of"]

_LIMIT = 10_000
#: The shortest secret, in characters of a shared one and in bytes of a signing one.
_SHORTEST = 16
_STANDARD = ("webhook-id", "webhook-timestamp", "webhook-signature")


class NoSecret(GateError):
    """The secret of a hook cannot be used: the message says why, for the person who set it up."""


class NotSigned(GateError):
    """A message that is not from whom it should be: the message says what is wrong, and nothing of the secret."""


def check(hook: Hook, secrets: list[str], headers: Mapping[str, str], data: bytes) -> str | None:
    """The sender's id of a message, the same each time that it is sent; None where it has none that is signed.
    `headers` are in small letters. Raises NotSigned."""
    if hook.secret_header is not None:
        _check_shared(hook.secret_header, secrets, headers)
        return None
    missing = [name for name in _STANDARD if not headers.get(name)]
    if missing:
        raise NotSigned(f"it is not signed: {', '.join(missing)} missing")
    try:
        text, problem = data.decode(), ""
    except UnicodeDecodeError:
        raise NotSigned("the body is not UTF-8, so no signature fits it") from None
    for secret in secrets:
        try:
            Webhook(secret).verify(text, dict(headers), json_parse=False)
            return headers["webhook-id"]
        except WebhookVerificationError as err:
            problem = str(err)
        except (ValueError, binascii.Error):  # a signature that is no 'v1,BASE64'
            problem = "the signature has not the form v1,BASE64"
    raise NotSigned(_WORDS.get(problem, problem))


_WORDS = {
    "Message timestamp too old": "its webhook-timestamp is more than five minutes old: it may be a replay",
    "Message timestamp too new": "its webhook-timestamp is more than five minutes ahead: compare the clocks",
    "Invalid Signature Headers": "its webhook-timestamp is no number of seconds",
    "No matching signature found": "the signature does not fit: another secret, or the body was changed on its way",
}


def _check_shared(name: str, secrets: list[str], headers: Mapping[str, str]) -> None:
    given = headers.get(name.lower(), "")
    if name.lower() == "authorization" and given[:7].lower() == "bearer ":
        given = given[7:]
    # Digests have one length, and each secret is compared: the time says neither how long nor which one.
    digest = sha256(given.strip().encode("utf-8", "surrogateescape")).digest()
    found = [hmac.compare_digest(digest, sha256(secret.encode()).digest()) for secret in secrets]
    if not any(found):
        raise NotSigned(f"the header {name} has not this hook's secret" if given else f"the header {name} is missing")


def secrets_of(hook: Hook) -> list[str]:
    """The secrets of a hook, at least one. Raises NoSecret."""
    if hook.secret_env is not None:
        text, where = os.environ.get(hook.secret_env, ""), f"${hook.secret_env}"
    else:
        assert hook.secret_file is not None
        text, where = _from_file(hook.secret_file), hook.secret_file
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise NoSecret(f"{where} has no secret")
    for secret in found:
        if hook.secret_header is not None:
            if len(secret) < _SHORTEST:
                raise NoSecret(f"the secret in {where} is too short: {_SHORTEST} characters at least")
            continue
        bare = secret.removeprefix("whsec_").rstrip("=")
        try:
            long = len(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True))
        except ValueError:
            long = 0
        if long < _SHORTEST:
            raise NoSecret(
                f"the secret in {where} is none of Standard Webhooks: whsec_ and base64 of {_SHORTEST} bytes at least. "
                "For a secret that is sent as it is, set secret_header."
            )
    return found


def _from_file(name: str) -> str:
    path = Path(os.path.expandvars(name)).expanduser()
    if not path.is_absolute():
        raise NoSecret(f"secret_file = '{name}': give the whole path (a variable in it may not be set)")
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode):
                raise NoSecret(f"{path} is no file")
            if seen.st_mode & 0o007:
                raise NoSecret(f"every account here may open {path}: chmod 640 {path}")
            return file.read(_LIMIT).decode()
    except UnicodeDecodeError:
        raise NoSecret(f"{path} is not text") from None
    except OSError as err:
        raise NoSecret(f"{path} cannot be read: {err.strerror}") from None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
