"""Conv and ConvTranspose over one to three spatial axes, grouped, dilated, with every form of padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step
from workbench_plugins.coreml.frontend.windows import Window, split, window_of


def conv(step: Step) -> Value:
    """A convolution; MIL wants a constant bias, another one is added after it."""
    _check_axes(step)
    window = window_of(step, step.shape(1)[2:], step.shape()[2:])
    if min(window.begins + window.ends) < 0:
        raise step.refuse("negative pads of a convolution have no equivalent", "crop with Slice before it")
    if max(window.dilations) > 1:
        _check_weight(step)
    bias, is_plain = _bias(step)
    result = step.op("conv", x=step.var(0), weight=step.var(1), **bias, **_arguments(step, window))
    return result if is_plain else _with_bias(step, result)


def conv_transpose(step: Step) -> Value:
    """A transposed convolution: output padding shortens the pad after, or is added as zeros where that is shorter."""
    _check_axes(step)
    _check_weight(step)
    window, extra = _transposed(step)
    ends = [end - add for end, add in zip(window.ends, extra, strict=True)]
    missing = [max(-end, 0) for end in ends]
    window = Window(window.kernel, window.strides, window.dilations, window.begins, tuple(max(end, 0) for end in ends))
    if min(window.begins) < 0:
        raise step.refuse("its output is larger than its windows reach", "leave output_shape out")
    bias, is_plain = _bias(step)
    if not any(missing):
        made = step.op("conv_transpose", x=step.var(0), weight=step.var(1), **bias, **_arguments(step, window))
        return made if is_plain else _with_bias(step, made)
    made = step.op("conv_transpose", x=step.var(0), weight=step.var(1), **_arguments(step, window))
    pads = [0, 0, 0, 0] + [number for add in missing for number in (0, add)]
    step.note("output padding is added as zeros")
    made = step.op("pad", x=made, pad=pads, mode="constant", constant_val=step.scalar(0, step.dtype()))
    return _with_bias(step, made) if step.has(2) else made


def _check_axes(step: Step) -> None:
    if not 3 <= step.rank() <= 5:
        raise step.refuse(f"a convolution over {step.rank() - 2} spatial axes has no equivalent")


def _check_weight(step: Step) -> None:
    """A weight must be constant, codes behind a DequantizeLinear included."""
    if not step.is_weight(1):
        step.constant(1, "the weight")


def _arguments(step: Step, window: Window) -> dict[str, Any]:
    return {
        "strides": list(window.strides),
        "pad_type": "custom",
        "pad": window.pad,
        "dilations": list(window.dilations),
        "groups": step.attribute("group", 1),
    }


def _bias(step: Step) -> tuple[dict[str, Any], bool]:
    """Return the op's argument for the bias, and whether that is all there is to add."""
    if step.has(2) and step.value(2) is not None:
        return {"bias": step.var(2)}, True
    return {}, not step.has(2)


def _with_bias(step: Step, value: Value) -> Value:
    shape = (1, -1, *[1] * (step.rank() - 2))
    return step.op("add", x=value, y=step.reshape(step.var(2), shape))


def _transposed(step: Step) -> tuple[Window, Sequence[int]]:
    """Return the window of a ConvTranspose and its output padding.

    Source: ONNX Operators, ConvTranspose: an output shape, or auto_pad SAME (output = input * stride), gives the pads.
    """
    sizes, kernel = step.shape()[2:], step.shape(1)[2:]
    axes = len(kernel)
    extra = list(step.attribute("output_padding", [0] * axes))
    auto = step.attribute("auto_pad", "NOTSET")
    strides = step.attribute("strides", [1] * axes)
    wanted = step.attribute("output_shape")
    if wanted is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [size * stride for size, stride in zip(sizes, strides, strict=True)]
    if wanted is None:
        return window_of(step, kernel, sizes), extra
    dilations = step.attribute("dilations", [1] * axes)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    full = [(size - 1) * stride + span for size, stride, span in zip(sizes, strides, spans, strict=True)]
    totals = [reach + add - out for reach, add, out in zip(full, extra, list(wanted)[-axes:], strict=True)]
    begins, ends = split(np.maximum(totals, 0).tolist(), "SAME_UPPER" if auto == "SAME_UPPER" else "SAME_LOWER")
    ends = tuple(end + min(total, 0) for end, total in zip(ends, totals, strict=True))
    return Window(tuple(kernel), tuple(strides), tuple(dilations), begins, ends), extra


OPS: dict[str, Callable[[Step], Value]] = {"Conv": conv, "ConvTranspose": conv_transpose}
