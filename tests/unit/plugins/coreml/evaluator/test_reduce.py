"""Reductions against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator.reduce import reduce_argmax, reduce_argmin
from workbench_plugins.coreml.evaluator.registry import OPERATIONS

NAMES = {
    "reduce_l1_norm": "ReduceL1",
    "reduce_l2_norm": "ReduceL2",
    "reduce_log_sum": "ReduceLogSum",
    "reduce_log_sum_exp": "ReduceLogSumExp",
    "reduce_max": "ReduceMax",
    "reduce_mean": "ReduceMean",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
    "reduce_sum": "ReduceSum",
    "reduce_sum_square": "ReduceSumSquare",
}


@pytest.mark.parametrize("keep_dims", [True, False])
@pytest.mark.parametrize("axes", [[1], [-1, 0], None])
@pytest.mark.parametrize("name", NAMES)
def test_reductions(name: str, axes: list[int] | None, keep_dims: bool) -> None:
    x = np.abs(random(2, 3, 4)) + 0.1
    given = [x] if axes is None else [x, np.array(axes, np.int64)]
    expected = onnx_results(NAMES[name], given, keepdims=int(keep_dims))[0]
    got = OPERATIONS[name](x=x, axes=axes, keep_dims=keep_dims)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("keep_dims", [True, False])
def test_places_of_extremes(keep_dims: bool) -> None:
    x = random(2, 3, 4)
    for function, op_type in ((reduce_argmax, "ArgMax"), (reduce_argmin, "ArgMin")):
        expected = onnx_results(op_type, [x], axis=1, keepdims=int(keep_dims))[0]
        assert np.array_equal(function(x, 1, keep_dims), expected)
    assert reduce_argmax(x, output_dtype="uint16").dtype == np.uint16
