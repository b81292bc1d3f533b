"""Intervals and tests for shares, paired differences and means. Plain counts in, plain numbers out.

The first of a pair is the reference: n10 counts samples right before and wrong now, n01 wrong before and right now.
Intervals are two-sided, 95 % unless stated. scipy is imported by the functions that need it only.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from workbench.measure.bootstrap import CONFIDENCE, RESAMPLES, Floats, expanded_percentile

# Below this number of samples the bootstrap of a ratio of sums is no more than a guess.
RATIO_FLOOR = 10
_DRAWS_AT_ONCE = 1 << 22


def normal_quantile(confidence: float = CONFIDENCE) -> float:
    """Two-sided standard normal quantile: 1.96 at 95 %."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(k: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of a proportion k / n (Wilson, 1927), within 0..1; (0, 1) when n is 0.

    Raises:
        ValueError: not 0 <= k <= n.
    """
    _check_counts(k=k, n=n)
    if k > n:
        raise ValueError(f"{k} of {n}")
    if n == 0:
        return 0.0, 1.0
    share, z = k / n, normal_quantile(confidence)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if k == 0 else max(0.0, middle - half)
    high = 1.0 if k == n else min(1.0, middle + half)
    return min(low, share), max(high, share)


def newcombe_paired(
    n11: int, n10: int, n01: int, n00: int, confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """Paired difference of two shares, (n01 - n10) / N, with its interval: (value, low, high) within -1..1.

    Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired data",
    Statistics in Medicine 17 (1998), method 10: Wilson limits of both shares, squared and added with the correlation
    phi, whose numerator is lowered by N / 2 (not below 0) where it is positive.

    Raises:
        ValueError: a negative count, or no samples.
    """
    _check_counts(n11=n11, n10=n10, n01=n01, n00=n00)
    n = n11 + n10 + n01 + n00
    if n == 0:
        raise ValueError("no samples")
    now, before = (n11 + n01) / n, (n11 + n10) / n
    low_now, high_now = wilson(n11 + n01, n, confidence)
    low_before, high_before = wilson(n11 + n10, n, confidence)
    phi = _corrected_phi(n11, n10, n01, n00)
    value = (n01 - n10) / n
    low = value - _square_and_add(now - low_now, high_before - before, phi)
    high = value + _square_and_add(high_now - now, before - low_before, phi)
    return value, min(value, max(-1.0, low)), max(value, min(1.0, high))


def mcnemar_mid_p(n10: int, n01: int) -> float:
    """McNemar mid-p: the exact p less the observed count's probability, half of it where n10 = n01.

    The exact p is two-sided, binomial at 1/2.
    Fagerland, Lydersen, Laake, BMC Medical Research Methodology 13:91 (2013).
    """
    _check_counts(n10=n10, n01=n01)
    n, k = n10 + n01, min(n10, n01)
    if n10 == n01:
        return 1.0 - _binomial_half_pmf(k, n) / 2 if n else 1.0
    return 2 * _binomial_half_cdf(k, n) - _binomial_half_pmf(k, n)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the given order: max over smaller ones of (m - rank) * p, at most 1."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def rule_of_three(n: int) -> float:
    """Upper 95 % bound of a share with zero events in n samples: 3 / n, at most 1. Raises ValueError for n < 1."""
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return min(1.0, 3 / n)


def resolution_points(n: int, discordant_share: float) -> float:
    """Smallest accuracy difference, in points, that n paired samples resolve: the half-width of its 95 % interval.

    100 * 1.96 * sqrt(d / n), d the share of samples right in one run and wrong in the other (the variance of one
    sample's difference is at most d), at most 100. Without such samples d is its own upper bound, 3 / n.

    Raises:
        ValueError: n < 1 or the share not within 0..1.
    """
    share = _discordant(n, discordant_share)
    return min(100.0, 100 * normal_quantile() * math.sqrt(share / n))


def needed_n_from_interval(n: int, value: float, bound: float, limit: float) -> int | None:
    """Number of samples at which the interval's bound would reach `limit`, as widths shrink with 1 / sqrt(n).

    Args:
        n: samples behind the interval.
        value: the estimate.
        bound: the interval's end on the limit's side.
        limit: None is returned when the estimate lies on it, but for rounding: no number of samples decides.
    """
    if math.isclose(value, limit, rel_tol=1e-9, abs_tol=1e-12):
        return None
    return max(n + 1, math.ceil(n * ((bound - value) / (limit - value)) ** 2))


def ratio_of_sums_interval(
    numerators: Floats, denominators: Floats, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """95 % interval of sum(numerators) / sum(denominators), such as an NMSE, by the paired bootstrap over samples.

    Both sums are taken over the same resampled samples. The indices depend on N and the seed alone, in the order of the
    samples, so that all runtimes on one set see the same resamples. For small N the interval is widened, see
    bootstrap.expanded_percentile.

    Args:
        numerators, denominators: [N], finite and not negative, in the order of the samples.
        resamples, seed: of the bootstrap.

    Returns:
        (low, high), which holds the ratio itself; None below RATIO_FLOOR samples, and where a resample has no
        denominator.
    """
    if numerators.size < RATIO_FLOOR or not denominators.any():
        return None
    scales = [max(float(part.max()), np.finfo(np.float64).tiny) for part in (numerators, denominators)]
    samples = np.stack([numerators / scales[0], denominators / scales[1]])
    rng = np.random.default_rng(seed)
    means = _resampled_means(rng, samples, resamples)
    if not means[:, 1].all():
        return None
    low, high = expanded_percentile(means[:, 0] / means[:, 1], numerators.size)
    value, scale = float(samples[0].sum() / samples[1].sum()), scales[0] / scales[1]
    return min(low, value) * scale, max(high, value) * scale


def quantile_ranks(n: int, share: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Ranks, from 1, of the two order statistics that hold the quantile `share` of any continuous distribution.

    The count of n independent values below the quantile is binomial (n, share): the lower rank l is the largest with
    P(count < l) <= (1 - confidence) / 2, the upper rank u the smallest with P(count >= u) <= (1 - confidence) / 2.
    David and Nagaraja, "Order Statistics", 3rd edition (2003), section 7.1. Neighbors that share a drift are not
    independent and make the interval too narrow.

    Returns:
        (l, u) with l <= ceil(share * n) <= u, or None where n is too small for one of them.

    Raises:
        ValueError: n < 1, or the share not within 0..1, both ends excluded.
    """
    from scipy.special import bdtr  # noqa: PLC0415  (only the host has scipy)

    if n < 1 or not 0 < share < 1:
        raise ValueError(f"n {n}, share {share}")
    tail = (1 - confidence) / 2
    lower = bisect_right(range(n), tail, key=lambda count: float(bdtr(count, n, share)))
    upper = bisect_left(range(n), 1 - tail, key=lambda count: float(bdtr(count, n, share))) + 1
    return (lower, upper) if lower >= 1 and upper <= n else None


def _resampled_means(rng: np.random.Generator, samples: Floats, resamples: int) -> Floats:
    """Return [resamples, R]: the means of R series over the same drawn samples; samples are [R, N]."""
    n = samples.shape[1]
    at_once = max(1, _DRAWS_AT_ONCE // n)
    parts = []
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        picks = rng.integers(0, n, (rows, n)) + np.arange(rows)[:, None] * n
        weights = np.bincount(picks.ravel(), minlength=rows * n).reshape(rows, n)
        parts.append(weights @ samples.T / n)
    return np.concatenate(parts)


def _corrected_phi(n11: int, n10: int, n01: int, n00: int) -> float:
    margins = (n11 + n10) * (n01 + n00) * (n11 + n01) * (n10 + n00)
    if margins == 0:
        return 0.0
    numerator = float(n11 * n00 - n10 * n01)
    if numerator > 0:
        numerator = max(0.0, numerator - (n11 + n10 + n01 + n00) / 2)
    return numerator / math.sqrt(margins)


def _square_and_add(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * phi * first * second + second**2))


def _binomial_half_cdf(k: int, n: int) -> float:
    from scipy.special import bdtr  # noqa: PLC0415  (only the host has scipy)

    return float(bdtr(k, n, 0.5))


def _binomial_half_pmf(k: int, n: int) -> float:
    return math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))


def _discordant(n: int, share: float) -> float:
    if n < 1 or not 0 <= share <= 1:
        raise ValueError(f"n {n}, discordant share {share}")
    return share if share > 0 else rule_of_three(n)


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 0:
            raise ValueError(f"{name} is negative: {count}")
