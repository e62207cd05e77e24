"""Whether a person runs this process, as far as its environment tells (contract, "Commands": who decides).

Coding agents make themselves known by environment variables. This is good manners and no wall: what keeps an agent
from deciding for good are accounts of its own (docs/security.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..core.errors import GateError

__all__ = ["AGENT_VARIABLES", "NotAPerson", "agent_in", "check_person"]

#: The variables by which coding agents make themselves known, and who sets them. `AI_AGENT` and `AGENT` name the agent
#: in their value.
_SET_BY = {
    "CLAUDECODE": "Claude Code",
    "CLAUDE_CODE": "Claude Code",
    "CLAUDE_CODE_ENTRYPOINT": "Claude Code",
    "CURSOR_AGENT": "Cursor",
    "GEMINI_CLI": "Gemini CLI",
    "CODEX_SANDBOX": "Codex",
    "CODEX_SANDBOX_NETWORK_DISABLED": "Codex",
    "CODEX_THREAD_ID": "Codex",
    "OPENCODE": "opencode",
    "OPENCODE_CLIENT": "opencode",
    "CLINE_ACTIVE": "Cline",
    "ROO_ACTIVE": "Roo Code",
    "AUGMENT_AGENT": "Augment",
    "ANTIGRAVITY_AGENT": "Antigravity",
    "AMP_CURRENT_THREAD_ID": "Amp",
    "GOOSE_TERMINAL": "Goose",
    "QWEN_CODE": "Qwen Code",
    "CRUSH": "Crush",
    "COPILOT_AGENT_SESSION_ID": "Copilot",
}
_NAMED_BY_VALUE = ("AI_AGENT", "AGENT")
AGENT_VARIABLES = (*_NAMED_BY_VALUE, *_SET_BY)
_NO = {"", "0", "false", "no"}


class NotAPerson(GateError):
    """A command that is a person's alone was run by an agent. `agent` names it, `variable` showed it."""

    def __init__(self, agent: str, variable: str) -> None:
        super().__init__(agent, variable)
        self.agent, self.variable = agent, variable

    def __str__(self) -> str:
        return (
            f"only a person decides, and {self.agent} runs this ({self.variable} is set). Agents propose with "
            "'recursion-gate stage'. A person can decide in a terminal of their own, or by moving the card."
        )


def agent_in(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The agent that runs a process with this environment and the variable that tells; None where none makes itself
    known."""
    for name in _NAMED_BY_VALUE:
        value = environ.get(name, "").strip()
        if value.lower() not in _NO:
            agent = value if value.isprintable() and value.lower() not in {"1", "true", "yes"} else "an agent"
            return agent[:60], name
    return next(((agent, name) for name, agent in _SET_BY.items() if environ.get(name, "").lower() not in _NO), None)


def check_person() -> None:
    """Raises NotAPerson where an agent runs this process."""
    found = agent_in(os.environ)
    if found:
        raise NotAPerson(*found)
