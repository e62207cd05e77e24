"""Many agents stage, one person decides.

Agents drop files into ``inbox/<user>/``; the daemon stages them at the gate; a person moves each candidate's card into
``approved/`` or ``rejected/``; only then is the Record written, with a receipt. See README.md and docs/.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clients.stage import stage

    __version__: str

__all__ = ["__version__", "stage"]


def __getattr__(name: str) -> object:
    """`stage` and `__version__`, each found when it is asked for: no lane pays for another's imports."""
    if name == "stage":
        from .clients.stage import stage

        return stage
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("recursion-gate")
        except PackageNotFoundError:  # run from a checkout that is not installed
            return "0"
    raise AttributeError(f"module 'recursion_gate' has no attribute '{name}'")
