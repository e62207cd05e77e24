"""Many agents stage, one person decides.

Agents drop files into ``inbox/<user>/``; the daemon stages them at the gate; a person moves each candidate's card into
``approved/`` or ``rejected/``; only then is the Record written, with a receipt. See README.md and docs/.
"""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("recursion-gate")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0"


def __getattr__(name: str) -> object:
    """`recursion_gate.stage`, loaded when it is asked for, so that no lane pays for another's imports."""
    if name == "stage":
        from .agents import stage

        return stage
    raise AttributeError(f"module 'recursion_gate' has no attribute '{name}'")
