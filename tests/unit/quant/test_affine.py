"""The integers' specification against plain definitions, and its laws."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from workbench.quant.affine import (
    SCALE_FLOOR,
    affine_parameters,
    bias_codes,
    bias_grid,
    codes_of,
    dequantize,
    dequantize_weight,
    fp16_up,
    half_even,
    nearest_codes,
    quantize,
    quantize_bias,
    quantize_weight,
    real_range,
    reals_of,
    symmetric_parameters,
)
from workbench.quant.plan import TensorParameters

floats = st.floats(-1e4, 1e4, width=32)
FLOAT16 = np.arange(0x0400, 0x7C00, dtype=np.uint16).view(np.float16).astype(np.float64)


@given(st.floats(0, 65504))
def test_fp16_up_is_the_smallest_float16_not_below(value: float) -> None:
    expected = FLOAT16[np.searchsorted(FLOAT16, max(value, 2.0**-14))]
    assert float(fp16_up(value)) == expected


def test_fp16_up_keeps_float16_values_and_the_shape() -> None:
    np.testing.assert_array_equal(fp16_up(FLOAT16), FLOAT16)
    assert fp16_up(np.ones((2, 3))).shape == (2, 3)
    assert fp16_up(np.ones(1)).dtype == np.float32
    assert float(fp16_up(0.0)) == SCALE_FLOOR


@pytest.mark.parametrize("value", [-1.0, 65505.0, np.inf, np.nan])
def test_fp16_up_refuses_what_is_no_scale(value: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        fp16_up(value)


@given(st.floats(0, 1e6))
def test_symmetric_parameters_reach_the_threshold(threshold: float) -> None:
    parameters = symmetric_parameters(threshold)
    assert parameters.zero_point == 0
    assert parameters.clamp == (-128, 127)
    assert 127 * parameters.scale >= threshold * (1 - 1e-12)
    assert 127 * parameters.scale <= max(threshold * (1 + 2**-10), 127 * SCALE_FLOOR) * (1 + 1e-12)


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_affine_parameters_hold_zero_exactly_and_cover_the_range(first: float, second: float) -> None:
    low, high = min(first, second), max(first, second)
    parameters = affine_parameters(low, high)
    assert 0 <= parameters.zero_point <= 255
    assert int(quantize(np.zeros(1, np.float32), parameters)[0]) == parameters.zero_point
    bottom, top = real_range(parameters)
    assert bottom <= min(low, 0) + 0.5 * parameters.scale * 1.0001
    assert top >= max(high, 0) - 0.5 * parameters.scale * 1.0001


@given(hnp.arrays(np.float32, 20, elements=floats), st.floats(0.01, 100), st.sampled_from(["int8", "uint8"]))
def test_codes_are_those_of_onnx_quantize_linear(values: np.ndarray, threshold: float, dtype: str) -> None:
    parameters = symmetric_parameters(threshold) if dtype == "int8" else affine_parameters(-threshold / 3, threshold)
    graph = helper.make_graph(
        [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [20])],
        [helper.make_tensor_value_info("q", TensorProto.INT8 if dtype == "int8" else TensorProto.UINT8, [20])],
        [
            onnx.numpy_helper.from_array(np.asarray(parameters.scale, np.float32), "s"),
            onnx.numpy_helper.from_array(np.asarray(parameters.zero_point, dtype), "z"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    (expected,) = ReferenceEvaluator(model).run(None, {"x": values})
    np.testing.assert_array_equal(quantize(values, parameters), expected)


def test_ties_go_to_even_and_codes_saturate() -> None:
    parameters = TensorParameters(1.0, 0, "int8", None, (-128, 127))
    values = np.asarray([0.5, 1.5, 2.5, -0.5, -1.5, 300, -300], np.float32)
    np.testing.assert_array_equal(quantize(values, parameters), [0, 2, 2, 0, -2, 127, -128])
    np.testing.assert_array_equal(dequantize(np.asarray([127, -128]), parameters), [127.0, -128.0])


def test_a_narrow_clamp_is_obeyed() -> None:
    parameters = TensorParameters(0.5, 3, "uint8", None, (3, 100))
    np.testing.assert_array_equal(quantize(np.asarray([-9, 0, 1, 99], np.float32), parameters), [3, 3, 5, 100])


@given(hnp.arrays(np.int32, 20, elements=st.integers(-128, 127)), st.floats(1e-3, 100))
def test_dequantized_codes_quantize_to_themselves(codes: np.ndarray, threshold: float) -> None:
    parameters = symmetric_parameters(threshold)
    np.testing.assert_array_equal(quantize(dequantize(codes, parameters), parameters), codes)


@given(hnp.arrays(np.float32, (3, 4, 2), elements=floats), st.integers(0, 2))
def test_weights_per_channel_by_their_definition(weight: np.ndarray, axis: int) -> None:
    got = quantize_weight(weight, axis)
    assert got.codes.shape == weight.shape
    for channel in range(weight.shape[axis]):
        values = np.take(weight, channel, axis).astype(np.float64)
        step = float(got.scale[channel])
        assert step == float(fp16_up(np.abs(values).max() / 127))
        np.testing.assert_array_equal(np.take(got.codes, channel, axis), np.clip(np.rint(values / step), -127, 127))
    wide = np.moveaxis(np.abs(dequantize_weight(got) - weight), axis, -1)
    assert np.all(wide <= got.scale * 0.5001)


def test_the_lowest_weight_code_is_not_used() -> None:
    assert quantize_weight(np.asarray([[-1.0, 1.0]], np.float32), 0).codes.min() == -127


@given(st.floats(0, 1000), hnp.arrays(np.float64, 5, elements=st.floats(0, 100)))
def test_the_bias_grid_is_an_exact_product(scale: float, scales: np.ndarray) -> None:
    first, second = fp16_up(scale), fp16_up(scales)
    grid = bias_grid(float(first), second, 5)
    np.testing.assert_array_equal(grid.astype(np.float64), first.astype(np.float64) * second.astype(np.float64))


def test_the_grid_repeats_for_groups() -> None:
    grid = bias_grid(0.5, np.asarray([1.0, 2.0], np.float32), 6)
    np.testing.assert_array_equal(grid, [0.5, 1.0, 0.5, 1.0, 0.5, 1.0])


@given(hnp.arrays(np.float32, 4, elements=floats))
def test_a_rounded_bias_lies_on_its_grid_and_rounding_again_changes_nothing(bias: np.ndarray) -> None:
    grid = np.asarray([0.5, 0.25, 0.125, 2.0], np.float32)
    rounded, clamped = quantize_bias(bias, grid)
    assert clamped == 0
    assert np.all(np.abs(rounded - bias) <= grid / 2)
    np.testing.assert_array_equal(rounded / grid, np.rint(rounded / grid))
    np.testing.assert_array_equal(quantize_bias(rounded, grid)[0], rounded)


def test_a_bias_beyond_int32_is_clamped_and_counted() -> None:
    grid = np.full(3, 2.0**-28, np.float32)
    rounded, clamped = quantize_bias(np.asarray([1000.0, -1000.0, 1.0], np.float32), grid)
    assert clamped == 2
    np.testing.assert_allclose(rounded, [8.0, -8.0, 1.0], rtol=1e-6)


def test_code_127_is_the_6_when_the_threshold_does_not_exceed_6() -> None:
    six = np.asarray([6.0], np.float32)
    for parameters, is_highest in (
        (symmetric_parameters(6.0), True),
        (symmetric_parameters(4.0), True),
        (symmetric_parameters(6.1), False),
        (affine_parameters(0.0, 6.0), True),
    ):
        assert (quantize(six, parameters)[0] == parameters.clamp[1]) == is_highest


def test_scale_and_zero_point_broadcast() -> None:
    values = np.asarray([[1.0, 10.0], [-300.0, 2.5]], np.float32)
    scale, zero = np.asarray([0.5, 1.0]), np.asarray([10, 0])
    codes = codes_of(values, scale, zero, (0, 255))
    np.testing.assert_array_equal(codes, [[12, 10], [0, 2]])
    np.testing.assert_array_equal(reals_of(codes, scale, zero), [[1.0, 10.0], [-5.0, 2.0]])


def test_another_rounding_changes_ties_only() -> None:
    parameters = TensorParameters(1.0, 0, "int8", None, (-128, 127))
    values = np.asarray([0.4, 0.5, 1.5, 2.6], np.float32)
    up = quantize(values, parameters, lambda array: np.floor(array + np.float32(0.5)))
    np.testing.assert_array_equal(up, [0, 1, 2, 3])
    np.testing.assert_array_equal(quantize(values, parameters, half_even), [0, 0, 2, 3])


def test_sums_become_real_by_one_float32_product() -> None:
    sums, grid = np.asarray([2**24 + 1, 3]), np.float32(0.1)
    np.testing.assert_array_equal(reals_of(sums, grid), np.asarray([2**24, 3], np.float32) * grid)


def test_bias_codes_are_whole_numbers_of_any_size() -> None:
    codes = bias_codes(np.asarray([1.0, -0.26, 1000.0], np.float32), np.asarray([0.5, 0.1, 2.0**-28], np.float32))
    np.testing.assert_array_equal(codes, [2, -3, 1000 * 2.0**28])


@pytest.mark.parametrize("bad", [-1.0, 65505.0, np.inf, np.nan])
def test_one_value_among_others_that_is_no_scale_is_enough(bad: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        fp16_up([1.0, bad, 1.0])


def test_affine_parameters_are_unsigned_and_weights_have_no_zero_point() -> None:
    found = affine_parameters(-1.0, 3.0)
    assert (found.dtype, found.axis, found.clamp) == ("uint8", None, (0, 255))
    weight = quantize_weight(np.ones((2, 3), np.float32), 0)
    assert (weight.zero_point.tolist(), weight.zero_point.dtype, weight.axis) == ([0, 0], np.int8, 0)


def test_a_value_beyond_float32_once_divided_saturates_without_a_warning() -> None:
    smallest = symmetric_parameters(0.0)
    values = np.asarray([3e38, -3e38, np.inf, -np.inf], np.float32)
    np.testing.assert_array_equal(quantize(values, smallest), [127, -128, 127, -128])


def test_codes_stay_within_127_where_a_scale_is_too_small_for_a_value() -> None:
    values = np.asarray([[9.0, -9.0], [63.5, -64.0]], np.float32)
    found = nearest_codes(values, np.asarray([0.01, 0.5], np.float32), 0)
    np.testing.assert_array_equal(found, [[127, -127], [127, -127]])


def test_an_axis_may_be_counted_from_the_end() -> None:
    weight = np.arange(12, dtype=np.float32).reshape(3, 4) - 5
    last, second = quantize_weight(weight, -1), quantize_weight(weight, 1)
    np.testing.assert_array_equal(last.codes, second.codes)
    np.testing.assert_array_equal(dequantize_weight(last), dequantize_weight(second))
