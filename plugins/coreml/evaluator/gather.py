"""Gathers and scatters. Indices outside the tensor are undefined from iOS17 on, so they are errors here."""

from __future__ import annotations

from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array, operation

_UFUNCS: dict[str, np.ufunc] = {
    "add": np.add,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
    "mul": np.multiply,
    "sub": np.subtract,
}


def _checked(indices: Array, size: int) -> Array:
    """Return indices as int64. Raises IndexError where one is not within 0 to size - 1."""
    if indices.size and (indices.min() < 0 or indices.max() >= size):
        raise IndexError(f"indices {indices.min()} to {indices.max()} reach outside 0 to {size - 1}")
    return indices.astype(np.int64)


@operation("gather")
def gather(x: Array, indices: Array, axis: Any = 0, batch_dims: Any = 0, validate_indices: Any = False) -> Array:
    """x[..., indices, ...] at an axis: [*D[:axis], *N[batch_dims:], *D[axis + 1:]]."""
    at, shared = int(axis) % x.ndim, int(batch_dims)
    chosen = _checked(np.asarray(indices), x.shape[at])
    if not shared:
        return np.take(x, chosen, at)
    lead = x.shape[:shared]
    flat = zip(x.reshape(-1, *x.shape[shared:]), chosen.reshape(-1, *chosen.shape[shared:]), strict=True)
    parts = [np.take(item, index, at - shared) for item, index in flat]
    return np.stack(parts).reshape(*lead, *parts[0].shape)


@operation("gather_along_axis")
def gather_along_axis(x: Array, indices: Array, axis: Any = 0, validate_indices: Any = False) -> Array:
    """Take one element per index along an axis."""
    return np.take_along_axis(x, _checked(indices, x.shape[int(axis)]), int(axis))


@operation("gather_nd")
def gather_nd(x: Array, indices: Array, batch_dims: Any = 0, validate_indices: Any = False) -> Array:
    """Take x[batch, indices[..., 0], indices[..., 1], ...]."""
    shared = int(batch_dims)
    lead, depth = x.shape[:shared], indices.shape[-1]
    parts = [_checked(indices[..., axis], x.shape[shared + axis]) for axis in range(depth)]
    grid = np.ix_(*(np.arange(size) for size in lead)) if shared else ()
    free = indices.ndim - 1 - shared
    batch = tuple(index.reshape(*index.shape, *(1,) * free) for index in grid)
    return np.asarray(x[(*batch, *parts)])


def _updated(data: Array, index: tuple[Any, ...], updates: Array, mode: str) -> Array:
    out = data.copy()
    if mode == "update":
        out[index] = updates
    else:
        _UFUNCS[mode].at(out, index, updates)
    return out


@operation("scatter")
def scatter(
    data: Array,
    indices: Array,
    updates: Array,
    axis: Any = 0,
    mode: str = "add",
    validate_indices: Any = False,
) -> Array:
    """Bring slices into data at positions of one axis; repeated positions add up, of updates the last stays."""
    at = int(axis) % data.ndim
    return _updated(data, (slice(None),) * at + (_checked(indices, data.shape[at]),), updates, mode)


@operation("scatter_along_axis")
def scatter_along_axis(
    data: Array,
    indices: Array,
    updates: Array,
    axis: Any = 0,
    mode: str = "add",
    validate_indices: Any = False,
) -> Array:
    """Bring one element per index into data along an axis."""
    at = int(axis) % data.ndim
    grid: list[Any] = list(np.ix_(*(np.arange(size) for size in indices.shape)))
    grid[at] = _checked(indices, data.shape[at])
    return _updated(data, tuple(grid), updates, mode)


@operation("scatter_nd")
def scatter_nd(data: Array, indices: Array, updates: Array, mode: str = "add", validate_indices: Any = False) -> Array:
    """Bring updates [*K[:-1], *rest] into data[indices[..., 0], indices[..., 1], ...]."""
    parts = tuple(_checked(indices[..., axis], data.shape[axis]) for axis in range(indices.shape[-1]))
    return _updated(data, parts, updates, mode)
