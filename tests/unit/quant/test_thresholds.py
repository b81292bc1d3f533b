"""Each calibration method against a plain numpy specification on the raw samples.

The histogram's bins are 2^-7 wide (relative); what that may change is stated with each tolerance.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.quant.affine import affine_parameters, dequantize, quantize, symmetric_parameters
from workbench.quant.observers import Histogram, Observer, density
from workbench.quant.scheme import Scheme
from workbench.quant.thresholds import (
    clip_range,
    entropy_threshold,
    mse_range,
    mse_threshold,
    percentile_threshold,
    squared_error,
    symmetric_threshold,
)

RNG = np.random.default_rng(7)
SHAPES = {
    "normal": RNG.standard_normal(40_000),
    "heavy tail": RNG.standard_t(2.5, 40_000),
    "after ReLU": np.maximum(RNG.standard_normal(40_000) * 3, 0),
    "after ReLU6": np.clip(RNG.standard_normal(40_000) * 4 + 2, 0, 6),
    "pixels": RNG.integers(0, 256, 40_000),
    "one outlier": np.concatenate([RNG.standard_normal(40_000) * 0.1, [50.0]]),
    "lopsided": RNG.gamma(2.0, 2.0, 40_000) - 1.0,
    "tiny": RNG.standard_normal(4_000) * 0.01,
}
TENSORS = {name: values.astype(np.float32) for name, values in SHAPES.items()}


def observed(values: np.ndarray) -> Histogram:
    observer = Observer()
    observer.observe(values)
    return observer.histogram()


def symmetric_mse(values: np.ndarray, threshold: float) -> float:
    parameters = symmetric_parameters(threshold)
    return float(np.sum((values.astype(np.float64) - dequantize(quantize(values, parameters), parameters)) ** 2))


def affine_mse(values: np.ndarray, low: float, high: float) -> float:
    parameters = affine_parameters(low, high)
    return float(np.sum((values.astype(np.float64) - dequantize(quantize(values, parameters), parameters)) ** 2))


def spec_entropy(values: np.ndarray) -> float:
    """Return T by the textbook loops over raw samples: 2048 bins, 128 levels, a candidate every 16 bins."""
    size = np.abs(values[values != 0])
    top = float(size.max())
    counts = np.histogram(size, 2048, (0, top))[0].astype(float)
    best, best_bins = np.inf, 0
    for bins in range(128, 2049, 16):
        p = counts[:bins].copy()
        q = np.zeros(bins)
        for level in range(128):
            start, stop = level * bins // 128, (level + 1) * bins // 128
            part = counts[start:stop]
            if part.any():
                q[start:stop][part > 0] = part.sum() / np.count_nonzero(part)
        p[-1] += counts[bins:].sum()
        p, q = p / p.sum(), q / q.sum()
        divergence = sum(a * np.log(a / max(b, 1e-6)) for a, b in zip(p, q, strict=True) if a > 0)
        if divergence < best:
            best, best_bins = divergence, bins
    return top * best_bins / 2048


@pytest.mark.parametrize("name", TENSORS)
def test_minmax_is_the_exact_extreme(name: str) -> None:
    values = TENSORS[name]
    assert symmetric_threshold(observed(values), Scheme(method="minmax")) == float(np.abs(values).max())
    limits = clip_range(observed(values), Scheme(name="S2", method="minmax"))
    assert limits == (min(float(values.min()), 0.0), max(float(values.max()), 0.0))


@pytest.mark.parametrize("percent", [60.0, 99.0, 99.9, 99.99, 100.0])
@pytest.mark.parametrize("name", TENSORS)
def test_percentile_is_within_one_bin_of_the_sorted_samples(name: str, percent: float) -> None:
    values = TENSORS[name]
    ordered = np.sort(np.abs(values.astype(np.float64)))
    expected = ordered[min(int(np.ceil(percent / 100 * ordered.size)), ordered.size) - 1]
    got = percentile_threshold(observed(values), percent)
    assert abs(got - expected) <= max(expected, got) * 2.0**-7


@pytest.mark.parametrize("name", TENSORS)
def test_mse_finds_an_error_within_two_percent_of_an_exhaustive_search(name: str) -> None:
    values = TENSORS[name]
    largest = float(np.abs(values).max())
    best = min(symmetric_mse(values, fraction * largest) for fraction in np.linspace(0.01, 1.0, 400))
    # Whole numbers are point masses inside bins that count as evenly filled.
    allowed = 1.10 if name == "pixels" else 1.02
    assert symmetric_mse(values, mse_threshold(observed(values))) <= best * allowed


@pytest.mark.parametrize("name", TENSORS)
def test_affine_mse_is_within_five_percent_of_a_grid_search(name: str) -> None:
    values = TENSORS[name]
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    fractions = np.linspace(0.04, 1.0, 25)
    best = min(affine_mse(values, a * low, b * high) for a in (fractions if low < 0 else [1.0]) for b in fractions)
    assert affine_mse(values, *mse_range(observed(values))) <= best * 1.05


@pytest.mark.parametrize("name", [name for name in TENSORS if name != "pixels"])
def test_entropy_is_near_the_textbook_loops(name: str) -> None:
    values = TENSORS[name]
    got, expected = entropy_threshold(observed(values)), spec_entropy(values)
    # Sharing a bin of 2^-7 out over up to 16 of the 2048 bins smooths the tail, so the argmin may move.
    assert 0.6 * expected <= got <= 1.7 * expected


def test_entropy_cuts_a_heavy_tail_where_minmax_does_not() -> None:
    values = TENSORS["heavy tail"]
    assert entropy_threshold(observed(values)) < 0.5 * float(np.abs(values).max())


def test_mse_cuts_one_outlier_only_where_that_pays() -> None:
    assert mse_threshold(observed(TENSORS["one outlier"])) > 40.0
    many = np.concatenate([RNG.standard_normal(3_000_000) * 0.1, [50.0]]).astype(np.float32)
    assert mse_threshold(observed(many)) < 40.0


def test_pixels_keep_their_range() -> None:
    assert mse_threshold(observed(TENSORS["pixels"])) > 250.0


@settings(max_examples=60)
@given(
    hnp.arrays(np.float32, st.integers(1, 50), elements=st.floats(-100, 100, width=32)),
    st.floats(0.01, 2.0),
    st.integers(-128, 0),
)
def test_integrated_errors_are_those_of_many_points_in_each_interval(
    values: np.ndarray, scale: float, lowest: int
) -> None:
    intervals = density(observed(values))
    steps = (np.arange(4000) + 0.5) / 4000
    points = intervals.low[:, None] + (intervals.high - intervals.low)[:, None] * steps
    rounded = scale * np.clip(np.rint(points / scale), lowest, lowest + 255)
    expected = intervals.weight @ np.mean((points - rounded) ** 2, axis=1)
    # Intervals that only code 0 can hold are a constant that squared_error leaves out.
    kept = np.maximum(np.abs(intervals.low), np.abs(intervals.high)) >= scale / 2
    expected -= intervals.weight[~kept] @ np.mean((points - rounded)[~kept] ** 2, axis=1)
    got = squared_error(intervals, np.asarray([scale]), np.asarray([float(lowest)]), np.asarray([lowest + 255.0]))
    np.testing.assert_allclose(got[0], expected, rtol=2e-3, atol=1e-6 * values.size)


@pytest.mark.parametrize("method", ["mse", "minmax", "percentile", "entropy"])
@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_a_tensor_of_zeros_has_an_empty_range(method: str, scheme: str) -> None:
    zeros = observed(np.zeros(100, np.float32))
    assert clip_range(zeros, Scheme(name=scheme, method=method)) == (0.0, 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["mse", "minmax", "percentile", "entropy"])
@given(values=hnp.arrays(np.float32, st.integers(1, 80), elements=st.floats(-1e4, 1e4, width=32)))
@settings(max_examples=25, deadline=None)
def test_ranges_stay_inside_what_was_observed(method: str, values: np.ndarray) -> None:
    histogram = observed(values)
    low, high = clip_range(histogram, Scheme(method=method))  # type: ignore[arg-type]
    assert -low == high <= histogram.largest * (1 + 1e-12)
    low, high = clip_range(histogram, Scheme(name="S2", method=method))  # type: ignore[arg-type]
    assert min(histogram.minimum, 0) <= low <= 0 <= high <= max(histogram.maximum, 0)


@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_a_range_too_wide_for_float16_scales_comes_back_unchanged(scheme: str) -> None:
    histogram = observed(np.asarray([-1e30, 1.0], np.float32))
    low, high = clip_range(histogram, Scheme(name=scheme))  # type: ignore[arg-type]
    assert low == histogram.minimum
    assert high == (1.0 if scheme == "S2" else -histogram.minimum)
