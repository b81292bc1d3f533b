"""quantize, dequantize, and weights that are decompressed when a model is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array, along, ints, operation


@operation("quantize")
def quantize(
    input: Array,  # noqa: A002  (MIL's name)
    scale: Array,
    output_dtype: str,
    zero_point: Array | None = None,
    axis: Any = None,
) -> Array:
    """clip(rint_half_even(input / scale) + zero_point) to the range of output_dtype; NaN becomes the zero point.

    scale and zero_point are scalars, or [C] with C at `axis`.
    """
    limits, at = np.iinfo(output_dtype), 0 if axis is None else int(axis)
    codes = np.rint(input / along(scale, input.ndim, at))
    np.nan_to_num(codes, copy=False, nan=0.0, posinf=np.inf, neginf=-np.inf)
    if zero_point is not None:
        codes += along(zero_point, input.ndim, at).astype(np.float32)
    return np.clip(codes, limits.min, limits.max).astype(output_dtype)


@operation("dequantize")
def dequantize(
    input: Array,  # noqa: A002  (MIL's name)
    scale: Array,
    zero_point: Array | None = None,
    axis: Any = None,
) -> Array:
    """Real values: scale * (input - zero_point) in float32."""
    at = 0 if axis is None else int(axis)
    steps = input.astype(np.float32)
    if zero_point is not None:
        steps -= along(zero_point, input.ndim, at).astype(np.float32)
    return np.asarray(steps * along(scale, input.ndim, at))


@operation("constexpr_affine_dequantize")
def constexpr_affine_dequantize(quantized_data: Array, zero_point: Array, scale: Array, axis: Any) -> Array:
    """Real values: scale * (quantized_data - zero_point), the form of iOS16 and iOS17."""
    return dequantize(quantized_data, scale, zero_point, axis)


@operation("constexpr_blockwise_shift_scale")
def constexpr_blockwise_shift_scale(data: Array, scale: Array, offset: Array | None = None) -> Array:
    """Real values: scale * (data - offset), the form of iOS18; a scale serves data.shape / scale.shape elements."""
    steps = data.astype(np.float32)
    if offset is not None:
        steps -= _repeated(offset, data.shape).astype(np.float32)
    return np.asarray(steps * _repeated(scale, data.shape))


def _repeated(values: Array, shape: tuple[int, ...]) -> Array:
    for axis, size in enumerate(shape):
        if values.shape[axis] not in (1, size):
            values = np.repeat(values, size // values.shape[axis], axis)
    return values


@operation("constexpr_cast")
def constexpr_cast(source_val: Array, output_dtype: str) -> Array:
    """Stored in float16, used in float32."""
    return source_val.astype(np.float32)


@operation("constexpr_lut_to_dense")
def constexpr_lut_to_dense(indices: Array, lut: Array, shape: Any = None, vector_axis: Any = None) -> Array:
    """Look codes up: iOS16 with packed indices and `shape`, iOS18 with lut [*blocks, palettes, vector]."""
    if shape is not None:
        return _packed_lookup(indices, lut, ints(shape))
    width = lut.shape[-1]
    blocks = np.broadcast_to(_blocks(lut, indices.shape), (*indices.shape, *lut.shape[-2:]))
    found = np.take_along_axis(blocks, indices[..., None, None].astype(np.int64), axis=-2)[..., 0, :]
    if width == 1:
        return found[..., 0]
    at = int(vector_axis) % indices.ndim
    merged = np.moveaxis(found, -1, at + 1)
    return merged.reshape(*indices.shape[:at], indices.shape[at] * width, *indices.shape[at + 1 :])


def _blocks(lut: Array, shape: tuple[int, ...]) -> Array:
    for axis, size in enumerate(shape):
        if lut.shape[axis] not in (1, size):
            lut = np.repeat(lut, size // lut.shape[axis], axis)
    return lut


def _packed_lookup(indices: Array, lut: Array, shape: tuple[int, ...]) -> Array:
    """Codes of log2(len(lut)) bits stand in bytes from the lowest bit up."""
    bits, count = int(lut.size).bit_length() - 1, int(np.prod(shape))
    stream = np.unpackbits(indices.view(np.uint8), bitorder="little")[: count * bits]
    codes = stream.reshape(count, bits) @ (1 << np.arange(bits))
    return np.asarray(lut[codes]).reshape(shape)


@operation("constexpr_sparse_to_dense")
def constexpr_sparse_to_dense(nonzero_data: Array, mask: Array, shape: Any = None) -> Array:
    """Place the stored elements where the mask has a bit; zero elsewhere."""
    if shape is None:
        dense = np.zeros(mask.shape, nonzero_data.dtype)
        dense[mask != 0] = nonzero_data
        return dense
    sizes = ints(shape)
    flat = np.zeros(int(np.prod(sizes)), nonzero_data.dtype)
    flat[np.unpackbits(mask, bitorder="little")[: flat.size] != 0] = nonzero_data
    return flat.reshape(sizes)
