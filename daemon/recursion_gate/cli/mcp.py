"""mcp: an MCP server on standard input and output (docs/doors.md)."""

from __future__ import annotations

import click

from . import root_of
from .options import one_user, one_user_option

__all__ = ["mcp"]


@click.command()
@one_user_option
@click.option("--source", required=True, metavar="NAME", help="Whose proposals these are: the agent's name.")
@click.option("--only", type=click.Choice(["agents", "readers"]), help="Only propose, or only read.")
@click.option("--plans", is_flag=True, help="Also the tools for plans and tasks, which write in plans/.")
@click.option("--worker", metavar="NAME", envvar="RECURSION_GATE_WORKER", help="Who claims tasks; else by --source.")
@click.pass_context
def mcp(ctx: click.Context, user: str | None, source: str, only: str | None, plans: bool, worker: str | None) -> None:
    """Serve MCP on standard input and output: propose and read.

    For the configuration of an agent's program, which starts it and speaks to it: docs/doors.md has the lines for some.
    It reads as far as this account may. Whatever is proposed becomes a drop; no tool approves. With --plans its agent
    can add plans, claim tasks and finish them, which runs the commands of a task's 'accept' under this account and in
    the server's working folder, as 'task done' does.

    \b
    Examples:
      recursion-gate --root /srv/gate mcp --user demo --source claude
      claude mcp add recursion-gate -- recursion-gate --root /srv/gate mcp --user demo --source claude
      recursion-gate --root /srv/gate mcp --user demo --source claude --plans
    """
    root = root_of(ctx)
    name = one_user(root, user)
    try:
        from ..mcp_door import stdio
        from ..mcp_door.caller import Caller, Desk, log, worker_of
        from ..mcp_door.server import create_server
    except ImportError as err:
        raise click.ClickException(
            f"mcp needs the extra 'mcp' ({err.name} is missing, or too old): pip install 'recursion-gate[mcp]'"
        ) from err
    from ..clients.stage import NoInbox
    from ..clients.tokens import check_source
    from ..core.paths import valid_user
    from ..core.settings import load_settings
    from ..plans.claims import BadWorker
    from ..plans.model import valid_worker

    check_source(source)
    place = root.place(name)
    if not valid_user(name) or not place.inbox.is_dir():
        raise NoInbox(name, str(place.inbox))
    if worker is not None and not valid_worker(worker):
        raise BadWorker(worker)
    caller = Caller(
        (name,),
        source,
        stage=only != "readers",
        read=only != "agents",
        plans=plans,
        worker=worker or worker_of(source),
        runs_commands=True,
    )
    parts = ["agents", "readers"] if only is None else [only]
    if plans:
        parts.append("plans")
    stdio.serve(create_server(Desk(root, load_settings(root), say=log), parts), caller)
