"""Activations."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special
from workbench_plugins.coreml.evaluator.registry import Array, along, operation

_SQRT_HALF = np.float32(np.sqrt(0.5))
_TANH_FACTOR = np.float32(np.sqrt(2 / np.pi))


@operation("relu")
def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, np.float32(0))


@operation("relu6")
def relu6(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.asarray(np.minimum(np.maximum(x, np.float32(0)), np.float32(6)))


@operation("clamped_relu")
def clamped_relu(x: Array, alpha: Any, beta: Any) -> Array:
    """min(beta, x) where x >= 0, else min(beta, alpha * x)."""
    return np.asarray(np.minimum(np.where(x >= 0, x, alpha * x), beta))


@operation("leaky_relu")
def leaky_relu(x: Array, alpha: Any = 0.01) -> Array:
    """X where x >= 0, else alpha * x."""
    return np.where(x >= 0, x, alpha * x)


@operation("thresholded_relu")
def thresholded_relu(x: Array, alpha: Any) -> Array:
    """X where x >= alpha, else 0."""
    return np.where(x >= alpha, x, np.float32(0))


@operation("prelu")
def prelu(x: Array, alpha: Array) -> Array:
    """X where x >= 0, else alpha[c] * x with c on axis 1."""
    return np.where(x >= 0, x, along(alpha, x.ndim, 1) * x)


@operation("elu")
def elu(x: Array, alpha: Any = 1.0) -> Array:
    """X where x > 0, else alpha * (exp(x) - 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@operation("sigmoid")
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return np.asarray(special.expit(x))


@operation("sigmoid_hard")
def sigmoid_hard(x: Array, alpha: Any = 0.2, beta: Any = 0.5) -> Array:
    """min(max(alpha * x + beta, 0), 1)."""
    return np.asarray(np.minimum(np.maximum(alpha * x + beta, np.float32(0)), np.float32(1)))


@operation("scaled_tanh")
def scaled_tanh(x: Array, alpha: Any = 1.0, beta: Any = 1.0) -> Array:
    """Alpha * tanh(beta * x)."""
    return np.asarray(alpha * np.tanh(beta * x))


@operation("linear_activation")
def linear_activation(x: Array, alpha: Any, beta: Any = 0.0) -> Array:
    """Alpha * x + beta."""
    return np.asarray(alpha * x + beta)


@operation("silu")
def silu(x: Array) -> Array:
    """X * sigmoid(x)."""
    return np.asarray(x * special.expit(x))


@operation("softplus")
def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.asarray(np.logaddexp(x, np.float32(0)))


@operation("softplus_parametric")
def softplus_parametric(x: Array, alpha: Array, beta: Array) -> Array:
    """alpha[c] * log(1 + exp(beta[c] * x)) with c on axis 1."""
    return np.asarray(along(alpha, x.ndim, 1) * np.logaddexp(along(beta, x.ndim, 1) * x, np.float32(0)))


@operation("softsign")
def softsign(x: Array) -> Array:
    """X / (1 + |x|)."""
    return np.asarray(x / (1 + np.abs(x)))


@operation("erf")
def erf(x: Array) -> Array:
    """The error function."""
    return np.asarray(special.erf(x))


@operation("gelu")
def gelu(x: Array, mode: str = "EXACT") -> Array:
    """X times the normal distribution function: exact, or by tanh or by sigmoid."""
    if mode == "EXACT":
        return np.asarray(0.5 * x * (1 + special.erf(x * _SQRT_HALF)))
    if mode == "TANH_APPROXIMATION":
        return np.asarray(0.5 * x * (1 + np.tanh(_TANH_FACTOR * (x + np.float32(0.044715) * x**3))))
    return np.asarray(x * special.expit(np.float32(1.702) * x))


@operation("softmax")
def softmax(x: Array, axis: Any = -1) -> Array:
    """exp(x) / sum(exp(x)) along an axis, shifted by the maximum."""
    powers = np.exp(x - x.max(axis=int(axis), keepdims=True))
    return np.asarray(powers / powers.sum(axis=int(axis), keepdims=True))
