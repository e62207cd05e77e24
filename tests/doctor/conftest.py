"""The roots of `tests.support.audited`, as fixtures."""

from ..support.audited import healthy, whole, world

__all__ = ["healthy", "whole", "world"]
