"""serve: the HTTP door (docs/doors.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import root_of

if TYPE_CHECKING:
    import socket

    from ..clients.keys import Keys
    from ..core.paths import Root

__all__ = ["serve"]

_PARTS = ("agents", "readers")
_PORT = 8737


def _parts(ctx: click.Context, param: click.Parameter, value: str | None) -> frozenset[str]:
    names = frozenset(name.strip() for name in (value or ",".join(_PARTS)).split(",") if name.strip())
    unknown = sorted(names - set(_PARTS))
    if unknown or not names:
        raise click.BadParameter(f"{', '.join(unknown) or 'nothing'}: the parts are {', '.join(_PARTS)}.")
    return names


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help=f"On 127.0.0.1; {_PORT} unless told, 0 is any free one.")
@click.option("--uds", metavar="PATH", type=click.Path(path_type=Path), help="A unix socket in place of a port.")
@click.option("--only", "parts", metavar="PARTS", callback=_parts, help="Of agents, readers: all unless told.")
@click.option("--host", "hosts", metavar="NAME", multiple=True, help="A name that a proxy passes on as Host.")
@click.option("--rate", type=click.FloatRange(0), default=200, show_default=True, help="Requests a second of a token.")
@click.option("--state", metavar="DIR", type=click.Path(path_type=Path), help="For used keys; .doors/ unless told.")
@click.pass_context
def serve(
    ctx: click.Context,
    port: int | None,
    uds: Path | None,
    parts: frozenset[str],
    hosts: tuple[str, ...],
    rate: float,
    state: Path | None,
) -> None:
    """The HTTP door: agents propose, readers read, with tokens.

    On this computer only: for others put a proxy with TLS in front, and name it with --host. A token is made with
    'token add'. Whatever comes in becomes a drop; no address approves.

    \b
    Examples:
      recursion-gate serve
      recursion-gate serve --only agents --uds /run/recursion-gate/agents.sock
    """
    if port is not None and uds is not None:
        raise click.UsageError("--port and --uds exclude each other.")
    root = root_of(ctx)
    try:
        from ..serve import listen
        from ..serve.app import create_app
        from ..serve.door import Door, Limits
    except ModuleNotFoundError as err:
        raise click.ClickException(
            f"serve needs the extra 'serve' ({err.name} is missing): pip install 'recursion-gate[serve]'"
        ) from err
    from ..core.settings import load_settings

    sockets = _sockets(port, uds)
    limits = Limits(rate=rate, burst=5 * rate or 1)
    door = Door(root, parts, load_settings(root), limits, frozenset(hosts), _keys(root, state, parts))
    listen.serve(create_app(root, (), door=door), door, sockets, uds)


def _sockets(port: int | None, uds: Path | None) -> list[socket.socket]:
    from ..serve import listen

    if port is None and uds is None:
        found = listen.inherited()
        if found:
            return found
    return [listen.unix(uds)] if uds is not None else [listen.loopback(_PORT if port is None else port)]


def _keys(root: Root, state: Path | None, parts: frozenset[str]) -> Keys:
    """The used keys: where the service manager says, else in the root; in memory where this account may write in
    neither."""
    from ..clients.keys import Keys

    if "agents" not in parts:
        return Keys()
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    folder = state or (Path(given) if given else root.doors)
    try:
        return Keys(folder)
    except OSError as err:
        if state is not None:
            raise
        click.echo(f"used keys are kept in memory only: {folder}: {err.strerror}", err=True)
        return Keys()
