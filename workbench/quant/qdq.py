"""Writes a plan as a Q/DQ ONNX graph in one of several dialects; the real values are the same in each.

For every tensor T of the plan a QuantizeLinear/DequantizeLinear pair stands after its producer, and every
consumer (and the graph output, if T is one) reads the dequantized value. Weights are int8 codes behind a
DequantizeLinear. Initializers are named `<T>__scale`, `<T>__zero_point`, `<W>__codes`, so that an artifact can
be read back without the plan (`qdq_reader`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from workbench.errors import PlanError
from workbench.quant.dialect import Dialect
from workbench.quant.plan import QuantPlan, TensorParameters, WeightParameters

CODES, SCALE, ZERO_POINT = "__codes", "__scale", "__zero_point"
QUANTIZED, DEQUANTIZED, RAW = "__quantized", "__dequantized", "__float"
UINT8_SHIFT = 128
"""A signed code c is written as the unsigned code c + 128 with zero point + 128."""


def write_qdq(canonical: onnx.ModelProto, plan: QuantPlan, dialect: Dialect) -> onnx.ModelProto:
    """Return the Q/DQ graph of a plan; neither argument is changed, equal arguments give equal bytes.

    Args:
        canonical: the canonical float32 graph that the plan speaks of.
        plan: numbers of S1, S2 or S3.
        dialect: spelling; its opset is a lower bound, a newer canonical graph keeps its own.

    Raises:
        PlanError: the plan names something the graph does not have, or shapes differ.
    """
    source = _at_opset(canonical, dialect.opset)
    _check_fit(source.graph, plan)
    writer = _Writer(source.graph, plan, dialect)
    writer.write()
    return writer.model(source)


def clip_bounds(node: onnx.NodeProto, constants: Mapping[str, npt.NDArray[Any]]) -> tuple[float, float] | None:
    """Return (low, high) of a Relu or a Clip with constant bounds, else None."""
    if node.op_type == "Relu":
        return 0.0, float("inf")
    if node.op_type != "Clip":
        return None
    bounds = [-float("inf"), float("inf")]
    for index, name in enumerate(node.input[1:3]):
        if name and name not in constants:
            return None
        bounds[index] = float(constants[name].reshape(())) if name else bounds[index]
    return bounds[0], bounds[1]


def is_saturation(low: float, high: float, tensor: TensorParameters) -> bool:
    """Whether [low, high] is ReLU once codes are clamped: low is 0 and rint(high / scale) reaches the highest code."""
    highest = tensor.clamp[1] - tensor.zero_point
    return low == 0.0 and (np.isinf(high) or float(np.rint(high / tensor.scale)) >= highest)


def grid_codes(bias: npt.NDArray[np.float32], scale: npt.NDArray[np.float32]) -> npt.NDArray[np.int32] | None:
    """Return int32 codes [C] with float32(code) * scale bit-equal to `bias`, or None when there are none."""
    codes = np.rint(bias.astype(np.float64) / scale.astype(np.float64))
    if not np.all(np.isfinite(codes)) or np.any(np.abs(codes) > np.iinfo(np.int32).max):
        return None
    integers = codes.astype(np.int32)
    exact = np.array_equal(integers.astype(np.float32) * scale.astype(np.float32), bias)
    return integers if exact else None


@dataclass
class _Writer:
    """Builds the new graph node by node; `source` is read only."""

    source: onnx.GraphProto
    plan: QuantPlan
    dialect: Dialect
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.taken = _all_names(self.source)
        self.constants = {item.name: item for item in self.source.initializer}
        self.outputs = {item.name for item in self.source.output}
        self.inputs = {item.name for item in self.source.input}
        self.early = self._early_activations()

    def write(self) -> None:
        for name in (item.name for item in self.source.input if item.name in self.plan.tensors):
            self._pair(name)
        for node in self.source.node:
            self._node(node)
        self._remaining_initializers()

    def model(self, source: onnx.ModelProto) -> onnx.ModelProto:
        """Return the finished model with the source's inputs, outputs and opsets."""
        graph = helper.make_graph(
            self.nodes, self.source.name, self.source.input, self.source.output, list(self.initializers.values())
        )
        produced = {name for node in self.nodes for name in node.output} - self.outputs
        graph.value_info.extend(item for item in self.source.value_info if item.name in produced)
        model = helper.make_model(graph, opset_imports=source.opset_import, producer_name="int8-workbench")
        model.ir_version = source.ir_version
        return model

    def _node(self, node: onnx.NodeProto) -> None:
        if node.name in self.early:
            self._activation(node)
            return
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [self._input(node, index, name) for index, name in enumerate(node.input)]
        copy.output[:] = [self._raw(name) for name in node.output]
        self.nodes.append(copy)
        for name in node.output:
            if name in self.plan.tensors:
                self._pair(name)

    def _input(self, node: onnx.NodeProto, index: int, name: str) -> str:
        """Return the name that a node reads: dequantized for planned tensors, weights and biases, else unchanged."""
        if name in self.plan.tensors:
            return self._read(name)
        if name in self.plan.weights and index in self.plan.edges.get(node.name, ()):
            return self._weight(name, self.plan.weights[name])
        if name in self.plan.biases and name in self.constants:
            return self._bias(node, name)
        return name

    def _raw(self, name: str) -> str:
        is_renamed = name in self.plan.tensors and name in self.outputs and name not in self.inputs
        return name + RAW if is_renamed else name

    def _read(self, name: str) -> str:
        return name if name in self.outputs and name not in self.inputs else name + DEQUANTIZED

    def _early_activations(self) -> dict[str, tuple[float, float]]:
        """Return bounds of the activations that this dialect computes on codes, by node name.

        Those are Relu and Clip with constant bounds and a planned output whose input either is planned itself or
        comes, for them alone, from a quantized node.
        """
        if self.dialect.activation_function == "fused":
            return {}
        producers = {name: node.name for node in self.source.node for name in node.output}
        readers = _reader_counts(self.source)
        arrays = {name: numpy_helper.to_array(item) for name, item in self.constants.items() if _is_scalar(item)}
        early = {}
        for node in self.source.node:
            bounds = clip_bounds(node, arrays)
            if bounds is not None and self._follows_codes(node, producers, readers):
                early[node.name] = bounds
        return early

    def _follows_codes(self, node: onnx.NodeProto, producers: Mapping[str, str], readers: Mapping[str, int]) -> bool:
        before = node.input[0]
        if node.output[0] not in self.plan.tensors:
            return False
        alone = readers[before] == 1 and before not in self.outputs
        return before in self.plan.tensors or (alone and producers.get(before) in self.plan.quantized_nodes)

    def _activation(self, node: onnx.NodeProto) -> None:
        """Write the activation on codes: as an integer Clip, or as a LeakyRelu(0) between two Q/DQ pairs."""
        before, after = node.input[0], node.output[0]
        bounds, tensor = self.early[node.name], self.plan.tensors[after]
        in_codes = self.dialect.activation_function == "integer_clip"
        if in_codes and before not in self.plan.tensors and self._is_no_clip(bounds, tensor):
            self._quantize(after, before, self._parameters(after))
            self._dequantize(after, self._read(after), self._parameters(after))
            return
        if before not in self.plan.tensors:
            self._quantize(before, before, self._parameters(after))
        if in_codes and self.plan.tensors.get(before, tensor) == tensor:
            self._integer_clip(node, bounds, tensor)
            return
        if before not in self.plan.tensors:
            self._dequantize(before, before + DEQUANTIZED, self._parameters(after))
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if is_saturation(*bounds, tensor):
            copy = helper.make_node("LeakyRelu", [""], [""], node.name, alpha=0.0)
        copy.input[0] = self._read(before) if before in self.plan.tensors else before + DEQUANTIZED
        copy.output[0] = self._raw(after)
        self.nodes.append(copy)
        self._pair(after)

    def _integer_clip(self, node: onnx.NodeProto, bounds: tuple[float, float], tensor: TensorParameters) -> None:
        """Write Clip on codes; rint is monotone, so clipping codes gives the codes of clipped values."""
        before, after = node.input[0], node.output[0]
        lowest, highest = self._code_bounds(bounds, tensor)
        self._constant(after + "__lowest", lowest)
        self._constant(after + "__highest", highest)
        inputs = [before + QUANTIZED, after + "__lowest", after + "__highest"]
        self.nodes.append(helper.make_node("Clip", inputs, [self._fresh(after + QUANTIZED)], node.name))
        self._dequantize(after, self._read(after), self._parameters(after))

    def _code_bounds(self, bounds: tuple[float, float], tensor: TensorParameters) -> list[npt.NDArray[Any]]:
        zero_point = dialect_parameters(tensor, self.dialect)[1]
        return [_code(bound, tensor, zero_point) for bound in bounds]

    def _is_no_clip(self, bounds: tuple[float, float], tensor: TensorParameters) -> bool:
        """Whether the codes' own saturation does all of the clipping, as with ReLU and uint8 zero point 0."""
        lowest, highest = self._code_bounds(bounds, tensor)
        limits = np.iinfo(lowest.dtype)
        return int(lowest) == limits.min and int(highest) == limits.max

    def _pair(self, name: str) -> None:
        self._quantize(name, self._raw(name), self._parameters(name))
        self._dequantize(name, self._read(name), self._parameters(name))

    def _quantize(self, name: str, raw: str, parameters: tuple[str, str]) -> None:
        codes = self._fresh(name + QUANTIZED)
        self.nodes.append(helper.make_node("QuantizeLinear", [raw, *parameters], [codes], f"{name}__quantize"))

    def _dequantize(self, name: str, read: str, parameters: tuple[str, str]) -> None:
        output = read if read in self.outputs else self._fresh(read)
        inputs = [name + QUANTIZED, *parameters]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [output], f"{name}__dequantize"))

    def _parameters(self, name: str) -> tuple[str, str]:
        """Return the names of a tensor's scale and zero-point initializers, writing them once."""
        if name + SCALE not in self.initializers:
            scale, zero_point = dialect_parameters(self.plan.tensors[name], self.dialect)
            self._constant(name + SCALE, scale)
            self._constant(name + ZERO_POINT, zero_point)
        return name + SCALE, name + ZERO_POINT

    def _weight(self, name: str, weight: WeightParameters) -> str:
        if name + CODES not in self.initializers:
            self._constant(name + CODES, weight.codes)
            self._constant(name + SCALE, weight.scale.astype(np.float32))
            self._constant(name + ZERO_POINT, weight.zero_point)
            self._dequantize_constant(name, weight.axis)
        return name + DEQUANTIZED

    def _bias(self, node: onnx.NodeProto, name: str) -> str:
        """Return the name a node reads: int32 codes [C] dequantized, or float32 where none are exact."""
        shape = tuple(self.constants[name].dims)
        values = self.plan.biases[name].astype(np.float32)
        scale = bias_scale(node, self.plan) if self.dialect.bias == "int32" else None
        is_per_channel = scale is not None and scale.shape == values.shape == shape[-1:]
        codes = grid_codes(values, scale) if scale is not None and is_per_channel else None
        if scale is None or codes is None:
            self.initializers[name] = numpy_helper.from_array(values.reshape(shape), name)
            return name
        if name + CODES not in self.initializers:
            self._constant(name + CODES, codes)
            self._constant(name + SCALE, scale)
            self._constant(name + ZERO_POINT, np.zeros(scale.shape, np.int32))
            self._dequantize_constant(name, 0)
        return name + DEQUANTIZED

    def _dequantize_constant(self, name: str, axis: int) -> None:
        inputs = [name + CODES, name + SCALE, name + ZERO_POINT]
        output = self._fresh(name + DEQUANTIZED)
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [output], f"{name}__dequantize", axis=axis))

    def _remaining_initializers(self) -> None:
        """Keep what is still read, with changed float values in place of the original ones."""
        read = {name for node in self.nodes for name in node.input} | self.outputs
        for item in self.source.initializer:
            if item.name in read and item.name not in self.initializers:
                changed = self.plan.float_values.get(item.name)
                self.initializers[item.name] = item if changed is None else numpy_helper.from_array(changed, item.name)

    def _constant(self, name: str, value: npt.NDArray[Any]) -> None:
        self.initializers[self._fresh(name)] = numpy_helper.from_array(np.asarray(value, order="C"), name)

    def _fresh(self, name: str) -> str:
        if name in self.taken:
            raise PlanError(f"The model already has a tensor named {name}", how="Rename that tensor in the model.")
        self.taken.add(name)
        return name


