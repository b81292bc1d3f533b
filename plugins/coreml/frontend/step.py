"""One ONNX node while it is converted: facts about its tensors, and the ops it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, helper
from workbench_plugins.coreml.frontend.dtypes import FLOATS, NUMPY_TYPES, Array, mil_type
from workbench_plugins.coreml.frontend.net import Net, Value, scalar
from workbench_plugins.coreml.frontend.records import NOT_STATIC, RefusedError
from workbench_plugins.coreml.frontend.source import Source

LARGEST_RANK = 5
SMALL_TYPES = frozenset({"int8", "uint8", "int16", "uint16", "bool"})


class Step:
    """One node, its inputs as MIL variables, its shapes and types from the ONNX side.

    Args:
        variables: ONNX tensor -> MIL variable.
        note: takes a sentence about something expressed otherwise.

    Attributes:
        made: the first output of every op added so far.
    """

    def __init__(
        self,
        node: NodeProto,
        source: Source,
        net: Net,
        variables: Callable[[str], Value],
        note: Callable[[str], None],
    ) -> None:
        self.node, self._source, self._net = node, source, net
        self._variables, self._note = variables, note
        self.made: list[Value] = []
        self._attributes: Mapping[str, Any] = {item.name: helper.get_attribute_value(item) for item in node.attribute}

    @property
    def opset(self) -> int:
        """Version of ONNX's ops in this model."""
        return self._source.opset

    @property
    def target(self) -> str:
        """iOS17 | iOS18."""
        return self._net.target

    @property
    def input_count(self) -> int:
        """How many inputs the node lists."""
        return len(self.node.input)

    @property
    def output_count(self) -> int:
        """How many outputs the node lists, those without a name too."""
        return len(self.node.output)

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute's value; texts come as str."""
        value = self._attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def has(self, place: int) -> bool:
        """Whether the input is there."""
        return place < len(self.node.input) and bool(self.node.input[place])

    def wants(self, place: int) -> bool:
        """Whether the output has a name."""
        return place < len(self.node.output) and bool(self.node.output[place])

    def shape(self, place: int = 0) -> tuple[int, ...]:
        """Return an input's shape. Raises RefusedError where it is not static."""
        return self._static(self.node.input[place])

    def out_shape(self, place: int = 0) -> tuple[int, ...]:
        """Return an output's shape. Raises RefusedError where it is not static."""
        return self._static(self.node.output[place])

    def rank(self, place: int = 0) -> int:
        """Return an input's rank."""
        return len(self.shape(place))

    def axis(self, default: int, rank: int | None = None) -> int:
        """Return the attribute "axis", counted from 0."""
        count = self.rank() if rank is None else rank
        return int(self.attribute("axis", default)) % max(count, 1)

    def dtype(self, place: int = 0) -> str:
        """Return the MIL type of an input."""
        return mil_type(self._source.element_type(self.node.input[place]))

    def out_dtype(self, place: int = 0) -> str:
        """Return the MIL type of an output."""
        return mil_type(self._source.element_type(self.node.output[place]))

    def element_type(self, place: int = 0) -> int:
        """Return the ONNX element type of an input."""
        return self._source.element_type(self.node.input[place])

    def value(self, place: int) -> Array | None:
        """Return an input's value where it is constant, in its ONNX type; None where it is not, or absent."""
        return self._source.constants.get(self.node.input[place]) if self.has(place) else None

    def constant(self, place: int, what: str) -> Array:
        """Return an input's value. Raises RefusedError where it is not constant.

        Args:
            what: what it is, such as "the pads".
        """
        value = self.value(place)
        if value is None:
            raise RefusedError(f"{what} must be constant", f"make the tensor {self.node.input[place]!r} an initializer")
        return value

    def is_weight(self, place: int) -> bool:
        """Whether an input is a constant, or constant codes behind a DequantizeLinear."""
        return self.has(place) and self._source.is_weight(self.node.input[place])

    def weight_value(self, place: int) -> Array:
        """Return a constant float input, codes behind a DequantizeLinear as real numbers. Raises RefusedError."""
        found = self._source.real_value(self.node.input[place])
        if found is None:
            self.constant(place, "the weights")
        if self.value(place) is None:
            self.note(
                f"the codes of {self.node.input[place]!r} are kept as real numbers: this op's weights are rearranged"
            )
        return np.asarray(found, self.numpy_type())

    def numpy_type(self, place: int = 0) -> Any:
        """Return the NumPy type of an input in the program."""
        return NUMPY_TYPES[self.dtype(place)]

    def var(self, place: int = 0) -> Value:
        """Return an input as a MIL variable."""
        return self._variables(self.node.input[place])

    def number(self, place: int = 0) -> tuple[Value, str]:
        """Return an input as float or int32, with that type: what MIL's arithmetic takes."""
        dtype = self.dtype(place)
        if dtype in SMALL_TYPES:
            return self.cast(self.var(place), "int32"), "int32"
        return self.var(place), dtype

    def real(self, place: int = 0) -> tuple[Value, str]:
        """Return an input as a float, with its type: integers come as float32."""
        dtype = self.dtype(place)
        return (self.var(place), dtype) if dtype in FLOATS else (self.cast(self.var(place), "fp32"), "fp32")

    def back(self, value: Value, dtype: str, place: int = 0) -> Value:
        """Return a value of type `dtype` in the type of an output."""
        wanted = self.out_dtype(place)
        return value if dtype == wanted else self.cast(value, wanted)

    def cast(self, value: Value, dtype: str) -> Value:
        """Return a value in another type."""
        return self.op("cast", x=value, dtype=dtype)

    def op(self, kind: str, **inputs: Any) -> Value:
        """Add an op with one output."""
        return self.ops(kind, 1, **inputs)[0]

    def ops(self, kind: str, count: int, **inputs: Any) -> list[Value]:
        """Add an op with several outputs."""
        values = self._net.emit(kind, f"{self.node.name}_{kind}", count, inputs)
        self.made.append(values[0])
        return values

    def const(self, array: Array) -> Value:
        """Add a constant."""
        return self.op("const", val=np.ascontiguousarray(array) if array.ndim else array)

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Return a value in another shape. Raises RefusedError above rank 5."""
        if len(shape) > LARGEST_RANK:
            raise RefusedError(f"it needs rank {len(shape)} on the way, and Core ML has 5 axes at most")
        return self.op("reshape", x=value, shape=np.asarray(shape, np.int32))

    def transpose(self, value: Value, order: Sequence[int]) -> Value:
        """Return a value with its axes in another order; itself where the order is the same."""
        if list(order) == sorted(order):
            return value
        return self.op("transpose", x=value, perm=np.asarray(order, np.int32))

    def broadcast(self, value: Value, shape: Sequence[int], target: Sequence[int]) -> Value:
        """Return a value of `shape` repeated to `target`."""
        full = [1] * (len(target) - len(shape)) + list(shape)
        if len(full) != len(shape):
            value = self.reshape(value, full)
        repeats = [wide if narrow == 1 else 1 for narrow, wide in zip(full, target, strict=True)]
        return value if set(repeats) <= {1} else self.op("tile", x=value, reps=np.asarray(repeats, np.int32))

    def scalar(self, number: float | bool, dtype: str) -> Any:
        """Return a number as a constant of a MIL type."""
        return scalar(number, dtype)

    def note(self, words: str) -> None:
        """Tell that this node is expressed otherwise."""
        self._note(f"{self.node.name} ({self.node.op_type}): {words}")

    def refuse(self, why: str, remedy: str = "") -> RefusedError:
        """Return the error that says this node has no equivalent."""
        return RefusedError(why, remedy)

    def _static(self, name: str) -> tuple[int, ...]:
        found = self._source.shape(name)
        if found is None:
            raise RefusedError(f"the shape of {name!r} {NOT_STATIC}", "give every input a fixed shape")
        return found
