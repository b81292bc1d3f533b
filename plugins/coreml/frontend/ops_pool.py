"""Pools over windows and over everything.

ceil_mode becomes larger pads after each axis, which reproduces ONNX's own output size; MIL's ceil_mode is not used.
MIL's pools have no dilations: those are the maximum or the sum of one strided slice per place of the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import Array
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step
from workbench_plugins.coreml.frontend.windows import Window, ends_for, window_of

MOST_PLACES = 125
"""Places of a dilated kernel that are written out."""


def max_pool(step: Step) -> Value:
    """The largest of each window; of integers through float32, exact for 8-bit codes."""
    if step.wants(1):
        raise step.refuse("MIL's max_pool gives no indices", "drop the second output")
    window = _window(step)
    x, dtype = step.real()
    if max(window.dilations) > 1:
        lowest = step.scalar(-np.inf, dtype)
        return step.back(_over_slices(step, "maximum", _padded(step, x, window, lowest), window), dtype)
    pool = {"kernel_sizes": list(window.kernel), "strides": list(window.strides)}
    return step.back(step.op("max_pool", x=x, pad_type="custom", pad=window.pad, **pool), dtype)


def average_pool(step: Step) -> Value:
    """The mean of each window; with count_include_pad the pads count as zeros, those of ceil_mode never do."""
    window, plain = _window(step), window_of(step, step.attribute("kernel_shape"), step.shape()[2:])
    if max(window.dilations) > 1:
        return _dilated_average(step, window, plain)
    pool: dict[str, Any] = {"kernel_sizes": list(window.kernel), "strides": list(window.strides)}
    include = bool(step.attribute("count_include_pad", 0))
    more = tuple(max(end - own, 0) for end, own in zip(window.ends, plain.ends, strict=True))
    x = step.var()
    if include and any(more):
        pads = [0, 0, 0, 0, *plain.pad]
        x = step.op("pad", x=x, pad=pads, mode="constant", constant_val=step.scalar(0, step.dtype()))
        window, include = replace(window, begins=(0,) * len(more), ends=more), False
    exclude = not include
    return step.op("avg_pool", x=x, pad_type="custom", pad=window.pad, exclude_padding_from_average=exclude, **pool)


def global_pool(kind: str) -> Callable[[Step], Value]:
    """Return the conversion of a pool over all spatial axes."""

    def lower(step: Step) -> Value:
        return step.op(kind, x=step.var(), axes=list(range(2, step.rank())), keep_dims=True)

    return lower


def lp_pool(step: Step) -> Value:
    """(sum |x|^p)^(1/p) of each window, from the mean with pads as zeros."""
    window, dtype, order = _window(step), step.dtype(), step.attribute("p", 2)
    powers = step.op("pow", x=step.op("abs", x=step.var()), y=step.scalar(order, dtype))
    if max(window.dilations) > 1:
        total = _over_slices(step, "add", _padded(step, powers, window, step.scalar(0, dtype)), window)
        return step.op("pow", x=total, y=step.scalar(1 / order, dtype))
    pool = {"kernel_sizes": list(window.kernel), "strides": list(window.strides)}
    mean = step.op("avg_pool", x=powers, pad_type="custom", pad=window.pad, exclude_padding_from_average=False, **pool)
    total = step.op("mul", x=mean, y=step.scalar(math.prod(window.kernel), dtype))
    return step.op("pow", x=total, y=step.scalar(1 / order, dtype))


def global_lp_pool(step: Step) -> Value:
    """(sum |x|^p)^(1/p) over all spatial axes."""
    dtype, order = step.dtype(), step.attribute("p", 2)
    powers = step.op("pow", x=step.op("abs", x=step.var()), y=step.scalar(order, dtype))
    total = step.op("reduce_sum", x=powers, axes=list(range(2, step.rank())), keep_dims=True)
    return step.op("pow", x=total, y=step.scalar(1 / order, dtype))


def _dilated_average(step: Step, window: Window, plain: Window) -> Value:
    """The sum over slices, over how many places of the kernel count at each output."""
    dtype, sizes = step.dtype(), step.shape()[2:]
    total = _over_slices(step, "add", _padded(step, step.var(), window, step.scalar(0, dtype)), window)
    include = bool(step.attribute("count_include_pad", 0))
    counts = np.ones((), np.float64)
    for axis, size in enumerate(sizes):
        counts = np.multiply.outer(counts, _counted(window, plain, axis, size, step.out_shape()[2 + axis], include))
    return step.op("real_div", x=total, y=step.const(counts[None, None].astype(step.numpy_type())))


def _counted(window: Window, plain: Window, axis: int, size: int, outputs: int, include: bool) -> Array:
    """Return how many places of the kernel count along one axis, for every output."""
    places = np.arange(window.kernel[axis]) * window.dilations[axis]
    starts = np.arange(outputs) * window.strides[axis] - window.begins[axis]
    positions = starts[:, None] + places
    first = -plain.begins[axis] if include else 0
    last = size + (plain.ends[axis] if include else 0)
    return np.asarray(((positions >= first) & (positions < last)).sum(1))


def _padded(step: Step, x: Value, window: Window, fill: Value) -> Value:
    if not any(window.pad):
        return x
    return step.op("pad", x=x, pad=[0, 0, 0, 0, *window.pad], mode="constant", constant_val=fill)


def _over_slices(step: Step, kind: str, x: Value, window: Window) -> Value:
    """Combine the slice of every place of the kernel. Raises RefusedError above MOST_PLACES."""
    places = list(np.ndindex(*window.kernel))
    if len(places) > MOST_PLACES:
        raise step.refuse(f"a dilated pool of {len(places)} places is too large to write out", "use a smaller kernel")
    step.note("a dilated pool is written as one slice per place of the kernel")
    shape, outputs = step.shape(), step.out_shape()[2:]
    result = None
    for place in places:
        begins = [at * dilation for at, dilation in zip(place, window.dilations, strict=True)]
        reach = zip(begins, outputs, window.strides, strict=True)
        ends = [begin + (count - 1) * stride + 1 for begin, count, stride in reach]
        limits = {"begin": [0, 0, *begins], "end": [*shape[:2], *ends], "stride": [1, 1, *window.strides]}
        part = step.op("slice_by_index", x=x, **{name: np.asarray(n, np.int32) for name, n in limits.items()})
        result = part if result is None else step.op(kind, x=result, y=part)
    return result


def _window(step: Step) -> Window:
    sizes = step.shape()[2:]
    if not 1 <= len(sizes) <= 3:
        raise step.refuse(f"a pool over {len(sizes)} spatial axes has no equivalent")
    window = window_of(step, step.attribute("kernel_shape"), sizes)
    if min(window.begins + window.ends) < 0:
        raise step.refuse("negative pads of a pool have no equivalent", "crop with Slice before it")
    if not step.attribute("ceil_mode", 0):
        return window
    return replace(window, ends=ends_for(window, sizes, step.out_shape()[2:]))


OPS: dict[str, Callable[[Step], Value]] = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "GlobalAveragePool": global_pool("reduce_mean"),
    "GlobalMaxPool": global_pool("reduce_max"),
    "GlobalLpPool": global_lp_pool,
}
