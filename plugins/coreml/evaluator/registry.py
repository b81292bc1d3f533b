"""The table of operations: MIL's name -> a function of numpy arrays whose parameters carry MIL's names.

A function gets every given parameter by name: tensors as arrays (floats always float32), texts as str, lists as tuples.
It returns one array, or a tuple in the order of MIL's outputs. The evaluator casts and rounds what it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Implementation: TypeAlias = Callable[..., Any]
_Function = TypeVar("_Function", bound=Implementation)

OPERATIONS: dict[str, Implementation] = {}


def operation(*names: str) -> Callable[[_Function], _Function]:
    """Register a function under MIL's names."""

    def register(function: _Function) -> _Function:
        for name in names:
            OPERATIONS[name] = function
        return function

    return register


def ints(values: Any) -> tuple[int, ...]:
    """Return an array of whole numbers, or one number, as a tuple of Python's."""
    return tuple(int(value) for value in np.asarray(values).reshape(-1))


def along(values: Array, rank: int, axis: int) -> Array:
    """Reshape [C] to rank dimensions with C at an axis: [C], rank 4, axis 1 -> [1, C, 1, 1]; a scalar stays one."""
    if np.ndim(values) == 0:
        return values
    shape = [1] * rank
    shape[axis] = -1
    return np.reshape(values, shape)
