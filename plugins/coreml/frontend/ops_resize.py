"""Resize and Upsample: natively where MIL samples the very same positions, else by index or by a matrix per axis.

MIL's sampling positions are those documented for its resize ops (iOS17): UNALIGN_CORNERS is ONNX's half_pixel,
STRICT_ALIGN_CORNERS its align_corners, DEFAULT its asymmetric, each with positions clamped to the axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import FLOATS
from workbench_plugins.coreml.frontend.grid import Axis, Floats, nearest, positions, weights
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step

SAMPLING = {"half_pixel": "UNALIGN_CORNERS", "align_corners": "STRICT_ALIGN_CORNERS", "asymmetric": "DEFAULT"}
CLOSE = 1e-6
"""Weights that differ by less are the same: float32 has 24 bits."""


@dataclass(frozen=True)
class _Form:
    """How to resample: the node's attributes, or Upsample's fixed ones."""

    mode: str
    transform: str
    nearest_mode: str


def resize(step: Step) -> Value:
    """Resample every axis whose size changes."""
    form = _form(step)
    axes = _resized(step, form)
    if not axes:
        return step.var()
    value, dtype = step.real()
    made = _nearest(step, value, axes, form) if form.mode == "nearest" else _linear(step, value, axes, form)
    if dtype not in FLOATS or dtype != step.out_dtype():
        made = step.back(made, dtype)
    return made


def _form(step: Step) -> _Form:
    mode = step.attribute("mode", "nearest")
    if mode not in ("nearest", "linear", "cubic"):
        raise step.refuse(f"resizing by {mode!r} is not defined by ONNX", "use nearest, linear or cubic")
    if step.node.op_type == "Upsample" or step.opset < 11:
        return _Form(mode, "asymmetric", "floor")
    transform = step.attribute("coordinate_transformation_mode", "half_pixel")
    return _Form(mode, transform, step.attribute("nearest_mode", "round_prefer_floor"))


def _resized(step: Step, form: _Form) -> dict[int, Axis]:
    """Return the axes that are resampled: of another size after, or a region is read, or a scale that is not 1."""
    shape, out = step.shape(), step.out_shape()
    scales, regions = _scales(step), _regions(step, form)
    axes = {}
    for place, (size, wide) in enumerate(zip(shape, out, strict=True)):
        axis = Axis(size, wide, scales.get(place, wide / size), regions.get(place, (0.0, 1.0)))
        if wide != size or axis.scale != 1 or axis.region != (0.0, 1.0):
            axes[place] = axis
    return axes


def _listed_axes(step: Step) -> list[int]:
    return [axis % step.rank() for axis in step.attribute("axes", list(range(step.rank())))]


def _scales(step: Step) -> dict[int, float]:
    """Return the scales that the model gives; {} where it gives sizes (then they are out / size, or one for all)."""
    if step.node.op_type == "Upsample" and step.opset < 9:
        given = np.asarray(step.attribute("scales"), np.float64)
    else:
        place = 1 if step.node.op_type == "Upsample" or step.opset < 11 else 2
        value = step.constant(place, "the scales of Resize") if step.has(place) else np.zeros(0)
        given = np.asarray(value, np.float64).ravel()
    if given.size:
        return dict(zip(_listed_axes(step), given.tolist(), strict=True))
    return _kept_aspect(step)


def _kept_aspect(step: Step) -> dict[int, float]:
    """Return one scale for all listed axes where sizes are given with keep_aspect_ratio_policy, else {}."""
    sizes = np.ravel(step.constant(3, "the sizes of Resize"))
    policy = step.attribute("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return {}
    axes = _listed_axes(step)
    ratios = [size / step.shape()[axis] for axis, size in zip(axes, sizes, strict=True)]
    return dict.fromkeys(axes, float(min(ratios) if policy == "not_larger" else max(ratios)))


def _regions(step: Step, form: _Form) -> dict[int, tuple[float, float]]:
    if form.transform != "tf_crop_and_resize":
        return {}
    given = np.asarray(step.constant(1, "the region of Resize"), np.float64).reshape(2, -1)
    return {axis: (float(first), float(last)) for axis, first, last in zip(_listed_axes(step), *given, strict=True)}


def _nearest(step: Step, value: Value, axes: Mapping[int, Axis], form: _Form) -> Value:
    """Take the nearest element: MIL's upsampling by whole factors where it takes the same ones, else a gather."""
    where = {place: positions(axis, form.transform) for place, axis in axes.items()}
    chosen = {place: nearest(where[place], axis.size, form.nearest_mode) for place, axis in axes.items()}
    factors = _factors(step, chosen)
    if factors and form.transform != "tf_crop_and_resize":
        return step.op(
            "upsample_nearest_neighbor", x=value, scale_factor_height=factors[0], scale_factor_width=factors[1]
        )
    step.note("nearest elements are taken by index along each axis")
    for place, indices in chosen.items():
        value = step.op("gather", x=value, indices=indices, axis=place)
    return _outside(step, value, axes, where)


