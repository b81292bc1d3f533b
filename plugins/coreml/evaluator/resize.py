"""Resizing and sampling of images.

Where an output position falls on the input is told by Core ML's sampling modes (documented with resize_bilinear). How
nearest neighbours are rounded is not documented: `resize` takes the nearest grid point, halves upwards, which agrees
with the one published example (2 -> 3 by DEFAULT gives 0, 1, 1); the older operations follow TensorFlow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array, ints, operation


def grid_points(size: int, wanted: int, mode: str) -> Array:
    """Return the input position, 0 to size - 1, of each of `wanted` outputs, float64."""
    steps = np.arange(wanted, dtype=np.float64)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        centre = (size - 1) / 2 if mode == "ALIGN_CORNERS" else 0.0
        points = steps * (size - 1) / (wanted - 1) if wanted > 1 else np.array([centre])
    elif mode == "OFFSET_CORNERS":
        points = (steps + 0.5) * max(1, size - 1) / wanted
    elif mode == "UNALIGN_CORNERS":
        points = (steps + 0.5) * size / wanted - 0.5
    elif mode == "DEFAULT":
        points = steps * size / wanted
    else:
        raise ValueError(f"sampling mode {mode} is unknown")
    return np.asarray(np.clip(points, 0, size - 1))


def _linear(x: Array, axis: int, points: Array) -> Array:
    """Interpolate along an axis at positions of the input."""
    low = np.floor(points).astype(np.int64)
    high = np.minimum(low + 1, x.shape[axis] - 1)
    shape = [1] * x.ndim
    shape[axis] = -1
    share = (points - low).astype(np.float32).reshape(shape)
    return np.asarray(np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share)


def _bilinear(x: Array, height: int, width: int, mode: str) -> Array:
    tall = _linear(x, x.ndim - 2, grid_points(x.shape[-2], height, mode))
    return _linear(tall, x.ndim - 1, grid_points(x.shape[-1], width, mode))


@operation("resize_bilinear")
def resize_bilinear(
    x: Array, target_size_height: Any = 1, target_size_width: Any = 1, sampling_mode: str = "DEFAULT"
) -> Array:
    """Resize the last two axes by linear interpolation."""
    return _bilinear(x, int(target_size_height), int(target_size_width), sampling_mode)


@operation("upsample_bilinear")
def upsample_bilinear(
    x: Array,
    scale_factor_height: Any = 1,
    scale_factor_width: Any = 1,
    align_corners: Any = True,
    half_pixel_centers: Any = None,
) -> Array:
    """Resize the last two axes by factors; the factor is taken from the sizes, as Core ML does."""
    half_pixels = not align_corners if half_pixel_centers is None else bool(half_pixel_centers)
    if align_corners and half_pixels:
        raise ValueError("align_corners and half_pixel_centers exclude each other")
    mode = "STRICT_ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS" if half_pixels else "DEFAULT"
    height, width = int(scale_factor_height * x.shape[-2]), int(scale_factor_width * x.shape[-1])
    return _bilinear(x, height, width, mode)


@operation("resize_nearest_neighbor")
def resize_nearest_neighbor(x: Array, target_size_height: Any, target_size_width: Any) -> Array:
    """Index floor((i + 0.5) * size / wanted), TensorFlow's rule with half pixel centres."""
    for axis, wanted in ((x.ndim - 2, int(target_size_height)), (x.ndim - 1, int(target_size_width))):
        x = np.take(x, (2 * np.arange(wanted) + 1) * x.shape[axis] // (2 * wanted), axis)
    return x


@operation("upsample_nearest_neighbor")
def upsample_nearest_neighbor(x: Array, scale_factor_height: Any = 1, scale_factor_width: Any = 1) -> Array:
    """Index floor(i * size / wanted)."""
    for axis, factor in ((x.ndim - 2, scale_factor_height), (x.ndim - 1, scale_factor_width)):
        wanted = int(factor * x.shape[axis])
        x = np.take(x, np.arange(wanted) * x.shape[axis] // wanted, axis)
    return x


@operation("resize")
def resize(
    x: Array, shape: Any, resized_dims: Any, interpolation_mode: str = "LINEAR", sampling_mode: str = "DEFAULT"
) -> Array:
    """Resize the last `resized_dims` axes to the last sizes in `shape`; 0 keeps the size."""
    count = int(resized_dims)
    for axis, size in zip(range(x.ndim - count, x.ndim), ints(shape)[-count:], strict=True):
        points = grid_points(x.shape[axis], size or x.shape[axis], sampling_mode)
        nearest = interpolation_mode == "NEAREST_NEIGHBOR"
        x = np.take(x, np.floor(points + 0.5).astype(np.int64), axis) if nearest else _linear(x, axis, points)
    return x


@operation("resample")
def resample(
    x: Array,
    coordinates: Array,
    sampling_mode: str,
    padding_mode: str,
    padding_value: Any,
    coordinates_mode: str,
    align_corners: Any,
) -> Array:
    """Sample x [B, C, H, W] at coordinates [B, H2, W2, 2], each (x, y)."""
    sizes = (x.shape[3], x.shape[2])
    columns, rows = (
        _inside(_position(coordinates[..., axis], size, coordinates_mode, bool(align_corners)), size, padding_mode)
        for axis, size in enumerate(sizes)
    )
    if sampling_mode == "nearest":
        return _picked(x, np.rint(rows), np.rint(columns), padding_value)
    top, left = np.floor(rows), np.floor(columns)
    down, right = (rows - top)[:, None].astype(np.float32), (columns - left)[:, None].astype(np.float32)
    above = _mixed(x, top, left, right, padding_value)
    return np.asarray(above * (1 - down) + _mixed(x, top + 1, left, right, padding_value) * down)


def _mixed(x: Array, row: Array, left: Array, right: Array, padding_value: Any) -> Array:
    first, second = _picked(x, row, left, padding_value), _picked(x, row, left + 1, padding_value)
    return np.asarray(first * (1 - right) + second * right)


def _picked(x: Array, rows: Array, columns: Array, padding_value: Any) -> Array:
    """Return x[b, :, row, column] as [B, C, H2, W2]; the padding value outside the image."""
    height, width = x.shape[2:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    row = np.clip(rows, 0, height - 1).astype(np.int64)
    column = np.clip(columns, 0, width - 1).astype(np.int64)
    batch = np.arange(x.shape[0])[:, None, None]
    found = np.moveaxis(x[batch, :, row, column], -1, 1)
    return np.where(inside[:, None], found, np.asarray(padding_value, np.float32))


def _position(values: Array, size: int, mode: str, align_corners: bool) -> Array:
    if mode == "unnormalized":
        return values.astype(np.float64)
    unit = (values.astype(np.float64) + 1) / 2 if mode == "normalized_minus_one_to_one" else values.astype(np.float64)
    return unit * (size - 1) if align_corners else unit * size - 0.5


def _inside(positions: Array, size: int, padding_mode: str) -> Array:
    """Bring positions into the image as the padding mode says; `constant` leaves them."""
    if padding_mode == "constant":
        return positions
    if padding_mode == "reflection":
        period = max(2 * (size - 1), 1)
        positions = (size - 1) - np.abs(np.mod(positions, period) - (size - 1))
    elif padding_mode == "symmetric":
        positions = size - np.abs(np.mod(positions + 0.5, 2 * size) - size) - 0.5
    return np.clip(positions, 0, size - 1)
