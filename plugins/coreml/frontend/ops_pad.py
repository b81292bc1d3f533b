"""Pad in all modes: constant and the last two axes natively, the others by taking elements along each axis.

Source of the rules: ONNX Operators, Pad (negative pads crop; axes from opset 18; wrap from opset 19).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import FLOATS
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step

NUMPY_MODES = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}
MIL_MODES = {"reflect": "reflect", "edge": "replicate"}


def pad(step: Step) -> Value:
    """More elements around, or fewer where a pad is negative."""
    mode = step.attribute("mode", "constant")
    pads = _pads(step)
    if not pads.any():
        return step.var()
    if mode == "constant":
        return _constant(step, pads)
    if _is_native(step, mode, pads):
        flat = np.asarray(pads[-2:], np.int32).reshape(-1)
        return step.op("pad", x=step.var(), pad=flat, mode=MIL_MODES[mode], constant_val=step.scalar(0, step.dtype()))
    return _taken(step, mode, pads)


def _pads(step: Step) -> np.ndarray:
    """Return the pads as [rank, 2]: before and after each axis."""
    rank = step.rank()
    if step.opset < 11:
        given = np.asarray(step.attribute("pads", step.attribute("paddings")), np.int64)
    else:
        given = step.constant(1, "the pads")
    axes = list(range(rank))
    if step.has(3):
        axes = [int(axis) % rank for axis in step.constant(3, "the axes of Pad")]
    pads = np.zeros((rank, 2), np.int64)
    pads[axes] = np.asarray(given).reshape(2, -1).T
    return pads


def _fill(step: Step) -> float:
    if step.opset < 11:
        return float(step.attribute("value", 0.0))
    return float(np.ravel(step.constant(2, "the fill value of Pad"))[0]) if step.has(2) else 0.0


def _constant(step: Step, pads: np.ndarray) -> Value:
    value, dtype = step.real()
    shape = step.shape()
    if (pads < 0).any():
        begins = np.maximum(-pads[:, 0], 0).astype(np.int32)
        ends = (np.asarray(shape) - np.maximum(-pads[:, 1], 0)).astype(np.int32)
        value = step.op("slice_by_index", x=value, begin=begins, end=ends)
    flat = np.maximum(pads, 0).reshape(-1).astype(np.int32)
    if flat.any():
        value = step.op("pad", x=value, pad=flat, mode="constant", constant_val=step.scalar(_fill(step), dtype))
    return step.back(value, dtype)


def _is_native(step: Step, mode: str, pads: np.ndarray) -> bool:
    """Whether MIL's pad does it: floats, the last two axes, no more than the axis holds."""
    limits = np.asarray(step.shape()[-2:])[:, None] - (mode == "reflect")
    is_inside = step.rank() >= 3 and not pads[:-2].any() and bool(((pads[-2:] >= 0) & (pads[-2:] <= limits)).all())
    return mode in MIL_MODES and step.dtype() in FLOATS and is_inside


def _taken(step: Step, mode: str, pads: np.ndarray) -> Value:
    """Return the padded tensor by a gather along every axis that is padded."""
    step.note(f"pads of mode {mode} are taken element by element along each axis")
    value, dtype = step.number()
    for axis, (size, (before, after)) in enumerate(zip(step.shape(), pads.tolist(), strict=True)):
        if before or after:
            order = np.pad(np.arange(size), (max(before, 0), max(after, 0)), NUMPY_MODES[mode])  # type: ignore[call-overload]
            order = order[max(-before, 0) : len(order) - max(-after, 0)]
            value = step.op("gather", x=value, indices=order.astype(np.int32), axis=axis)
    return step.back(value, dtype)


OPS: dict[str, Callable[[Step], Value]] = {"Pad": pad}
