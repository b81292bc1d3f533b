"""What calibration remembers of a tensor: a histogram over the top 16 bits of each float32, and its exact range.

The bins are the bfloat16 numbers: 128 per power of two and sign, known beforehand, so that one pass is enough,
merging is exact addition, and the order of the samples cannot matter. Memory: 512 KB of addresses per tensor and
thread, of which only pages that hold counts are taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.quant.counting import BINS, TABLES, both, count

_SIGN = 1 << 15
_EXPONENT = 0x7F80
_NORMAL = 0x80
"""First bin of normal numbers; those below hold zeros and subnormals, which count as 0."""
_SIGN_BIT, _POSITIVE_INFINITY, _NEGATIVE_INFINITY = 0x80000000, 0x7F800000, 0xFF800000
_NOTHING = (-_SIGN_BIT, 0, 0xFFFFFFFF)
_FULL = 2**31
"""Values between two emptyings of the 32-bit counters."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Observed values of one tensor.

    Attributes:
        counts: int64 [65536], number of values whose upper 16 bits are the index.
        minimum, maximum: exact extremes of the finite values; +inf and -inf when there are none. Zero has no sign.
    """

    counts: npt.NDArray[np.int64]
    minimum: float
    maximum: float

    @property
    def n(self) -> int:
        """Number of observed values, non-finite ones included."""
        return int(self.counts.sum())

    @property
    def non_finite(self) -> int:
        """Number of NaN and infinite values."""
        return int(self.counts[_EXPONENT:_SIGN].sum() + self.counts[_SIGN + _EXPONENT :].sum())

    @property
    def largest(self) -> float:
        """Return max|x|, 0 when nothing was observed."""
        return max(abs(self.minimum), abs(self.maximum)) if self.minimum <= self.maximum else 0.0


class Observer:
    """Counts the values of one tensor as they stream by; one thread at a time."""

    def __init__(self) -> None:
        self._tables = np.zeros(TABLES, np.uint32)
        self._pending = 0
        self._counts = np.zeros(BINS, np.int64)
        self._extremes = np.zeros(3, np.uint32)
        self._signed, self._unsigned, self._least = _NOTHING

    def observe(self, values: npt.NDArray[np.float32]) -> None:
        """Count an array of any shape. Raises ValueError when it is not float32."""
        if values.dtype != np.float32:
            raise ValueError(f"a float32 array is needed, not {values.dtype}")
        flat = np.ascontiguousarray(values).reshape(-1)
        for start in range(0, flat.size, _FULL):
            self._count(flat[start : start + _FULL])

    def histogram(self) -> Histogram:
        """Return a snapshot."""
        self._empty()
        counts = np.zeros(BINS, np.int64)
        _add(counts, self._counts)
        return Histogram(counts, *_extremes_from_bits(self._signed, self._unsigned, self._least))

    def _count(self, flat: npt.NDArray[np.float32]) -> None:
        if self._pending + flat.size > _FULL:
            self._empty()
        self._pending += flat.size
        self._extremes[:] = _SIGN_BIT, 0, _NOTHING[2]
        count(flat, self._tables, self._extremes)
        signed, unsigned, least = self._extremes.tolist()
        signed -= (signed & _SIGN_BIT) * 2
        if signed >= _POSITIVE_INFINITY or unsigned >= _NEGATIVE_INFINITY:
            signed, unsigned, least = _finite_bits(flat)
        self._signed, self._unsigned = max(self._signed, signed), max(self._unsigned, unsigned)
        self._least = min(self._least, least)

    def _empty(self) -> None:
        """Move the counts out of the 32-bit counters."""
        first, second = both(self._tables)
        occupied = np.flatnonzero((first | second) != 0)
        self._counts[occupied] += first[occupied].astype(np.int64) + second[occupied]
        first[occupied] = second[occupied] = 0
        self._pending = 0


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """Return the histogram of all values together; exact, so order and grouping do not matter."""
    counts = np.zeros(BINS, np.int64)
    minimum, maximum = np.inf, -np.inf
    for one in histograms:
        _add(counts, one.counts)
        minimum, maximum = min(minimum, one.minimum), max(maximum, one.maximum)
    return Histogram(counts, float(minimum), float(maximum))


@dataclass(frozen=True, eq=False)
class Density:
    """Finite values as intervals that lie side by side; values are taken as uniform in each.

    Attributes:
        edges: float64 [k+1], never falling; interval i is edges[i]..edges[i+1]. One of width 0 is a value known
            exactly: 0, or an extreme that begins its bin.
        weight: float64 [k], number of values; 0 between -2^-126 and 2^-126 beside 0 itself.
    """

    edges: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]

    @property
    def low(self) -> npt.NDArray[np.float64]:
        """Return the lower end of each interval."""
        return self.edges[:-1]

    @property
    def high(self) -> npt.NDArray[np.float64]:
        """Return the upper end of each interval."""
        return self.edges[1:]


def density(histogram: Histogram) -> Density:
    """Return a histogram's finite values as intervals, cut off at its extremes, with one 0..0 among them.

    Zeros and subnormals count as the value 0. Where there is no finite value all weights are 0.
    """
    below, below_weight = _side(histogram.counts[_SIGN:])
    above, above_weight = _side(histogram.counts[:_SIGN])
    zeros = histogram.counts[:_NORMAL].sum() + histogram.counts[_SIGN : _SIGN + _NORMAL].sum()
    ends = histogram.minimum, histogram.maximum
    edges = np.concatenate([np.clip(-below[::-1], *ends), [0.0, 0.0], np.clip(above, *ends)])
    gaps = [np.zeros(1 if below.size else 0), [zeros], np.zeros(1 if above.size else 0)]
    weight = np.concatenate([below_weight[::-1], *gaps, above_weight])
    return Density(edges, weight.astype(np.float64))


def _side(counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the edges [k+1] of the normal bins of one sign, from the first occupied to the last, and counts [k]."""
    occupied = np.flatnonzero(counts[_NORMAL:_EXPONENT])
    if occupied.size == 0:
        return np.zeros(0), np.zeros(0, np.int64)
    first, stop = _NORMAL + int(occupied[0]), _NORMAL + int(occupied[-1]) + 1
    bits = np.arange(first, stop + 1, dtype=np.uint32) << np.uint32(16)
    edges = np.minimum(bits.view(np.float32), np.finfo(np.float32).max)
    return edges.astype(np.float64), counts[first:stop]


