"""Webhooks: ``POST /hooks/NAME``, what another program tells, as a drop (docs/doors.md, "Webhooks").

Of the agents' part: it can propose and nothing else. There is no token; the hook's own secret says who calls.
"""

from __future__ import annotations

import secrets
from typing import Literal

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..clients.propose import Proposed, propose
from ..clients.stage import NoInbox, NotAllowed
from ..core.errors import Refusal
from ..core.hooks import Hook
from ..core.text import printable
from ..sources import webhook
from .door import Door
from .pace import BYTES, TooFast
from .problems import Problem, of, too_fast
from .signature import NoSecret, NotSigned, check, secrets_of

__all__ = ["PATH", "route", "say_what_is_wrong"]

PATH = "/hooks/"
_FORMS: dict[str, Literal["json", "form"]] = {"application/json": "json", "application/x-www-form-urlencoded": "form"}
#: In the place of a hook that there is not: what is checked against it takes as long.
_NOBODY = Hook(user="nobody", text="nothing", secret_env="NONE")
_NOBODYS = [secrets.token_hex(16)]
_JSON = "application/json"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def route(door: Door) -> Route:
    """The hooks' route at `door`."""

    async def hook(request: Request) -> Response:
        if request.method != "POST":  # here, and not by the router, which would go on to the page's routes
            raise Problem(405, "a webhook is sent by POST", headers={"Allow": "POST"})
        name = request.path_params["name"]
        known = name if name in door.settings.hooks else ""
        pace = f"hook {known}"  # no token has a space in its name; all that there are not share one
        data = await request.body()  # a body that comes slowly is not at work yet: it holds up nobody
        try:
            door.pace.enter(pace)
        except TooFast as err:
            raise too_fast(err, "a hook") from None
        try:
            return await run_in_threadpool(_take, door, known, request, data)
        except Exception as err:
            problem = of(err)
            if known and problem is not None:  # for the person who sets it up: the sender's log is elsewhere
                said = problem.details
                words = err.problem if isinstance(err, webhook.NotMapped | Refusal) else said.detail
                door.say("hook_refused", hook=known, status=said.status, problem=words, field=said.field or "-")
            raise
        finally:
            door.pace.leave(pace, len(data) / BYTES)

    return Route(f"{PATH}{{name:path}}", hook, methods=_METHODS, name="hook")


def say_what_is_wrong(door: Door) -> None:
    """Log each hook whose secret cannot be used: when the door starts, not when the first message is refused."""
    for name, hook in door.settings.hooks.items():
        try:
            secrets_of(hook)
        except NoSecret as err:
            door.say("hook_unusable", hook=name, problem=err)


def _take(door: Door, name: str, request: Request, data: bytes) -> Response:
    """Raises Problem, and as `propose` does."""
    hook = door.settings.hooks.get(name, _NOBODY)
    message_id = _signed(hook if name else _NOBODY, name, request, data)
    form = _form(request)
    event = webhook.read(data, form)
    left_out = webhook.left_out(event, hook)
    if left_out is not None:
        door.say("hook_left", hook=name, path=left_out)
        return Response(to_json({"left": left_out}), 200, media_type=_JSON)
    source = hook.source or name
    key = f"hook {name} {webhook.identity(event, hook, message_id, data)}"  # no Idempotency-Key has a space
    try:
        made: Proposed = propose(
            door.root, hook.user, source, webhook.drop(event, hook, name), door.settings, door.keys, key=key
        )
    except (NoInbox, NotAllowed) as err:  # not the sender's fault: it sends again, until a person has mended it
        raise Problem(
            503, "this hook's user has no inbox that this door may use", remedy="See the door's log."
        ) from err
    door.say("proposed", user=hook.user, hook=name, drop=made.path.name, count=1)
    headers = door.notices() | ({"Idempotency-Replayed": "true"} if made.again else {})
    return Response(to_json({"id": made.candidates[0].id}), 201, headers, _JSON)


def _signed(hook: Hook, name: str, request: Request, data: bytes) -> str | None:
    """The sender's id of the message. Raises Problem."""
    headers = {each.lower(): value for each, value in request.headers.items()}
    for each in (hook.secret_header or "webhook-signature").lower(), "webhook-id", "webhook-timestamp":
        if len(request.headers.getlist(each)) > 1:
            raise Problem(400, f"the header {each} is given twice", field=each)
    try:
        return check(hook, secrets_of(hook) if name else _NOBODYS, headers, data)
    except NoSecret as err:
        raise Problem(503, "the secret of this hook cannot be used", remedy="See the door's log.") from err
    except NotSigned as err:
        if not name:
            raise Problem(404, "there is no such hook here") from None
        raise Problem(401, printable(str(err)), field=hook.secret_header or "webhook-signature") from None


def _form(request: Request) -> Literal["json", "form"]:
    """Raises Problem."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = "json" if given.startswith("application/") and given.endswith("+json") else _FORMS.get(given)
    if form is None:
        said = " or ".join(_FORMS)
        raise Problem(415, f"a webhook is {said}", field="Content-Type", headers={"Accept": ", ".join(_FORMS)})
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "a body must not be compressed", field="Content-Encoding")
    return form
