"""Empirical bias correction of one layer: the mean shift of its output, channel by channel, and when it is kept.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.2 (the
empirical form, on samples). Sums over runs are exactly rounded (math.fsum), so that their order cannot matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workbench.quant.row_sums import row_sums

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bounds = tuple[float, float]

NO_ACTIVATION: Bounds = (-math.inf, math.inf)


POSITIONS = 1024
"""Positions of one run above which a feature map is thinned out evenly."""
SURE = 2.0
"""Standard errors by which the answers must come nearer for a correction to be kept."""


def by_channel(values: npt.NDArray[np.float32], axis: int) -> Float32:
    """Return an array of any shape as [C, M], C along `axis`; of 2048 positions and more every k-th."""
    moved = np.moveaxis(values, axis, 0)
    flat = moved.reshape(moved.shape[0], -1)
    return np.ascontiguousarray(flat[:, :: max(1, flat.shape[1] // POSITIONS)])


def channel_shift(expected: Sequence[Float32], found: Sequence[Float32], bounds: Bounds, grid: Float64) -> Float64:
    """Return what to add to each channel of `found` so that the error after the activation falls, float64 [C].

    Args:
        expected, found: the layer's output in float and quantized, float32 [C, M] per run, before the activation.
        bounds: the activation is clip(x, *bounds); ReLU is (0, inf).
        grid: step of each channel's bias, float64 [C].

    Two shifts are tried: the mean of expected - found over all positions, and the mean of clip(expected) - found over
    those where the activation lets `found` through. Of both and none the one with the least sum of
    (clip(expected) - clip(found + shift))^2 wins, each channel for itself; on a tie the earlier of none, first, second.
    """
    shifts = np.stack([np.rint(shift / grid) * grid for shift in _tried(expected, found, bounds)])
    errors = np.stack([_error(expected, found, bounds, shift) for shift in shifts])
    return np.asarray(shifts[errors.argmin(axis=0), np.arange(errors.shape[1])])


def is_nearer(before: Sequence[float], after: Sequence[float]) -> bool:
    """Return whether errors of the same runs fell by more than chance: their mean drop exceeds two standard errors.

    Of a single run nothing is known of chance: any fall counts.
    """
    drops = [first - second for first, second in zip(before, after, strict=True)]
    mean = math.fsum(drops) / len(drops)
    squares = math.fsum((drop - mean) ** 2 for drop in drops)
    error = math.sqrt(squares / max(len(drops) - 1, 1) / len(drops))
    return mean > SURE * error and mean > 0.0


def exact_sum(rows: Sequence[npt.NDArray[np.floating]]) -> Float64:
    """Return the sum of arrays [C] in float64, each element rounded once, whatever the order."""
    return np.asarray([math.fsum(column) for column in np.stack(rows).T.tolist()])


def _tried(expected: Sequence[Float32], found: Sequence[Float32], bounds: Bounds) -> list[Float64]:
    """Return the shifts [C] to try, none first."""

    def total(term: str) -> Float64:
        return exact_sum([row_sums(term, *run, bounds) for run in zip(expected, found, strict=True)])

    positions = sum(values.shape[1] for values in expected)
    tried = [np.zeros(expected[0].shape[0]), total("difference") / positions]
    if bounds != NO_ACTIVATION:
        tried.append(total("open_difference") / np.maximum(total("open_count"), 1.0))
    return tried


def _error(expected: Sequence[Float32], found: Sequence[Float32], bounds: Bounds, shift: Float64) -> Float64:
    """Return the error of one shift [C] behind the activation, float64 [C]."""
    step = shift.astype(np.float32)
    runs = zip(expected, found, strict=True)
    return exact_sum([row_sums("squared_error", *run, bounds, step) for run in runs])
