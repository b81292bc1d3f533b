"""Executes a loaded-back program op by op. What it returns is called "reference evaluator", never a Core ML result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from workbench_plugins.coreml.evaluator.registry import Array
from workbench_plugins.coreml.evaluator.table import OPERATIONS
from workbench_plugins.coreml.package.program import (
    Argument,
    Function,
    Operation,
    Program,
    Variable,
    operations,
)
from workbench_plugins.coreml.package.values import BY_NAME

from workbench.errors import DataError, ModelError

Compute = Literal["declared", "float32", "float16"]
"""Where floats are rounded to float16: what the program declares as float16, nothing, everything."""

_FLOATS = frozenset({"float16", "float32", "float64"})
_MANY = frozenset({"values", "ref_tensors"})


class Evaluator:
    """A program ready to run: constants are folded, weights decompressed.

    Args:
        program: as `read_package` returns it.
        compute: arithmetic is float32 in every case; this says which results are rounded to float16 on the way.

    Raises:
        ModelError: the program has operations that the evaluator does not know; it names them.
    """

    def __init__(self, program: Program, compute: Compute = "declared") -> None:
        self._function = program.main
        _check_known(self._function)
        self._compute = compute
        self._constants: dict[str, Any] = {}
        self._steps = tuple(op for op in self._function.block.operations if not self._folded(op))
        self._last_use = {
            name: index for index, op in enumerate(self._steps) for name in _read(op) if name not in self._constants
        }

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """Inputs with their types."""
        return self._function.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self._function.block.outputs

    def run(
        self, feeds: Mapping[str, Array], watch: Iterable[str] = (), forced: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """Execute the program once.

        Args:
            feeds: every input by name, in its declared shape.
            watch: names of intermediate values wanted beside the outputs.
            forced: values that the readers of a name get in place of what was computed for it: one run gives every
                layer's own error on chosen inputs. The computed value is what `watch` returns.

        Returns:
            Outputs and watched values by name; floats are float32 arrays, also where float16 was rounded to.

        Raises:
            DataError: a feed is missing or does not fit.
            ModelError: a watched name does not exist, or an operation cannot be computed as declared.
        """
        wanted = dict.fromkeys((*self.outputs, *watch))
        known: dict[str, Any] = dict(self._constants)
        kept: dict[str, Array] = {}
        with np.errstate(all="ignore"):
            self._put(known, kept, {name: self._fed(name, feeds) for name in self._fed_names()}, wanted, forced or {})
            for index, op in enumerate(self._steps):
                self._put(known, kept, self._computed(op, known), wanted, forced or {})
                _forget(known, op, index, self._last_use)
        return {name: kept[name] if name in kept else self._constant(name) for name in wanted}

    def _fed_names(self) -> list[str]:
        return [variable.name for variable in self.inputs]

    def _fed(self, name: str, feeds: Mapping[str, Array]) -> Array:
        variable = next(item for item in self.inputs if item.name == name)
        if name not in feeds:
            raise DataError(f"input {name!r} is missing", how=f"Feed {', '.join(self._fed_names())}.")
        value = np.asarray(feeds[name])
        if not _fits(value.shape, variable.type.shape):
            raise DataError(f"input {name!r} has shape {value.shape}", why=f"the model takes {variable.type.shape}")
        return self._stored(value, variable)

    def _put(
        self,
        known: dict[str, Any],
        kept: dict[str, Array],
        values: Mapping[str, Array],
        wanted: Mapping[str, None],
        forced: Mapping[str, Array],
    ) -> None:
        for name, value in values.items():
            if name in wanted:
                kept[name] = value
            known[name] = np.asarray(forced[name]).astype(value.dtype) if name in forced else value

    def _constant(self, name: str) -> Array:
        value = self._constants.get(name)
        if not isinstance(value, np.ndarray):
            raise ModelError(f"the program has no value {name!r}", how="Watch the name of an operation's output.")
        return value

    def _folded(self, op: Operation) -> bool:
        """Keep a const, or what a constexpr operation makes of constants; tell whether this was one."""
        if op.type == "const":
            value = op.attributes["val"]
            kept = self._stored(value, op.outputs[0]) if isinstance(value, np.ndarray) else value
            self._constants[op.outputs[0].name] = kept
        elif op.type.startswith("constexpr_"):
            self._constants.update(self._computed(op, self._constants))
        else:
            return False
        return True

    def _computed(self, op: Operation, known: Mapping[str, Any]) -> dict[str, Array]:
        """Return the operation's outputs by name, checked against their declared shapes."""
        try:
            result = OPERATIONS[op.type](**_arguments(op, known))
            results = result if isinstance(result, tuple) else (result,)
            outputs = zip(op.outputs, results, strict=True)
            return {output.name: self._stored(np.asarray(value), output) for output, value in outputs}
        except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
            raise ModelError(f"{op.type} {op.name!r} cannot be evaluated", why=str(error)) from error

    def _stored(self, value: Array, variable: Variable) -> Array:
        """Give a value its declared type and round it where asked. Raises ValueError where the shape differs."""
        if not _fits(value.shape, variable.type.shape):
            raise ValueError(f"{variable.name!r} got shape {value.shape}, declared is {variable.type.shape}")
        dtype = variable.type.dtype
        if dtype not in _FLOATS:
            return value.astype(BY_NAME[dtype].storage, copy=False)
        half = self._compute == "float16" or (self._compute == "declared" and dtype == "float16")
        return (value.astype(np.float16) if half else value).astype(np.float32, copy=False)


def _check_known(function: Function) -> None:
    unknown = {
        op.type: op.name for op in operations(function.block) if op.type not in OPERATIONS and op.type != "const"
    }
    if unknown:
        named = ", ".join(f"{op_type} ({name!r})" for op_type, name in sorted(unknown.items()))
        raise ModelError(f"the reference evaluator does not know {named}", how="Lower the model without it.")


def _read(op: Operation) -> list[str]:
    return [item for arguments in op.inputs.values() for item in arguments if isinstance(item, str)]


def _forget(known: dict[str, Any], op: Operation, index: int, last_use: Mapping[str, int]) -> None:
    for name in _read(op):
        if last_use.get(name) == index:
            known.pop(name, None)


def _arguments(op: Operation, known: Mapping[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {name: _literal(value) for name, value in op.attributes.items()}
    for name, items in op.inputs.items():
        values = tuple(_argument(item, known) for item in items)
        arguments[name] = values if name in _MANY or len(values) != 1 else values[0]
    return arguments


def _argument(item: Argument, known: Mapping[str, Any]) -> Any:
    return known[item] if isinstance(item, str) else _literal(item.value)


def _literal(value: Any) -> Any:
    """Return float constants in float32; everything else as it is."""
    return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def _fits(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    return len(shape) == len(declared) and all(want in (None, have) for have, want in zip(shape, declared, strict=True))
