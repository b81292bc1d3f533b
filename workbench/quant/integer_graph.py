"""The executable specification of a whole quantized graph: a plan run in integers, in numpy, without any runtime.

It reads the plan and the canonical graph, never a Q/DQ file, so that the writer is judged by it too. A tensor of the
plan holds codes; quantized Conv, ConvTranspose, Gemm and MatMul sum integers, bias included, and must stay within
int32; the sums become real by one float32 product with scale_x * scale_w[c], and codes again by QuantizeLinear's
rule. Everything else is what ONNX says of float32, on the reals that the codes stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from workbench.errors import ModelError, PlanError
from workbench.model.protos import read_names
from workbench.quant.affine import (
    Float32,
    Rounding,
    bias_codes,
    bias_grid,
    dequantize_weight,
    half_even,
    quantize,
    real_range,
    reals_of,
)
from workbench.quant.integer_ops import (
    Int64,
    convolve,
    convolve_transposed,
    multiply,
    window_count,
    window_maximum,
    window_of,
    window_sum,
)
from workbench.quant.plan import QuantPlan, TensorParameters, WeightParameters

INT32_LIMIT = 2**31
NOTHING: Mapping[str, npt.NDArray[Any]] = {}
MOVES = frozenset(
    {"Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth", "Identity"}
    | {"Slice", "Split", "Pad", "Expand", "Tile"}
)
"""Ops that hand codes on; Pad is among them because only a Pad with the real 0 carries codes."""


@dataclass(frozen=True, eq=False)
class Codes:
    """A quantized activation.

    Attributes:
        steps: int64, code - zero_point.
    """

    steps: npt.NDArray[np.int64]
    parameters: TensorParameters

    @property
    def codes(self) -> npt.NDArray[np.int64]:
        """The codes themselves."""
        return self.steps + self.parameters.zero_point

    @property
    def reals(self) -> Float32:
        """What they stand for, float32."""
        return reals_of(self.steps, self.parameters.scale)


@dataclass(frozen=True, eq=False)
class Sums:
    """Accumulators of a product.

    Attributes:
        sums: int64, within int32.
        grid: float32 step of each sum, scale_x * scale_w[c]; broadcasts against the sums.
    """

    sums: Int64
    grid: Float32

    @property
    def reals(self) -> Float32:
        """What they stand for, float32."""
        return reals_of(self.sums, self.grid)

    def plus(self, bias: Float32, node: str) -> Sums:
        """Return the sums with a bias [C] added in integers, C along the axis of the grid. Raises ModelError."""
        channels = bias.reshape(self.grid.shape) if bias.size == self.grid.size else bias
        return Sums(_within_int32(self.sums + bias_codes(channels, self.grid).astype(np.int64), node), self.grid)


Value = Codes | Sums | WeightParameters | npt.NDArray[Any] | None
Arguments = Sequence[Any]
Attributes = Mapping[str, Any]


class IntegerGraph:
    """A canonical graph with its plan, ready to be run in integers.

    Args:
        rounding: of reals to codes; another rule than half to even only to explain what a runtime does.
        unrounded: tensors that are cut off where their codes end and otherwise left as they are; for the same end.

    Raises:
        PlanError: the plan has a bias or a changed weight that the graph has not.
    """

    def __init__(
        self,
        canonical: onnx.ModelProto,
        plan: QuantPlan,
        rounding: Rounding = half_even,
        unrounded: frozenset[str] = frozenset(),
    ) -> None:
        self._graph, self._plan = canonical.graph, plan
        self._rounding, self._unrounded = rounding, unrounded
        self._opsets = {item.domain: item.version for item in canonical.opset_import}
        self._constants = _constants(canonical.graph, plan)
        self._float_nodes: dict[str, ReferenceEvaluator] = {}
        self._float_made = plan.float_made({name: node.name for node in canonical.graph.node for name in node.output})
        self._last_reader = {name: node.name for node in canonical.graph.node for name in read_names(node)}
        self.output_names = tuple(value.name for value in canonical.graph.output)

    def run(self, feeds: Mapping[str, npt.NDArray[Any]], names: Iterable[str] = ()) -> dict[str, npt.NDArray[Any]]:
        """Return the reals of the graph's outputs, or of the tensors asked for, float32 where they are quantized.

        Raises:
            ModelError: an accumulator leaves int32, or numpy cannot compute a float node.
        """
        wanted = tuple(names) or self.output_names
        return {name: _real(value) for name, value in self._values(feeds, wanted).items()}

    def codes(self, feeds: Mapping[str, npt.NDArray[Any]], names: Iterable[str]) -> dict[str, Codes]:
        """Return the codes of quantized tensors. Raises KeyError for one that is not, and as `run`."""
        found = {name: self._planned(name, value) for name, value in self._values(feeds, tuple(names)).items()}
        for name in found:
            self._plan.tensors[name]
        return {name: value for name, value in found.items() if isinstance(value, Codes)}

    def _values(self, feeds: Mapping[str, npt.NDArray[Any]], wanted: Sequence[str]) -> dict[str, Value]:
        values: dict[str, Value] = dict(feeds)
        for node in self._graph.node:
            inputs = [self._input(node, index, name, values) for index, name in enumerate(node.input)]
            outer = {name: _real(self._value(name, values)) for name in read_names(node) if name not in node.input}
            outputs = self._evaluate(node, list(map(_real, inputs)), outer) if outer else self._compute(node, inputs)
            values.update((name, self._made(name, value)) for name, value in zip(node.output, outputs, strict=False))
            for name in read_names(node):
                if self._last_reader[name] == node.name and name not in wanted:
                    values.pop(name, None)
        return {name: self._value(name, values) for name in wanted}

    def _value(self, name: str, values: Mapping[str, Value]) -> Value:
        return values[name] if name in values else self._constants[name]

    def _input(self, node: NodeProto, index: int, name: str, values: Mapping[str, Value]) -> Value:
        if name in self._plan.weights and index in self._plan.edges.get(node.name, ()):
            return self._plan.weights[name]
        if not name:
            return None
        value = self._value(name, values)
        return self._planned(name, value) if index in self._plan.edges.get(node.name, ()) else value

    def _made(self, name: str, value: Value) -> Value:
        """Return what a node leaves behind: codes of a planned tensor, floats where a float node made it."""
        return value if name in self._float_made else self._planned(name, value)

    def _planned(self, name: str, value: Value) -> Value:
        """Return codes where the plan has parameters for a tensor."""
        parameters = self._plan.tensors.get(name)
        if parameters is None or (isinstance(value, Codes) and value.parameters == parameters):
            return value
        if name in self._unrounded:
            return np.asarray(np.clip(_real(value), *real_range(parameters)), np.float32)
        codes = quantize(_real(value), parameters, self._rounding)
        return Codes(codes.astype(np.int64) - parameters.zero_point, parameters)

    def _compute(self, node: NodeProto, inputs: list[Value]) -> Sequence[Value]:
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        first = inputs[0] if inputs else None
        if isinstance(first, Codes) and node.op_type in PRODUCTS and isinstance(inputs[1], WeightParameters | Codes):
            return [self._product(node, attributes, inputs)]
        if node.op_type == "Add" and (biased := self._biased(node, inputs)):
            return [biased]
        if isinstance(first, Codes) and node.op_type in POOLS and not any(node.output[1:]):
            return [POOLS[node.op_type](attributes, first)]
        if isinstance(first, Codes) and node.op_type in MOVES:
            moved = self._evaluate(node, [first.steps, *map(_real, inputs[1:])])
            return [replace(first, steps=steps) for steps in moved]
        if node.op_type == "Concat" and _share_parameters(inputs):
            joined = np.concatenate([item.steps for item in inputs if isinstance(item, Codes)], attributes["axis"])
            return [Codes(joined, inputs[0].parameters)] if isinstance(inputs[0], Codes) else []
        return self._evaluate(node, list(map(_real, inputs)))

    def _product(self, node: NodeProto, attributes: Attributes, inputs: Arguments) -> Value:
        """Return the int32 sums of a quantized Conv, ConvTranspose, Gemm or MatMul, its rounded bias included."""
        sums, axis = PRODUCTS[node.op_type](attributes, *inputs[:2])
        shape = [1] * sums.ndim
        shape[axis] = sums.shape[axis]
        grid = _grid(inputs[0], inputs[1], sums.shape[axis])
        found = Sums(_within_int32(sums, node.name), grid.reshape(shape) if grid.ndim else grid)
        if len(inputs) < 3 or inputs[2] is None:
            return found
        bias = inputs[2].reshape(shape if inputs[2].size == sums.shape[axis] else -1)
        return found.plus(bias, node.name) if node.input[2] in self._plan.biases else found.reals + bias

    def _biased(self, node: NodeProto, inputs: Arguments) -> Sums | None:
        """Return the sums of an Add that puts a bias of the plan on a product; None for any other Add."""
        for place, other in ((0, 1), (1, 0)):
            if isinstance(inputs[place], Sums) and node.input[other] in self._plan.biases:
                found: Sums = inputs[place].plus(inputs[other], node.name)
                return found
        return None

    def _evaluate(
        self,
        node: NodeProto,
        inputs: Sequence[npt.NDArray[Any] | None],
        outer: Mapping[str, npt.NDArray[Any]] = NOTHING,
    ) -> list[Any]:
        """Run one node as ONNX's own reference does; `outer`: what its subgraphs take from outside."""
        feeds = {name: value for name, value in zip(node.input, inputs, strict=True) if name} | dict(outer)
        try:
            if node.name not in self._float_nodes:
                self._float_nodes[node.name] = ReferenceEvaluator(_graph_of(node), opsets=self._opsets)
            named = [name for name in node.output if name]
            found = dict(zip(named, self._float_nodes[node.name].run(named, feeds), strict=True))
        except (NotImplementedError, RuntimeError, TypeError, ValueError, KeyError, IndexError) as error:
            raise ModelError(
                f"The specification cannot run {node.name} ({node.op_type})", why=str(error).splitlines()[0]
            ) from error
        return [found.get(name) for name in node.output]


