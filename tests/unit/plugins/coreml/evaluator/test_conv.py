"""Convolutions against ONNX Runtime, and in blocks of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator import conv as module
from workbench_plugins.coreml.evaluator.conv import conv, conv_transpose

CASES = {
    "plain": ((2, 3, 7, 9), (4, 3, 3, 3), {}),
    "one by one": ((1, 6, 5, 5), (4, 6, 1, 1), {}),
    "stride, dilation, padding": (
        (1, 3, 11, 9),
        (4, 3, 3, 2),
        {"strides": [2, 1], "dilations": [2, 3], "pad": [1, 0, 2, 1]},
    ),
    "groups": ((2, 6, 6, 6), (9, 2, 3, 3), {"groups": 3}),
    "depthwise": ((1, 4, 6, 6), (4, 1, 3, 3), {"groups": 4, "strides": [2, 2], "pad": [1, 1, 1, 1]}),
    "depthwise, two kernels": ((1, 4, 6, 6), (8, 1, 3, 3), {"groups": 4}),
    "one axis": ((2, 3, 12), (5, 3, 4), {"strides": [3], "pad": [2, 1]}),
    "three axes": ((1, 2, 4, 5, 6), (3, 2, 2, 3, 2), {}),
}


def onnx_pads(pad: Any) -> list[int]:
    return [*pad[::2], *pad[1::2]]


@pytest.mark.parametrize("case", CASES)
def test_conv_is_onnx_conv(case: str) -> None:
    shape, kernel, options = CASES[case]
    x, weight, bias = random(*shape), random(*kernel, seed=1), random(kernel[0], seed=2)
    attributes = {
        "pads": onnx_pads(options.get("pad", [0] * 2 * (len(shape) - 2))),
        "group": options.get("groups", 1),
        **{key: options[key] for key in ("strides", "dilations") if key in options},
    }
    expected = onnx_results("Conv", [x, weight, bias], **attributes)[0]
    got = conv(x, weight, bias, pad_type="custom" if "pad" in options else "valid", **options)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("pad_type", "auto_pad"), [("same", "SAME_UPPER"), ("same_lower", "SAME_LOWER")])
def test_same_padding_is_onnx_auto_pad(pad_type: str, auto_pad: str) -> None:
    x, weight = random(1, 2, 7, 8), random(3, 2, 4, 4, seed=1)
    expected = onnx_results("Conv", [x, weight], auto_pad=auto_pad, strides=[2, 3])[0]
    np.testing.assert_allclose(conv(x, weight, pad_type=pad_type, strides=[2, 3]), expected, rtol=1e-4, atol=1e-4)


def test_blocks_of_channels_change_nothing_where_sums_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).integers(-128, 128, (1, 7, 6, 6)).astype(np.float32)
    weight = np.random.default_rng(1).integers(-127, 128, (5, 7, 3, 3)).astype(np.float32)
    whole = conv(x, weight)
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 300)
    assert np.array_equal(conv(x, weight), whole)


TRANSPOSED = {
    "plain": ((2, 3, 5, 4), (3, 4, 3, 3), {}),
    "stride and padding": ((1, 3, 5, 4), (3, 4, 3, 3), {"strides": [2, 3], "pad": [1, 0, 1, 2]}),
    "groups and dilation": ((1, 4, 4, 4), (4, 3, 2, 2), {"groups": 2, "dilations": [2, 1]}),
    "one axis": ((1, 3, 6), (3, 2, 4), {"strides": [2]}),
}


@pytest.mark.parametrize("case", TRANSPOSED)
def test_conv_transpose_is_onnx_conv_transpose(case: str) -> None:
    shape, kernel, options = TRANSPOSED[case]
    x, weight = random(*shape), random(*kernel, seed=1)
    bias = random(kernel[1] * options.get("groups", 1), seed=2)
    attributes = {
        "pads": onnx_pads(options.get("pad", [0] * 2 * (len(shape) - 2))),
        "group": options.get("groups", 1),
        **{key: options[key] for key in ("strides", "dilations") if key in options},
    }
    expected = onnx_results("ConvTranspose", [x, weight, bias], **attributes)[0]
    got = conv_transpose(x, weight, bias, pad_type="custom" if "pad" in options else "valid", **options)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_conv_transpose_with_output_shape_is_onnx_output_padding() -> None:
    x, weight = random(1, 3, 5, 5), random(3, 2, 3, 3, seed=1)
    attributes = {"pads": [1, 1, 1, 1], "strides": [2, 2], "output_padding": [1, 1]}
    expected = onnx_results("ConvTranspose", [x, weight], **attributes)[0]
    assert expected.shape == (1, 2, 10, 10)
    got = conv_transpose(x, weight, pad=[1, 1, 1, 1], pad_type="custom", strides=[2, 2], output_shape=expected.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_conv_transpose_same_gives_size_times_stride() -> None:
    x, weight = random(1, 2, 5, 4), random(2, 3, 4, 4, seed=1)
    expected = onnx_results("ConvTranspose", [x, weight], strides=[2, 2], pads=[1, 1, 1, 1])[0]
    got = conv_transpose(x, weight, pad_type="same", strides=[2, 2])
    assert got.shape == (1, 3, 10, 8)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
