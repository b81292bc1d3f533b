"""Every quantization parameter of a saved package, under the plan's names, knowing no number of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from workbench_plugins.coreml.package.program import Constant, Operation, Program, constants, operations, parameter
from workbench_plugins.coreml.package.read import read_package
from workbench_plugins.coreml.sidecar import Sidecar, load_sidecar

from workbench.errors import ModelError
from workbench.spi import RealisedParameters, TensorParameters, WeightParameters

T = TypeVar("T")
HALF_SUFFIXES = ("_cast_fp16", "_to_fp16")
"""What coremltools appends to names where it puts float16 in place of float32."""
OTHER_SUFFIXES = ("_has_output_shape",)
"""What it appends to names of operations that it writes anew."""
MOVES = frozenset({"cast", "expand_dims", "reshape", "slice_by_index", "slice_by_size", "squeeze", "transpose"})
_RANGES = {"int8": (-128, 127), "uint8": (0, 255)}
_CONSTEXPR = {
    "constexpr_affine_dequantize": ("quantized_data", "zero_point"),
    "constexpr_blockwise_shift_scale": ("data", "offset"),
}
"""Op -> its names for codes and zero point."""
_READ = frozenset({"quantize", "dequantize", *_CONSTEXPR})


def read_parameters(package: Path) -> RealisedParameters:
    """Read a package and its sidecar.

    A tensor that is quantized twice, or dequantized otherwise than it was quantized, with other numbers appears a
    second time as "<tensor> at <operation>". What no name of the plan belongs to keeps the program's name.

    Raises:
        ModelError: the package or its sidecar cannot be read, or a parameter is not a constant.
    """
    return parameters_of(read_package(package), load_sidecar(package))


def parameters_of(program: Program, sidecar: Sidecar) -> RealisedParameters:
    """Return the parameters of a program."""
    reader = _Reader(program, sidecar)
    for op in operations(program.main.block):
        if op.type in _READ and len(op.outputs) != 1:
            raise _broken(f"{op.name} has {len(op.outputs)} outputs")
        if op.type == "quantize":
            reader.quantize(op)
        elif op.type == "dequantize":
            reader.dequantize(op)
        elif op.type in _CONSTEXPR:
            reader.weight(op)
    reader.merged()
    reader.read_biases()
    return RealisedParameters(reader.tensors, reader.weights, reader.biases)


@dataclass
class _Reader:
    """Collects parameters operation by operation."""

    program: Program
    sidecar: Sidecar
    tensors: dict[str, TensorParameters] = field(default_factory=dict)
    weights: dict[str, WeightParameters] = field(default_factory=dict)
    biases: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    quantized: dict[str, tuple[str, TensorParameters]] = field(default_factory=dict)
    """Variable of codes -> the plan's name and the parameters it was quantized with."""

    def __post_init__(self) -> None:
        self.known: Mapping[str, Constant] = constants(self.program.main.block)
        self.producers = {out.name: op for op in operations(self.program.main.block) for out in op.outputs}
        self.dtypes = {out.name: out.type.dtype for op in self.producers.values() for out in op.outputs}

    def quantize(self, op: Operation) -> None:
        out = op.outputs[0].name
        found = self._parameters(op, self.dtypes[out])
        name = self._tensor(out, _argument(op, "input"))
        if self.tensors.setdefault(name, found) != found:
            self.tensors[f"{name} at {op.name}"] = found
        self.quantized[out] = name, found

    def dequantize(self, op: Operation) -> None:
        source = self._codes(_argument(op, "input"))
        found = self._parameters(op, self.dtypes.get(_argument(op, "input"), ""))
        name, expected = self.quantized.get(source, ("", None))
        if expected is None:
            self.tensors[op.name] = found
        elif expected != found:
            self.tensors[f"{name} at {op.name}"] = found

    def weight(self, op: Operation) -> None:
        names = _CONSTEXPR[op.type]
        codes, zero_point = (self._array(op, name) for name in names)
        scale = self._array(op, "scale")
        if codes is None or scale is None:
            raise _broken(f"{op.name} has no constant codes or scale")
        variable = op.outputs[0].name
        name, planned_axis = _find(self.sidecar.weights, variable) or (variable, 0)
        axis = self._axis(op, scale, planned_axis)
        zeros = np.zeros(scale.size, codes.dtype) if zero_point is None else zero_point.reshape(-1)
        scales = scale.astype(np.float32).reshape(-1)
        self.weights[name] = WeightParameters(scales, zeros, axis, codes, str(codes.dtype))

    def merged(self) -> None:
        """A tensor that only moved the codes of another needs no quantize of its own: it holds that one's codes."""
        for name, source in self.sidecar.same_codes.items():
            if name not in self.tensors and source in self.tensors:
                self.tensors[name] = self.tensors[source]

    def read_biases(self) -> None:
        """A bias that is nowhere is a bias of zeros, whose addition passes remove."""
        for variable, (name, count) in self.sidecar.biases.items():
            op = _find(self.producers, variable)
            value = None if op is None else self._bias(op)
            found = np.zeros(count, np.float32) if value is None else value
            self.biases[name] = found.astype(np.float32).reshape(-1)

    def _bias(self, op: Operation) -> npt.NDArray[Any] | None:
        names = ("x", "y") if op.type == "add" else ("bias",)
        return next((value for value in (self._array(op, name) for name in names) if value is not None), None)

    def _axis(self, op: Operation, scale: npt.NDArray[Any], planned: int) -> int:
        """Return the axis of the scales; one scale alone has none, there the name's own counts."""
        if scale.size == 1:
            return planned
        if op.type == "constexpr_affine_dequantize":
            return _whole(op, self._array(op, "axis"))
        return int(np.argmax(np.array(scale.shape) > 1))

    def _parameters(self, op: Operation, dtype: str) -> TensorParameters:
        scale, zero_point = self._array(op, "scale"), self._array(op, "zero_point")
        if scale is None or scale.size != 1 or dtype not in _RANGES:
            raise _broken(f"{op.name} has parameters that this program does not write")
        zero = 0 if zero_point is None else _whole(op, zero_point)
        return TensorParameters(float(scale.item()), zero, dtype, None, _RANGES[dtype])

    def _tensor(self, codes: str, values: str) -> str:
        """Return the planned tensor of a quantize, by its output's name or else by its input's."""
        source = values
        while source in self.producers and self.producers[source].type == "cast":
            source = _argument(self.producers[source], "x")
        names = self.sidecar.tensors
        return _find(names, codes) or _find(names, values) or _find(names, source) or codes

    def _codes(self, name: str) -> str:
        """Follow codes that were only moved back to where they were made."""
        while name not in self.quantized and name in self.producers and self.producers[name].type in MOVES:
            name = _argument(self.producers[name], "x")
        return name

    def _array(self, op: Operation, name: str) -> npt.NDArray[Any] | None:
        value = parameter(op, name, self.known)
        return value if isinstance(value, np.ndarray) else None


def _find(names: Mapping[str, T], variable: str) -> T | None:
    """Return what belongs to a variable, also where one of the two names has a mark of coremltools."""
    if variable in names:
        return names[variable]
    marks = [first + last for first in ("", *OTHER_SUFFIXES) for last in ("", *HALF_SUFFIXES)]
    spelled = [variable + mark for mark in marks] + [variable.removesuffix(mark) for mark in marks]
    return next((names[name] for name in spelled if name in names), None)


def _argument(op: Operation, name: str) -> str:
    arguments = op.inputs.get(name, ())
    return arguments[0] if len(arguments) == 1 and isinstance(arguments[0], str) else ""


def _whole(op: Operation, value: npt.NDArray[Any] | None) -> int:
    if value is None or value.size != 1 or value.dtype.kind not in "iu":
        raise _broken(f"{op.name} has an axis or a zero point that is no whole number")
    return int(value.item())


def _broken(why: str) -> ModelError:
    return ModelError("the package is none of ours", why=why, how="Prepare the artifact again.")
