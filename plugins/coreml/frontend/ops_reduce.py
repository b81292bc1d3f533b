"""Reductions over axes, places of extremes, running sums.

Axes are an attribute up to opset 12 (Sum) or 17 (the others), an input from then on; none means all of them, unless
noop_with_empty_axes says none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import FLOATS
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step

ELEMENTWISE: dict[str, Callable[[Step, Value, str], Value]] = {
    "reduce_l1_norm": lambda step, x, dtype: step.op("abs", x=x),
    "reduce_l2_norm": lambda step, x, dtype: step.op("abs", x=x),
    "reduce_log_sum": lambda step, x, dtype: step.op("log", x=x, epsilon=step.scalar(0, dtype)),
    "reduce_sum_square": lambda step, x, dtype: step.op("mul", x=x, y=x),
}
"""What is left of a reduction over no axes; of the others, and of LogSumExp, the number itself."""
IN_FLOAT = frozenset({"reduce_mean", "reduce_l2_norm", "reduce_log_sum", "reduce_log_sum_exp"})


def reduction(kind: str, step: Step) -> Value:
    """A reduction; means, roots and logarithms of integers go through float32."""
    value, dtype = step.number()
    if kind in IN_FLOAT and dtype not in FLOATS:
        value, dtype = step.cast(value, "fp32"), "fp32"
    axes = _axes(step)
    if not axes:
        form = ELEMENTWISE.get(kind)
        made = form(step, value, dtype) if form else value
        return made if value is step.var() and made is value else step.back(made, dtype)
    keep = bool(step.attribute("keepdims", 1))
    return step.back(_reduced(step, kind, value, axes, keep), dtype)


def _reduced(step: Step, kind: str, value: Value, axes: Sequence[int], keep: bool) -> Value:
    """Log of a sum is written out: MIL's own adds an epsilon that Core ML does not document."""
    if kind == "reduce_log_sum":
        total = step.op("reduce_sum", x=value, axes=list(axes), keep_dims=keep)
        return step.op("log", x=total, epsilon=step.scalar(0, step.dtype() if step.dtype() in FLOATS else "fp32"))
    return step.op(kind, x=value, axes=list(axes), keep_dims=keep)


def _axes(step: Step) -> list[int]:
    given = step.attribute("axes")
    if step.has(1):
        given = [int(axis) for axis in np.ravel(step.constant(1, "the axes of a reduction"))]
    if given:
        return sorted(axis % step.rank() for axis in given)
    return [] if step.attribute("noop_with_empty_axes", 0) else list(range(step.rank()))


def place_of_extreme(kind: str, step: Step) -> Value:
    """Where the extreme is along an axis; for the last of equals the axis is reversed before."""
    value, axis = step.number()[0], step.axis(0)
    keep = bool(step.attribute("keepdims", 1))
    if not step.attribute("select_last_index", 0):
        return step.op(kind, x=value, axis=axis, keep_dims=keep)
    place = step.op(kind, x=step.op("reverse", x=value, axes=[axis]), axis=axis, keep_dims=keep)
    return step.op("sub", x=np.int32(step.shape()[axis] - 1), y=place)


def running_sum(step: Step) -> Value:
    """The sum of what came before along an axis."""
    axis = int(np.ravel(step.constant(1, "the axis of CumSum"))[0]) % step.rank()
    exclusive, reverse = bool(step.attribute("exclusive", 0)), bool(step.attribute("reverse", 0))
    value, dtype = step.number()
    return step.back(step.op("cumsum", x=value, axis=axis, exclusive=exclusive, reverse=reverse), dtype)


KINDS = {
    "ReduceMean": "reduce_mean",
    "ReduceSum": "reduce_sum",
    "ReduceMax": "reduce_max",
    "ReduceMin": "reduce_min",
    "ReduceProd": "reduce_prod",
    "ReduceL1": "reduce_l1_norm",
    "ReduceL2": "reduce_l2_norm",
    "ReduceLogSum": "reduce_log_sum",
    "ReduceLogSumExp": "reduce_log_sum_exp",
    "ReduceSumSquare": "reduce_sum_square",
}
OPS: dict[str, Callable[[Step], Value]] = {
    **{op: partial(reduction, kind) for op, kind in KINDS.items()},
    "ArgMax": partial(place_of_extreme, "reduce_argmax"),
    "ArgMin": partial(place_of_extreme, "reduce_argmin"),
    "CumSum": running_sum,
}