def _add(counts: npt.NDArray[np.int64], more: npt.NDArray[np.int64]) -> None:
    """Add where there is something to add: bins that hold nothing take no memory."""
    occupied = np.flatnonzero(more != 0)
    counts[occupied] += more[occupied]


def _finite_bits(flat: npt.NDArray[np.float32]) -> tuple[int, int, int]:
    """Return the three extremes of `count` over the finite values alone."""
    bits = flat[np.isfinite(flat)].view(np.uint32)
    if bits.size == 0:
        return _NOTHING
    return int(bits.view(np.int32).max()), int(bits.max()), int(bits.min())


def _extremes_from_bits(signed: int, unsigned: int, least: int) -> tuple[float, float]:
    """Return (minimum, maximum) of floats from the extremes of their bits.

    The bits of positive floats rise with them, those of negative ones fall, and lie above as unsigned and below as
    signed integers: the largest signed one is the maximum unless all are negative, the largest unsigned one is the
    minimum unless all are positive; then it is the smallest unsigned one.
    """
    if (signed, unsigned, least) == _NOTHING:
        return np.inf, -np.inf
    low = unsigned if unsigned >= _SIGN_BIT else least
    high = signed if signed >= 0 else least
    minimum, maximum = np.asarray([low, high], np.uint32).view(np.float32).tolist()
    return minimum + 0.0, maximum + 0.0
