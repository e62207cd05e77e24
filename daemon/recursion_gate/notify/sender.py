"""The loop: look into pending/, decide, send. Reads names only, unless texts are asked for, and writes nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

import apprise

from ..core.errors import GateError, Refusal
from ..core.paths import Root, is_ignored
from ..core.settings import Settings
from ..disk import untrusted
from ..formats import cards
from .digest import Digest, is_quiet

__all__ = ["NoAddress", "addresses", "run", "text_of", "waiting"]

_LOOK = 2.0


class NoAddress(GateError):
    """There is nobody to tell."""


def addresses(path: Path) -> list[str]:
    """The Apprise URLs in a file, one on each line; lines that begin with # do not count. Raises NoAddress."""
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as err:
        raise NoAddress(f"{path} cannot be read ({err}): it has an Apprise URL on each line") from err
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise NoAddress(f"{path} has no address: write an Apprise URL on each line, such as mailto://...")
    for at, url in enumerate(found, 1):
        if not apprise.Apprise().add(url):
            raise NoAddress(f"{path}: address {at} is none that Apprise knows: {url.partition(':')[0]}://...")
    return found


def waiting(root: Root) -> dict[str, set[str]]:
    """The names of the cards in pending/, by user; of a folder that cannot be read none."""
    found: dict[str, set[str]] = {}
    for user in root.inboxes():
        names: set[str] = set()
        with suppress(OSError), os.scandir(root.place(user).pending) as there:
            names = {entry.name for entry in there if not is_ignored(entry.name)}
        found[user] = names
    return found


def text_of(root: Root, settings: Settings, user: str, name: str) -> str:
    """The text on a card in pending/; why there is none where it cannot be read. Never raises for what is on disk."""
    try:
        return cards.text_in(untrusted.look(root.place(user).pending / name, settings.max_card_bytes).data)
    except FileNotFoundError:
        return "(decided meanwhile)"
    except (Refusal, OSError):
        return "(a card that cannot be read)"


def run(root: Root, settings: Settings, is_over: Callable[[], bool], look: float = _LOOK) -> None:
    """Tell people until `is_over`. What waits at the start was told before, or is seen on the page. Raises NoAddress,
    OSError."""
    options = settings.notify
    urls = addresses(root.path / options.file)
    digest = Digest(every=60 * options.every_minutes, rests=options.rest_seconds, again=options.again_seconds)
    digest.look(waiting(root), time.monotonic())
    digest.sent(time.monotonic() - 60 * options.every_minutes)
    texts = partial(text_of, root, settings) if options.include_text else None
    _say(f"event=ready addresses={len(urls)}")
    while not is_over():
        time.sleep(look)
        with suppress(OSError):
            digest.look(waiting(root), time.monotonic())
        if not digest.is_due(time.monotonic()) or is_quiet(options.quiet_hours, datetime.now()):
            continue
        if _send(urls, digest.words(texts)):
            _say(f"event=told cards={sum(digest.new().values())}")
            digest.sent(time.monotonic())
        else:
            _say(f"event=not-told again_in={digest.failed(time.monotonic()):.0f}s")


def _send(urls: list[str], words: str) -> bool:
    """Whether each address took it. One after the other: which has failed is logged by its kind, never in full, since
    an address has a password in it."""
    fine = True
    for url in urls:
        one = apprise.Apprise()
        one.add(url)
        # As text: else a mail would be HTML, and what an agent has written its markup.
        if not one.notify(title="Cards wait for you", body=words, body_format=apprise.NotifyFormat.TEXT):
            _say(f"event=failed kind={url.partition(':')[0]}")
            fine = False
    return fine


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
