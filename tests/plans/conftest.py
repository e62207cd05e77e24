from __future__ import annotations

import pytest
from recursion_gate.core.paths import Root

from ..support.plans import Plans


@pytest.fixture
def plans(root: Root) -> Plans:
    """The plans of a small real root."""
    return Plans(root)
