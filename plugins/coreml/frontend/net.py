"""Where MIL ops go: into a real function through coremltools' Builder, or nowhere, to learn what would be refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import NUMPY_TYPES, Array
from workbench_plugins.coreml.frontend.names import Names

Value = Any
"""A MIL variable; opaque to the conversions, which know shapes and types from the ONNX side."""


class Net(Protocol):
    """What conversions write to."""

    @property
    def target(self) -> str:
        """iOS17 | iOS18."""

    def emit(self, kind: str, wish: str, count: int, inputs: Mapping[str, Any]) -> list[Value]:
        """Add an op of type `kind` with a name near `wish`; return its `count` outputs."""

    def rename(self, value: Value, wish: str) -> None:
        """Give a variable, and the op that makes it alone, a name near `wish`."""


class DryNet:
    """Takes everything, builds nothing; loads no coremltools."""

    def __init__(self, target: str) -> None:
        self._target = target

    @property
    def target(self) -> str:
        """iOS17 | iOS18."""
        return self._target

    def emit(self, kind: str, wish: str, count: int, inputs: Mapping[str, Any]) -> list[Value]:
        """Return `count` stand-ins."""
        return [object() for _ in range(count)]

    def rename(self, value: Value, wish: str) -> None:
        """Do nothing."""


class MilNet:
    """Writes into the MIL function that is being built."""

    def __init__(self, target: str, names: Names) -> None:
        self._target, self._names = target, names

    @property
    def target(self) -> str:
        """iOS17 | iOS18."""
        return self._target

    def emit(self, kind: str, wish: str, count: int, inputs: Mapping[str, Any]) -> list[Value]:
        """Add an op; literals of `inputs` become constants of their own."""
        from coremltools.converters.mil.mil import Builder  # noqa: PLC0415  (takes seconds)

        name = self._names.new(wish)
        made = getattr(Builder, kind)(name=name, **{key: _literal(value) for key, value in inputs.items()})
        return [made] if count == 1 and not isinstance(made, (list, tuple)) else list(made)

    def rename(self, value: Value, wish: str) -> None:
        """Rename a variable; its op takes the same name where it has no other output."""
        name = self._names.new(wish)
        value.set_name(name)
        if len(value.op.outputs) == 1:
            value.op.name = name


def placeholder(shape: tuple[int, ...], dtype: str) -> Any:
    """Return a function's input; MIL types int8 and the like are no inputs of a Core ML model."""
    from coremltools.converters.mil.mil import Builder, types  # noqa: PLC0415  (takes seconds)

    kinds = {"fp32": types.fp32, "fp16": types.fp16, "int32": types.int32}
    return Builder.placeholder(shape=shape, dtype=kinds[dtype])


def scalar(value: float | bool, dtype: str) -> Any:
    """Return a number in the NumPy type of a MIL type."""
    return NUMPY_TYPES[dtype](value)


def _literal(value: Any) -> Any:
    """Return an array of one number without axes as a NumPy scalar, which is how MIL holds rank 0."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value[()]
    return value


def as_constant(array: Array) -> Any:
    """Return an array as MIL wants a constant's value."""
    return _literal(np.ascontiguousarray(array) if array.ndim else array)
