"""Activations; formulas are those of ONNX Operators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.ops_elementwise import of_real
from workbench_plugins.coreml.frontend.step import Step

SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875
"""Defaults of ONNX's Selu: the float32 values nearest to those of Klambauer et al., 2017."""


def relu(step: Step) -> Value:
    """max(x, 0)."""
    x, dtype = step.number()
    if dtype == "int32":
        return step.back(step.op("maximum", x=x, y=step.scalar(0, dtype)), dtype)
    return step.op("relu", x=x)


def leaky_relu(step: Step) -> Value:
    """Return x where x >= 0, alpha * x elsewhere."""
    return step.op("leaky_relu", x=step.var(), alpha=step.scalar(step.attribute("alpha", 0.01), step.dtype()))


def prelu(step: Step) -> Value:
    """Return x where x >= 0, slope * x elsewhere; MIL's prelu where the slope is one constant per channel of rank 4."""
    slope = step.value(1)
    per_channel = (step.shape()[1],) if step.rank() == 4 else None
    if slope is not None and per_channel and slope.shape in ((*per_channel, 1, 1), (1, *per_channel, 1, 1)):
        return step.op("prelu", x=step.var(), alpha=slope.reshape(-1))
    (x, dtype), (slope_value, _) = step.number(0), step.number(1)
    if step.opset < 7 and step.rank(1) == 1 and step.shape(1)[0] > 1:
        slope_value = step.reshape(slope_value, (-1, *[1] * (step.rank() - 2)))
    zero = step.scalar(0, dtype)
    below = step.op("mul", x=step.op("minimum", x=x, y=zero), y=slope_value)
    return step.back(step.op("add", x=step.op("maximum", x=x, y=zero), y=below), dtype)


def elu(step: Step) -> Value:
    """Return x where x > 0, alpha * (e^x - 1) elsewhere."""
    return step.op("elu", x=step.var(), alpha=step.scalar(step.attribute("alpha", 1.0), step.dtype()))


def celu(step: Step) -> Value:
    """max(x, 0) + min(0, alpha * (e^(x / alpha) - 1))."""
    alpha = step.attribute("alpha", 1.0)
    inner = step.op("mul", x=step.var(), y=step.scalar(1.0 / alpha, step.dtype()))
    below = step.op("elu", x=inner, alpha=step.scalar(1, step.dtype()))
    return step.op("mul", x=below, y=step.scalar(alpha, step.dtype()))


def selu(step: Step) -> Value:
    """Gamma times elu."""
    alpha = step.scalar(step.attribute("alpha", SELU_ALPHA), step.dtype())
    gamma = step.scalar(step.attribute("gamma", SELU_GAMMA), step.dtype())
    return step.op("mul", x=step.op("elu", x=step.var(), alpha=alpha), y=gamma)


def _hard_sigmoid(step: Step, alpha: float, beta: float) -> Value:
    dtype = step.dtype()
    return step.op("sigmoid_hard", x=step.var(), alpha=step.scalar(alpha, dtype), beta=step.scalar(beta, dtype))


def hard_sigmoid(step: Step) -> Value:
    """max(0, min(1, alpha * x + beta))."""
    return _hard_sigmoid(step, step.attribute("alpha", 0.2), step.attribute("beta", 0.5))


def hard_swish(step: Step) -> Value:
    """Return x * max(0, min(1, x / 6 + 0.5))."""
    return step.op("mul", x=step.var(), y=_hard_sigmoid(step, 1 / 6, 0.5))


def gelu(step: Step) -> Value:
    """Return x * Phi(x), exact or by its tanh approximation."""
    is_tanh = step.attribute("approximate", "none") == "tanh"
    return step.op("gelu", x=step.var(), mode="TANH_APPROXIMATION" if is_tanh else "EXACT")


def mish(step: Step) -> Value:
    """Return x * tanh(softplus(x))."""
    return step.op("mul", x=step.var(), y=step.op("tanh", x=step.op("softplus", x=step.var())))


