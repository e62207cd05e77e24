"""What a person does with a task: the rename that a file manager makes (docs/plans.md, "Where a task stands")."""

from __future__ import annotations

from typing import Literal, get_args

from ..core.errors import Refusal
from ..core.paths import Root
from ..disk import atomic
from .find import NoTask, plans_named
from .folder import PlanFolder, Standing, TaskName
from .overview import standings

__all__ = ["PLACES", "Moved", "Place", "move", "place_of"]

#: Where a person may put a task: waiting/ to have it tried again, failed/ to take it out, done/ where it is done.
Place = Literal["waiting", "failed", "done"]
PLACES: tuple[Place, ...] = get_args(Place)


class Moved(Refusal):
    """The task no longer stands where the person saw it."""


def place_of(standing: Standing) -> str:
    """Where a task stands, in a word that changes with each move and claim: ``claimed/a.1.ada.md``."""
    return f"{standing.state}/{standing.name.file}"


def move(root: Root, plan: str, task: str, to: Place, seen: str) -> None:
    """Put a task that the person saw at `seen` (see `place_of`) into the folder `to`; a claim of it is then over. On
    disk when this returns. Raises NoTask; Moved where it stands elsewhere now; OSError."""
    folder = plans_named(root, plan)[0]
    standing = standings(folder).get(task)
    if standing is None:
        raise NoTask(f"the task '{task}' of the plan '{plan}' has no file now. The daemon makes it again")
    if place_of(standing) != seen:
        raise Moved(f"the task {plan}/{task} has moved: it is {_where(standing)} now", "Nothing was done; look again.")
    if standing.state != to:
        _rename(folder, standing, to)


def _rename(folder: PlanFolder, standing: Standing, to: Place) -> None:
    target = folder.at(to, TaskName(standing.name.task, standing.name.generation))
    try:
        atomic.calls.rename_new(standing.path, str(target))
    except FileNotFoundError:
        raise Moved(f"the task {folder.name}/{standing.name.task} was moved just now", "Look again.") from None
    except FileExistsError:
        raise Refusal(
            f"{to}/{target.name} is there already", "Wait until the daemon has put the copy into plans/problems/."
        ) from None
    for path in (target.parent, folder.state(standing.state)):
        atomic.sync_folder(path)


def _where(standing: Standing) -> str:
    return f"{standing.name.worker}'s" if standing.state == "claimed" and standing.name.worker else standing.state
