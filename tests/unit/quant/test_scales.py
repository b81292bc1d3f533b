"""Power-of-two scales: never below the scale asked for, less than twice it, codes that belong to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.quant.affine import affine_parameters, quantize_weight, real_range, symmetric_parameters
from workbench.quant.scales import power_of_two_tensor, power_of_two_up, power_of_two_weight


@given(st.floats(2.0**-14, 2.0**15, width=32))
def test_the_next_power_of_two_covers_the_scale(scale: float) -> None:
    found = float(power_of_two_up(scale))
    assert scale <= found < 2.0 * scale
    assert np.frexp(found)[0] == 0.5
    assert float(power_of_two_up(found)) == found


@given(st.floats(0.0, 1000.0))
def test_a_symmetric_tensor_keeps_its_zero(threshold: float) -> None:
    found = power_of_two_tensor(symmetric_parameters(threshold))
    assert (found.zero_point, found.dtype, found.clamp) == (0, "int8", (-128, 127))
    assert found.scale * 127 >= threshold


@given(st.floats(-50.0, 0.0), st.floats(0.0, 50.0))
def test_an_affine_tensor_still_covers_its_range(low: float, high: float) -> None:
    found = power_of_two_tensor(affine_parameters(low, high))
    lowest, highest = real_range(found)
    assert lowest <= low + found.scale
    assert highest >= high - found.scale


@pytest.mark.parametrize("axis", [0, 1])
def test_weight_codes_belong_to_the_new_scale(axis: int) -> None:
    values = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)
    found = power_of_two_weight(quantize_weight(values, axis), values)
    shape = [1, 1, 1]
    shape[axis] = -1
    error = np.abs(found.codes * found.scale.reshape(shape) - values)
    assert np.all(error <= 0.5 * found.scale.reshape(shape))
    assert np.all(np.frexp(found.scale)[0] == 0.5)


def test_the_zero_point_of_an_affine_tensor_moves_with_its_low_end() -> None:
    before = affine_parameters(-6.0, 2.0)
    found = power_of_two_tensor(before)
    assert (before.zero_point, found.scale, found.zero_point) == (191, 2.0**-4, 96)
    assert real_range(found)[0] == -6.0
