"""quantize and dequantize: exact, half to even, saturating; compressed weights."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.one_node import onnx_results
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from workbench_plugins.coreml.evaluator.quantize import (
    constexpr_affine_dequantize,
    constexpr_blockwise_shift_scale,
    constexpr_cast,
    constexpr_lut_to_dense,
    constexpr_sparse_to_dense,
    dequantize,
    quantize,
)

HALF = np.float32(0.5)


def test_halves_go_to_even_and_ends_saturate() -> None:
    x = np.array([0.25, 0.75, 1.25, -0.25, -0.75, 1e9, -1e9, np.inf, -np.inf], np.float32)
    assert quantize(x, HALF, "int8").tolist() == [0, 2, 2, 0, -2, 127, -128, 127, -128]


def test_not_a_number_becomes_the_zero_point() -> None:
    x = np.array([np.nan, 0.5], np.float32)
    assert quantize(x, HALF, "uint8", zero_point=np.uint8(3)).tolist() == [3, 4]


@given(
    x=st_numpy.arrays(np.float32, 30, elements=st.floats(-300, 300, width=32)),
    scale=st.floats(2**-14, 4, width=16).map(np.float32),
    zero_point=st.integers(0, 255),
)
def test_codes_and_reals_are_those_of_onnx(x: np.ndarray, scale: np.float32, zero_point: int) -> None:
    point = np.uint8(zero_point)
    codes = quantize(x, scale, "uint8", point)
    assert np.array_equal(codes, onnx_results("QuantizeLinear", [x, scale, point])[0])
    assert np.array_equal(dequantize(codes, scale, point), onnx_results("DequantizeLinear", [codes, scale, point])[0])


@given(st.integers(-128, 127), st.floats(2**-14, 4, width=16).map(np.float32))
def test_every_code_survives_the_way_there_and_back(code: int, scale: np.float32) -> None:
    codes = np.array([code], np.int8)
    assert quantize(dequantize(codes, scale), scale, "int8").item() == code


def test_one_scale_per_channel() -> None:
    x = np.ones((2, 3, 2), np.float32)
    scales, points = np.array([0.5, 0.25, 1], np.float32), np.array([0, 1, -1], np.int8)
    codes = quantize(x, scales, "int8", points, axis=1)
    assert codes[0, :, 0].tolist() == [2, 5, 0]
    assert np.array_equal(dequantize(codes, scales, points, axis=-2), x)


def test_both_forms_of_weights_agree() -> None:
    codes = np.random.default_rng(0).integers(-127, 128, (4, 3, 2, 2)).astype(np.int8)
    scales, points = np.array([0.5, 0.25, 1, 2], np.float32), np.array([0, 1, -1, 5], np.int8)
    older = constexpr_affine_dequantize(codes, points, scales, 0)
    newer = constexpr_blockwise_shift_scale(codes, scales.reshape(4, 1, 1, 1), points.reshape(4, 1, 1, 1))
    expected = (codes.astype(np.float64) - points.reshape(4, 1, 1, 1)) * scales.reshape(4, 1, 1, 1)
    assert np.array_equal(older, expected)
    assert np.array_equal(newer, expected)


def test_a_scale_serves_its_block() -> None:
    codes = np.arange(8, dtype=np.int8).reshape(2, 4)
    got = constexpr_blockwise_shift_scale(codes, np.array([[1, 10], [100, 1000]], np.float32))
    assert got.tolist() == [[0, 1, 20, 30], [400, 500, 6000, 7000]]


def test_look_up_in_groups() -> None:
    indices = np.array([2, 3, 3, 0, 1, 0, 3, 0, 2, 1, 0, 3], np.uint8).reshape(6, 2)
    lut = np.array([1, 5, 9, 13, 2, 10, 18, 26], np.float32).reshape(2, 1, 4, 1)
    expected = [[9, 13], [13, 1], [5, 1], [26, 2], [18, 10], [2, 26]]
    assert constexpr_lut_to_dense(indices, lut).tolist() == expected


@pytest.mark.parametrize("axis", [1, 2])
def test_look_up_of_vectors(axis: int) -> None:
    indices = np.array([0, 0, 1, 0, 1, 1, 0, 0], np.uint8).reshape(2, 2, 2)
    lut = np.array([[1, 2, 3], [4, 5, 6]], np.float32).reshape(1, 1, 1, 2, 3)
    got = constexpr_lut_to_dense(indices, lut, vector_axis=axis)
    assert got.shape == ((2, 6, 2) if axis == 1 else (2, 2, 6))
    first = got[0, :, 0] if axis == 1 else got[0, 1]
    assert first.tolist() == ([1, 2, 3, 4, 5, 6] if axis == 1 else [4, 5, 6, 1, 2, 3])


def test_packed_look_up_and_sparse_and_cast() -> None:
    lut = np.array([10, 20, 30, 40], np.float32)
    packed = np.array([0b11100100], np.uint8)
    assert constexpr_lut_to_dense(packed, lut, shape=np.array([2, 2])).tolist() == [[10, 20], [30, 40]]
    mask = np.array([0b00010], np.uint8)
    stored = np.array([7], np.float32)
    assert constexpr_sparse_to_dense(stored, mask, shape=np.array([5])).tolist() == [0, 7, 0, 0, 0]
    assert constexpr_sparse_to_dense(stored, np.array([0, 1], np.uint8)).tolist() == [0, 7]
    assert constexpr_cast(np.array([1.5], np.float16), "fp32").dtype == np.float32
