"""Gathers and scatters against ONNX Runtime; indices outside are errors."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator import gather as module
from workbench_plugins.coreml.evaluator.gather import gather, gather_along_axis, gather_nd

X = random(4, 5, 6)
MODES = {"update": "none", "add": "add", "mul": "mul", "max": "max", "min": "min"}


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather(axis: int) -> None:
    indices = np.array([[0, 3], [2, 2]], np.int64)
    assert np.array_equal(gather(X, indices, axis), onnx_results("Gather", [X, indices], axis=axis)[0])


def test_gather_with_shared_batch_axes() -> None:
    indices = np.random.default_rng(0).integers(0, 6, (4, 5, 2))
    expected = np.stack([[X[a, b, indices[a, b]] for b in range(5)] for a in range(4)])
    assert np.array_equal(gather(X, indices, axis=2, batch_dims=2), expected)
    rows = np.array([[0, 4], [1, 1], [2, 2], [3, 0]])
    assert np.array_equal(gather(X, rows, axis=1, batch_dims=1), np.stack([X[a, rows[a]] for a in range(4)]))


def test_gather_along_axis() -> None:
    indices = np.random.default_rng(0).integers(0, 5, (4, 3, 6))
    assert np.array_equal(gather_along_axis(X, indices, 1), onnx_results("GatherElements", [X, indices], axis=1)[0])


@pytest.mark.parametrize(("batch_dims", "shape"), [(0, (2, 3, 2)), (0, (2, 3)), (1, (4, 2)), (1, (4, 3, 1))])
def test_gather_nd(batch_dims: int, shape: tuple[int, ...]) -> None:
    indices = np.random.default_rng(0).integers(0, 4, shape)
    expected = onnx_results("GatherND", [X, indices], batch_dims=batch_dims)[0]
    assert np.array_equal(gather_nd(X, indices, batch_dims), expected)


@pytest.mark.parametrize("mode", MODES)
def test_scatter_nd(mode: str) -> None:
    indices = np.array([[1], [3]], np.int64)
    updates = random(2, 5, 6, seed=1)
    expected = onnx_results("ScatterND", [X, indices, updates], reduction=MODES[mode])[0]
    np.testing.assert_allclose(module.scatter_nd(X, indices, updates, mode), expected, rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_scatter_along_axis(mode: str) -> None:
    indices = np.argsort(random(4, 5, 6), axis=1)[:, :2]
    updates = random(4, 2, 6, seed=1)
    expected = onnx_results("ScatterElements", [X, indices, updates], axis=1, reduction=MODES[mode])[0]
    np.testing.assert_allclose(module.scatter_along_axis(X, indices, updates, 1, mode), expected, rtol=1e-6)


def test_repeated_positions_add_up() -> None:
    indices = np.array([1, 1, 0], np.int32)
    got = module.scatter(np.zeros((2, 3), np.float32), indices, np.ones((2, 3), np.float32), 1)
    assert got.tolist() == [[1, 2, 0], [1, 2, 0]]
    assert module.scatter(np.ones(2, np.float32), np.array([0]), np.array([4.0], np.float32), 0, "sub").tolist() == [
        -3,
        1,
    ]


@pytest.mark.parametrize("index", [-1, 4])
def test_indices_outside_are_errors(index: int) -> None:
    outside = np.array([index])
    with pytest.raises(IndexError, match="reach outside 0 to 3"):
        gather(X, outside)
    with pytest.raises(IndexError, match="reach outside"):
        gather_nd(X, outside)
    with pytest.raises(IndexError, match="reach outside"):
        module.scatter(X, outside, X[:1])
