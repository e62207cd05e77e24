"""A plan as a planner writes it (docs/plans.md, "The plan")."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

__all__ = [
    "LANES",
    "Command",
    "GateCheck",
    "GateCondition",
    "Lane",
    "Plan",
    "Sentence",
    "Task",
    "valid_id",
    "valid_worker",
]

Lane = Literal["staging", "reading", "codebase"]
LANES: tuple[Lane, ...] = get_args(Lane)

_ID = r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?"
_WORKER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38}[A-Za-z0-9])?")

#: What `git check-ref-format --branch` refuses.
_NO_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|^[-/]|[./]$|\.lock(?:/|$)|^HEAD$")


def _branch(name: str) -> str:
    """Raises ValueError where git takes no branch of this name."""
    if _NO_BRANCH.search(name):
        raise ValueError("git takes no branch of this name")
    return name


_Id = Annotated[str, StringConstraints(pattern=rf"^{_ID}$")]
_Line = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\n]*$")]
_Branch = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_branch)]
_Text = Annotated[str, StringConstraints(max_length=20_000)]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]


def valid_id(name: str) -> bool:
    """Whether a plan or a task may have this name: small letters, digits, ``-`` and ``_``, at most 64."""
    return re.fullmatch(_ID, name) is not None


def valid_worker(name: str) -> bool:
    """Whether a worker may have this name: letters, digits, ``-`` and ``_``, at most 40."""
    return _WORKER.fullmatch(name) is not None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GateCondition(_Part):
    """What a task may ask of the gate."""

    user: str = Field(description="Whose gate.")
    source: str | None = Field(default=None, description="Only candidates of this source.")
    state: Literal["staged", "decided"] = Field(
        default="staged",
        description="staged: so many wait or are decided. decided: so many are decided, and none of them waits.",
    )
    at_least: _Count = 1

    def __str__(self) -> str:
        of = f" from {self.source}" if self.source else ""
        many = f"{self.at_least:,} candidate{'' if self.at_least == 1 else 's'}{of}"
        return f"{many} of {self.user} {'wait or are decided' if self.state == 'staged' else 'are decided, none waits'}"


class Command(_Part):
    """A criterion that a worker can check alone: a command of the shell that exits with 0."""

    run: str = Field(min_length=1, max_length=4_000)
    timeout: Annotated[float, Field(gt=0, le=86_400)] = Field(default=600, description="In seconds.")

    def __str__(self) -> str:
        return f"`{self.run}` exits with 0"


class GateCheck(_Part):
    """A criterion that the gate answers."""

    gate: GateCondition

    def __str__(self) -> str:
        return str(self.gate)


class Sentence(_Part):
    """A criterion for a person, in words."""

    says: _Line

    def __str__(self) -> str:
        return self.says


def _criterion(value: Any) -> Any:
    return {"says": value} if isinstance(value, str) else value


_Criterion = Annotated[Command | GateCheck | Sentence, BeforeValidator(_criterion)]


class Task(_Part):
    """One task: for one worker, in one lane and one scope."""

    id: _Id
    title: _Line
    goal: _Text = Field(default="", description="What is to be done, in Markdown.")
    lane: Lane = "codebase"
    scope: list[str] = Field(
        default_factory=list,
        description="The files it may change, as .gitignore patterns. Only codebase tasks have one.",
    )
    needs: list[_Id] = Field(default_factory=list, description="The tasks that must be done before.")
    waits_for: list[GateCondition] = Field(
        default_factory=list, description="What the gate must hold before: decisions are never a task of an agent."
    )
    accept: list[_Criterion] = Field(default_factory=list, description="When it is done.")
    context: Literal["staging", "reader", "merge", "planner"] | None = Field(
        default=None, description="The role whose context pack its worker loads. Else it follows from the lane."
    )
    user: str | None = Field(default=None, description="The user of the context pack.")
    max_attempts: _Count = Field(default=3, description="After so many attempts that failed it waits for a person.")

    @property
    def role(self) -> str:
        """The role whose context pack the worker loads."""
        return self.context or {"staging": "staging", "reading": "reader", "codebase": "planner"}[self.lane]


class Plan(_Part):
    """What a planner wrote: a goal, and tasks."""

    plan: _Id = Field(description="Its name; in a file NAME.plan.yaml it may be left out.")
    goal: _Text = ""
    branch: _Branch | None = Field(
        default=None, description="Where codebase tasks are merged; plan/NAME if it does not say."
    )
    grows: bool = Field(default=False, description="Adds to the plan of that name, which is there already.")
    tasks: list[Task] = Field(min_length=1, max_length=2_000)

    @property
    def branch_name(self) -> str:
        return self.branch or f"plan/{self.plan}"

    def task(self, name: str) -> Task | None:
        """The task of that name."""
        return next((task for task in self.tasks if task.id == name), None)
