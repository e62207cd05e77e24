"""The command line: parse, call, print. No logic of its own.

May import: all packages.

Each command is imported when it is called and not before, so that ``--help`` and ``stage`` start at once; `COMMANDS`
is the table of where each one is. A test checks the table against the commands.
"""

from __future__ import annotations

import importlib
import os
import sys
from keyword import iskeyword
from typing import Any

import click

from ..core.errors import GateError, Refusal
from ..core.paths import Root

__all__ = ["COMMANDS", "main"]

#: Headings of the help text; under each: name: (module in this package, what it does).
_GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Set up and run": {
        "init": ("setup", "Make a root, or complete one; safe to repeat."),
        "user": ("setup", "Add or remove a user, or list the users there are."),
        "run": ("daemon", "Run the daemon, in the foreground."),
        "once": ("daemon", "Do all waiting work, then exit."),
        "status": ("daemon", "Show the daemon's state, the waiting work and the last decisions."),
        "doctor": ("proof", "Report problems of this root and their remedies."),
    },
    "Propose": {
        "stage": ("staging", "Propose an entry: write a drop into the inbox."),
        "import": ("importing", "Propose what is in a file of another program."),
        "analyse": ("analyse", "Propose what a conversation says about a person."),
    },
    "Decide": {
        "pending": ("deciding", "List the candidates that wait for a person."),
        "show": ("deciding", "Show one candidate and the lines that approving it adds."),
        "review": ("review", "Decide card by card."),
        "approve": ("deciding", "Approve one candidate."),
        "reject": ("deciding", "Reject one candidate."),
        "undo": ("undo", "Take a decision back."),
        "correct": ("correct", "Correct an entry of the Record."),
        "retract": ("correct", "Retract an entry of the Record."),
        "forget": ("forget", "Erase an entry, for good."),
    },
    "Read the Record": {
        "record": ("reading", "Print the approved entries."),
        "brief": ("reading", "Print a summary before a review."),
        "edge": ("reading", "Print the next focus for THINK, WRITE, WORK and STEWARD."),
        "export": ("reading", "Print the curriculum profile, or write everything into an archive."),
        "import-archive": ("reading", "Restore an archive of 'export --all'."),
        "snapshot": ("reading", "Print gate, Record and receipts as of one moment."),
        "voice": ("voice", "Speak from the Record, and only from it."),
    },
    "Check what was decided": {
        "receipts": ("receipts", "List the decisions that were carried out."),
        "history": ("history", "Tell where an entry comes from and what became of it."),
        "verify": ("proof", "Prove that Record, gate and receipts agree."),
    },
    "Doors": {
        "serve": ("serve", "Serve HTTP: agents propose, readers read, with tokens; people decide on their page."),
        "mcp": ("mcp", "Serve MCP on standard input and output: propose and read."),
        "feed": ("feed", "Take entries from a Redis Stream into the inbox."),
        "token": ("token", "Make, list or remove the tokens of agents and readers."),
        "people": ("people", "Make, list, sign out or remove the accounts of the people's page."),
        "hooks": ("hooks", "Try the settings of a webhook."),
        "notify": ("notify", "Tell people that cards wait: mail, phone, chat, desktop."),
    },
    "Agents": {
        "context": ("context", "Print the instructions for an agent of a role."),
        "spec": ("spec", "Print the specification: one part, or all."),
        "schema": ("schemas", "Print a JSON Schema."),
        "plan": ("plan", "Split work into tasks: check, add, show, list plans."),
        "task": ("task", "Claim a task, and finish it."),
        "scope": ("scope", "Hold a task's scope: check what changed, or give rights."),
        "work": ("work", "Claim tasks, and run COMMAND for each."),
    },
    "This program": {
        "check": ("checking", "Run regression cases on this program."),
        "completion": ("setup", "Print the set-up for completion in a shell."),
    },
}
#: All commands, in the order of the help text.
COMMANDS: dict[str, tuple[str, str]] = {name: command for group in _GROUPS.values() for name, command in group.items()}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{COMMANDS[cmd_name][0]}")
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(module, f"{name}_" if iskeyword(name) else name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from ..core.text import nearest

            near = nearest(args[0], COMMANDS)
            hint = f" Did you mean '{near}'?" if near else " 'recursion-gate --help' lists them."
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for heading, group in _GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), about) for name, (_, about) in group.items()])

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*args, **more)
        except BrokenPipeError:
            raise
        except OSError as err:  # --help and --version print here
            from .trouble import to_click

            raise to_click(err) from err

    def invoke(self, ctx: click.Context) -> Any:
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            if getattr(sys, name) is None:  # closed by whoever called us
                setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
        try:
            return super().invoke(ctx)
        except GateError as err:
            raise click.ClickException(err.in_full if isinstance(err, Refusal) else str(err)) from err
        except BrokenPipeError:  # the reader of a pipe has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except OSError as err:
            from .trouble import to_click

            raise to_click(err) from err


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--root", metavar="DIR", help="The root to work on. Else $RECURSION_GATE_ROOT, else upward of here.")
@click.version_option(package_name="recursion-gate", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, root: str | None) -> None:
    """Many agents stage, one person decides.

    Agents drop files into inbox/USER/. The daemon ('recursion-gate run') stages each at the gate and puts a card
    into pending/. A person moves the card into approved/ or rejected/, or types 'recursion-gate review'. Only then
    is the Record in users/USER/ written, with a receipt.

    \b
    Examples:
      recursion-gate run                                        start the daemon here
      recursion-gate stage "Read two chapters." --user demo     propose an entry
      recursion-gate review                                     decide, card by card
    """
    ctx.obj = root
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def root_of(ctx: click.Context) -> Root:
    """The root that this call means. Raises click.ClickException where there is none."""
    from ..core.errors import NoRoot
    from ..core.paths import find_root

    found = find_root(ctx.find_root().obj)
    if found is None:
        raise NoRoot
    if not found.inbox.is_dir() or not found.homes.is_dir():
        raise click.ClickException(
            f"{found.path} is not a root: it has no inbox/ and users/. "
            f"Make it one with 'recursion-gate init {found.path}'."
        )
    return found
