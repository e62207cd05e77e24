"""Tells open pages that something has changed, by server-sent events. What has changed they ask for themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .page import HEADERS, Page, page_session
from .pulse import LOOK, Pulse

__all__ = ["events"]

#: Seconds after which something is sent in any case, so that a connection that is gone is noticed.
_QUIET = 15


def events(page: Page) -> Any:
    """GET /events: of what waits; ``?of=plans``: of the plans"""

    async def handle(request: Request) -> Response:
        if page_session(page, request) is None:
            return Response(status_code=204, headers=HEADERS)  # which tells a browser not to ask again
        pulse = page.pulses.get(request.query_params.get("of", ""))
        if pulse is None:
            return Response(status_code=404, headers=HEADERS)
        headers = {**HEADERS, "X-Accel-Buffering": "no"}
        return StreamingResponse(_stream(page, pulse, request), headers=headers, media_type="text/event-stream")

    return handle


async def _stream(page: Page, pulse: Pulse, request: Request) -> AsyncIterator[str]:
    last, said = await pulse.value(), time.monotonic()
    yield f"retry: 1000\ndata: {last}\n\n"
    while not pulse.is_over and page_session(page, request) is not None:
        await asyncio.sleep(LOOK)
        now = await pulse.value()
        if now != last:
            last, said = now, time.monotonic()
            yield f"data: {now}\n\n"
        elif time.monotonic() - said > _QUIET:
            said = time.monotonic()
            yield ": still here\n\n"