def _within_int32(sums: Int64, node: str) -> Int64:
    if sums.size and max(-int(sums.min()), int(sums.max()) + 1) > INT32_LIMIT:
        raise ModelError(
            f"The accumulator of {node} leaves int32", why=f"it reaches {np.abs(sums).max():,}",
            how="Leave the layer in float.",
        )  # fmt: skip
    return sums


def _grid(x: Codes, weight: WeightParameters | Codes, channels: int) -> Float32:
    if isinstance(weight, Codes):
        return np.asarray(np.float32(x.parameters.scale) * np.float32(weight.parameters.scale))
    return bias_grid(x.parameters.scale, weight.scale, channels)


def _integers(weight: WeightParameters | Codes) -> npt.NDArray[np.integer]:
    return weight.codes if isinstance(weight, WeightParameters) else weight.steps


def _conv(attributes: Attributes, x: Codes, weight: WeightParameters | Codes) -> tuple[Int64, int]:
    kernel = _integers(weight)
    window = window_of(attributes, kernel.shape[2:], x.steps.shape[2:])
    return convolve(x.steps, kernel, window, attributes.get("group", 1)), 1


def _conv_transpose(attributes: Attributes, x: Codes, weight: WeightParameters | Codes) -> tuple[Int64, int]:
    return convolve_transposed(x.steps, _integers(weight), attributes), 1


