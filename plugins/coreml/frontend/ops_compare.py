"""Comparisons, logic, and choosing by a condition."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step


def comparison(kind: str, step: Step) -> Value:
    """A comparison of numbers; of truth values as 0 and 1."""
    (x, _), (y, _) = step.number(0), step.number(1)
    return step.op(kind, x=x, y=y)


def logic(kind: str, step: Step) -> Value:
    """An op on two truth values."""
    return step.op(kind, x=step.var(0), y=step.var(1))


def negation(step: Step) -> Value:
    """Not x."""
    return step.op("logical_not", x=step.var())


def is_nan(step: Step) -> Value:
    """Whether x differs from itself."""
    return step.op("not_equal", x=step.var(), y=step.var())


def is_infinite(step: Step) -> Value:
    """Whether x is infinite, of one sign or of both."""
    x, dtype = step.real()
    limit = step.scalar(np.inf, dtype)
    positive, negative = step.attribute("detect_positive", 1), step.attribute("detect_negative", 1)
    if positive and negative:
        return step.op("equal", x=step.op("abs", x=x), y=limit)
    if not positive and not negative:
        return step.op("less", x=step.op("abs", x=x), y=step.scalar(0, dtype))
    return step.op("equal", x=x, y=limit if positive else -limit)


def where(step: Step) -> Value:
    """Choose from two tensors; MIL finds the shape from these two, so the first is spread where that is too small."""
    (a, dtype), (b, _) = step.number(1), step.number(2)
    shape = step.out_shape()
    if np.broadcast_shapes(step.shape(1), step.shape(2)) != shape:
        a = step.broadcast(a, step.shape(1), shape)
    return step.back(step.op("select", cond=step.var(0), a=a, b=b), dtype)


OPS: dict[str, Callable[[Step], Value]] = {
    "Equal": partial(comparison, "equal"),
    "Greater": partial(comparison, "greater"),
    "GreaterOrEqual": partial(comparison, "greater_equal"),
    "Less": partial(comparison, "less"),
    "LessOrEqual": partial(comparison, "less_equal"),
    "And": partial(logic, "logical_and"),
    "Or": partial(logic, "logical_or"),
    "Xor": partial(logic, "logical_xor"),
    "Not": negation,
    "IsNaN": is_nan,
    "IsInf": is_infinite,
    "Where": where,
}
