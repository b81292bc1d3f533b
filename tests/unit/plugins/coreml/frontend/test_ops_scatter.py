"""Writing by index against ONNX's reference, every reduction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node

X = np.arange(12, dtype=np.float32).reshape(3, 4)
REDUCTIONS = ["none", "add", "mul", "max", "min"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_by_tuples(reduction: str, tmp_path: Path) -> None:
    arrays = [X, np.array([[0], [-1]]), normal(2, 4)]
    assert_agrees(one_node("ScatterND", arrays, opset=18, reduction=reduction), tmp_path)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_element_by_element(reduction: str, axis: int, tmp_path: Path) -> None:
    indices = np.array([[0, 2, 1, -1], [1, 0, 2, 0]]) if axis == 0 else np.array([[0, 3], [1, -1], [2, 0]])
    arrays = [X, indices, normal(*indices.shape)]
    assert_agrees(one_node("ScatterElements", arrays, opset=18, axis=axis, reduction=reduction), tmp_path)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_indices_that_cover_part_of_the_other_axes(dtype: type, tmp_path: Path) -> None:
    arrays = [X.astype(dtype), np.array([[1, -1]]), np.array([[50, 60]]).astype(dtype)]
    assert_agrees(one_node("ScatterElements", arrays, opset=18, axis=1), tmp_path)