def dialect_parameters(
    tensor: TensorParameters, dialect: Dialect
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8 | np.uint8]]:
    """Return (scale [], zero_point []) as written: float32, and int8 or uint8 as the plan and the dialect say."""
    if tensor.dtype == "uint8":
        return np.asarray(tensor.scale, np.float32), np.asarray(tensor.zero_point, np.uint8)
    if dialect.activation == "uint8":
        return np.asarray(tensor.scale, np.float32), np.asarray(tensor.zero_point + UINT8_SHIFT, np.uint8)
    return np.asarray(tensor.scale, np.float32), np.asarray(tensor.zero_point, np.int8)


def bias_scale(node: onnx.NodeProto, plan: QuantPlan) -> npt.NDArray[np.float32] | None:
    """Return the bias grid scale_x * scale_w[c], float32 [C], or None where input or weight stay float."""
    tensor, weight = plan.tensors.get(node.input[0]), plan.weights.get(node.input[1])
    if tensor is None or weight is None:
        return None
    return np.float32(tensor.scale) * weight.scale.astype(np.float32)


def _code(bound: float, tensor: TensorParameters, zero_point: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the code [] of a real bound in the zero point's dtype; infinite bounds give the dtype's end."""
    limits = np.iinfo(zero_point.dtype)
    code = np.rint(np.float32(bound) / np.float32(tensor.scale)) + np.float32(zero_point)
    return np.asarray(np.clip(code, limits.min, limits.max), zero_point.dtype)


def _is_scalar(item: onnx.TensorProto) -> bool:
    return int(np.prod(item.dims)) == 1


def _at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    present = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    if present >= opset:
        return model
    from onnx import version_converter  # noqa: PLC0415  (loads a C++ module that most calls do not need)

    return version_converter.convert_version(model, opset)


def _check_fit(graph: onnx.GraphProto, plan: QuantPlan) -> None:
    shapes = {item.name: tuple(item.dims) for item in graph.initializer}
    names = {item.name for item in graph.input} | {name for node in graph.node for name in node.output}
    _refuse("tensor", (name for name in plan.tensors if name not in names))
    _refuse("weight", (name for name, value in plan.weights.items() if shapes.get(name) != value.codes.shape))
    _refuse("bias", (name for name, value in plan.biases.items() if np.prod(shapes.get(name, (0,))) != value.size))
    _refuse("weight", (name for name, value in plan.float_values.items() if shapes.get(name) != value.shape))


def _refuse(kind: str, names: Iterable[str]) -> None:
    for name in names:
        raise PlanError(
            f"The plan does not belong to this model: {kind} {name}",
            why="the graph has none of that name and shape",
            how="Calibrate again, or use the model the plan was made for.",
        )


def _all_names(graph: onnx.GraphProto) -> set[str]:
    names = {name for node in graph.node for name in (*node.input, *node.output)}
    return names | {item.name for item in (*graph.input, *graph.output, *graph.initializer)}


def _reader_counts(graph: onnx.GraphProto) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            counts[name] = counts.get(name, 0) + 1
    return counts
