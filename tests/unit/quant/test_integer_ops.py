"""Integer kernels against ONNX Runtime's float kernels on whole numbers, where float32 is exact, and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.plans import run_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from workbench.quant.integer_ops import (
    Window,
    convolve,
    convolve_transposed,
    multiply,
    window_count,
    window_maximum,
    window_of,
    window_sum,
    windows,
)

GEOMETRY = {
    "rank": st.integers(1, 3),
    "kernel": st.integers(1, 3),
    "stride": st.integers(1, 3),
    "dilation": st.integers(1, 2),
    "pad": st.integers(0, 2),
    "auto_pad": st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]),
}


def in_float(op: str, arrays: list[np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    """Return what ONNX Runtime's float32 kernel gives for whole numbers."""
    names = [f"i{place}" for place in range(len(arrays))]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
        for name, value in zip(names, arrays, strict=True)
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(op, names, ["y"], **attributes)], "g", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    return run_graph(model, {name: value.astype(np.float32) for name, value in zip(names, arrays, strict=True)})["y"]


def attributes_of(rank: int, kernel: int, auto_pad: str, pad: int, **rest: int) -> dict[str, Any]:
    """Return ONNX attributes; explicit pads are uneven."""
    found: dict[str, Any] = {key: [value] * rank for key, value in rest.items()} | {"kernel_shape": [kernel] * rank}
    return found | ({"pads": [pad] * rank + [min(pad, 1)] * rank} if auto_pad == "NOTSET" else {"auto_pad": auto_pad})


def steps(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-128, 128, shape)


