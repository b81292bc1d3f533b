"""ONNX's own backend node tests of the quantization ops against the executable specification."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.onnx_backend import EIGHT_BITS, NodeTest, node_tests, run_test

from workbench.quant.affine import Rounding, half_even
from workbench.quant.departure import ROUNDINGS

PASSING = (
    "test_convinteger_with_padding",
    "test_convinteger_without_padding",
    "test_dequantizelinear",
    "test_dequantizelinear_axis",
    "test_dequantizelinear_blocked",
    "test_dynamicquantizelinear_expanded",
    "test_dynamicquantizelinear_max_adjusted_expanded",
    "test_dynamicquantizelinear_min_adjusted_expanded",
    "test_matmulinteger",
    "test_qlinearconv",
    "test_qlinearmatmul_2D_int8_float16",
    "test_qlinearmatmul_2D_int8_float32",
    "test_qlinearmatmul_2D_uint8_float16",
    "test_qlinearmatmul_2D_uint8_float32",
    "test_qlinearmatmul_3D_int8_float16",
    "test_qlinearmatmul_3D_int8_float32",
    "test_qlinearmatmul_3D_uint8_float16",
    "test_qlinearmatmul_3D_uint8_float32",
    "test_quantizelinear",
    "test_quantizelinear_axis",
    "test_quantizelinear_blocked_asymmetric",
)
FLOAT8 = "8-bit floats are no integers; no scheme has them"
FLOAT4 = "4-bit floats are no integers; no scheme has them"
FOUR_BITS = "no scheme has 4-bit codes"
TWO_BITS = "no scheme has 2-bit codes"
SIXTEEN_BITS = "no scheme has 16-bit codes"
OUT_OF_SCOPE = {
    "test_dequantizelinear_e4m3fn": FLOAT8,
    "test_dequantizelinear_e4m3fn_float16": FLOAT8,
    "test_dequantizelinear_e4m3fn_zero_point": FLOAT8,
    "test_dequantizelinear_e5m2": FLOAT8,
    "test_dequantizelinear_float4e2m1": FLOAT4,
    "test_dequantizelinear_int16": SIXTEEN_BITS,
    "test_dequantizelinear_int2": TWO_BITS,
    "test_dequantizelinear_int4": FOUR_BITS,
    "test_dequantizelinear_uint16": SIXTEEN_BITS,
    "test_dequantizelinear_uint2": TWO_BITS,
    "test_dequantizelinear_uint4": FOUR_BITS,
    "test_quantizelinear_blocked_symmetric": SIXTEEN_BITS,
    "test_quantizelinear_e4m3fn": FLOAT8,
    "test_quantizelinear_e5m2": FLOAT8,
    "test_quantizelinear_float4e2m1": FLOAT4,
    "test_quantizelinear_int16": SIXTEEN_BITS,
    "test_quantizelinear_int2": TWO_BITS,
    "test_quantizelinear_int4": FOUR_BITS,
    "test_quantizelinear_uint16": SIXTEEN_BITS,
    "test_quantizelinear_uint2": TWO_BITS,
    "test_quantizelinear_uint4": FOUR_BITS,
}


@pytest.fixture(scope="module")
def tests() -> dict[str, NodeTest]:
    return node_tests()


def passes(test: NodeTest, rounding: Rounding = half_even) -> bool:
    """Whether every output is the test's, bit for bit, in dtype and shape too."""
    pairs = zip(run_test(test, rounding), test.arrays("output"), strict=True)
    return all(a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", PASSING)
def test_it_passes(tests: dict[str, NodeTest], name: str) -> None:
    assert passes(tests[name])


def test_every_test_of_these_ops_is_listed_once(tests: dict[str, NodeTest]) -> None:
    """A new onnx package with a new test fails here until it is put into one of the lists."""
    assert sorted((*PASSING, *OUT_OF_SCOPE)) == sorted(tests)


def test_nothing_of_8_bits_is_left_out(tests: dict[str, NodeTest]) -> None:
    for name in OUT_OF_SCOPE:
        assert not tests[name].element_types <= EIGHT_BITS, name


@pytest.mark.parametrize("words", ["rounds towards zero", "rounds down"])
def test_a_wrong_rounding_fails(tests: dict[str, NodeTest], words: str) -> None:
    """The comparison can fail. No test of the onnx package holds a tie that the two nearest rules decide otherwise."""
    failed = [name for name in PASSING if not passes(tests[name], ROUNDINGS[words])]
    assert {"test_quantizelinear", "test_qlinearconv"} <= set(failed)
    assert len(failed) >= 12


@pytest.mark.parametrize("words", ["rounds ties away from zero", "rounds ties up"])
def test_ties_are_not_decided_by_these_tests(tests: dict[str, NodeTest], words: str) -> None:
    """Known gap of the onnx package's tests: why ties have tests of their own (test_affine, test_probe_graphs)."""
    assert all(passes(tests[name], ROUNDINGS[words]) for name in PASSING)
