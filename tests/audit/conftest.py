"""The roots of `tests.support.audited`, as fixtures."""

from ..support.audited import whole, world

__all__ = ["whole", "world"]
