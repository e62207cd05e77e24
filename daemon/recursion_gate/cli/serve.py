"""serve: the HTTP door (docs/doors.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import root_of

if TYPE_CHECKING:
    import socket

    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from ..clients.keys import Keys
    from ..clients.sessions import SessionFile
    from ..core.paths import Root
    from ..core.settings import Settings
    from ..mcp_door.late import LateEndpoint
    from ..serve.door import Door
    from ..serve.people.page import Page

__all__ = ["serve"]

_PARTS = ("agents", "readers", "people")
_PORT = 8737


def _parts(ctx: click.Context, param: click.Parameter, value: str | None) -> frozenset[str] | None:
    if value is None:
        return None
    names = frozenset(name.strip() for name in value.split(",") if name.strip())
    unknown = sorted(names - set(_PARTS))
    if unknown or not names:
        raise click.BadParameter(f"{', '.join(unknown) or 'nothing'}: the parts are {', '.join(_PARTS)}.")
    return names


@click.command()
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), help=f"On 127.0.0.1; {_PORT} unless told, 0 is any free one."
)
@click.option("--uds", metavar="PATH", type=click.Path(path_type=Path), help="A unix socket in place of a port.")
@click.option("--only", "parts", metavar="PARTS", callback=_parts, help="Of agents, readers, people.")
@click.option("--host", "hosts", metavar="NAME", multiple=True, help="A name that a proxy passes on as Host.")
@click.option(
    "--rate",
    metavar="N",
    type=click.FloatRange(0),
    default=200,
    show_default=True,
    help="Requests a second of a token.",
)
@click.option(
    "--state", metavar="DIR", type=click.Path(path_type=Path), help="For keys and sessions; .doors/ unless told."
)
@click.pass_context
def serve(
    ctx: click.Context,
    port: int | None,
    uds: Path | None,
    parts: frozenset[str] | None,
    hosts: tuple[str, ...],
    rate: float,
    state: Path | None,
) -> None:
    """Serve HTTP: agents propose, readers read, with tokens; people decide on their page.

    On this computer only: for others put a proxy with TLS in front, and name it with --host. A token is made with
    'token add'; what comes in by one becomes a drop (or, with --plans, a plan or a claim), and decides nothing. The
    page opens by a link that is printed. Unless told otherwise all three are served, but the page only where one
    account does everything (no [lanes]).

    \b
    Examples:
      recursion-gate serve
      recursion-gate serve --only people
      recursion-gate serve --only agents --uds /run/recursion-gate/agents.sock
    """
    if port is not None and uds is not None:
        raise click.UsageError("--port and --uds exclude each other.")
    root = root_of(ctx)
    try:
        from starlette.routing import Route

        from ..serve import listen
        from ..serve.app import create_app
        from ..serve.door import Door, Limits
        from ..serve.hooks import say_what_is_wrong
    except ModuleNotFoundError as err:
        raise click.ClickException(
            f"serve needs the extra 'serve' ({err.name} is missing): pip install 'recursion-gate[serve]'"
        ) from err
    from ..core.settings import load_settings

    settings = load_settings(root)
    parts = _served(settings, parts)
    sockets = _sockets(port, uds)
    limits = Limits(rate=rate, burst=5 * rate or 1)
    door = Door(root, parts, settings, limits, frozenset(hosts), _keys(root, state, parts))
    page, routes = _page(door, _sessions(root, state)) if "people" in parts else (None, [])
    endpoint = _mcp(door)
    mounts = [] if endpoint is None else [Route("/mcp", endpoint=endpoint, methods=["POST"])]
    lifespan = None if endpoint is None else endpoint.lifespan
    app = create_app(root, (), door=door, mounts=mounts, people=routes, lifespan=lifespan)
    if "agents" in parts:
        say_what_is_wrong(door)
    if page is not None:
        page.at = listen.address_of(sockets[0])
    listen.serve(app, door, sockets, uds, page.say_link if page else None, page.end if page else None)


def _served(settings: Settings, parts: frozenset[str] | None) -> frozenset[str]:
    """The parts that were asked for; else all, but for the page where it needs a lane of its own, or an agent runs
    this. Raises NotAPerson."""
    from ..clients.person import NotAPerson, check_person

    if parts is not None:
        if "people" in parts:
            check_person()
        return parts
    try:
        check_person()
    except NotAPerson as err:
        click.echo(f"without the page for people: {err}", err=True)
        return frozenset(_PARTS) - {"people"}
    return frozenset(_PARTS) - ({"people"} if settings.lanes else set())


def _page(door: Door, kept: SessionFile) -> tuple[Page, list[BaseRoute]]:
    try:
        from ..serve.people.routes import people
    except ModuleNotFoundError as err:
        raise click.ClickException(
            f"the page needs the extra 'serve' ({err.name} is missing): pip install 'recursion-gate[serve]', or leave "
            "the page out with --only agents,readers"
        ) from err
    return people(door, kept)


def _mcp(door: Door) -> LateEndpoint | None:
    """MCP at this door; None where the extra is not installed, or the door is for people only."""
    from ..mcp_door.late import LateEndpoint, is_installed

    if not is_installed() or not door.parts & {"agents", "readers"}:
        return None
    from ..mcp_door.caller import Caller, Desk, worker_of
    from ..serve.guard import grant_of

    def caller_of(scope: Scope) -> Caller:
        grant = grant_of(scope)
        return Caller(
            grant.users, grant.source, grant.stage, grant.read, plans=grant.plans, worker=worker_of(grant.name)
        )

    desk = Desk(door.root, door.settings, door.keys, door.say)
    parts = door.parts | ({"plans"} if "agents" in door.parts else set())  # the agents' lane writes in plans/
    return LateEndpoint(desk, parts, caller_of, door.max_body)


def _sockets(port: int | None, uds: Path | None) -> list[socket.socket]:
    from ..serve import listen

    if port is None and uds is None:
        found = listen.inherited()
        if found:
            return found
    return [listen.unix(uds)] if uds is not None else [listen.loopback(_PORT if port is None else port)]


def _keys(root: Root, state: Path | None, parts: frozenset[str]) -> Keys:
    """The used keys; in memory where this account may write neither in the root nor where it was told to."""
    from ..clients.keys import Keys

    if "agents" not in parts:
        return Keys()
    folder = _state(root, state)
    try:
        return Keys(folder)
    except OSError as err:
        if state is not None:
            raise
        click.echo(f"used keys are kept in memory only: {folder}: {err.strerror}", err=True)
        return Keys()


def _sessions(root: Root, state: Path | None) -> SessionFile:
    """The page's sessions; in memory where this account may write neither in the root nor where it was told to."""
    from ..clients.sessions import SessionFile

    folder = _state(root, state)
    try:
        return SessionFile(folder)
    except OSError as err:
        if state is not None:
            raise
        words = (
            f"people must sign in again after a restart: {folder}: {err.strerror} (--state DIR names another folder)"
        )
        click.echo(words, err=True)
        return SessionFile()


def _state(root: Root, given: Path | None) -> Path:
    """The folder for what a door keeps: as told, else the service manager's, else in the root."""
    managed = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return given or (Path(managed) if managed else root.doors)
