"""Pools, one spatial axis after the other: a window's maximum or sum is that of its rows' maxima or sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array, ints, operation
from workbench_plugins.coreml.evaluator.windows import padded, paddings, tap


@operation("max_pool")
def max_pool(
    x: Array, kernel_sizes: Any, strides: Any = None, pad_type: str = "valid", pad: Any = None, ceil_mode: Any = False
) -> Array:
    """Maximum under each window of x [n, C, *D]; padding never wins."""
    window = _Window(x, kernel_sizes, strides, pad_type, pad, bool(ceil_mode))
    return window.reduced(x, np.maximum, -np.inf)


@operation("avg_pool")
def avg_pool(
    x: Array,
    kernel_sizes: Any,
    strides: Any = None,
    pad_type: str = "valid",
    pad: Any = None,
    exclude_padding_from_average: Any = False,
    ceil_mode: Any = False,
) -> Array:
    """Mean under each window of x [n, C, *D]; positions that only ceil_mode reaches are never counted."""
    window = _Window(x, kernel_sizes, strides, pad_type, pad, bool(ceil_mode))
    total = window.reduced(x, np.add, 0.0)
    return np.asarray(total / window.counts(padding_counts=not exclude_padding_from_average))


@operation("l2_pool")
def l2_pool(x: Array, **parameters: Any) -> Array:
    """Square root of the sum of squares under each window."""
    window = _Window(x, **parameters)
    return np.sqrt(window.reduced(np.square(x), np.add, 0.0))


class _Window:
    """Geometry of a pool over x [n, C, *D]."""

    def __init__(
        self,
        x: Array,
        kernel_sizes: Any,
        strides: Any = None,
        pad_type: str = "valid",
        pad: Any = None,
        ceil_mode: Any = False,
    ) -> None:
        self.spatial: tuple[int, ...] = x.shape[2:]
        self.kernel = ints(kernel_sizes)
        self.strides = (1,) * len(self.kernel) if strides is None else ints(strides)
        self.pads = paddings(pad_type, pad, self.spatial, self.kernel, self.strides)
        self.sizes = tuple(self._size(axis, bool(ceil_mode)) for axis in range(len(self.kernel)))

    def _size(self, axis: int, ceil_mode: bool) -> int:
        (before, after), stride = self.pads[axis], self.strides[axis]
        span = self.spatial[axis] + before + after - self.kernel[axis]
        if not ceil_mode:
            return span // stride + 1
        size = -(-span // stride) + 1
        return size - 1 if (size - 1) * stride >= self.spatial[axis] + before and before + after > 0 else size

    def reduced(self, x: Array, combine: Callable[..., Array], neutral: float) -> Array:
        """Return x reduced under each window; `neutral` stands where there is no element."""
        x = padded(x, [(before, self._needed(axis)) for axis, (before, _) in enumerate(self.pads)], neutral)
        for axis in range(len(self.kernel)):
            x = self._along(x, axis, combine)
        return x

    def _needed(self, axis: int) -> int:
        reach = (self.sizes[axis] - 1) * self.strides[axis] + self.kernel[axis]
        return max(0, reach - self.spatial[axis] - self.pads[axis][0])

    def _along(self, x: Array, axis: int, combine: Callable[..., Array]) -> Array:
        sizes = (*self.sizes[: axis + 1], *x.shape[axis + 3 :])
        strides = _one_axis(len(sizes), axis, self.strides[axis], 1)
        out = tap(x, (0,) * len(sizes), strides, sizes).copy()
        for offset in range(1, self.kernel[axis]):
            combine(out, tap(x, _one_axis(len(sizes), axis, offset, 0), strides, sizes), out=out)
        return out

    def counts(self, padding_counts: bool) -> Array:
        """Return how many elements each window has, [*S]."""
        total: Array = np.ones((), np.float32)
        for axis, size in enumerate(self.sizes):
            total = total[..., None] * self._axis_counts(axis, size, padding_counts)
        return total

    def _axis_counts(self, axis: int, size: int, padding_counts: bool) -> Array:
        before, after = self.pads[axis]
        starts = np.arange(size) * self.strides[axis] - before
        low, high = (-before, self.spatial[axis] + after) if padding_counts else (0, self.spatial[axis])
        ends = np.minimum(starts + self.kernel[axis], high)
        return np.asarray(ends - np.maximum(starts, low), np.float32)


def _one_axis(rank: int, axis: int, value: int, other: int) -> Sequence[int]:
    return [value if index == axis else other for index in range(rank)]
