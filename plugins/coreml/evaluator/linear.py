"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.activation import softmax
from workbench_plugins.coreml.evaluator.registry import Array, operation


@operation("matmul")
def matmul(x: Array, y: Array, transpose_x: Any = False, transpose_y: Any = False) -> Array:
    """Matrix product with numpy's rules for vectors and batches."""
    left = np.swapaxes(x, -1, -2) if transpose_x and x.ndim > 1 else x
    right = np.swapaxes(y, -1, -2) if transpose_y and y.ndim > 1 else y
    return np.asarray(left @ right)


@operation("linear")
def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """X [..., I] @ weight.T [I, O] + bias [O]."""
    out = x @ weight.T
    return out if bias is None else np.asarray(out + bias)


@operation("einsum")
def einsum(values: tuple[Array, ...], equation: str) -> Array:
    """Einstein's sum over named axes."""
    return np.asarray(np.einsum(equation.replace(" ", ""), *values, optimize=True))


@operation("scaled_dot_product_attention")
def scaled_dot_product_attention(query: Array, key: Array, value: Array, attn_mask: Array | None = None) -> Array:
    """softmax(query @ key.T / sqrt(E) + mask) @ value; a bool mask says what takes part."""
    scores = query @ np.swapaxes(key, -1, -2) / np.float32(np.sqrt(query.shape[-1]))
    if attn_mask is not None:
        floats = attn_mask if attn_mask.dtype != np.bool_ else np.where(attn_mask, 0, -np.inf).astype(np.float32)
        scores = scores + floats
    return np.asarray(softmax(scores, -1) @ value)
