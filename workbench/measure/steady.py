"""When a series has settled: the end of a warm-up from single latencies, the last change of rate from windows.

Numpy only. NOT aware of clocks, sessions or labels.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

STEADY_SHIFT = 0.02
CHANGE_LIMIT = 0.05
CHANGE_WINDOWS = 5


def is_steady(latencies_ns: npt.NDArray[np.int64]) -> bool:
    """Whether the later half of a series (by time) has settled.

    Its two halves' medians differ by no more than 2 %, or by no more than three standard errors of that difference
    (standard error of a median from the median absolute deviation: 1.2533 * 1.4826 * MAD / sqrt(n)).

    Args:
        latencies_ns: int64 [runs] in time order, each above 0.
    """
    elapsed = np.cumsum(latencies_ns)
    late = latencies_ns[np.searchsorted(elapsed, elapsed[-1] / 2) :].astype(np.float64)
    if late.size < 4:
        return False
    first, second = late[: late.size // 2], late[late.size // 2 :]
    shift = abs(float(np.median(second) - np.median(first)))
    noise = 3 * math.hypot(_median_error(first), _median_error(second))
    return shift <= max(STEADY_SHIFT * float(np.median(first)), noise)


def find_steady_start(rates: npt.NDArray[np.float64]) -> int:
    """Index of the first window after the last lasting change of rate; 0 when there is none.

    Binary segmentation: the split with the least squared error around two means counts as a change when the medians
    differ by more than 5 % and the means by more than four standard errors (pooled deviation of both sides); then the
    part after it is searched. Each side has at least 5 windows, so that a hiccup of a window or two moves no median.

    Args:
        rates: float64 [windows] in time order.
    """
    start = 0
    while (split := _best_split(rates[start:])) is not None:
        start += split
    return start


def _best_split(rates: npt.NDArray[np.float64]) -> int | None:
    if rates.size < 2 * CHANGE_WINDOWS:
        return None
    splits = range(CHANGE_WINDOWS, rates.size - CHANGE_WINDOWS + 1)
    costs = [float(rates[:i].var() * i + rates[i:].var() * (rates.size - i)) for i in splits]
    split = splits[int(np.argmin(costs))]
    before, after = rates[:split], rates[split:]
    error = math.sqrt(min(costs) / (rates.size - 2) * (1 / split + 1 / (rates.size - split)))
    lasting = abs(float(np.median(after) / np.median(before)) - 1) > CHANGE_LIMIT
    return split if lasting and abs(float(after.mean() - before.mean())) > 4 * error else None


def _median_error(values: npt.NDArray[np.float64]) -> float:
    deviation = float(np.median(np.abs(values - np.median(values))))
    return 1.2533 * 1.4826 * deviation / math.sqrt(values.size)
