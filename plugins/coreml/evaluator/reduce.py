"""Reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special
from workbench_plugins.coreml.evaluator.registry import OPERATIONS, Array, Implementation, ints, operation


def _log_sum(x: Array, axis: Any, keepdims: bool) -> Array:
    return np.asarray(np.log(np.sum(x, axis=axis, keepdims=keepdims)))


def _l1_norm(x: Array, axis: Any, keepdims: bool) -> Array:
    return np.asarray(np.sum(np.abs(x), axis=axis, keepdims=keepdims))


def _sum_square(x: Array, axis: Any, keepdims: bool) -> Array:
    return np.asarray(np.sum(np.square(x), axis=axis, keepdims=keepdims))


def _l2_norm(x: Array, axis: Any, keepdims: bool) -> Array:
    return np.asarray(np.sqrt(_sum_square(x, axis, keepdims)))


def _log_sum_exp(x: Array, axis: Any, keepdims: bool) -> Array:
    return np.asarray(special.logsumexp(x, axis=axis, keepdims=keepdims))


_REDUCTIONS: dict[str, Implementation] = {
    "reduce_l1_norm": _l1_norm,
    "reduce_l2_norm": _l2_norm,
    "reduce_log_sum": _log_sum,
    "reduce_log_sum_exp": _log_sum_exp,
    "reduce_max": np.max,
    "reduce_mean": np.mean,
    "reduce_min": np.min,
    "reduce_prod": np.prod,
    "reduce_sum": np.sum,
    "reduce_sum_square": _sum_square,
}


def _reduction(function: Implementation) -> Implementation:
    def reduced(x: Array, axes: Any = None, keep_dims: Any = False) -> Array:
        axis = None if axes is None else ints(axes)
        return np.asarray(function(x, axis=axis, keepdims=bool(keep_dims)))

    return reduced


OPERATIONS.update({name: _reduction(function) for name, function in _REDUCTIONS.items()})


@operation("reduce_argmax")
def reduce_argmax(x: Array, axis: Any = -1, keep_dims: Any = False, output_dtype: str = "int32") -> Array:
    """Index of the first maximum."""
    return np.asarray(np.argmax(x, axis=int(axis), keepdims=bool(keep_dims)), output_dtype)


@operation("reduce_argmin")
def reduce_argmin(x: Array, axis: Any = -1, keep_dims: Any = False, output_dtype: str = "int32") -> Array:
    """Index of the first minimum."""
    return np.asarray(np.argmin(x, axis=int(axis), keepdims=bool(keep_dims)), output_dtype)
