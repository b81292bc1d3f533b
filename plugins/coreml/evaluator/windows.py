"""What convolutions and pools share: padding and the strided view under one kernel tap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array, ints


def paddings(
    pad_type: str, pad: Any, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Return (before, after) per spatial axis.

    Args:
        pad_type: valid, same, same_lower or custom; `pad` counts for custom only.
        kernel: extents with dilation, (k - 1) * dilation + 1.
    """
    if pad_type == "custom" and pad is not None:
        flat = ints(pad)
        return list(zip(flat[::2], flat[1::2], strict=True))
    if pad_type not in ("same", "same_lower"):
        return [(0, 0)] * len(sizes)
    totals = [max((-(-d // s) - 1) * s + k - d, 0) for d, k, s in zip(sizes, kernel, strides, strict=True)]
    halves = [(total // 2, total - total // 2) for total in totals]
    return halves if pad_type == "same" else [(after, before) for before, after in halves]


def padded(x: Array, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Array:
    """Pad the last axes of x with a constant; x itself where nothing is to be added."""
    if not any(map(any, pads)):
        return x
    return np.pad(x, [(0, 0)] * (x.ndim - len(pads)) + list(pads), constant_values=value)


def tap(x: Array, offsets: Sequence[int], strides: Sequence[int], sizes: Sequence[int]) -> Array:
    """Return the view of x that one kernel tap sees: per spatial axis from its offset, every stride, `sizes` long."""
    spatial = tuple(
        slice(offset, offset + (size - 1) * stride + 1, stride)
        for offset, stride, size in zip(offsets, strides, sizes, strict=True)
    )
    return x[(slice(None),) * (x.ndim - len(spatial)) + spatial]
