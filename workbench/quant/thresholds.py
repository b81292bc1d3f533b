"""From a histogram to a clip range: minmax, percentile, mse and entropy, as plain functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from workbench.quant.affine import SCALE_CEILING, affine_grid, fp16_up
from workbench.quant.observers import Density, Histogram, density, magnitudes
from workbench.quant.scheme import Scheme

Float64 = npt.NDArray[np.float64]

SMALLEST_FRACTION = 0.02
_COARSE, _FINE = 24, 17
_LINEAR_BINS, _LEVELS, _STRIDE = 2048, 128, 16
_FLOOR = 1e-6


def clip_range(histogram: Histogram, scheme: Scheme) -> tuple[float, float]:
    """Return the (low, high) that the scheme's method gives a tensor.

    S1: (-T, T). S2: a range that includes 0; percentile and entropy cut [min, max] off at -T and T.
    """
    if scheme.name == "S2" and scheme.method == "mse":
        return mse_range(histogram)
    threshold = symmetric_threshold(histogram, scheme)
    if scheme.name != "S2":
        return -threshold, threshold
    return max(min(histogram.minimum, 0.0), -threshold), min(max(histogram.maximum, 0.0), threshold)


def symmetric_threshold(histogram: Histogram, scheme: Scheme) -> float:
    """Return T >= 0 of the scheme's method; 0 for a tensor that is always 0."""
    if histogram.largest == 0.0 or scheme.method == "minmax":
        return histogram.largest
    if scheme.method == "percentile":
        return percentile_threshold(histogram, scheme.percentile)
    if scheme.method == "entropy":
        return entropy_threshold(histogram)
    return mse_threshold(histogram)


def percentile_threshold(histogram: Histogram, percent: float) -> float:
    """Return the value that `percent` % of all |x| do not exceed (percent = 100: max|x|).

    Inside a bin the values count as evenly spread: the error is below one bin, 2^-7 of the value.
    """
    if percent >= 100.0:
        return histogram.largest
    values = magnitudes(density(histogram))
    order = np.argsort(values.high, kind="stable")
    total = np.cumsum(values.weight[order])
    wanted = percent / 100.0 * total[-1]
    at = int(np.searchsorted(total, wanted))
    low, high, weight = values.low[order][at], values.high[order][at], values.weight[order][at]
    share = (wanted - (total[at] - weight)) / weight
    return float(low + share * (high - low))


def mse_threshold(histogram: Histogram) -> float:
    """Return the T that minimises sum h * (x - Q(x))^2 for s8 codes [-128, 127] and scale fp16_up(T / 127).

    Candidates are fractions of max|x| from 1 down to 0.02, first coarse, then fine around the best; of equal ones
    the largest wins. Inside a bin the error is integrated over evenly spread values. A range too wide for any
    float16 scale comes back unchanged.
    """
    largest = histogram.largest
    if not 0.0 < largest / 127.0 <= SCALE_CEILING:
        return largest
    values = density(histogram)

    def errors(fractions: Float64) -> Float64:
        scale = fp16_up(fractions * largest / 127.0).astype(np.float64)
        return squared_error(values, scale, np.full_like(scale, -128.0), np.full_like(scale, 127.0))

    return _best_fraction(errors) * largest


def mse_range(histogram: Histogram) -> tuple[float, float]:
    """Return the (low, high) that minimises sum h * (x - Q(x))^2 for u8 codes with a zero point.

    First both ends shrink together, then each end alone, twice in turn.
    """
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    if not 0.0 < (high - low) / 255.0 <= SCALE_CEILING:
        return low, high
    values = density(histogram)
    low_fraction = high_fraction = _best_fraction(lambda f: _affine_errors(values, f * low, f * high))
    for _ in range(2 if low < 0.0 < high else 0):
        high_fraction = _best_end(values, low_fraction * low, high, is_high=True)
        low_fraction = _best_end(values, high_fraction * high, low, is_high=False)
    return low_fraction * low, high_fraction * high


def entropy_threshold(histogram: Histogram) -> float:
    """Return the T whose 128-level histogram is nearest to the observed one in Kullback-Leibler divergence.

    2048 equal bins over (0, max|x|]; zeros are left out (every candidate holds them exactly). For each of the
    candidates of 128, 144, ..., 2048 bins: P is the clipped histogram with the cut-off weight in its last bin, Q
    spreads each of 128 groups evenly over the group's occupied bins; empty Q bins count as 1e-6.
    """
    counts = linear_histogram(magnitudes(density(histogram)), histogram.largest)
    sizes = np.arange(_LEVELS, _LINEAR_BINS + 1, _STRIDE)
    divergence = [_divergence(counts, int(size)) for size in sizes]
    return float(histogram.largest * sizes[int(np.argmin(divergence))] / _LINEAR_BINS)