def _factors(step: Step, chosen: Mapping[int, np.ndarray]) -> tuple[int, int] | None:
    """Return whole factors of the last two axes where each element is just repeated, else None."""
    rank, factors = step.rank(), [1, 1]
    if rank < 3 or rank > 5 or any(place < rank - 2 for place in chosen):
        return None
    for place, indices in chosen.items():
        size = step.shape()[place]
        factor = len(indices) // size
        if len(indices) != size * factor or (indices != np.arange(len(indices)) // factor).any():
            return None
        factors[place - rank + 2] = factor
    return factors[0], factors[1]


def _linear(step: Step, value: Value, axes: Mapping[int, Axis], form: _Form) -> Value:
    """Interpolate: MIL's resize_bilinear where it has the same weights, else a product with a matrix per axis."""
    where = {place: positions(axis, form.transform) for place, axis in axes.items()}
    matrices = {place: _matrix(step, axis, where[place], form) for place, axis in axes.items()}
    sampling = SAMPLING.get(form.transform)
    if sampling and form.mode == "linear" and _is_native(step, axes, matrices, sampling):
        height, width = step.out_shape()[-2:]
        sizes = {"target_size_height": height, "target_size_width": width}
        return step.op("resize_bilinear", x=value, sampling_mode=sampling, **sizes)
    step.note(f"{form.mode} interpolation is a product with a matrix along each axis")
    dtype = step.dtype() if step.dtype() in FLOATS else "fp32"
    for place, matrix in matrices.items():
        value = _applied(step, value, place, matrix.astype(np.float16 if dtype == "fp16" else np.float32))
    return _outside(step, value, axes, where)


def _matrix(step: Step, axis: Axis, where: Floats, form: _Form) -> Floats:
    options = (bool(step.attribute("exclude_outside", 0)), bool(step.attribute("antialias", 0)))
    return weights(axis, where, form.mode, step.attribute("cubic_coeff_a", -0.75), *options)


def _is_native(step: Step, axes: Mapping[int, Axis], matrices: Mapping[int, Floats], sampling: str) -> bool:
    rank = step.rank()
    if not 3 <= rank <= 5 or any(place < rank - 2 for place in axes):
        return False
    return all(np.allclose(matrices[place], _mil_matrix(axis, sampling), atol=CLOSE) for place, axis in axes.items())


def _mil_matrix(axis: Axis, sampling: str) -> Floats:
    """Return the weights of MIL's resize_bilinear along one axis, [out, size]."""
    place = np.arange(axis.out, dtype=np.float64)
    last, gaps = axis.size - 1, max(axis.out - 1, 1)
    where = {
        "UNALIGN_CORNERS": place * axis.size / axis.out + 0.5 * axis.size / axis.out - 0.5,
        "STRICT_ALIGN_CORNERS": place * last / gaps,
        "DEFAULT": place * (axis.size - axis.size / axis.out) / gaps,
    }[sampling]
    own = Axis(axis.size, axis.out, axis.out / axis.size)
    return weights(own, np.clip(where, 0, last), "linear", 0.0, False, False)


def _applied(step: Step, value: Value, place: int, matrix: np.ndarray) -> Value:
    """Return the product along one axis, which is the last one meanwhile."""
    rank = step.rank()
    order = [axis for axis in range(rank) if axis != place] + [place]
    back = [order.index(axis) for axis in range(rank)]
    moved = step.transpose(value, order)
    if rank == 1:
        product = step.op("matmul", x=step.op("expand_dims", x=moved, axes=[0]), y=matrix.T)
        return step.op("squeeze", x=product, axes=[0])
    return step.transpose(step.op("matmul", x=moved, y=np.ascontiguousarray(matrix.T)), back)


def _outside(step: Step, value: Value, axes: Mapping[int, Axis], where: Mapping[int, Floats]) -> Value:
    """Put extrapolation_value where a region reads outside the tensor (tf_crop_and_resize alone)."""
    shape = step.out_shape()
    mask = np.zeros(shape, bool)
    for place, axis in axes.items():
        if axis.region != (0.0, 1.0):
            out = (where[place] < 0) | (where[place] > axis.size - 1)
            mask |= out.reshape([-1 if each == place else 1 for each in range(len(shape))])
    if not mask.any():
        return value
    dtype = step.dtype() if step.dtype() in FLOATS else "fp32"
    fill = np.full(shape, step.attribute("extrapolation_value", 0.0), np.float16 if dtype == "fp16" else np.float32)
    return step.op("select", cond=step.const(mask), a=step.const(fill), b=value)


OPS: dict[str, Callable[[Step], Value]] = {"Resize": resize, "Upsample": resize}
