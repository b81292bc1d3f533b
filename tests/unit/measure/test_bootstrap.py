"""Bootstrap intervals: determinism, coverage, what pairing gains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workbench.measure import bootstrap

RATES = st.lists(st.floats(1, 1e6), min_size=3, max_size=60)


@settings(max_examples=30, deadline=None)
@given(RATES)
def test_median_interval_lies_within_the_data_and_repeats(values: list[float]) -> None:
    interval = bootstrap.median_interval(values)
    assert interval is not None
    assert min(values) <= interval[0] <= np.median(values) <= interval[1] <= max(values)
    assert interval == bootstrap.median_interval(values)


def test_median_interval_needs_three_values() -> None:
    assert bootstrap.median_interval([1.0, 2.0]) is None
    assert bootstrap.median_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)


def test_drift_widens_the_median_interval() -> None:
    rng = np.random.default_rng(0)
    shuffled = rng.normal(100, 1, 64)
    drifting = np.sort(shuffled)
    narrow, wide = bootstrap.median_interval(shuffled), bootstrap.median_interval(drifting)
    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] > 1.3 * (narrow[1] - narrow[0])


@pytest.mark.parametrize("freedom", [3, 5, 10, 30, 1000])
def test_student_quantile_against_scipy(freedom: int) -> None:
    assert bootstrap.student_t_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.01)


def test_expanded_percentile_covers_the_mean_of_few_values() -> None:
    rng = np.random.default_rng(3)
    hits = plain_hits = 0
    for _ in range(400):
        sample = rng.normal(0, 1, 6)
        replicates = sample[rng.integers(0, 6, (1000, 6))].mean(axis=1)
        low, high = bootstrap.expanded_percentile(replicates, 6)
        plain = np.quantile(replicates, [0.025, 0.975])
        hits += low <= 0 <= high
        plain_hits += plain[0] <= 0 <= plain[1]
    assert plain_hits / 400 < 0.90
    assert 0.92 <= hits / 400 <= 0.98


def test_pairing_cancels_a_drift_that_both_share() -> None:
    drift = np.array([1.0, 0.8, 1.1, 0.7, 1.2, 0.9])
    rng = np.random.default_rng(0)
    a = [tuple(200 * d * rng.normal(1, 0.005, 3)) for d in drift]
    b = [tuple(100 * d * rng.normal(1, 0.005, 3)) for d in drift]
    value, low, high = bootstrap.ratio_of_medians(a, b)
    _, loose_low, loose_high = bootstrap.ratio_of_medians(a, b, paired_by_round=False)
    assert low is not None
    assert high is not None
    assert loose_low is not None
    assert loose_high is not None
    assert low <= value <= high
    assert low <= 2.0 <= high
    assert high - low < 0.3 * (loose_high - loose_low)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(1, 1e3), st.floats(1, 1e3)), min_size=3, max_size=12), st.booleans())
def test_ratio_interval_contains_the_ratio(rounds: list[tuple[float, float]], paired: bool) -> None:
    a, b = [(left,) for left, _ in rounds], [(right,) for _, right in rounds]
    value, low, high = bootstrap.ratio_of_medians(a, b, paired)
    assert low is not None
    assert high is not None
    assert 0 < low <= value <= high
    assert (value, low, high) == bootstrap.ratio_of_medians(a, b, paired)


def test_ratio_of_too_few_windows_has_no_interval() -> None:
    assert bootstrap.ratio_of_medians([(4.0, 4.0)], [(2.0, 2.0)]) == (2.0, None, None)
    assert bootstrap.ratio_of_medians([(4.0,) * 5], [(2.0,) * 5]) == (2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match="differ in number"):
        bootstrap.ratio_of_medians([(4.0,), (4.0,)], [(2.0,)])
    with pytest.raises(ValueError, match="at least one window"):
        bootstrap.ratio_of_medians([()], [(2.0,)])
