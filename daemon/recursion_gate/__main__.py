"""``python -m recursion_gate``: the same as ``recursion-gate``."""

from .cli import main

main(prog_name="recursion-gate")
