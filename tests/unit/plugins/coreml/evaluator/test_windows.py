"""Padding and the view under one tap."""

from __future__ import annotations

import numpy as np
import pytest
from workbench_plugins.coreml.evaluator.windows import padded, paddings, tap


@pytest.mark.parametrize(
    ("pad_type", "expected"),
    [
        ("valid", [(0, 0), (0, 0)]),
        ("custom", [(1, 2), (3, 4)]),
        ("same", [(1, 1), (0, 1)]),
        ("same_lower", [(1, 1), (1, 0)]),
    ],
)
def test_paddings(pad_type: str, expected: list[tuple[int, int]]) -> None:
    assert paddings(pad_type, [1, 2, 3, 4], (5, 4), (3, 3), (1, 2)) == expected


def test_same_never_cuts() -> None:
    assert paddings("same", None, (7,), (1,), (3,)) == [(0, 0)]


def test_padded_is_the_array_itself_where_nothing_is_added() -> None:
    x = np.ones((1, 2))
    assert padded(x, [(0, 0)]) is x
    assert padded(x, [(1, 0)], -np.inf).tolist() == [[-np.inf, 1, 1]]


def test_tap_sees_every_stride_from_its_offset() -> None:
    x = np.arange(20).reshape(1, 20)
    assert tap(x, [1], [3], [4]).tolist() == [[1, 4, 7, 10]]
