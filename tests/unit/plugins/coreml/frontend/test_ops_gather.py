"""Taking by index against ONNX's reference: negative indices, constant and fed, and ties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("is_constant", [True, False])
@pytest.mark.parametrize("indices", [1, [0, -1], [[0, 1], [-2, 0]]], ids=str)
def test_gather(axis: int, is_constant: bool, indices: object, tmp_path: Path) -> None:
    assert_agrees(one_node("Gather", [X, np.array(indices)], constants=(1,) * is_constant, axis=axis), tmp_path)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int64, np.float16])
def test_of_other_types(dtype: type, tmp_path: Path) -> None:
    assert_agrees(one_node("Gather", [X.astype(dtype), np.array([1, 0])], constants=(1,)), tmp_path)


@pytest.mark.parametrize("is_constant", [True, False])
def test_element_by_element(is_constant: bool, tmp_path: Path) -> None:
    full = np.array([[[0, 2, -1, 1]] * 3] * 2)
    for indices, axis in ((full % 3, 1), (full, 2), (full[:, :2], 2)):
        case = one_node("GatherElements", [X, indices], constants=(1,) * is_constant, axis=axis)
        assert_agrees(case, tmp_path, by="onnxruntime")


@pytest.mark.parametrize(("indices", "batch"), [([[0, 1], [1, -1]], 0), ([[1], [-2]], 1), ([[[0]], [[2]]], 1)], ids=str)
def test_by_tuples(indices: object, batch: int, tmp_path: Path) -> None:
    assert_agrees(one_node("GatherND", [X, np.array(indices)], batch_dims=batch), tmp_path)


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("axis", [0, -1])
def test_top_k(largest: int, axis: int, tmp_path: Path) -> None:
    case = one_node("TopK", [normal(4, 5), np.array([2])], outputs=2, constants=(1,), largest=largest, axis=axis)
    assert_agrees(case, tmp_path)


def test_top_k_of_equals_takes_the_first(tmp_path: Path) -> None:
    x = np.array([[1, 3, 3, 2, 3]], np.float32)
    assert_agrees(one_node("TopK", [x, np.array([2])], outputs=2, constants=(1,)), tmp_path)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_one_hot(axis: int, tmp_path: Path) -> None:
    arrays = [np.array([0, 2, -1]), np.array(3), np.array([-1, 5], np.float32)]
    assert_agrees(one_node("OneHot", arrays, constants=(1, 2), axis=axis), tmp_path)
