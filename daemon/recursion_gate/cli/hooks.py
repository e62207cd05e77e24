"""hooks: try the settings of a webhook (docs/sources.md, "Webhooks")."""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING, Literal

import click

from . import root_of

if TYPE_CHECKING:
    from ..core.hooks import Hook
    from ..core.settings import Settings
    from ..sources.webhook import Event

__all__ = ["hooks"]


@click.group()
def hooks() -> None:
    """Try the settings of a webhook.

    The HTTP door ('serve') takes webhooks; [hooks.NAME] in recursion-gate.toml says what becomes of them.

    \b
    Examples:
      recursion-gate hooks check chores saved-message.json
    """


@hooks.command()
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@click.option("--form", "is_form", is_flag=True, help="The message is a form: a=1&b=2. Else it is told from its start.")
@click.pass_context
def check(ctx: click.Context, name: str, file: IO[bytes], is_form: bool) -> None:
    """Print the drop that the saved body FILE of a message would give, and write nothing. - is standard input.

    \b
    Examples:
      recursion-gate hooks check chores saved-message.json
      echo 'chore=dishes&minutes=20' | recursion-gate hooks check chores -
    """
    from ..core.errors import Refusal
    from ..core.settings import load_settings
    from ..sources import webhook

    settings = load_settings(root_of(ctx))
    hook = _hook(settings, name)
    data = file.read(settings.max_drop_bytes + 1)
    if len(data) > settings.max_drop_bytes:
        raise click.ClickException(f"the message is larger than max_drop_bytes ({settings.max_drop_bytes:,})")
    form: Literal["json", "form"] = "form" if is_form or data.lstrip()[:1] not in (b"{", b"[", b"") else "json"
    try:
        event = webhook.read(data, form)
        left_out = webhook.left_out(event, hook)
        if left_out is not None:
            raise click.ClickException(f"'{left_out}' in 'only': this message is answered and left, and gives no drop")
        _show(hook, settings, name, event, data)
    except Refusal as err:
        raise click.ClickException(f"{err.problem}. {err.remedy}".strip()) from None
    _look_at_secret(hook)


def _hook(settings: Settings, name: str) -> Hook:
    from ..core.text import did_you_mean

    if name not in settings.hooks:
        there = ", ".join(settings.hooks) or "none"
        hint = did_you_mean(name, settings.hooks)
        raise click.ClickException(f"there is no [hooks.{name}] in recursion-gate.toml (there are: {there}){hint}")
    return settings.hooks[name]


def _show(hook: Hook, settings: Settings, name: str, event: Event, data: bytes) -> None:
    """Raises Refusal and NotMapped, as the door would."""
    import json

    from ..formats import drops, triggers
    from ..sources import webhook
    from .output import print_json, say

    made = webhook.drop(event, hook, name)
    proposals = drops.parse("hook.json", made, time.time_ns(), settings)
    webhook.identity(event, hook, "msg" if hook.secret_header is None else None, data)
    [staged] = triggers.as_staged(proposals, settings)
    print_json(json.loads(made))
    known = " and ".join(hook.id) or ("webhook-id" if hook.secret_header is None else "its whole body")
    section = staged.suggested_ix_section or "no section (evidence only)"
    say(f"For {hook.user}: {staged.skill_tag}, {section}. Known again by {known}.", err=True)
    if len(list(triggers.expanded(proposals, settings))) > 1:
        say(f"activity_type '{staged.activity_type}' suggests a line beside it.", err=True)


def _look_at_secret(hook: Hook) -> None:
    try:
        from ..serve.signature import NoSecret, secrets_of
    except ModuleNotFoundError:  # the mapping can be tried where no door runs
        return
    try:
        secrets_of(hook)
    except NoSecret as err:
        click.echo(f"Not usable yet: {err}", err=True)