def _gemm(attributes: Attributes, x: Codes, weight: WeightParameters | Codes) -> tuple[Int64, int]:
    matrix = _integers(weight)
    return multiply(x.steps, matrix.T if attributes.get("transB", 0) else matrix), 1


def _matmul(attributes: Attributes, x: Codes, weight: WeightParameters | Codes) -> tuple[Int64, int]:
    return multiply(x.steps, _integers(weight)), -1


PRODUCTS: dict[str, Callable[..., tuple[Int64, int]]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
"""Op -> integer sums and the axis of their output channels. Gemm has alpha = beta = 1, transA = 0 (`select`)."""


def _max_pool(attributes: Attributes, x: Codes) -> Codes:
    window = window_of(attributes, attributes["kernel_shape"], x.steps.shape[2:])
    return replace(x, steps=window_maximum(x.steps, window))


def _average_pool(attributes: Attributes, x: Codes) -> Float32:
    sizes = x.steps.shape[2:]
    window = window_of(attributes, attributes["kernel_shape"], sizes)
    count = window_count(sizes, window, count_pads=bool(attributes.get("count_include_pad", 0)))
    return np.divide(reals_of(window_sum(x.steps, window), x.parameters.scale), count.astype(np.float32))


def _global_average_pool(attributes: Attributes, x: Codes) -> Float32:
    axes = tuple(range(2, x.steps.ndim))
    sums = x.steps.sum(axis=axes, keepdims=True)
    return np.divide(reals_of(sums, x.parameters.scale), np.float32(x.steps[0, 0].size))


POOLS: dict[str, Callable[[Attributes, Codes], Value]] = {
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
}


def _share_parameters(inputs: Arguments) -> bool:
    return all(isinstance(item, Codes) and item.parameters == inputs[0].parameters for item in inputs)


def _real(value: Value) -> Any:
    """Return reals of codes, sums and weights; arrays and absent inputs as they are."""
    if isinstance(value, Codes | Sums):
        return value.reals
    return dequantize_weight(value) if isinstance(value, WeightParameters) else value


def _constants(graph: onnx.GraphProto, plan: QuantPlan) -> dict[str, npt.NDArray[Any]]:
    """Return every initializer as the plan has it: rounded biases and changed floats in place of the model's."""
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    for name, values in {**plan.float_values, **plan.biases}.items():
        if name not in constants:
            raise PlanError(f"The plan does not belong to this model: it has no {name}", how="Calibrate again.")
        constants[name] = values.reshape(constants[name].shape).astype(np.float32)
    return constants


def _graph_of(node: NodeProto) -> onnx.GraphProto:
    """Return a graph of one node; shapes and types are left open."""
    inputs = [helper.make_empty_tensor_value_info(name) for name in dict.fromkeys(read_names(node))]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    return helper.make_graph([node], node.name or "node", inputs, outputs)
