"""Elementwise operations of one, two and three tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import OPERATIONS, Array, Implementation, operation

_UNARY: dict[str, Implementation] = {
    "abs": np.abs,
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "exp2": np.exp2,
    "floor": np.floor,
    "identity": np.asarray,
    "logical_not": np.logical_not,
    "round": np.rint,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": np.square,
    "tan": np.tan,
    "tanh": np.tanh,
}
_BINARY: dict[str, Implementation] = {
    "add": np.add,
    "equal": np.equal,
    "floor_div": np.floor_divide,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mod": np.mod,
    "mul": np.multiply,
    "not_equal": np.not_equal,
    "pow": np.power,
    "real_div": np.true_divide,
    "sub": np.subtract,
}


def _of_one(function: Implementation) -> Implementation:
    def computed(x: Array) -> Array:
        return np.asarray(function(x))

    return computed


def _of_two(function: Implementation) -> Implementation:
    def computed(x: Array, y: Array) -> Array:
        return np.asarray(function(x, y))

    return computed


OPERATIONS.update({name: _of_one(function) for name, function in _UNARY.items()})
OPERATIONS.update({name: _of_two(function) for name, function in _BINARY.items()})


@operation("atanh")
def atanh(x: Array) -> Array:
    """Inverse hyperbolic tangent."""
    return np.asarray(np.arctanh(x))


@operation("log")
def log(x: Array, epsilon: Any = 1e-45) -> Array:
    """Natural logarithm of x + epsilon."""
    return np.asarray(np.log(x + epsilon))


@operation("rsqrt")
def rsqrt(x: Array, epsilon: Any = 1e-12) -> Array:
    """1 / sqrt(x + epsilon)."""
    return np.asarray(1 / np.sqrt(x + epsilon))


@operation("inverse")
def inverse(x: Array, epsilon: Any = 1e-4) -> Array:
    """1 / (x + epsilon)."""
    return np.asarray(1 / (x + epsilon))


@operation("threshold")
def threshold(x: Array, alpha: Any) -> Array:
    """max(x, alpha)."""
    return np.asarray(np.maximum(x, alpha))


@operation("clip")
def clip(x: Array, alpha: Any, beta: Any) -> Array:
    """min(max(x, alpha), beta)."""
    return np.asarray(np.minimum(np.maximum(x, alpha), beta))


@operation("cast")
def cast(x: Array, dtype: str) -> Array:
    """Change the element type; float16 is rounded where the evaluator stores the result."""
    storage = {"fp16": np.float32, "fp32": np.float32, "bool": np.bool_}.get(dtype, dtype)
    return np.asarray(x).astype(storage)


@operation("select")
def select(cond: Array, a: Array, b: Array) -> Array:
    """Take a where cond holds, else b."""
    return np.where(cond, a, b)