def linear_histogram(values: Density, largest: float) -> Float64:
    """Return float64 [2048] counts over equal bins of (0, largest]; intervals are shared out by overlap."""
    keep = values.high > 0.0
    low, high, weight = values.low[keep], values.high[keep], values.weight[keep]
    edges = np.linspace(0.0, largest, _LINEAR_BINS + 1)
    points = high <= low
    counts = np.histogram(high[points], edges, weights=weight[points])[0].astype(np.float64)
    return counts + np.diff(_cumulative(low[~points], high[~points], weight[~points], edges))


def squared_error(values: Density, scale: Float64, lowest: Float64, highest: Float64) -> Float64:
    """Return sum h * (x - Q(x))^2 of many candidate grids, float64 [k], less a constant common to all of them.

    Q(x) = scale * clip(rint(x / scale), lowest, highest), all three float64 [k]. Intervals that every candidate
    rounds to 0 are the constant that is left out.
    """
    keep = np.maximum(np.abs(values.low), np.abs(values.high)) >= 0.5 * scale.min()
    low, high, weight = values.low[keep], values.high[keep], values.weight[keep]
    step, bottom, top = scale[:, None], lowest[:, None], highest[:, None]
    points = high <= low
    rest = high[points] / step - np.clip(np.rint(high[points] / step), bottom, top)
    total = (rest**2 * step**2) @ weight[points]
    wide_low, wide_high = low[~points], high[~points]
    area = _primitive(wide_high / step, bottom, top) - _primitive(wide_low / step, bottom, top)
    return np.asarray(total + (area * step**3) @ (weight[~points] / (wide_high - wide_low)))


def _primitive(steps: Float64, lowest: Float64, highest: Float64) -> Float64:
    """Return the integral of (v - clip(rint(v), lowest, highest))^2 from 0 to each of `steps`, in closed form."""
    code = np.clip(np.rint(steps), lowest, highest)
    rest = steps - code
    return np.asarray(code / 12.0 + rest * rest * rest / 3.0)


def _affine_errors(values: Density, low: Float64, high: Float64) -> Float64:
    scale, zero_point = affine_grid(low, high)
    return squared_error(values, scale, -zero_point, 255.0 - zero_point)


def _best_end(values: Density, fixed: float, moving: float, *, is_high: bool) -> float:
    """Return the best fraction of the `moving` end of an affine range, the other end being `fixed`."""

    def errors(fractions: Float64) -> Float64:
        still, moved = np.full_like(fractions, fixed), fractions * moving
        return _affine_errors(values, still, moved) if is_high else _affine_errors(values, moved, still)

    return _best_fraction(errors)


def _best_fraction(errors: Callable[[Float64], Float64]) -> float:
    coarse = np.geomspace(1.0, SMALLEST_FRACTION, _COARSE)
    best = int(np.argmin(errors(coarse)))
    ends = coarse[max(best - 1, 0)], coarse[min(best + 1, _COARSE - 1)]
    fine = np.linspace(ends[0], ends[1], _FINE)
    return float(fine[int(np.argmin(errors(fine)))])


def _divergence(counts: Float64, size: int) -> float:
    clipped = counts[:size].copy()
    starts = (np.arange(_LEVELS) * size) // _LEVELS
    occupied = clipped > 0
    sums = np.add.reduceat(clipped, starts)
    filled = np.add.reduceat(occupied.astype(np.float64), starts)
    level = np.divide(sums, filled, out=np.zeros_like(sums), where=filled > 0)
    spread = np.repeat(level, np.diff([*starts, size])) * occupied
    clipped[-1] += counts[size:].sum()
    used = clipped > 0
    p = clipped[used] / clipped.sum()
    q = np.maximum(spread[used] / max(spread.sum(), 1.0), _FLOOR)
    return float(np.sum(p * np.log(p / q)))


def _cumulative(low: Float64, high: Float64, weight: Float64, at: Float64) -> Float64:
    """Return how much weight of evenly filled, non-overlapping-per-sign intervals lies below each of `at`."""
    order = np.argsort(low, kind="stable")
    knots = np.unique(np.concatenate([low, high, at]))
    rate = np.zeros(knots.size)
    np.add.at(rate, np.searchsorted(knots, low[order]), weight[order] / (high - low)[order])
    np.add.at(rate, np.searchsorted(knots, high[order]), -weight[order] / (high - low)[order])
    filled = np.concatenate([[0.0], np.cumsum(np.cumsum(rate)[:-1] * np.diff(knots))])
    return np.asarray(np.interp(at, knots, filled))
