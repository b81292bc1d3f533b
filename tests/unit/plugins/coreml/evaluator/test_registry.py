"""What operations share."""

from __future__ import annotations

import numpy as np
from workbench_plugins.coreml.evaluator import registry


def test_registering_keeps_the_function() -> None:
    @registry.operation("one_name", "another")
    def function() -> None:
        return None

    assert registry.OPERATIONS.pop("one_name") is registry.OPERATIONS.pop("another") is function


def test_ints() -> None:
    assert registry.ints(np.array([[1, 2]], np.int32)) == (1, 2)
    assert registry.ints(3) == (3,)


def test_along_an_axis() -> None:
    assert registry.along(np.zeros(5), 4, 1).shape == (1, 5, 1, 1)
    assert registry.along(np.zeros(5), 3, -1).shape == (1, 1, 5)
    assert np.ndim(registry.along(np.float32(1), 4, 1)) == 0
