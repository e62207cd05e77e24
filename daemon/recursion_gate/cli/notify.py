"""notify: tell people that something waits."""

from __future__ import annotations

import logging
import signal

import click

from . import root_of

__all__ = ["notify"]


@click.command()
@click.pass_context
def notify(ctx: click.Context) -> None:
    """Tell people that cards wait: mail, phone, chat, desktop.

    Until it is ended it sends a digest by the Apprise URLs in recursion-gate-notify.txt, one on each line: how
    many cards are new, and their text only if include_text asks for it. [notify] in recursion-gate.toml sets that, how
    often, and the quiet hours. A process of its own; the daemon waits for nobody.

    \b
    Examples:
      echo 'mailto://user:password@example.org' > recursion-gate-notify.txt; chmod 600 recursion-gate-notify.txt
      recursion-gate notify
    """
    from ..core.settings import load_settings

    root = root_of(ctx)
    try:
        from ..notify.sender import run
    except ModuleNotFoundError as err:
        raise click.ClickException(
            f"notify needs the extra 'notify' ({err.name} is missing): pip install 'recursion-gate[notify]'"
        ) from err
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log addresses, which have passwords
    over = False

    def end(number: int, frame: object) -> None:
        nonlocal over
        over = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    run(root, load_settings(root), lambda: over)
