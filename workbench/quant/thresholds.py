"""From a histogram to a clip range: minmax, percentile, mse and entropy, as plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.quant.affine import SCALE_CEILING, affine_grid, fp16_up
from workbench.quant.observers import Density, Histogram, density
from workbench.quant.scheme import Scheme

Float64 = npt.NDArray[np.float64]

SMALLEST_FRACTION = 0.02
_COARSE, _FINE = 24, 17
_LINEAR_BINS, _LEVELS, _STRIDE = 2048, 128, 16
_FLOOR = 1e-6
_SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
_AT_ONCE = 4
"""Candidates looked at together: few enough that their numbers stay in the cache."""


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
    """Return T >= 0 of the scheme's method; 0 for a tensor that is always 0.

    A tensor of zeros and subnormals, which a histogram counts as zeros, keeps its extreme whatever the method.
    """
    if histogram.largest < _SMALLEST_NORMAL or scheme.method == "minmax":
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
    values = density(histogram)
    at = np.unique(np.abs(values.edges))
    total = within(values, at)
    wanted = percent / 100.0 * total[-1]
    index = int(np.searchsorted(total, wanted))
    if index == 0:
        return float(at[0])
    share = (wanted - total[index - 1]) / (total[index] - total[index - 1])
    return float(at[index - 1] + share * (at[index] - at[index - 1]))


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
    counts = linear_histogram(density(histogram), histogram.largest)
    sizes = np.arange(_LEVELS, _LINEAR_BINS + 1, _STRIDE)
    return float(histogram.largest * sizes[int(np.argmin(divergences(counts, sizes)))] / _LINEAR_BINS)


def linear_histogram(values: Density, largest: float) -> Float64:
    """Return float64 [2048] counts of |x| over equal bins of (0, largest]; intervals are shared out by overlap."""
    return np.diff(within(values, np.linspace(0.0, largest, _LINEAR_BINS + 1)))


def within(values: Density, at: Float64) -> Float64:
    """Return how many values have |x| <= each of `at`, float64 [k], at >= 0."""
    total = np.concatenate([[0.0], np.cumsum(values.weight)])
    up_to = np.interp(at, values.edges, total)
    from_on = np.interp(at, -values.edges[::-1], total[-1] - total[::-1])
    return np.asarray(up_to + from_on - total[-1])


def squared_error(values: Density, scale: Float64, lowest: Float64, highest: Float64) -> Float64:
    """Return sum h * (x - Q(x))^2 of many candidate grids, float64 [k], less a constant common to all of them.

    Q(x) = scale * clip(rint(x / scale), lowest, highest), all three float64 [k]. Intervals that every candidate
    rounds to 0 are the constant that is left out.
    """
    values = _beyond(values, 0.5 * float(scale.min()))
    width = np.diff(values.edges)
    per_unit = np.divide(values.weight, width, out=np.zeros_like(width), where=width > 0)
    # The sum over intervals of per_unit * (P(high) - P(low)), gathered by edges: each P is needed once.
    at_edges = np.concatenate([[0.0], per_unit]) - np.concatenate([per_unit, [0.0]])
    known = (width == 0) & (values.weight > 0)
    points, weight = values.low[known], values.weight[known]
    few = [slice(start, start + _AT_ONCE) for start in range(0, scale.size, _AT_ONCE)]
    grids = [(scale[part, None], lowest[part, None], highest[part, None]) for part in few]
    return np.concatenate([_evenly(values.edges, at_edges, *grid) + _exactly(points, weight, *grid) for grid in grids])


def _evenly(edges: Float64, at_edges: Float64, scale: Float64, lowest: Float64, highest: Float64) -> Float64:
    """Return sum at_edges * P(edge) per grid, P(x) the integral of (v - Q(v))^2 from 0 to x; grids are columns.

    In steps of the grid P is code / 12 + (v - code)^3 / 3: a full step adds 1/12, beyond the last code the cube goes
    on.
    """
    steps = edges / scale
    code = np.rint(steps)
    np.minimum(np.maximum(code, lowest, out=code), highest, out=code)
    steps -= code
    cube = steps * steps
    cube *= steps
    return np.asarray(((code @ at_edges) / 12.0 + (cube @ at_edges) / 3.0) * scale[:, 0] ** 3)


def _exactly(points: Float64, weight: Float64, scale: Float64, lowest: Float64, highest: Float64) -> Float64:
    rest = points / scale - np.clip(np.rint(points / scale), lowest, highest)
    return np.asarray((rest**2 @ weight) * scale[:, 0] ** 2)


def _beyond(values: Density, size: float) -> Density:
    """Return the intervals that reach |x| >= size; the others become one of weight 0."""
    left = int(np.searchsorted(values.edges, -size, side="right"))
    right = int(np.searchsorted(values.edges, size, side="left")) - 1
    if left >= right:
        return values
    return Density(
        np.concatenate([values.edges[: left + 1], values.edges[right:]]),
        np.concatenate([values.weight[:left], [0.0], values.weight[right:]]),
    )


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


def divergences(counts: Float64, sizes: npt.NDArray[np.intp]) -> Float64:
    """Return the Kullback-Leibler divergence of P and Q of `entropy_threshold`, float64 [k].

    Args:
        counts: float64 [n], not negative.
        sizes: candidates, int [k], 128..n bins each.

    With p_i = c_i / n and one q per group, sum p log(p / q) needs sums over groups only: of c, of occupied bins and of
    c log c.
    """
    total, filled, entropy = (_running_sum(part) for part in (counts, counts > 0, _x_log_x(counts)))
    edges = np.arange(_LEVELS + 1) * sizes[:, None] // _LEVELS
    sums, bins = np.diff(total[edges]), np.diff(filled[edges])
    level = np.divide(sums, bins, out=np.zeros_like(sums), where=bins > 0)
    q = np.maximum(level / np.maximum(total[sizes], 1.0)[:, None], _FLOOR)
    last, beyond = counts[sizes - 1], total[-1] - total[sizes]
    q_last = np.where(last > 0, q[:, -1], _FLOOR)
    own = entropy[sizes] - _x_log_x(last) + _x_log_x(last + beyond)
    cross = (sums * np.log(q)).sum(axis=1) + beyond * np.log(q_last)
    return np.asarray((own - cross) / total[-1] - np.log(total[-1]))


def _running_sum(values: npt.NDArray[Any]) -> Float64:
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _x_log_x(values: Float64) -> Float64:
    return np.asarray(values * np.log(np.where(values > 0, values, 1.0)))
