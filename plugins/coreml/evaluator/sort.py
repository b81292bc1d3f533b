"""Operations that order, count or select: topk, argsort, cumsum, one_hot, band_part and their like."""

from __future__ import annotations

from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array, ints, operation


@operation("topk")
def topk(
    x: Array,
    k: Any = 1,
    axis: Any = -1,
    ascending: Any = False,
    sort: Any = True,
    return_indices: Any = True,
    output_indices_dtype: str = "int32",
) -> Array | tuple[Array, Array]:
    """The k largest (or smallest) values along an axis and their indices; of equal values the first comes first."""
    count = x.shape[int(axis)] if int(k) == -1 else int(k)
    order = np.take(argsort(x, axis, ascending), np.arange(count), int(axis))
    values = np.take_along_axis(x, order, int(axis))
    return (values, order.astype(output_indices_dtype)) if return_indices else values


@operation("argsort")
def argsort(x: Array, axis: Any = -1, ascending: Any = False, output_dtype: str = "int32") -> Array:
    """Indices that sort x along an axis, stable in both directions."""
    if ascending:
        return np.argsort(x, int(axis), kind="stable").astype(output_dtype)
    turned = np.argsort(np.flip(x, int(axis)), int(axis), kind="stable")
    return np.asarray(x.shape[int(axis)] - 1 - np.flip(turned, int(axis)), output_dtype)


@operation("cumsum")
def cumsum(x: Array, axis: Any = 0, exclusive: Any = False, reverse: Any = False) -> Array:
    """Running sum along an axis; exclusive leaves the element itself out, reverse runs from the end."""
    data = np.moveaxis(np.flip(x, int(axis)) if reverse else x, int(axis), 0)
    total: Array = np.cumsum(data, 0, dtype=x.dtype)
    if exclusive:
        total = np.concatenate([np.zeros_like(total[:1]), total[:-1]])
    total = np.moveaxis(total, 0, int(axis))
    return np.flip(total, int(axis)) if reverse else total


@operation("one_hot")
def one_hot(indices: Array, one_hot_vector_size: Any, axis: Any = -1, on_value: Any = 1, off_value: Any = 0) -> Array:
    """A new axis with on_value at the index and off_value elsewhere."""
    classes = np.arange(int(one_hot_vector_size))
    hot = np.where(np.expand_dims(indices, -1) == classes, on_value, off_value)
    return np.moveaxis(hot, -1, int(axis))


@operation("band_part")
def band_part(x: Array, lower: Any = -1, upper: Any = -1) -> Array:
    """Zero the innermost matrices outside a band; a negative number keeps all diagonals on its side."""
    distance = np.arange(x.shape[-2])[:, None] - np.arange(x.shape[-1])
    below = (int(lower) < 0) | (distance <= int(lower))
    above = (int(upper) < 0) | (-distance <= int(upper))
    return np.where(below & above, x, np.zeros((), x.dtype))


@operation("fill")
def fill(shape: Any, value: Any = 0.0) -> Array:
    """A tensor of one value."""
    return np.full(ints(shape), value)


@operation("fill_like")
def fill_like(ref_tensor: Array, value: Any = 0.0) -> Array:
    """A tensor of one value in the shape of another."""
    return np.full(ref_tensor.shape, value)


@operation("range_1d")
def range_1d(start: Any, end: Any, step: Any) -> Array:
    """Start, start + step, ... before end."""
    return np.arange(start, end, step, dtype=np.asarray(start).dtype)


@operation("non_zero")
def non_zero(x: Array) -> Array:
    """Indices of elements that are not zero, one row each."""
    return np.argwhere(x).astype(np.int32)
