"""The shift of one layer's biases: against brute force, never a loss, the same in any order; when a whole is kept."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.quant.correction import (
    NO_ACTIVATION,
    by_channel,
    channel_shift,
    exact_sum,
    is_nearer,
)

RELU, RELU6 = (0.0, math.inf), (0.0, 6.0)


def layer(seed: int, runs: int = 3, channels: int = 4, positions: int = 20) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(seed)
    expected = [rng.normal(0.0, 2.0, (channels, positions)).astype(np.float32) for _ in range(runs)]
    bias = rng.normal(0.0, 0.5, (channels, 1)).astype(np.float32)
    noise = [rng.normal(0.0, 0.2, values.shape).astype(np.float32) for values in expected]
    return expected, [values + bias + more for values, more in zip(expected, noise, strict=True)]


def error_of(expected: list[Any], found: list[Any], bounds: tuple[float, float], shift: Any) -> Any:
    pairs = zip(expected, found, strict=True)
    return sum(((np.clip(f, *bounds) - np.clip(q + shift[:, None], *bounds)) ** 2).sum(axis=1) for f, q in pairs)


@given(st.integers(0, 10_000))
def test_without_an_activation_the_shift_is_the_mean_difference_on_the_grid(seed: int) -> None:
    expected, found = layer(seed)
    grid = np.asarray([0.25, 0.01, 1.0, 1e-6])
    mean = np.mean([f.astype(np.float64) - q for f, q in zip(expected, found, strict=True)], axis=(0, 2))
    shift = channel_shift(expected, found, NO_ACTIVATION, grid)
    np.testing.assert_allclose(shift / grid, np.rint(shift / grid), rtol=1e-9)
    np.testing.assert_array_less(np.abs(shift - mean), 0.5 * grid + 1e-6)


@given(st.integers(0, 10_000), st.sampled_from([NO_ACTIVATION, RELU, RELU6]))
def test_no_channel_gets_worse_behind_its_activation(seed: int, bounds: tuple[float, float]) -> None:
    expected, found = layer(seed)
    shift = channel_shift(expected, found, bounds, np.full(4, 2.0**-6))
    before = error_of(expected, found, bounds, np.zeros(4, np.float32))
    after = error_of(expected, found, bounds, shift.astype(np.float32))
    assert np.all(after <= before * (1 + 1e-5))
    assert np.all(shift[after > before] == 0.0)


def test_a_channel_whose_shift_would_hurt_keeps_its_bias() -> None:
    expected = [np.asarray([[-4.0, -4.0, -4.0, 1.0]], np.float32)]
    found = [np.asarray([[-9.0, -9.0, -9.0, 1.0]], np.float32)]  # far below zero, where ReLU does not see it
    grid = np.asarray([0.125])
    assert channel_shift(expected, found, RELU, grid) == 0.0
    assert channel_shift(expected, found, NO_ACTIVATION, grid) == 3.75


def test_positions_that_the_activation_lets_through_may_decide() -> None:
    expected = [np.asarray([[2.0, 3.0, -5.0, -5.0]], np.float32)]
    found = [np.asarray([[1.0, 2.0, -5.0, -5.0]], np.float32)]
    assert channel_shift(expected, found, RELU, np.asarray([0.125])) == 1.0


@given(st.integers(0, 10_000), st.permutations(range(5)))
def test_the_order_of_the_runs_does_not_matter(seed: int, order: list[int]) -> None:
    expected, found = layer(seed, runs=5)
    grid = np.full(4, 1e-9)
    again = channel_shift([expected[i] for i in order], [found[i] for i in order], RELU, grid)
    np.testing.assert_array_equal(channel_shift(expected, found, RELU, grid), again)


def test_a_sum_is_rounded_once() -> None:
    rows = [np.asarray([1e16]), np.asarray([1.0]), np.asarray([-1e16])]
    assert exact_sum(rows) == 1.0


def test_channels_come_first_and_large_maps_are_thinned_out() -> None:
    values = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_array_equal(by_channel(values, 1)[1], values[:, 1].reshape(-1))
    assert by_channel(np.zeros((1, 5, 100, 100), np.float32), 1).shape == (5, 1112)
    assert by_channel(np.zeros((1, 7), np.float32), 1).shape == (7, 1)


@pytest.mark.parametrize(
    ("before", "after", "is_kept"),
    [
        ([1.0, 1.1, 0.9], [0.5, 0.6, 0.5], True),
        ([1.0, 1.1, 0.9], [1.0, 1.1, 0.9], False),
        ([1.0, 5.0, 1.0], [1.1, 1.0, 1.1], False),  # one run alone
        ([0.5, 0.6, 0.5], [1.0, 1.1, 0.9], False),
        ([1.0], [0.9], True),
        ([0.9], [1.0], False),
    ],
)
def test_a_correction_is_kept_where_errors_fall_by_more_than_chance(
    before: list[float], after: list[float], is_kept: bool
) -> None:
    assert is_nearer(before, after) == is_kept
