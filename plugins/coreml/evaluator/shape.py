"""Operations that move elements without computing: reshape, transpose, slices, padding, joins."""

from __future__ import annotations

from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array, ints, operation

_PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


@operation("reshape")
def reshape(x: Array, shape: Any) -> Array:
    """Give x a shape; 0 keeps x's size at that axis where the ranks agree, -1 is what is left."""
    wanted = ints(shape)
    if len(wanted) == x.ndim:
        wanted = tuple(have if size == 0 else size for size, have in zip(wanted, x.shape, strict=True))
    return x.reshape(wanted)


@operation("reshape_like")
def reshape_like(x: Array, ref_tensors: tuple[Array, ...], begins: Any, ends: Any, end_masks: Any) -> Array:
    """Give x a shape that is joined from pieces of other tensors' shapes."""
    wanted: list[int] = []
    for tensor, begin, end, mask in zip(ref_tensors, ints(begins), ints(ends), np.ravel(end_masks), strict=True):
        wanted.extend(tensor.shape[begin : None if mask else end])
    return x.reshape(wanted)


@operation("transpose")
def transpose(x: Array, perm: Any) -> Array:
    """Reorder the axes."""
    return np.transpose(x, ints(perm))


@operation("expand_dims")
def expand_dims(x: Array, axes: Any) -> Array:
    """Insert axes of size 1."""
    return np.expand_dims(x, ints(axes))


@operation("squeeze")
def squeeze(x: Array, axes: Any = None) -> Array:
    """Drop axes of size 1; listed axes of other sizes stay."""
    if axes is None:
        return np.squeeze(x)
    return np.squeeze(x, tuple(axis for axis in ints(axes) if x.shape[axis] == 1))


@operation("flatten2d")
def flatten2d(x: Array, axis: Any = 1) -> Array:
    """[*D] -> [prod(D[:axis]), prod(D[axis:])]."""
    return x.reshape(int(np.prod(x.shape[: int(axis)])), -1)


@operation("shape")
def shape_of(x: Array) -> Array:
    """Sizes of x as int32."""
    return np.array(x.shape, np.int32)


@operation("concat")
def concat(values: tuple[Array, ...], axis: Any, interleave: Any = False) -> Array:
    """Join along an axis; interleave takes one slice of each in turn."""
    if not interleave:
        return np.concatenate(values, int(axis))
    at = int(axis) % values[0].ndim
    stacked = np.stack(values, at + 1)
    return stacked.reshape(*values[0].shape[:at], -1, *values[0].shape[at + 1 :])


@operation("stack")
def stack(values: tuple[Array, ...], axis: Any) -> Array:
    """Join along a new axis."""
    return np.stack(values, int(axis))


@operation("split")
def split(x: Array, axis: Any, num_splits: Any = None, split_sizes: Any = None) -> tuple[Array, ...]:
    """Cut into equal parts, or into parts of given sizes."""
    if split_sizes is None:
        return tuple(np.split(x, int(num_splits), int(axis)))
    return tuple(np.split(x, np.cumsum(ints(split_sizes))[:-1], int(axis)))


@operation("tile")
def tile(x: Array, reps: Any) -> Array:
    """Repeat x along each axis."""
    return np.tile(x, ints(reps))


@operation("reverse")
def reverse(x: Array, axes: Any = None) -> Array:
    """Turn the order along axes."""
    return np.flip(x, None if axes is None else ints(axes))


@operation("reverse_sequence")
def reverse_sequence(x: Array, lengths: Array, seq_axis: Any, batch_axis: Any = 0) -> Array:
    """Turn the first lengths[b] elements of each batch item around; the rest stays."""
    out = x.copy()
    for index, length in enumerate(ints(lengths)):
        at: list[Any] = [slice(None)] * x.ndim
        at[int(batch_axis)] = slice(index, index + 1)
        at[int(seq_axis)] = slice(0, length)
        out[tuple(at)] = np.flip(x[tuple(at)], int(seq_axis))
    return out


@operation("slice_by_index")
def slice_by_index(
    x: Array,
    begin: Any,
    end: Any,
    stride: Any = None,
    begin_mask: Any = None,
    end_mask: Any = None,
    squeeze_mask: Any = None,
) -> Array:
    """x[begin:end:stride] per axis; masks drop a bound, or take the one element at `begin` and drop the axis."""
    return x[_indices(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)]


@operation("slice_update")
def slice_update(x: Array, update: Array, begin: Any, end: Any, **parameters: Any) -> Array:
    """Copy of x with the elements of a slice replaced."""
    out = x.copy()
    out[_indices(x, begin, end, **parameters)] = update
    return out


