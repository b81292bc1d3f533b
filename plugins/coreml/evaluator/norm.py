"""Normalizations; the variance is the biased one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array, along, ints, operation


@operation("batch_norm")
def batch_norm(
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Any = 1e-5,
) -> Array:
    """Normalize x [n, C, *D] by a given mean and variance per channel."""
    factor = 1 / np.sqrt(variance + epsilon)
    normal = (x - along(mean, x.ndim, 1)) * along(factor, x.ndim, 1)
    return _scaled(normal, gamma, beta, [1 if axis != 1 else size for axis, size in enumerate(x.shape)])


@operation("instance_norm")
def instance_norm(x: Array, gamma: Array | None = None, beta: Array | None = None, epsilon: Any = 1e-5) -> Array:
    """Normalize x [n, C, *D] per sample and channel."""
    normal = _normal(x, tuple(range(2, x.ndim)), epsilon)
    return _scaled(normal, gamma, beta, [1 if axis != 1 else size for axis, size in enumerate(x.shape)])


@operation("layer_norm")
def layer_norm(
    x: Array, axes: Any = None, gamma: Array | None = None, beta: Array | None = None, epsilon: Any = 1e-5
) -> Array:
    """Normalize over axes, all of them by default; gamma and beta have the sizes of these axes."""
    over = tuple(axis % x.ndim for axis in (range(x.ndim) if axes is None else ints(axes)))
    shape = [size if axis in over else 1 for axis, size in enumerate(x.shape)]
    return _scaled(_normal(x, over, epsilon), gamma, beta, shape)


def _normal(x: Array, axes: tuple[int, ...], epsilon: Any) -> Array:
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = np.square(centred).mean(axis=axes, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + epsilon))


def _scaled(normal: Array, gamma: Array | None, beta: Array | None, shape: Sequence[int]) -> Array:
    if gamma is not None:
        normal = normal * gamma.reshape(shape)
    return normal if beta is None else normal + beta.reshape(shape)


@operation("l2_norm")
def l2_norm(x: Array, epsilon: Any = 1e-6) -> Array:
    """Divide by the root of the sum of squares over the last three axes."""
    total = np.square(x).sum(axis=(-3, -2, -1), keepdims=True)
    return np.asarray(x / np.sqrt(total + epsilon))


@operation("local_response_norm")
def local_response_norm(x: Array, size: Any, alpha: Any = 1e-4, beta: Any = 0.75, k: Any = 1.0) -> Array:
    """X / (k + alpha / size * sum of squares over `size` channels) ** beta; size // 2 of them stand before."""
    before, width = int(size) // 2, int(size)
    margins = [(0, 0), (before, width - 1 - before), *[(0, 0)] * (x.ndim - 2)]
    squares = np.pad(np.square(x), margins)
    total = sum(squares[:, offset : offset + x.shape[1]] for offset in range(width))
    return np.asarray(x / np.power(k + alpha / width * total, beta))
