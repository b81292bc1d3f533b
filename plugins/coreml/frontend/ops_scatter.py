"""Writing elements by index into a copy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.ops_gather import from_zero
from workbench_plugins.coreml.frontend.step import Step

MODES = {"none": "update", "add": "add", "mul": "mul", "max": "max", "min": "min"}


def scatter_nd(step: Step) -> Value:
    """Slices by tuples of indices, written or combined."""
    limits = np.asarray(step.shape()[: step.shape(1)[-1]], np.int64)
    (data, dtype), (updates, _) = step.number(0), step.number(2)
    indices = from_zero(step, 1, limits)
    return step.back(step.op("scatter_nd", data=data, indices=indices, updates=updates, mode=_mode(step)), dtype)


def scatter_elements(step: Step) -> Value:
    """Element by element along an axis; where the indices cover part of the other axes, by their full positions."""
    axis, shape, given = step.axis(0), step.shape(), step.shape(1)
    (data, dtype), (updates, _) = step.number(0), step.number(2)
    indices = from_zero(step, 1, shape[axis])
    if all(place == axis or size == given[place] for place, size in enumerate(shape)):
        made = step.op("scatter_along_axis", data=data, indices=indices, updates=updates, axis=axis, mode=_mode(step))
        return step.back(made, dtype)
    if len(given) == 5:
        raise step.refuse("indices that cover part of five axes need a sixth on the way")
    positions = np.indices(given, dtype=np.int32)
    parts = [step.const(positions[place][..., None]) for place in range(len(shape))]
    parts[axis] = step.op("expand_dims", x=indices, axes=[-1])
    full = parts[0] if len(parts) == 1 else step.op("concat", values=parts, axis=len(given), interleave=False)
    return step.back(step.op("scatter_nd", data=data, indices=full, updates=updates, mode=_mode(step)), dtype)


def _mode(step: Step) -> str:
    return MODES[step.attribute("reduction", "none")]


OPS: dict[str, Callable[[Step], Value]] = {
    "ScatterND": scatter_nd,
    "ScatterElements": scatter_elements,
    "Scatter": scatter_elements,
}
