"""Resampling along one axis as ONNX defines it: the input position of each output, and weights on its neighbours.

Source of the formulas: ONNX Operators, Resize 10 to 19 (coordinate_transformation_mode, nearest_mode, cubic_coeff_a,
exclude_outside, antialias).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One resized axis.

    Attributes:
        size, out: elements before and after.
        scale: as the model gives it, or out / size.
        region: first and last position to read, in shares of the axis (tf_crop_and_resize).
    """

    size: int
    out: int
    scale: float
    region: tuple[float, float] = (0.0, 1.0)


def positions(axis: Axis, transform: str) -> Floats:
    """Return the input position of every output element, [out]. Raises KeyError on an unknown transform."""
    x = np.arange(axis.out, dtype=np.float64)
    length = axis.scale * axis.size
    half = (x + 0.5) / axis.scale - 0.5
    centre = axis.size / 2 * (1 - axis.out / length)
    first, last = axis.region
    whole = axis.size - 1
    spread = (last - first) * whole / (axis.out - 1) if axis.out > 1 else 0.0
    table = {
        "half_pixel": half,
        "half_pixel_symmetric": centre + half,
        "pytorch_half_pixel": half if axis.out > 1 else np.zeros_like(x),
        "align_corners": x * whole / (length - 1) if length != 1 else np.zeros_like(x),
        "asymmetric": x / axis.scale,
        "tf_half_pixel_for_nn": (x + 0.5) / axis.scale,
        "tf_crop_and_resize": first * whole + x * spread
        if axis.out > 1
        else np.full_like(x, (first + last) / 2 * whole),
    }
    return np.asarray(table[transform], np.float64)


def nearest(where: Floats, size: int, mode: str) -> npt.NDArray[np.int32]:
    """Return the index read for each position. Raises KeyError on an unknown mode."""
    rounded = {
        "round_prefer_floor": np.ceil(where - 0.5),
        "round_prefer_ceil": np.floor(where + 0.5),
        "floor": np.floor(where),
        "ceil": np.ceil(where),
    }[mode]
    return np.clip(rounded, 0, size - 1).astype(np.int32)


def weights(axis: Axis, where: Floats, mode: str, cubic: float, exclude: bool, antialias: bool) -> Floats:
    """Return the weight of every input for every output, [out, size].

    Args:
        mode: linear | cubic.
        cubic: coefficient a of the cubic kernel (Keys, 1981).
        exclude: weights outside the axis are dropped and the others scaled up to a sum of 1.
        antialias: the kernel is stretched by 1 / scale when shrinking.
    """
    stretch = min(axis.scale, 1.0) if antialias else 1.0
    reach = int(np.ceil((2 if mode == "cubic" else 1) / stretch))
    matrix = np.zeros((axis.out, axis.size))
    for row, position in enumerate(where):
        taps = np.arange(int(np.floor(position)) - reach + 1, int(np.floor(position)) + reach + 1)
        kernel = _kernel((taps - position) * stretch, mode, cubic)
        if exclude:
            kernel = np.where((taps >= 0) & (taps < axis.size), kernel, 0.0)
        if exclude or antialias:
            kernel = kernel / kernel.sum()
        np.add.at(matrix[row], np.clip(taps, 0, axis.size - 1), kernel)
    return matrix


def _kernel(distance: Floats, mode: str, a: float) -> Floats:
    d = np.abs(distance)
    if mode == "linear":
        return np.maximum(0.0, 1.0 - d)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))
