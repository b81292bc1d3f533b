"""Ordering, counting and filling, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator import sort


@pytest.mark.parametrize("ascending", [True, False])
def test_topk_takes_the_first_of_equals(ascending: bool) -> None:
    x = np.random.default_rng(0).integers(0, 4, (3, 9, 2)).astype(np.float32)
    expected = onnx_results("TopK", [x, np.array([5])], outputs=2, axis=1, largest=int(not ascending))
    values, places = sort.topk(x, 5, 1, ascending)
    assert np.array_equal(values, expected[0])
    assert np.array_equal(places, expected[1])
    assert sort.topk(x, -1, 1, return_indices=False).shape == x.shape  # type: ignore[union-attr]


def test_argsort_is_stable() -> None:
    x = np.array([1.0, 0, 1, 0], np.float32)
    assert sort.argsort(x, ascending=True).tolist() == [1, 3, 0, 2]
    assert sort.argsort(x).tolist() == [0, 2, 1, 3]


@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("exclusive", [0, 1])
def test_cumsum(exclusive: int, reverse: int) -> None:
    x = random(3, 5, 2)
    expected = onnx_results("CumSum", [x, np.int32(1)], exclusive=exclusive, reverse=reverse)[0]
    np.testing.assert_allclose(sort.cumsum(x, 1, exclusive, reverse), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_one_hot(axis: int) -> None:
    indices = np.array([[0, 2], [1, 1]], np.int64)
    expected = onnx_results("OneHot", [indices, np.int64(3), np.array([-1, 5], np.float32)], axis=axis)[0]
    assert np.array_equal(sort.one_hot(indices, 3, axis, np.float32(5), np.float32(-1)), expected)


def test_band_part_holds_both_triangles() -> None:
    x = random(2, 4, 5)
    assert np.array_equal(sort.band_part(x, 0, -1), onnx_results("Trilu", [x], upper=1)[0])
    assert np.array_equal(sort.band_part(x, -1, 0), onnx_results("Trilu", [x], upper=0)[0])
    assert np.array_equal(sort.band_part(x, 1, 0), np.triu(np.tril(x), -1))


def test_fills_and_ranges() -> None:
    assert sort.fill([2, 1], np.float32(3)).tolist() == [[3], [3]]
    assert sort.fill_like(np.zeros((1, 2)), np.int32(3)).tolist() == [[3, 3]]
    assert sort.range_1d(np.int32(1), np.int32(8), np.int32(3)).tolist() == [1, 4, 7]
    assert sort.non_zero(np.array([[0, 1], [2, 0]])).tolist() == [[0, 1], [1, 0]]
