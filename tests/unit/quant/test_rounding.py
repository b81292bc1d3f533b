"""GPTQ against a plain elimination written from the paper, what it is worth, and its limits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.quant.rounding import DAMPING, gptq_codes, hessian

Float64 = npt.NDArray[np.float64]


def correlated(seed: int, size: int, count: int = 400) -> Float64:
    rng = np.random.default_rng(seed)
    values: Float64 = np.rint(rng.normal(size=(size, size)) @ rng.normal(size=(size, count)) * 20)
    return values


def nearest(weight: Float64, scale: Float64) -> Float64:
    codes: Float64 = np.clip(np.rint(weight / scale[:, None]), -127, 127)
    return codes


def by_elimination(weight: Float64, scale: Float64, covariance: Float64) -> Float64:
    """One column at a time; the inverse Hessian loses its row and column by Gaussian elimination (eq. 2 and 3)."""
    damped = covariance + np.eye(len(covariance)) * DAMPING * covariance.diagonal().mean()
    order = np.argsort(-damped.diagonal(), kind="stable")
    inverse = np.linalg.inv(damped[np.ix_(order, order)])
    rest, codes = weight[:, order].copy(), np.zeros_like(weight)
    for column in range(weight.shape[1]):
        codes[:, order[column]] = np.clip(np.rint(rest[:, column] / scale), -127, 127)
        error = (rest[:, column] - codes[:, order[column]] * scale) / inverse[column, column]
        rest -= np.outer(error, inverse[column])
        inverse = inverse - np.outer(inverse[:, column], inverse[column]) / inverse[column, column]
    return codes


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_codes_are_those_of_the_plain_elimination(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(5, 12))
    scale = np.abs(weight).max(axis=1) / 127 * rng.uniform(4, 16)
    inputs = correlated(seed, 12)
    covariance = hessian([inputs[None]])[0]
    np.testing.assert_array_equal(gptq_codes(weight, scale, covariance), by_elimination(weight, scale, covariance))


def test_the_layers_output_comes_nearer_than_by_rounding_each_weight() -> None:
    drops = []
    for seed in range(3):
        weight = np.random.default_rng(seed).normal(size=(8, 160))  # more columns than one block
        scale = np.abs(weight).max(axis=1) / 7
        inputs = correlated(seed, 160, 400)
        codes = gptq_codes(weight, scale, hessian([inputs[None]])[0])
        errors = [
            float((((chosen * scale[:, None] - weight) @ inputs) ** 2).sum())
            for chosen in (codes.astype(np.float64), nearest(weight, scale))
        ]
        drops.append(errors[0] / errors[1])
    assert max(drops) < 0.6


def test_uncorrelated_inputs_give_the_nearest_codes() -> None:
    weight = np.random.default_rng(0).normal(size=(4, 9))
    scale = np.abs(weight).max(axis=1) / 127
    np.testing.assert_array_equal(gptq_codes(weight, scale, np.eye(9) * 3.0), nearest(weight, scale))


def test_an_input_that_is_always_zero_is_rounded_to_the_nearest_code() -> None:
    weight = np.random.default_rng(1).normal(size=(3, 6))
    inputs = correlated(1, 6)
    inputs[2] = 0.0
    scale = np.abs(weight).max(axis=1) / 127
    codes = gptq_codes(weight, scale, hessian([inputs[None]])[0])
    np.testing.assert_array_equal(codes[:, 2], nearest(weight, scale)[:, 2])
    np.testing.assert_array_equal(gptq_codes(weight, scale, np.zeros((6, 6))), nearest(weight, scale))


def test_the_hessian_of_codes_is_exact_in_any_order() -> None:
    blocks = [np.random.default_rng(seed).integers(-128, 128, (2, 5, 300)).astype(np.float32) for seed in range(4)]
    whole = np.concatenate(blocks, axis=2).astype(np.int64)
    exact = whole @ whole.transpose(0, 2, 1)
    np.testing.assert_array_equal(hessian(blocks), exact)
    np.testing.assert_array_equal(hessian(blocks[::-1]), exact)
    with pytest.raises(ValueError, match="no columns"):
        hessian([])


@pytest.mark.parametrize("largest", [1, 255, 600])
def test_the_hessian_is_exact_where_every_product_is_as_large_as_can_be(largest: int) -> None:
    """At 255 float32 holds the sums of 258 columns, at 600 those of too few: one more column would be odd by one."""
    block = np.full((1, 2, 5001), largest, np.float32)
    block[0, 0, 0] = largest - 1
    whole = block.astype(np.int64)
    np.testing.assert_array_equal(hessian([block, block]), 2 * whole @ whole.transpose(0, 2, 1))