def swish(step: Step) -> Value:
    """Return x * sigmoid(alpha * x)."""
    alpha = step.attribute("alpha", 1.0)
    inner = step.var() if alpha == 1 else step.op("mul", x=step.var(), y=step.scalar(alpha, step.dtype()))
    return step.op("mul", x=step.var(), y=step.op("sigmoid", x=inner))


def thresholded_relu(step: Step) -> Value:
    """Return x where x > alpha, 0 elsewhere; MIL's own op keeps x = alpha too."""
    alpha = step.scalar(step.attribute("alpha", 1.0), step.dtype())
    above = step.op("greater", x=step.var(), y=alpha)
    return step.op("select", cond=above, a=step.var(), b=step.scalar(0, step.dtype()))


def shrink(step: Step) -> Value:
    """Return x + bias below -lambd, x - bias above lambd, 0 between."""
    x, dtype = step.number()
    bias, limit = (
        step.scalar(step.attribute(name, default), "fp32") for name, default in (("bias", 0.0), ("lambd", 0.5))
    )
    x = x if dtype == "fp32" else step.cast(x, "fp32")
    above = step.op("select", cond=step.op("greater", x=x, y=limit), a=step.op("sub", x=x, y=bias), b=np.float32(0))
    below = step.op("less", x=x, y=-limit)
    return step.back(step.op("select", cond=below, a=step.op("add", x=x, y=bias), b=above), "fp32")


def _along(step: Step, compute: Callable[[Value, int], Value]) -> Value:
    """Apply a function along an axis; before opset 13 along all axes from it on, taken as one."""
    shape = step.shape()
    if step.opset >= 13:
        return compute(step.var(), step.axis(-1))
    axis = step.axis(1)
    if axis == len(shape) - 1:
        return compute(step.var(), axis)
    rows = int(np.prod(shape[:axis], dtype=np.int64))
    flat = step.reshape(step.var(), (rows, -1))
    return step.reshape(compute(flat, 1), shape)


def softmax(step: Step) -> Value:
    """e^x over its sum along an axis."""
    return _along(step, lambda x, axis: step.op("softmax", x=x, axis=axis))


def log_softmax(step: Step) -> Value:
    """Return x less its maximum, less the logarithm of the sum of e to that."""

    def compute(x: Value, axis: int) -> Value:
        moved = step.op("sub", x=x, y=step.op("reduce_max", x=x, axes=[axis], keep_dims=True))
        return step.op("sub", x=moved, y=step.op("reduce_log_sum_exp", x=moved, axes=[axis], keep_dims=True))

    return _along(step, compute)


def hardmax(step: Step) -> Value:
    """1 at the first maximum along an axis, 0 elsewhere."""
    size, dtype = step.shape()[step.axis(-1 if step.opset >= 13 else 1)], step.dtype()
    if step.opset < 13 and step.axis(1) != step.rank() - 1:
        raise step.refuse("Hardmax over several axes has no conversion", "convert the model to opset 13")

    def compute(x: Value, axis: int) -> Value:
        place = step.op("reduce_argmax", x=x, axis=axis, keep_dims=False)
        one, zero = step.scalar(1, dtype), step.scalar(0, dtype)
        return step.op("one_hot", indices=place, one_hot_vector_size=size, axis=axis, on_value=one, off_value=zero)

    return _along(step, compute)


OPS: dict[str, Callable[[Step], Value]] = {
    "Relu": relu,
    "LeakyRelu": leaky_relu,
    "PRelu": prelu,
    "Elu": elu,
    "Celu": celu,
    "Selu": selu,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Gelu": gelu,
    "Mish": mish,
    "Swish": swish,
    "ThresholdedRelu": thresholded_relu,
    "Shrink": shrink,
    "Tanh": partial(of_real, "tanh"),
    "Sigmoid": partial(of_real, "sigmoid"),
    "Softplus": partial(of_real, "softplus"),
    "Softsign": partial(of_real, "softsign"),
    "Softmax": softmax,
    "LogSoftmax": log_softmax,
    "Hardmax": hardmax,
}
