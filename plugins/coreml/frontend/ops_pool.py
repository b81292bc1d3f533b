"""Pools over windows and over everything.

ceil_mode becomes larger pads after each axis, which reproduces ONNX's own output size; MIL's ceil_mode is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step
from workbench_plugins.coreml.frontend.windows import Window, ends_for, window_of


def max_pool(step: Step) -> Value:
    """The largest of each window; of integers through float32, exact for 8-bit codes."""
    if step.wants(1):
        raise step.refuse("MIL's max_pool gives no indices", "drop the second output")
    window = _window(step)
    x, dtype = step.real()
    pool = {"kernel_sizes": list(window.kernel), "strides": list(window.strides)}
    return step.back(step.op("max_pool", x=x, pad_type="custom", pad=window.pad, **pool), dtype)


def average_pool(step: Step) -> Value:
    """The mean of each window; with count_include_pad the pads count as zeros, those of ceil_mode never do."""
    window, plain = _window(step), window_of(step, step.attribute("kernel_shape"), step.shape()[2:])
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
    pool = {"kernel_sizes": list(window.kernel), "strides": list(window.strides)}
    mean = step.op("avg_pool", x=powers, pad_type="custom", pad=window.pad, exclude_padding_from_average=False, **pool)
    count = 1
    for size in window.kernel:
        count *= size
    total = step.op("mul", x=mean, y=step.scalar(count, dtype))
    return step.op("pow", x=total, y=step.scalar(1 / order, dtype))


def global_lp_pool(step: Step) -> Value:
    """(sum |x|^p)^(1/p) over all spatial axes."""
    dtype, order = step.dtype(), step.attribute("p", 2)
    powers = step.op("pow", x=step.op("abs", x=step.var()), y=step.scalar(order, dtype))
    total = step.op("reduce_sum", x=powers, axes=list(range(2, step.rank())), keep_dims=True)
    return step.op("pow", x=total, y=step.scalar(1 / order, dtype))


def _window(step: Step) -> Window:
    sizes = step.shape()[2:]
    if not 1 <= len(sizes) <= 3:
        raise step.refuse(f"a pool over {len(sizes)} spatial axes has no equivalent")
    window = window_of(step, step.attribute("kernel_shape"), sizes)
    if max(window.dilations) > 1:
        raise step.refuse("MIL's pools have no dilations", "leave the dilations out")
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
