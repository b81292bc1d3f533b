"""Ops that move elements without changing them. With static shapes every target is the output's own shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step


def reshape(step: Step) -> Value:
    """Another shape; to no axes by squeezing, since MIL reshapes to one axis at least."""
    if not step.out_shape():
        return step.op("squeeze", x=step.var(), axes=list(range(step.rank()))) if step.rank() else step.var()
    return step.reshape(step.var(), step.out_shape())


def squeeze(step: Step) -> Value:
    """Drop axes of size 1: those given, or all."""
    given = _axes(step)
    axes = [axis for axis, size in enumerate(step.shape()) if size == 1] if given is None else given
    axes = [axis % step.rank() for axis in axes]
    return step.op("squeeze", x=step.var(), axes=axes) if axes else step.var()


def unsqueeze(step: Step) -> Value:
    """Add axes of size 1; they count in the output."""
    rank = len(step.out_shape())
    axes = [axis % rank for axis in _axes(step) or []]
    return step.op("expand_dims", x=step.var(), axes=sorted(axes)) if axes else step.var()


def transpose(step: Step) -> Value:
    """Axes in another order, reversed where none is given."""
    return step.transpose(step.var(), step.attribute("perm", list(range(step.rank()))[::-1]))


def concat(step: Step) -> Value:
    """Tensors one after the other along an axis."""
    values = [step.var(place) for place in range(step.input_count) if 0 not in step.shape(place)]
    return values[0] if len(values) == 1 else step.op("concat", values=values, axis=step.axis(0), interleave=False)


def split(step: Step) -> Sequence[Value]:
    """Parts along an axis; their sizes are the outputs' own."""
    axis = step.axis(0)
    sizes = [step.out_shape(place)[axis] for place in range(step.output_count)]
    full = [size for size in sizes if size]
    if len(full) == 1:
        return [step.var() if size else None for size in sizes]
    parts = iter(step.ops("split", len(full), x=step.var(), split_sizes=np.asarray(full, np.int32), axis=axis))
    return [next(parts) if size else None for size in sizes]


def slice_(step: Step) -> Value:
    """Part of a tensor; starts, ends, axes and steps are attributes before opset 10, inputs from it on."""
    shape = step.shape()
    begins, ends, strides = [0] * len(shape), list(shape), [1] * len(shape)
    for axis, start, end, stride in _slices(step):
        begins[axis], ends[axis], strides[axis] = _limits(start, end, stride, shape[axis])
    past_first = [end < 0 for end in ends]
    arrays = {"begin": begins, "end": [max(end, 0) for end in ends], "stride": strides}
    if strides == [1] * len(shape) and tuple(ends) == shape and not any(begins):
        return step.var()
    value, dtype = step.number()
    return step.back(step.op("slice_by_index", x=value, **_int32(arrays), end_mask=past_first), dtype)


def _int32(arrays: dict[str, list[int]]) -> dict[str, Value]:
    return {name: np.asarray(values, np.int32) for name, values in arrays.items()}


def _slices(step: Step) -> list[tuple[int, int, int, int]]:
    rank = step.rank()
    if step.opset < 10:
        starts, ends = step.attribute("starts"), step.attribute("ends")
        axes, strides = step.attribute("axes", list(range(len(starts)))), [1] * len(starts)
    else:
        starts = np.ravel(step.constant(1, "the starts of Slice")).tolist()
        ends = np.ravel(step.constant(2, "the ends of Slice")).tolist()
        axes = np.ravel(step.constant(3, "the axes of Slice")).tolist() if step.has(3) else list(range(len(starts)))
        strides = np.ravel(step.constant(4, "the steps of Slice")).tolist() if step.has(4) else [1] * len(starts)
    return [(axis % rank, s, e, d) for axis, s, e, d in zip(axes, starts, ends, strides, strict=True)]


def _limits(start: int, end: int, stride: int, size: int) -> tuple[int, int, int]:
    """Return first, end and step as Python's slices find them; an end of -1 is before the first element."""
    return slice(start, end, stride).indices(size)


def expand(step: Step) -> Value:
    """NumPy's broadcasting to a larger shape, by repeating."""
    value, dtype = step.number()
    return step.back(step.broadcast(value, step.shape(), step.out_shape()), dtype)


def tile(step: Step) -> Value:
    """Repeated along each axis."""
    repeats = np.asarray(step.constant(1, "the repeats of Tile"), np.int32)
    if (repeats == 1).all():
        return step.var()
    value, dtype = step.number()
    return step.back(step.op("tile", x=value, reps=repeats), dtype)


def depth_to_space(step: Step) -> Value:
    """Channels into blocks of pixels: DCR is MIL's depth_to_space, CRD its pixel_shuffle."""
    size = step.attribute("blocksize")
    if size == 1:
        return step.var()
    value, dtype = step.real()
    if step.attribute("mode", "DCR") == "CRD":
        return step.back(step.op("pixel_shuffle", x=value, upscale_factor=size), dtype)
    return step.back(step.op("depth_to_space", x=value, block_size=size), dtype)


def space_to_depth(step: Step) -> Value:
    """Blocks of pixels into channels, the block's place first."""
    if step.attribute("blocksize") == 1:
        return step.var()
    value, dtype = step.real()
    return step.back(step.op("space_to_depth", x=value, block_size=step.attribute("blocksize")), dtype)


def triangle(step: Step) -> Value:
    """The upper or lower triangle, zeros elsewhere."""
    offset = int(np.ravel(step.constant(1, "the diagonal of Trilu"))[0]) if step.has(1) else 0
    ones = np.ones(step.shape()[-2:], bool)
    kept = np.triu(ones, offset) if step.attribute("upper", 1) else np.tril(ones, offset)
    value, dtype = step.number()
    mask = step.const(np.broadcast_to(kept, step.shape()).copy())
    return step.back(step.op("select", cond=mask, a=value, b=step.scalar(0, dtype)), dtype)


def identity(step: Step) -> Sequence[Value]:
    """Nothing at all; Dropout's mask is all true, and its training has no equivalent unless it drops nothing."""
    ratio, mode = step.value(1), step.value(2)
    if step.has(2) and (mode is None or bool(mode)) and (ratio is None or bool(ratio)):
        raise step.refuse("Dropout in training mode has no equivalent", "export the model for inference")
    mask = [step.const(np.ones(step.shape(), bool))] if step.wants(1) else []
    return [step.var(), *mask]


def _axes(step: Step) -> list[int] | None:
    """Return the axes of Squeeze and Unsqueeze: an attribute before opset 13, an input from it on."""
    if step.has(1):
        return [int(axis) for axis in np.ravel(step.constant(1, "the axes"))]
    axes = step.attribute("axes")
    return None if axes is None else list(axes)


OPS: dict[str, Callable[[Step], Value | Sequence[Value]]] = {
    "Reshape": reshape,
    "Flatten": reshape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Expand": expand,
    "Tile": tile,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "Trilu": triangle,
    "Identity": identity,
    "Dropout": identity,
}