def _indices(
    x: Array,
    begin: Any,
    end: Any,
    stride: Any = None,
    begin_mask: Any = None,
    end_mask: Any = None,
    squeeze_mask: Any = None,
) -> tuple[slice | int, ...]:
    steps = (1,) * x.ndim if stride is None else ints(stride)
    free = [(False,) * x.ndim if mask is None else np.ravel(mask) for mask in (begin_mask, end_mask, squeeze_mask)]
    bounds = zip(ints(begin), ints(end), steps, *free, strict=True)
    return tuple(_index(*bound) for bound in bounds)


def _index(begin: int, end: int, step: int, from_start: Any, to_end: Any, single: Any) -> slice | int:
    if single:
        return 0 if from_start else begin
    return slice(None if from_start else begin, None if to_end else end, step)


@operation("slice_by_size")
def slice_by_size(x: Array, begin: Any, size: Any) -> Array:
    """Take size[i] elements from begin[i]; -1 takes all that follow."""
    starts = [start + have if start < 0 else start for start, have in zip(ints(begin), x.shape, strict=True)]
    spans = zip(starts, ints(size), strict=True)
    return x[tuple(slice(start, None if count == -1 else start + count) for start, count in spans)]


@operation("pad")
def pad(x: Array, pad: Any, mode: str = "constant", constant_val: Any = 0.0) -> Array:
    """Pad the last axes: `pad` lists before and after per axis."""
    flat = ints(pad)
    pairs = [(0, 0)] * (x.ndim - len(flat) // 2) + list(zip(flat[::2], flat[1::2], strict=True))
    if mode == "constant":
        return np.pad(x, pairs, constant_values=np.asarray(constant_val).astype(x.dtype).item())
    return np.pad(x, pairs, mode=_PAD_MODES[mode])  # type: ignore[call-overload,no-any-return]


@operation("depth_to_space")
def depth_to_space(x: Array, block_size: Any) -> Array:
    """[n, b*b*C, H, W] -> [n, C, H*b, W*b]; the block index is the slower part of the channel."""
    n, c, h, w = x.shape
    b = int(block_size)
    return x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, -1, h * b, w * b)


@operation("space_to_depth")
def space_to_depth(x: Array, block_size: Any) -> Array:
    """[n, C, H, W] -> [n, b*b*C, H/b, W/b]; the block index is the slower part of the channel."""
    n, c, h, w = x.shape
    b = int(block_size)
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4).reshape(n, -1, h // b, w // b)


@operation("pixel_shuffle")
def pixel_shuffle(x: Array, upscale_factor: Any) -> Array:
    """[n, C*f*f, H, W] -> [n, C, H*f, W*f]; the block index is the faster part of the channel."""
    n, c, h, w = x.shape
    f = int(upscale_factor)
    return x.reshape(n, c // (f * f), f, f, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, h * f, w * f)


@operation("pixel_unshuffle")
def pixel_unshuffle(x: Array, downscale_factor: Any) -> Array:
    """[n, C, H, W] -> [n, C*f*f, H/f, W/f]; the block index is the faster part of the channel."""
    n, c, h, w = x.shape
    f = int(downscale_factor)
    return x.reshape(n, c, h // f, f, w // f, f).transpose(0, 1, 3, 5, 2, 4).reshape(n, -1, h // f, w // f)


@operation("space_to_batch")
def space_to_batch(x: Array, block_shape: Any, paddings: Array) -> Array:
    """[n, C, H, W] -> [n*b0*b1, C, ...] after padding; the block index is the slower part of the batch."""
    (b0, b1), margins = ints(block_shape), [(int(a), int(b)) for a, b in np.asarray(paddings)]
    x = np.pad(x, [(0, 0), (0, 0), *margins])
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b0, b0, w // b1, b1).transpose(3, 5, 0, 1, 2, 4).reshape(-1, c, h // b0, w // b1)


@operation("batch_to_space")
def batch_to_space(x: Array, block_shape: Any, crops: Array) -> Array:
    """[n*b0*b1, C, H, W] -> [n, C, H*b0, W*b1], then cropped."""
    (b0, b1), ((top, bottom), (left, right)) = ints(block_shape), np.asarray(crops).tolist()
    n, c, h, w = x.shape
    wide = x.reshape(b0, b1, n // (b0 * b1), c, h, w).transpose(2, 3, 4, 0, 5, 1).reshape(-1, c, h * b0, w * b1)
    return wide[:, :, top : h * b0 - bottom, left : w * b1 - right]


@operation("sliding_windows")
def sliding_windows(x: Array, axis: Any, size: Any, stride: Any = 1) -> Array:
    """All windows along an axis: [.., D, ..] -> [.., windows, size, ..]."""
    at = int(axis) % x.ndim
    windows = np.lib.stride_tricks.sliding_window_view(x, int(size), at)
    every = windows[(slice(None),) * at + (slice(None, None, int(stride)),)]
    return np.moveaxis(every, -1, at + 1)
