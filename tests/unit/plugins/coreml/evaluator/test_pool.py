"""Pools against ONNX Runtime and torch's ceil mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator.pool import avg_pool, l2_pool, max_pool

CASES = {
    "valid": {"kernel_sizes": [3, 2]},
    "stride": {"kernel_sizes": [3, 3], "strides": [2, 3]},
    "padding": {"kernel_sizes": [3, 3], "strides": [2, 2], "pad": [1, 0, 1, 1], "pad_type": "custom"},
    "global": {"kernel_sizes": [9, 10]},
}


def attributes(options: dict[str, Any]) -> dict[str, Any]:
    pad = options.get("pad", [0, 0, 0, 0])
    strides = options.get("strides", [1, 1])
    return {"kernel_shape": options["kernel_sizes"], "strides": strides, "pads": [*pad[::2], *pad[1::2]]}


@pytest.mark.parametrize("case", CASES)
def test_max_pool(case: str) -> None:
    x = random(2, 3, 9, 10) - 5
    expected = onnx_results("MaxPool", [x], **attributes(CASES[case]))[0]
    assert np.array_equal(max_pool(x, **CASES[case]), expected)


@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_avg_pool(case: str, exclude: bool) -> None:
    x = random(2, 3, 9, 10)
    expected = onnx_results("AveragePool", [x], count_include_pad=int(not exclude), **attributes(CASES[case]))[0]
    got = avg_pool(x, exclude_padding_from_average=exclude, **CASES[case])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [7, 8, 9, 10])
@pytest.mark.parametrize(("kernel", "stride", "pad"), [(3, 2, 0), (3, 2, 1), (2, 3, 1), (4, 3, 2)])
def test_ceil_mode_is_torchs(size: int, kernel: int, stride: int, pad: int) -> None:
    functional = pytest.importorskip("torch.nn.functional")
    torch = pytest.importorskip("torch")
    x = random(1, 2, size, size)
    options = {"kernel_sizes": [kernel] * 2, "strides": [stride] * 2, "pad": [pad] * 4, "pad_type": "custom"}
    given = torch.from_numpy(x)
    largest = functional.max_pool2d(given, kernel, stride, pad, ceil_mode=True).numpy()
    mean = functional.avg_pool2d(given, kernel, stride, pad, ceil_mode=True).numpy()
    assert np.array_equal(max_pool(x, ceil_mode=True, **options), largest)
    means = avg_pool(x, ceil_mode=True, **options)
    np.testing.assert_allclose(means, mean, rtol=1e-4, atol=1e-6)


def test_one_and_three_axes() -> None:
    x = random(1, 2, 8)
    assert np.array_equal(max_pool(x, [3]), onnx_results("MaxPool", [x], kernel_shape=[3])[0])
    cube = random(1, 2, 4, 5, 6)
    expected = onnx_results("AveragePool", [cube], kernel_shape=[2, 2, 3])[0]
    np.testing.assert_allclose(avg_pool(cube, [2, 2, 3]), expected, rtol=1e-4, atol=1e-6)


def test_l2_pool() -> None:
    x = random(1, 2, 6, 6)
    expected = onnx_results("LpPool", [x], kernel_shape=[2, 2], strides=[2, 2], p=2)[0]
    np.testing.assert_allclose(l2_pool(x, kernel_sizes=[2, 2], strides=[2, 2]), expected, rtol=1e-5)
