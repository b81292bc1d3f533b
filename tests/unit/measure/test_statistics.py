"""Intervals and tests against scipy, statsmodels and published worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from workbench.measure import statistics

COUNT = st.integers(0, 3000)
SHARE = st.floats(0, 1)


@given(COUNT, COUNT)
def test_wilson_against_statsmodels_and_its_laws(k: int, rest: int) -> None:
    n = k + rest
    low, high = statistics.wilson(k, n)
    if n == 0:
        assert (low, high) == (0, 1)
        return
    assert (low, high) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)
    assert 0 <= low <= k / n <= high <= 1
    assert statistics.wilson(rest, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_wilson_against_scipy_at_another_confidence() -> None:
    expected = stats.binomtest(81, 263).proportion_ci(0.99, method="wilson")
    assert statistics.wilson(81, 263, 0.99) == pytest.approx((expected.low, expected.high))
    with pytest.raises(ValueError, match="5 of 4"):
        statistics.wilson(5, 4)
    with pytest.raises(ValueError, match="negative"):
        statistics.wilson(-1, 4)


# Rows: n11, n01, n10, n00 with the difference (n01 - n10) / N and its limits.
# 1: Fagerland, Lydersen, Laake, "Statistical Analysis of Contingency Tables" (2017), chapter 8, Newcombe square-and-add
#    for complete response before and after therapy (Cavo et al., 2012); theirs is rows minus columns, n12 is n01 here.
# 2: the same authors, Statistics in Medicine 33 (2014), airway hyper-responsiveness (Bentur et al., 2009).
# 3: Newcombe (1998), table of worked examples, method 10: 36, 12, 2, 0.
@pytest.mark.parametrize(
    ("counts", "expected", "digits"),
    [
        ((59, 6, 16, 80), (-0.0621, -0.1186, -0.0046), 4),
        ((1, 1, 7, 12), (-0.286, -0.507, -0.026), 3),
        ((36, 12, 2, 0), (0.2000, 0.0569, 0.3404), 4),
    ],
)
def test_newcombe_against_published_examples(
    counts: tuple[int, int, int, int], expected: tuple[float, float, float], digits: int
) -> None:
    n11, n01, n10, n00 = counts
    found = statistics.newcombe_paired(n11, n10, n01, n00)
    assert tuple(round(number, digits) for number in found) == expected


@given(COUNT, COUNT, COUNT, COUNT)
def test_newcombe_laws(n11: int, n10: int, n01: int, n00: int) -> None:
    if n11 + n10 + n01 + n00 == 0:
        with pytest.raises(ValueError, match="no samples"):
            statistics.newcombe_paired(0, 0, 0, 0)
        return
    value, low, high = statistics.newcombe_paired(n11, n10, n01, n00)
    assert -1 <= low <= value <= high <= 1
    assert value == (n01 - n10) / (n11 + n10 + n01 + n00)
    swapped = statistics.newcombe_paired(n11, n01, n10, n00)
    assert swapped == pytest.approx((-value, -high, -low), abs=1e-9)


def test_newcombe_covers_the_true_difference() -> None:
    rng = np.random.default_rng(0)
    shares = [0.7, 0.04, 0.02, 0.24]
    tables = rng.multinomial(400, shares, 2000)
    hits = 0
    for n11, n10, n01, n00 in tables.tolist():
        _, low, high = statistics.newcombe_paired(n11, n10, n01, n00)
        hits += low <= -0.02 <= high
    assert 0.93 <= hits / 2000 <= 0.985


@given(COUNT, COUNT)
def test_mcnemar_against_statsmodels(n10: int, n01: int) -> None:
    found = statistics.mcnemar_mid_p(n10, n01)
    assert 0 <= found <= 1
    assert found == statistics.mcnemar_mid_p(n01, n10)
    if n10 + n01:
        exact = mcnemar([[5, n10], [n01, 5]], exact=True).pvalue
        n, k = n10 + n01, min(n10, n01)
        observed = stats.binom.pmf(k, n, 0.5)
        expected = 1 - observed / 2 if n10 == n01 else exact - observed
        assert found == pytest.approx(expected, abs=1e-9)


def test_mcnemar_published_example() -> None:
    # Fagerland, Lydersen, Laake (2013), BMC Medical Research Methodology 13:91: 1 and 7 discordant pairs.
    assert statistics.mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)
    assert statistics.mcnemar_mid_p(0, 0) == 1.0
    assert statistics.mcnemar_mid_p(1, 1) == pytest.approx(0.75)


@settings(max_examples=40)
@given(st.lists(SHARE, min_size=1, max_size=12))
def test_holm_against_statsmodels_and_its_laws(p_values: list[float]) -> None:
    adjusted = statistics.holm(p_values)
    assert adjusted == pytest.approx(multipletests(p_values, method="holm")[1].tolist())
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    by_p = [a for _, a in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(by_p)
    assert statistics.holm(p_values[::-1]) == adjusted[::-1]


def test_rule_of_three() -> None:
    assert statistics.rule_of_three(2000) == 0.0015
    assert statistics.rule_of_three(2) == 1.0
    assert statistics.rule_of_three(1000) == pytest.approx(1 - 0.05 ** (1 / 1000), rel=0.01)
    with pytest.raises(ValueError, match="at least 1"):
        statistics.rule_of_three(0)


def test_resolution_is_the_half_width_of_the_interval() -> None:
    points = statistics.resolution_points(2000, 0.0256)
    assert points == pytest.approx(0.70, abs=0.005)
    _, low, high = statistics.newcombe_paired(1500, 26, 25, 449)
    assert points == pytest.approx(100 * (high - low) / 2, rel=0.05)
    assert statistics.resolution_points(2000, 0.0) == pytest.approx(100 * 1.96 * (0.0015 / 2000) ** 0.5, rel=1e-3)
    with pytest.raises(ValueError, match="share"):
        statistics.resolution_points(10, 1.5)


@given(st.integers(1, 10**5), st.floats(0.001, 1), st.floats(1.1, 5))
def test_more_samples_resolve_less(n: int, share: float, factor: float) -> None:
    more, few = statistics.resolution_points(int(n * factor) + 1, share), statistics.resolution_points(n, share)
    assert more < few or more == few == 100.0


def test_no_set_resolves_more_than_all_of_it() -> None:
    assert statistics.resolution_points(1, 0.0) == 100.0
    assert statistics.resolution_points(3, 1.0) == 100.0
    assert statistics.resolution_points(4, 0.75) == pytest.approx(84.87, abs=0.01)


def test_needed_n_from_interval() -> None:
    assert statistics.needed_n_from_interval(2000, -0.9, -1.6, -1.0) in (98_000, 98_001)
    assert statistics.needed_n_from_interval(100, 1.0, 0.8, 0.9) in (400, 401)
    assert statistics.needed_n_from_interval(100, -1.0, -1.5, -1.0) is None
    # 7 of 1,000 answers in points are -0.7000000000000001: on a limit of 0.7, not a hair beside it
    value, low, _ = (100 * part for part in statistics.newcombe_paired(900, 7, 0, 93))
    assert value != -0.7
    assert statistics.needed_n_from_interval(1000, value, low, -0.7) is None


def test_ratio_of_sums_is_the_plain_paired_bootstrap() -> None:
    rng = np.random.default_rng(3)
    power, error = rng.gamma(4.0, size=200), rng.gamma(1.0, size=200)
    picks = np.random.default_rng(9).integers(0, 200, (5000, 200))
    plain = np.quantile(error[picks].sum(axis=1) / power[picks].sum(axis=1), [0.025, 0.975])
    found = statistics.ratio_of_sums_interval(error, power)
    assert found == pytest.approx(plain, abs=0.1 * (plain[1] - plain[0]))


def test_all_runtimes_see_the_same_resamples() -> None:
    power = np.random.default_rng(0).gamma(4.0, size=60)
    error = np.random.default_rng(1).gamma(1.0, size=60)
    once = statistics.ratio_of_sums_interval(error, power)
    assert once is not None
    for factor in (1e-9, 3.0):
        assert statistics.ratio_of_sums_interval(factor * error, power) == pytest.approx(
            (factor * once[0], factor * once[1]), rel=1e-12
        )
    shifted = statistics.ratio_of_sums_interval(error + power, power)  # one more in every resample alike
    assert shifted == pytest.approx((1 + once[0], 1 + once[1]), rel=1e-12)


def test_ratio_of_sums_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        power, error = rng.gamma(4.0, size=40), rng.gamma(2.0, size=40)
        low, high = statistics.ratio_of_sums_interval(error, power, resamples=400) or (0.0, 0.0)
        held += low <= 0.5 <= high
    assert 180 <= held <= 198


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1e200), st.floats(1e-3, 1e100)), min_size=10, max_size=60))
def test_ratio_of_sums_holds_the_ratio_and_lies_between_the_samples(
    pairs: list[tuple[float, float]],
) -> None:
    error, power = np.asarray(pairs, np.float64).T
    low, high = statistics.ratio_of_sums_interval(error, power, resamples=50) or (np.nan, np.nan)
    assert low <= error.sum() / power.sum() * (1 + 1e-9)
    assert high >= error.sum() / power.sum() * (1 - 1e-9)
    assert (error / power).min() * (1 - 1e-9) <= low
    assert high <= (error / power).max() * (1 + 1e-9)


def test_ratio_of_sums_below_its_floor_or_without_denominator() -> None:
    ones = np.ones(statistics.RATIO_FLOOR)
    assert statistics.ratio_of_sums_interval(ones, ones) == (1.0, 1.0)
    assert statistics.ratio_of_sums_interval(ones[1:], ones[1:]) is None
    assert statistics.ratio_of_sums_interval(ones, 0 * ones) is None
    one = np.eye(statistics.RATIO_FLOOR)[0]
    assert statistics.ratio_of_sums_interval(ones, one) is None
    assert (statistics.ratio_of_sums_interval(one, ones) or (1,))[0] == 0.0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20_000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_quantile_ranks_are_the_narrowest_of_the_binomial(n: int, share: float) -> None:
    count = stats.binom(n, share)
    found = statistics.quantile_ranks(n, share)
    if found is None:
        assert count.cdf(0) > 0.025 or count.sf(n - 1) > 0.025
        return
    low, high = found
    assert 1 <= low <= int(np.ceil(share * n)) <= high <= n
    assert count.cdf(low - 1) <= 0.025 < count.cdf(low)
    assert count.sf(high - 1) <= 0.025 < count.sf(high - 2)
    assert count.cdf(high - 1) - count.cdf(low - 1) >= 0.95 - 1e-12


@given(st.integers(12, 5000), st.floats(0.5, 0.9), st.floats(0.5, 0.99))
def test_quantile_ranks_widen_with_confidence_and_refuse_nonsense(n: int, share: float, confidence: float) -> None:
    narrow, wide = statistics.quantile_ranks(n, share, confidence), statistics.quantile_ranks(n, share, 0.995)
    assert narrow is None or wide is None or (wide[0] <= narrow[0] and narrow[1] <= wide[1])
    assert narrow is not None or wide is None
    with pytest.raises(ValueError, match="share"):
        statistics.quantile_ranks(n, share + 0.5)


def test_quantile_ranks_of_a_long_run() -> None:
    assert statistics.quantile_ranks(5_000_000, 0.99) == (
        int(stats.binom(5_000_000, 0.99).ppf(0.025)),
        int(stats.binom(5_000_000, 0.99).ppf(0.975)) + 1,
    )
