"""Taking elements by index. ONNX counts negative indices from the end; MIL's ops get them from 0 on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import Array
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step


def gather(step: Step) -> Value:
    """Slices along an axis."""
    axis = step.axis(0)
    value, dtype = _data(step)
    indices = from_zero(step, 1, step.shape()[axis])
    return step.back(step.op("gather", x=value, indices=indices, axis=axis), dtype)


def gather_elements(step: Step) -> Value:
    """Element by element along an axis; the other axes are cut to the indices' sizes first."""
    axis, shape, wanted = step.axis(0), step.shape(), step.shape(1)
    value, dtype = _data(step)
    ends = [size if place == axis else wanted[place] for place, size in enumerate(shape)]
    if tuple(ends) != shape:
        value = step.op("slice_by_index", x=value, begin=[0] * len(shape), end=np.asarray(ends, np.int32))
    indices = from_zero(step, 1, shape[axis])
    return step.back(step.op("gather_along_axis", x=value, indices=indices, axis=axis), dtype)


def gather_nd(step: Step) -> Value:
    """Slices by tuples of indices."""
    batch = step.attribute("batch_dims", 0)
    limits = np.asarray(step.shape()[batch : batch + step.shape(1)[-1]], np.int64)
    value, dtype = _data(step)
    indices = from_zero(step, 1, limits)
    return step.back(step.op("gather_nd", x=value, indices=indices, batch_dims=batch), dtype)


def top_k(step: Step) -> Sequence[Value]:
    """The largest or smallest k along an axis, and where they are."""
    count = step.attribute("k") if step.opset < 10 else int(np.ravel(step.constant(1, "the count of TopK"))[0])
    ascending = not step.attribute("largest", 1)
    (value, dtype), axis = step.number(), step.axis(-1)
    given = {"k": count, "axis": axis, "ascending": ascending, "sort": bool(step.attribute("sorted", 1))}
    values, indices = step.ops("topk", 2, x=value, **given)
    return [step.back(values, dtype) if step.wants(0) else values, indices]


def one_hot(step: Step) -> Value:
    """A vector per index with one value at its place and another elsewhere."""
    depth = int(np.ravel(step.constant(1, "the depth of OneHot"))[0])
    off, on = np.ravel(step.constant(2, "the values of OneHot"))
    dtype = "int32" if step.out_dtype() not in ("fp32", "fp16") else step.out_dtype()
    indices, _ = step.number(0)
    if step.dtype() in ("fp32", "fp16"):
        indices = step.cast(indices, "int32")
    given = {"on_value": step.scalar(on, dtype), "off_value": step.scalar(off, dtype)}
    indices = _shifted(step, indices, np.asarray(depth))
    axis = step.axis(-1, step.rank() + 1)
    return step.back(step.op("one_hot", indices=indices, one_hot_vector_size=depth, axis=axis, **given), dtype)


def from_zero(step: Step, place: int, limit: int | Array) -> Value:
    """Return indices counted from 0, in int32.

    Args:
        limit: size of the axis; for tuples of indices one size per entry of the tuple.
    """
    known = step.value(place)
    if known is not None:
        return step.const(np.where(known < 0, known + np.asarray(limit), known).astype(np.int32))
    return _shifted(step, step.number(place)[0], np.asarray(limit))


def _shifted(step: Step, indices: Value, limit: Array) -> Value:
    below = step.op("less", x=indices, y=np.int32(0))
    moved = step.op("add", x=indices, y=limit.astype(np.int32) if limit.ndim else np.int32(limit))
    return step.op("select", cond=below, a=moved, b=indices)


def _data(step: Step) -> tuple[Value, str]:
    """Return what is taken from: MIL's gathers take numbers, truth values come as int32."""
    return step.number() if step.dtype() == "bool" else (step.var(), step.dtype())


OPS: dict[str, Callable[[Step], Value | Sequence[Value]]] = {
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "TopK": top_k,
    "OneHot": one_hot,
}
