"""Convolutions: matrix products over gathered windows, in blocks of channels that bound the memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array, along, ints, operation
from workbench_plugins.coreml.evaluator.windows import padded, paddings, tap

BLOCK_ELEMENTS = 1 << 22
"""Gathered elements at a time: 16 MiB of float32."""


@operation("conv")
def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    strides: Any = None,
    pad_type: str = "valid",
    pad: Any = None,
    dilations: Any = None,
    groups: Any = 1,
) -> Array:
    """Cross-correlate x [n, C, *D] with weight [O, C / groups, *K]."""
    rank, count = x.ndim - 2, int(groups)
    steps, spread = _or_ones(strides, rank), _or_ones(dilations, rank)
    extents = _extents(weight.shape[2:], spread)
    x = padded(x, paddings(pad_type, pad, x.shape[2:], extents, steps))
    sizes = tuple((d - k) // s + 1 for d, k, s in zip(x.shape[2:], extents, steps, strict=True))
    out = np.empty((x.shape[0], weight.shape[0], *sizes), np.float32)
    if weight.shape[1] == 1 and count > 1:
        _depthwise(x, weight, out, steps, spread)
    else:
        for group in range(count):
            _group(
                _part(x, 1, group, count), _part(weight, 0, group, count), _part(out, 1, group, count), steps, spread
            )
    return out if bias is None else _plus(out, bias)


def _group(x: Array, weight: Array, out: Array, strides: Sequence[int], dilations: Sequence[int]) -> None:
    """Fill out [n, O, *S] by blocks of input channels: weight [O, block * taps] times windows [block * taps, S]."""
    taps, sizes = math.prod(weight.shape[2:]), out.shape[2:]
    positions = math.prod(sizes)
    block = max(1, BLOCK_ELEMENTS // max(1, taps * positions))
    for sample, result in zip(x, out, strict=True):
        total = np.zeros((weight.shape[0], positions), np.float32)
        for start in range(0, weight.shape[1], block):
            part = weight[:, start : start + block]
            windows = _windows(sample[start : start + block], weight.shape[2:], strides, dilations, sizes)
            total += part.reshape(part.shape[0], -1) @ windows
        result[...] = total.reshape(result.shape)


def _windows(
    sample: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], sizes: Sequence[int]
) -> Array:
    """Gather sample [C, *D] into [C * taps, positions]."""
    if math.prod(kernel) == 1:
        return tap(sample, (0,) * len(kernel), strides, sizes).reshape(sample.shape[0], -1)
    gathered = np.empty((sample.shape[0], math.prod(kernel), *sizes), np.float32)
    for index, position in enumerate(np.ndindex(*kernel)):
        gathered[:, index] = tap(sample, _offsets(position, dilations), strides, sizes)
    return gathered.reshape(-1, math.prod(sizes))


def _depthwise(x: Array, weight: Array, out: Array, strides: Sequence[int], dilations: Sequence[int]) -> None:
    """Fill out [n, C * m, *S]: each input channel has m kernels of its own, weight [C * m, 1, *K]."""
    channels = x.shape[1]
    multiplier = weight.shape[0] // channels
    spread = out.reshape(x.shape[0], channels, multiplier, *out.shape[2:])
    spread[...] = 0
    for position in np.ndindex(*weight.shape[2:]):
        factor = weight[(slice(None), 0, *position)].reshape(channels, multiplier)
        seen = tap(x, _offsets(position, dilations), strides, out.shape[2:])
        spread += seen[:, :, None] * factor.reshape(1, channels, multiplier, *(1,) * (x.ndim - 2))


@operation("conv_transpose")
def conv_transpose(  # noqa: PLR0913, PLR0917  (MIL's parameters)
    x: Array,
    weight: Array,
    bias: Array | None = None,
    pad: Any = None,
    output_shape: Any = None,
    pad_type: str = "valid",
    strides: Any = None,
    dilations: Any = None,
    groups: Any = 1,
) -> Array:
    """Transposed convolution of x [n, C, *D] with weight [C, O / groups, *K].

    `same` gives D * stride and cuts what is too much, half of it before; `output_shape` sets where the result ends.
    """
    rank, count = x.ndim - 2, int(groups)
    steps, spread = _or_ones(strides, rank), _or_ones(dilations, rank)
    extents = _extents(weight.shape[2:], spread)
    sizes = tuple((d - 1) * s + k for d, k, s in zip(x.shape[2:], extents, steps, strict=True))
    out = np.zeros((x.shape[0], weight.shape[1] * count, *sizes), np.float32)
    for group in range(count):
        _scatter(_part(x, 1, group, count), _part(weight, 0, group, count), _part(out, 1, group, count), steps, spread)
    out = _cut(out, _wanted(x, out, steps, pad_type, pad, output_shape), pad_type, pad)
    return out if bias is None else _plus(out, bias)


def _scatter(x: Array, weight: Array, out: Array, strides: Sequence[int], dilations: Sequence[int]) -> None:
    """Add weight[:, :, tap].T @ x to the positions of out [n, O, *S] that the tap reaches."""
    flat = x.reshape(x.shape[0], x.shape[1], -1)
    for position in np.ndindex(*weight.shape[2:]):
        product = weight[(slice(None), slice(None), *position)].T @ flat
        reached = tap(out, _offsets(position, dilations), strides, x.shape[2:])
        reached += product.reshape(reached.shape)


def _wanted(
    x: Array, out: Array, strides: Sequence[int], pad_type: str, pad: Any, output_shape: Any
) -> tuple[int, ...]:
    """Return the spatial sizes that the result shall have."""
    if output_shape is not None:
        return ints(output_shape)[2:]
    if pad_type == "same":
        return tuple(d * s for d, s in zip(x.shape[2:], strides, strict=True))
    margins = ints(pad) if pad_type == "custom" and pad is not None else (0,) * 2 * len(strides)
    return tuple(size - a - b for size, a, b in zip(out.shape[2:], margins[::2], margins[1::2], strict=True))


def _cut(out: Array, wanted: Sequence[int], pad_type: str, pad: Any) -> Array:
    """Take `wanted` elements per spatial axis after the padding before; zeros where the full result ends."""
    starts: Sequence[int] = (0,) * len(wanted)
    if pad_type == "same":
        starts = [max(size - target, 0) // 2 for size, target in zip(out.shape[2:], wanted, strict=True)]
    elif pad_type == "custom" and pad is not None:
        starts = ints(pad)[::2]
    taken = (slice(start, start + size) for start, size in zip(starts, wanted, strict=True))
    out = out[(slice(None), slice(None), *taken)]
    return padded(out, [(0, size - have) for size, have in zip(wanted, out.shape[2:], strict=True)])


def _or_ones(values: Any, rank: int) -> tuple[int, ...]:
    return (1,) * rank if values is None else ints(values)


def _extents(kernel: Sequence[int], dilations: Sequence[int]) -> tuple[int, ...]:
    return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))


def _offsets(position: Sequence[int], dilations: Sequence[int]) -> tuple[int, ...]:
    return tuple(p * d for p, d in zip(position, dilations, strict=True))


def _part(values: Array, axis: int, index: int, count: int) -> Array:
    """Return the index-th of `count` equal parts along an axis, as a view."""
    size = values.shape[axis] // count
    return values[(slice(None),) * axis + (slice(index * size, (index + 1) * size),)]


def _plus(out: Array, bias: Array) -> Array:
    out += along(bias, out.ndim, 1)
    return out
