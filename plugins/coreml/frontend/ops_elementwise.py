"""Arithmetic, rounding and functions of one number; broadcasting is NumPy's on both sides.

Source of the rules: ONNX Operators (Div and Mod of integers, Pow's types, Clip with min above max), and the MIL ops'
own documentation (log's epsilon, clip's strict bounds).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import FLOATS, mil_type
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step


def of_real(kind: str, step: Step) -> Value:
    """A function that MIL has for floats."""
    x, dtype = step.real()
    return step.back(step.op(kind, x=x), dtype)


def of_number(kind: str, step: Step) -> Value:
    """A function that MIL has for floats and int32."""
    x, dtype = step.number()
    return step.back(step.op(kind, x=x), dtype)


def of_two(kind: str, step: Step) -> Value:
    """An op on two numbers."""
    (x, dtype), (y, _) = step.number(0), step.number(1)
    return step.back(step.op(kind, x=x, y=y), dtype)


def of_many(kind: str, step: Step) -> Value:
    """An op on two numbers, over any count of inputs."""
    numbers = [step.number(place) for place in range(step.input_count)]
    result = numbers[0][0]
    for value, _ in numbers[1:]:
        result = step.op(kind, x=result, y=value)
    return result if len(numbers) == 1 else step.back(result, numbers[0][1])


def mean(step: Step) -> Value:
    """The sum of all inputs over their count."""
    total = step.var(0)
    for place in range(1, step.input_count):
        total = step.op("add", x=total, y=step.var(place))
    return step.op("mul", x=total, y=step.scalar(1.0 / step.input_count, step.dtype()))


def negated(step: Step) -> Value:
    """-x."""
    x, dtype = step.number()
    return step.back(step.op("mul", x=x, y=step.scalar(-1, dtype)), dtype)


def reciprocal(step: Step) -> Value:
    """1 / x; MIL's inverse would add an epsilon."""
    return step.op("real_div", x=step.scalar(1, step.dtype()), y=step.var())


def logarithm(step: Step) -> Value:
    """Return ln x, without the epsilon that MIL adds unless told."""
    x, dtype = step.real()
    return step.back(step.op("log", x=x, epsilon=step.scalar(0, dtype)), dtype)


def inverse_hyperbolic(sign: int, step: Step) -> Value:
    """Return asinh x = ln(x + sqrt(x^2 + 1)), acosh x = ln(x + sqrt(x^2 - 1))."""
    x, dtype = step.real()
    inner = step.op("add", x=step.op("mul", x=x, y=x), y=step.scalar(sign, dtype))
    total = step.op("add", x=x, y=step.op("sqrt", x=inner))
    step.note("written with ln and a square root")
    return step.op("log", x=total, epsilon=step.scalar(0, dtype))


def division(step: Step) -> Value:
    """Return x / y; of integers rounded towards zero, while MIL's floor_div rounds down."""
    (x, dtype), (y, _) = step.number(0), step.number(1)
    if dtype in FLOATS:
        return step.op("real_div", x=x, y=y)
    quotient = step.op("floor_div", x=step.op("abs", x=x), y=step.op("abs", x=y))
    sign = step.op("mul", x=step.op("sign", x=x), y=step.op("sign", x=y))
    return step.back(step.op("mul", x=quotient, y=sign), dtype)


def remainder(step: Step) -> Value:
    """With fmod=0 the divisor's sign, as Python's %; with fmod=1 the dividend's, as C's."""
    (x, dtype), (y, _) = step.number(0), step.number(1)
    if not step.attribute("fmod", 0):
        return step.back(step.op("mod", x=x, y=y), dtype)
    size = step.op("mod", x=step.op("abs", x=x), y=step.op("abs", x=y))
    return step.back(step.op("mul", x=size, y=step.op("sign", x=x)), dtype)


def power(step: Step) -> Value:
    """Return x ** y in x's type; of integers through float32, exact below 2^24."""
    (x, dtype), (y, exponent) = step.number(0), step.number(1)
    if dtype in FLOATS:
        y = y if exponent == dtype else step.cast(y, dtype)
        return step.op("pow", x=x, y=y)
    step.note("a power of integers is computed in float32")
    y = y if exponent == "fp32" else step.cast(y, "fp32")
    result = step.op("round", x=step.op("pow", x=step.cast(x, "fp32"), y=y))
    return step.back(step.cast(result, "int32"), "int32")


def clip(step: Step) -> Value:
    """min(max(x, low), high), either bound optional; MIL's clip where both are constant and in order."""
    if step.opset < 11:
        low, high = step.attribute("min"), step.attribute("max")
        bounds = [None if bound is None else step.scalar(bound, step.dtype()) for bound in (low, high)]
        return _clipped(step, *step.number(), *bounds)
    bounds = [step.number(place)[0] if step.has(place) else None for place in (1, 2)]
    x, dtype = step.number()
    low, high = step.value(1), step.value(2)
    if dtype in FLOATS and low is not None and high is not None:
        return _clipped(step, x, dtype, *(step.scalar(np.ravel(bound)[0], dtype) for bound in (low, high)))
    return _clipped(step, x, dtype, *bounds)


def _clipped(step: Step, x: Value, dtype: str, low: Value | None, high: Value | None) -> Value:
    numbers = [float(bound) for bound in (low, high) if isinstance(bound, np.floating)]
    if len(numbers) == 2 and numbers[0] < numbers[1] and np.isfinite(numbers).all():
        return step.op("clip", x=x, alpha=low, beta=high)
    result = x if low is None else step.op("maximum", x=x, y=low)
    result = result if high is None else step.op("minimum", x=result, y=high)
    return step.back(result, dtype)


def cast(step: Step) -> Value:
    """Another element type; CastLike takes that of its second input."""
    wanted = mil_type(step.element_type(1) if step.node.op_type == "CastLike" else step.attribute("to"))
    return step.var() if step.dtype() == wanted else step.cast(step.var(), wanted)


def _family(form: Callable[[str, Step], Value], **ops: str) -> dict[str, Callable[[Step], Value]]:
    return {op: partial(form, kind) for op, kind in ops.items()}


OPS: dict[str, Callable[[Step], Value]] = {
    **_family(of_real, Sqrt="sqrt", Exp="exp", Floor="floor", Ceil="ceil", Round="round", Erf="erf"),
    **_family(of_real, Sin="sin", Cos="cos", Tan="tan", Asin="asin", Acos="acos", Atan="atan"),
    **_family(of_real, Sinh="sinh", Cosh="cosh", Atanh="atanh"),
    **_family(of_number, Abs="abs", Sign="sign"),
    **_family(of_two, Add="add", Sub="sub", Mul="mul"),
    **_family(of_many, Sum="add", Max="maximum", Min="minimum"),
    "Asinh": partial(inverse_hyperbolic, 1),
    "Acosh": partial(inverse_hyperbolic, -1),
    "Mean": mean,
    "Neg": negated,
    "Reciprocal": reciprocal,
    "Log": logarithm,
    "Div": division,
    "Mod": remainder,
    "Pow": power,
    "Clip": clip,
    "Cast": cast,
    "CastLike": cast,
}
