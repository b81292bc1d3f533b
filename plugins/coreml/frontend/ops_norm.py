"""Normalizations: MIL's own op where its parameters are constant and its ranks allow, else arithmetic.

Formulas: ONNX Operators, (x - mean) / sqrt(variance + epsilon) * scale + bias over each op's axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step


def batch_norm(step: Step) -> Value:
    """With stored mean and variance, per channel (axis 1)."""
    if step.attribute("training_mode", 0) or any(step.wants(place) for place in range(1, step.output_count)):
        raise step.refuse("BatchNormalization in training mode has no equivalent", "export the model for inference")
    epsilon, dtype = step.attribute("epsilon", 1e-5), step.dtype()
    if 3 <= step.rank() <= 5 and all(step.value(place) is not None for place in (1, 2, 3, 4)):
        gamma, beta, mean, variance = (step.var(place) for place in (1, 2, 3, 4))
        given = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
        return step.op("batch_norm", x=step.var(), epsilon=step.scalar(epsilon, dtype), **given)
    shape = (1, -1, *[1] * (step.rank() - 2)) if step.rank() > 1 else (-1,)
    scale, bias, mean, variance = (step.reshape(step.var(place), shape) for place in (1, 2, 3, 4))
    return _scaled(step, _over_deviation(step, step.op("sub", x=step.var(), y=mean), variance, epsilon), scale, bias)


def instance_norm(step: Step) -> Value:
    """Over the spatial axes of each sample and channel."""
    epsilon, dtype = step.attribute("epsilon", 1e-5), step.dtype()
    if 3 <= step.rank() <= 4 and all(step.value(place) is not None for place in (1, 2)):
        given = {"gamma": step.var(1), "beta": step.var(2)}
        return step.op("instance_norm", x=step.var(), epsilon=step.scalar(epsilon, dtype), **given)
    shape = (1, -1, *[1] * (step.rank() - 2))
    normal = normalized(step, step.var(), list(range(2, step.rank())), epsilon)
    return _scaled(step, normal, step.reshape(step.var(1), shape), step.reshape(step.var(2), shape))


def layer_norm(step: Step) -> Value | Sequence[Value]:
    """Over all axes from "axis" on; written out where mean or deviation are outputs too."""
    if step.wants(1) or step.wants(2):
        return _layer_norm_with_statistics(step)
    rank, epsilon, dtype = step.rank(), step.attribute("epsilon", 1e-5), step.dtype()
    axes = list(range(step.axis(-1), rank))
    full = step.shape()[axes[0] :]
    is_known = all(not step.has(place) or step.value(place) is not None for place in (1, 2))
    if is_known and step.shape(1) == full and (not step.has(2) or step.shape(2) == full):
        given = {"gamma": step.var(1)} | ({"beta": step.var(2)} if step.has(2) else {})
        return step.op("layer_norm", x=step.var(), axes=axes, epsilon=step.scalar(epsilon, dtype), **given)
    normal = step.op("layer_norm", x=step.var(), axes=axes, epsilon=step.scalar(epsilon, dtype))
    return _scaled(step, normal, step.var(1), step.var(2) if step.has(2) else None)


def _layer_norm_with_statistics(step: Step) -> Sequence[Value]:
    """Return the normalized tensor, its mean, and one over its deviation."""
    axes, dtype = list(range(step.axis(-1), step.rank())), step.dtype()
    mean = step.op("reduce_mean", x=step.var(), axes=axes, keep_dims=True)
    moved = step.op("sub", x=step.var(), y=mean)
    variance = step.op("reduce_mean", x=step.op("mul", x=moved, y=moved), axes=axes, keep_dims=True)
    inner = step.op("add", x=variance, y=step.scalar(step.attribute("epsilon", 1e-5), dtype))
    over = step.op("real_div", x=step.scalar(1, dtype), y=step.op("sqrt", x=inner))
    normal = step.op("mul", x=moved, y=over)
    return [_scaled(step, normal, step.var(1), step.var(2) if step.has(2) else None), mean, over]


def group_norm(step: Step) -> Value:
    """Over each group of channels; scale and bias per group before opset 21, per channel from it on."""
    shape, groups, epsilon = step.shape(), step.attribute("num_groups"), step.attribute("epsilon", 1e-5)
    flat = step.reshape(step.var(), (shape[0], groups, -1))
    normal = normalized(step, flat, [2], epsilon)
    channels = (1, -1, *[1] * (len(shape) - 2))
    if step.opset >= 21:
        back = step.reshape(normal, shape)
        return _scaled(step, back, step.reshape(step.var(1), channels), step.reshape(step.var(2), channels))
    scale, bias = (step.reshape(step.var(place), (1, groups, 1)) for place in (1, 2))
    return step.reshape(_scaled(step, normal, scale, bias), shape)


def rms_norm(step: Step) -> Value:
    """Return x over the root of its mean square, over all axes from "axis" on."""
    axes, epsilon = list(range(step.axis(-1), step.rank())), step.attribute("epsilon", 1e-5)
    square = step.op("mul", x=step.var(), y=step.var())
    mean = step.op("reduce_mean", x=square, axes=axes, keep_dims=True)
    return _scaled(step, _over_deviation(step, step.var(), mean, epsilon), step.var(1), None)


def lp_normalization(step: Step) -> Value:
    """Return x over its L1 or L2 norm along an axis; 0 where that is 0."""
    order = step.attribute("p", 2)
    kind = "reduce_l1_norm" if order == 1 else "reduce_l2_norm"
    norm = step.op(kind, x=step.var(), axes=[step.axis(-1)], keep_dims=True)
    is_zero = step.op("equal", x=norm, y=step.scalar(0, step.dtype()))
    ones = np.ones([1 if place == step.axis(-1) else size for place, size in enumerate(step.shape())])
    safe = step.op("select", cond=is_zero, a=step.const(ones.astype(step.numpy_type())), b=norm)
    return step.op("real_div", x=step.var(), y=safe)


def local_response(step: Step) -> Value:
    """Return x / (bias + alpha / size * sum of squares over neighbouring channels) ^ beta.

    MIL's op centres its window; ONNX's goes one further up where the size is even: then from a pool over channels.
    """
    size, dtype = step.attribute("size"), step.dtype()
    alpha, beta = step.scalar(step.attribute("alpha", 1e-4), dtype), step.scalar(step.attribute("beta", 0.75), dtype)
    bias = step.scalar(step.attribute("bias", 1.0), dtype)
    if size % 2 and 3 <= step.rank() <= 4:
        return step.op("local_response_norm", x=step.var(), size=size, alpha=alpha, beta=beta, k=bias)
    shape = step.shape()
    flat = step.reshape(step.op("mul", x=step.var(), y=step.var()), (shape[0], 1, shape[1], -1))
    pads = [(size - 1) // 2, size // 2, 0, 0]
    window = {"kernel_sizes": [size, 1], "strides": [1, 1], "pad_type": "custom", "pad": pads}
    mean = step.reshape(step.op("avg_pool", x=flat, exclude_padding_from_average=False, **window), shape)
    base = step.op("add", x=step.op("mul", x=mean, y=alpha), y=bias)
    return step.op("real_div", x=step.var(), y=step.op("pow", x=base, y=beta))


def mean_variance(step: Step) -> Value:
    """(x - mean) / (deviation + 1e-9) over the given axes."""
    axes, dtype = [axis % step.rank() for axis in step.attribute("axes", [0, 2, 3])], step.dtype()
    moved = step.op("sub", x=step.var(), y=step.op("reduce_mean", x=step.var(), axes=axes, keep_dims=True))
    square = step.op("mul", x=moved, y=moved)
    deviation = step.op("sqrt", x=step.op("reduce_mean", x=square, axes=axes, keep_dims=True))
    return step.op("real_div", x=moved, y=step.op("add", x=deviation, y=step.scalar(1e-9, dtype)))


def normalized(step: Step, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """Return (x - mean) / sqrt(variance + epsilon) over the axes."""
    moved = step.op("sub", x=x, y=step.op("reduce_mean", x=x, axes=list(axes), keep_dims=True))
    square = step.op("mul", x=moved, y=moved)
    return _over_deviation(step, moved, step.op("reduce_mean", x=square, axes=list(axes), keep_dims=True), epsilon)


def _over_deviation(step: Step, x: Value, variance: Value, epsilon: float) -> Value:
    inner = step.op("add", x=variance, y=step.scalar(epsilon, step.dtype()))
    return step.op("real_div", x=x, y=step.op("sqrt", x=inner))


def _scaled(step: Step, x: Value, scale: Value, bias: Value | None) -> Value:
    result = step.op("mul", x=x, y=scale)
    return result if bias is None else step.op("add", x=result, y=bias)


OPS: dict[str, Callable[[Step], Value | Sequence[Value]]] = {
    "BatchNormalization": batch_norm,
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "RMSNormalization": rms_norm,
    "LpNormalization": lp_normalization,
    "LRN": local_response,
    "MeanVarianceNormalization": mean_variance,
}
