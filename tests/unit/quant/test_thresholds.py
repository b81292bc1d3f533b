"""Each calibration method against a plain numpy specification on the raw samples.

The specifications know nothing of bins or of the code under test. The histogram's bins are 2^-7 wide (relative); what
that may change is stated with each tolerance.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.quant.observers import Histogram, Observer, density, merge
from workbench.quant.scheme import Scheme
from workbench.quant.thresholds import (
    clip_range,
    divergences,
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


def spec_scale(exact: float) -> float:
    """Return the least float16 that is not below `exact`."""
    nearest = np.float16(exact)
    return float(nearest if float(nearest) >= exact else np.nextafter(nearest, np.float16(np.inf)))


def spec_error(values: np.ndarray, scale: float, lowest: int, highest: int) -> float:
    """Return the sum of squared errors of rounding to scale * [lowest..highest]."""
    exact = values.astype(np.float64)
    return float(np.sum((exact - scale * np.clip(np.rint(exact / scale), lowest, highest)) ** 2))


def symmetric_error(values: np.ndarray, threshold: float) -> float:
    return spec_error(values, spec_scale(threshold / 127), -128, 127)


def affine_error(values: np.ndarray, low: float, high: float) -> float:
    scale = spec_scale((high - low) / 255)
    zero_point = int(np.clip(np.rint(-low / scale), 0, 255))
    return spec_error(values, scale, -zero_point, 255 - zero_point)


def spec_percentile(values: np.ndarray, percent: float) -> float:
    """Return the least of the |x| that at least `percent` % of them do not exceed."""
    ordered = np.sort(np.abs(values.astype(np.float64)))
    return float(ordered[min(int(np.ceil(percent / 100 * ordered.size)), ordered.size) - 1])


def spec_divergence(counts: np.ndarray, bins: int) -> float:
    """Return KL(P || Q) by the textbook loops: 128 levels over the first `bins` of the counts."""
    p = counts[:bins].copy()
    q = np.zeros(bins)
    for level in range(128):
        start, stop = level * bins // 128, (level + 1) * bins // 128
        part = counts[start:stop]
        if part.any():
            q[start:stop][part > 0] = part.sum() / np.count_nonzero(part)
    p[-1] += counts[bins:].sum()
    p, q = p / p.sum(), q / q.sum()
    return float(sum(a * np.log(a / max(b, 1e-6)) for a, b in zip(p, q, strict=True) if a > 0))


def spec_entropy_counts(values: np.ndarray) -> np.ndarray:
    """Return 2048 equal bins of the values that are not 0."""
    size = np.abs(values[values != 0])
    return np.histogram(size, 2048, (0, float(size.max())))[0].astype(float)


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
    expected, got = spec_percentile(values, percent), percentile_threshold(observed(values), percent)
    assert abs(got - expected) <= max(expected, got) * 2.0**-7


@pytest.mark.parametrize("name", TENSORS)
def test_percentile_cuts_both_ends_of_an_affine_range(name: str) -> None:
    values = TENSORS[name]
    low, high = clip_range(observed(values), Scheme(name="S2", method="percentile", percentile=99.0))
    threshold = spec_percentile(values, 99.0)
    assert low == pytest.approx(max(min(float(values.min()), 0.0), -threshold), rel=2.0**-7)
    assert high == pytest.approx(min(max(float(values.max()), 0.0), threshold), rel=2.0**-7)


@pytest.mark.parametrize("name", TENSORS)
def test_mse_finds_an_error_within_two_percent_of_an_exhaustive_search(name: str) -> None:
    values = TENSORS[name]
    largest = float(np.abs(values).max())
    best = min(symmetric_error(values, fraction * largest) for fraction in np.linspace(0.01, 1.0, 400))
    # Whole numbers are point masses inside bins that count as evenly filled.
    allowed = 1.10 if name == "pixels" else 1.02
    assert symmetric_error(values, mse_threshold(observed(values))) <= best * allowed


@pytest.mark.parametrize("name", TENSORS)
def test_affine_mse_is_within_five_percent_of_a_grid_search(name: str) -> None:
    values = TENSORS[name]
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    fractions = np.linspace(0.04, 1.0, 25)
    best = min(affine_error(values, a * low, b * high) for a in (fractions if low < 0 else [1.0]) for b in fractions)
    assert affine_error(values, *mse_range(observed(values))) <= best * 1.05


@pytest.mark.parametrize("name", ["normal", "heavy tail", "after ReLU6", "one outlier", "tiny"])
def test_divergences_of_given_counts_are_those_of_the_textbook_loops(name: str) -> None:
    counts = spec_entropy_counts(TENSORS[name])
    sizes = np.asarray([128, 144, 400, 1024, 2032, 2048])
    expected = [spec_divergence(counts, int(size)) for size in sizes]
    np.testing.assert_allclose(divergences(counts, sizes), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in TENSORS if name not in ("pixels", "tiny")])
def test_entropy_is_as_near_as_the_best_of_the_textbook_loops(name: str) -> None:
    """Bins of 2^-7 shared out over up to 16 of 2048 smooth the tail: the divergence may be that of a near candidate."""
    values = TENSORS[name]
    counts, step = spec_entropy_counts(values), float(np.abs(values).max()) / 2048
    bins = round(entropy_threshold(observed(values)) / step)
    assert bins in range(128, 2049, 16)
    best = min(spec_divergence(counts, size) for size in range(128, 2049, 48))
    # Of sparse raw counts every occupied bin has a level of its own, and divergences are near 0 however many bins.
    assert spec_divergence(counts, bins) <= 1.5 * best + 0.02


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
    every = density(observed(values))
    occupied = every.weight > 0
    low, high, weight = every.low[occupied], every.high[occupied], every.weight[occupied]
    steps = (np.arange(4000) + 0.5) / 4000
    points = low[:, None] + (high - low)[:, None] * steps
    rounded = scale * np.clip(np.rint(points / scale), lowest, lowest + 255)
    expected = weight @ np.mean((points - rounded) ** 2, axis=1)
    # Intervals that only code 0 can hold are a constant that squared_error leaves out.
    kept = np.maximum(np.abs(low), np.abs(high)) >= scale / 2
    expected -= weight[~kept] @ np.mean((points - rounded)[~kept] ** 2, axis=1)
    got = squared_error(every, np.asarray([scale]), np.asarray([float(lowest)]), np.asarray([lowest + 255.0]))
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


def many_and_one(values: np.ndarray, outlier: float) -> Histogram:
    """Each of the values ten thousand times, and one outlier."""
    many = observed(values.astype(np.float32))
    thousands = Histogram(many.counts * 10_000, many.minimum, many.maximum)
    return merge([thousands, observed(np.asarray([outlier], np.float32))])


def test_a_far_outlier_leaves_the_smallest_fraction_looked_at() -> None:
    histogram = many_and_one(RNG.standard_normal(20_000), 2_000.0)
    plain, affine = (clip_range(histogram, Scheme(name=name)) for name in ("S1", "S2"))
    assert plain == pytest.approx((-40.0, 40.0))
    assert affine[1] == pytest.approx(40.0)


@pytest.mark.parametrize("is_high", [True, False])
def test_each_end_of_an_affine_range_is_cut_on_its_own(is_high: bool) -> None:
    low, high = mse_range(many_and_one(RNG.uniform(-1.0, 1.0, 20_000), 8.0 if is_high else -8.0))
    cut, kept = (high, -low) if is_high else (-low, high)
    assert cut < 2.0
    assert kept == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("method", ["mse", "minmax", "percentile", "entropy"])
@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_values_below_the_normal_numbers_have_a_range_all_the_same(method: str, scheme: str) -> None:
    values = np.asarray([0.0, 1e-40, -1e-41], np.float32)
    low, high = clip_range(observed(values), Scheme(name=scheme, method=method))  # type: ignore[arg-type]
    assert -1.1e-40 <= low <= 0.0 <= high <= 1.1e-40
