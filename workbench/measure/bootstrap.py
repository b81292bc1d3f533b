"""Bootstrap intervals for means, medians and ratios; numpy only, since workers import it too.

Every function is deterministic for one seed. Small sets get an expanded percentile interval (Hesterberg, "What
Teachers Should Know About the Bootstrap", 2015): the plain percentile interval of k independent parts is too narrow by
about sqrt((k - 1) / k) and by normal against Student t quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rounds = Sequence[Sequence[float]]
RESAMPLES = 2000
CONFIDENCE = 0.95


def median_interval(values: Sequence[float] | Floats, seed: int = 0) -> tuple[float, float] | None:
    """95 % interval of the median of a series that may drift, by circular block bootstrap.

    Blocks of ceil(n ** (1/3)) neighbors are drawn together, so that a slow drift widens the interval.

    Args:
        values: [n], in time order.
        seed: of the resampling.

    Returns:
        (low, high), or None below 3 values.
    """
    series = np.asarray(values, np.float64)
    if series.size < 3:
        return None
    rng = np.random.default_rng(seed)
    medians = np.median(series[_block_indices(rng, series.size)], axis=1)
    return expanded_percentile(medians, series.size / _block_length(series.size))


def ratio_of_medians(
    windows_a: Rounds, windows_b: Rounds, paired_by_round: bool = True, seed: int = 0
) -> tuple[float, float | None, float | None]:
    """median(all windows of a) / median(all windows of b), with a 95 % block-bootstrap interval.

    Args:
        windows_a, windows_b: per round (one block of each, run in turn) the windows' rates, all > 0.
        paired_by_round: round i of a and of b ran next to each other. Rounds are then drawn together, so that what
            both share (a drifting clock) cancels; needs 3 rounds or more, otherwise neighbors are drawn as in
            `median_interval`, independently for a and b.
        seed: of the resampling.

    Returns:
        (value, low, high); low and high are None with fewer than 3 windows on a side.

    Raises:
        ValueError: a side is empty, or paired sides have different numbers of rounds.
    """
    rounds_a = [np.asarray(part, np.float64) for part in windows_a]
    rounds_b = [np.asarray(part, np.float64) for part in windows_b]
    if not sum(map(len, rounds_a)) or not sum(map(len, rounds_b)):
        raise ValueError("a ratio needs at least one window on each side")
    if paired_by_round and len(rounds_a) != len(rounds_b):
        raise ValueError(f"paired rounds differ in number: {len(rounds_a)} and {len(rounds_b)}")
    flat_a, flat_b = np.concatenate(rounds_a), np.concatenate(rounds_b)
    value = float(np.median(flat_a) / np.median(flat_b))
    rng = np.random.default_rng(seed)
    if paired_by_round and len(rounds_a) >= 3 and all(map(len, rounds_a)) and all(map(len, rounds_b)):
        low, high = expanded_percentile(_paired_ratios(rng, rounds_a, rounds_b), len(rounds_a))
    elif min(flat_a.size, flat_b.size) >= 3:
        medians_a = np.median(flat_a[_block_indices(rng, flat_a.size)], axis=1)
        medians_b = np.median(flat_b[_block_indices(rng, flat_b.size)], axis=1)
        low, high = expanded_percentile(
            medians_a / medians_b, min(part.size / _block_length(part.size) for part in (flat_a, flat_b))
        )
    else:
        return value, None, None
    return value, min(low, value), max(high, value)


def expanded_percentile(replicates: Floats, parts: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Percentile interval of bootstrap replicates, widened for few independent parts.

    Tail share alpha' = Phi(-sqrt(k / (k - 1)) * t(k - 1)) instead of (1 - confidence) / 2, k = `parts` (>= 2 assumed).

    Args:
        replicates: [resamples], the statistic on each resample.
        parts: number of independent parts that were resampled.
        confidence: 0..1.
    """
    freedom = max(parts - 1.0, 1.0)
    tail = NormalDist().cdf(-math.sqrt((freedom + 1) / freedom) * student_t_quantile((1 + confidence) / 2, freedom))
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return float(low), float(high)


def student_t_quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t by the Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5), for probability > 0.5.

    Within 1 % of the exact quantile at 97.5 % from 3 degrees of freedom on; smaller than exact below.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom ** (order + 1) for order, term in enumerate(terms))


def _paired_ratios(rng: np.random.Generator, rounds_a: list[Floats], rounds_b: list[Floats]) -> Floats:
    picks = rng.integers(0, len(rounds_a), (RESAMPLES, len(rounds_a)))
    ratios = [
        np.median(np.concatenate([rounds_a[i] for i in pick])) / np.median(np.concatenate([rounds_b[i] for i in pick]))
        for pick in picks
    ]
    return np.asarray(ratios, np.float64)


def _block_length(n: int) -> int:
    return int(np.ceil(np.cbrt(n) - 1e-9))


def _block_indices(rng: np.random.Generator, n: int) -> npt.NDArray[np.int64]:
    """[RESAMPLES, n] indices: circular blocks of neighbors, cut to n."""
    length = _block_length(n)
    starts = rng.integers(0, n, (RESAMPLES, math.ceil(n / length)))
    indices = (starts[:, :, None] + np.arange(length)) % n
    return indices.reshape(RESAMPLES, -1)[:, :n]