@settings(max_examples=60, deadline=None)
@given(**GEOMETRY, groups=st.sampled_from([1, 2, 4]), seed=st.integers(0, 99))
def test_convolutions_of_any_geometry(
    rank: int, kernel: int, stride: int, dilation: int, pad: int, auto_pad: str, groups: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dilation = 1 if auto_pad.startswith("SAME") else dilation  # ONNX Runtime refuses both together
    attributes = attributes_of(rank, kernel, auto_pad, pad, strides=stride, dilations=dilation)
    x, weight = steps(rng, 2, 4, *[7] * rank), steps(rng, 4, 4 // groups, *[kernel] * rank)
    window = window_of(attributes, weight.shape[2:], x.shape[2:])
    expected = in_float("Conv", [x, weight], {**attributes, "group": groups})
    np.testing.assert_array_equal(convolve(x, weight, window, groups), expected)


@settings(max_examples=60, deadline=None)
@given(**GEOMETRY, groups=st.sampled_from([1, 2]), extra=st.integers(0, 1), seed=st.integers(0, 99))
def test_transposed_convolutions_of_any_geometry(
    rank: int, kernel: int, stride: int, dilation: int, pad: int, auto_pad: str, groups: int, extra: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    extra = min(extra, stride - 1)
    if auto_pad.startswith("SAME"):
        kernel, dilation, extra = max(kernel, stride), 1, 0  # a smaller kernel would need negative pads
    attributes = attributes_of(rank, kernel, auto_pad, pad, strides=stride, dilations=dilation, output_padding=extra)
    attributes["group"] = groups
    x, weight = steps(rng, 2, 4, *[5] * rank), steps(rng, 4, 3, *[kernel] * rank)
    expected = in_float("ConvTranspose", [x, weight], attributes)
    np.testing.assert_array_equal(convolve_transposed(x, weight, attributes), expected)


def test_a_transposed_convolution_of_a_wanted_size() -> None:
    rng = np.random.default_rng(0)
    x, weight = steps(rng, 1, 2, 4, 4), steps(rng, 2, 3, 3, 3)
    attributes = {"strides": [2, 2], "output_shape": [8, 8], "kernel_shape": [3, 3]}
    found = convolve_transposed(x, weight, attributes)
    assert found.shape == (1, 3, 8, 8)
    np.testing.assert_array_equal(found, in_float("ConvTranspose", [x, weight], attributes))


@settings(max_examples=60, deadline=None)
@given(**GEOMETRY, ceil=st.booleans(), seed=st.integers(0, 99))
def test_maxima_under_windows(
    rank: int, kernel: int, stride: int, dilation: int, pad: int, auto_pad: str, ceil: bool, seed: int
) -> None:
    dilation = 1 if auto_pad.startswith("SAME") else dilation
    ceil = ceil and auto_pad == "NOTSET"
    attributes = attributes_of(rank, kernel, auto_pad, min(pad, kernel - 1), strides=stride, dilations=dilation)
    attributes["ceil_mode"] = int(ceil)
    x = steps(np.random.default_rng(seed), 2, 3, *[7] * rank)
    window = window_of(attributes, attributes["kernel_shape"], x.shape[2:])
    np.testing.assert_array_equal(window_maximum(x, window), in_float("MaxPool", [x], attributes))


@settings(max_examples=60, deadline=None)
@given(**GEOMETRY, ceil=st.booleans(), count_pads=st.booleans(), seed=st.integers(0, 99))
def test_means_under_windows(
    rank: int, kernel: int, stride: int, dilation: int, pad: int, auto_pad: str, ceil: bool, count_pads: bool, seed: int
) -> None:
    attributes = attributes_of(rank, kernel, auto_pad, min(pad, kernel - 1), strides=stride)
    attributes |= {"ceil_mode": int(ceil and auto_pad == "NOTSET"), "count_include_pad": int(count_pads)}
    x = steps(np.random.default_rng(seed), 2, 3, *[7] * rank)
    window = window_of(attributes, attributes["kernel_shape"], x.shape[2:])
    means = window_sum(x, window) / window_count(x.shape[2:], window, count_pads=count_pads)
    np.testing.assert_allclose(means, in_float("AveragePool", [x], attributes), rtol=1e-5, atol=1e-4)


def test_products_are_exact_beyond_what_float32_holds() -> None:
    left, right = np.full((1, 5000), 127), np.full((5000, 1), 127)
    right[0, 0] = 126
    assert int(multiply(left, right)[0, 0]) == 127 * 127 * 5000 - 127
    assert int(np.float32(127 * 127 * 5000 - 127)) != 127 * 127 * 5000 - 127
    np.testing.assert_array_equal(multiply(np.ones((2, 3, 4), int), np.ones((4, 5), int)), np.full((2, 3, 5), 4))


@pytest.mark.parametrize(("pads", "expected"), [((1, 0), [0, 1, 2]), ((-1, 0), [2]), ((0, -1), [1])])
def test_windows_pad_and_crop(pads: tuple[int, int], expected: list[int]) -> None:
    window = Window(kernel=(2,), strides=(1,), dilations=(1,), pads=(pads,), overhang=(0,))
    view = windows(np.asarray([[[1, 2, 3]]]), window, 0)
    assert view[0, 0, :, 0].tolist() == expected


@pytest.mark.parametrize(("size", "pads"), [(5, (0, 0)), (6, (0, 1)), (7, (1, 0)), (8, (1, 1))])
@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_with_ceil_mode_the_last_window_may_stand_over_but_not_begin_beyond(
    size: int, pads: tuple[int, int], kernel: int, stride: int
) -> None:
    attributes = {"kernel_shape": [kernel], "strides": [stride], "pads": list(pads), "ceil_mode": 1}
    x = steps(np.random.default_rng(size), 1, 1, size)
    window = window_of(attributes, [kernel], [size])
    np.testing.assert_array_equal(window_maximum(x, window), in_float("MaxPool", [x], attributes))


def test_ceil_mode_adds_a_window_only_where_cells_are_left_for_it() -> None:
    def outputs(size: int, pads: list[int], kernel: int, stride: int) -> int:
        attributes = {"strides": [stride], "pads": pads, "ceil_mode": 1}
        return window_sum(np.ones((1, 1, size), int), window_of(attributes, [kernel], [size])).shape[-1]

    assert outputs(6, [0, 0], 3, 2) == 3  # begins at cell 4 and stands over by one
    assert outputs(7, [0, 0], 3, 2) == 3  # nothing is left
    assert outputs(5, [0, 1], 2, 3) == 2  # a third would begin at cell 6, beyond the padding


@pytest.mark.parametrize("attributes", [{}, {"auto_pad": "VALID"}, {"auto_pad": b"VALID"}])
def test_absent_attributes_have_the_defaults_of_onnx(attributes: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    x, weight = steps(rng, 1, 4, 6, 5), steps(rng, 4, 4, 3, 2)
    window = window_of(attributes, weight.shape[2:], x.shape[2:])
    assert window == Window((3, 2), (1, 1), (1, 1), ((0, 0), (0, 0)), (0, 0))
    assert window.spans == (3, 2)
    np.testing.assert_array_equal(convolve(x, weight, window, 1), in_float("Conv", [x, weight], attributes))
    expected = in_float("ConvTranspose", [x, weight], attributes)
    np.testing.assert_array_equal(convolve_transposed(x, weight, attributes), expected)
