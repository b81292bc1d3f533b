"""Which name of a MIL program stands for which number of the plan; read from the Q/DQ graph that was converted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import onnx
from onnx import helper
from workbench_plugins.coreml.frontend.records import Converted
from workbench_plugins.coreml.sidecar import Feature, Node

from workbench.spi import GraphSummary, QuantPlan

SCALE, CODES, ADDED = "__scale", "__codes", "__added"
"""Suffixes of the Q/DQ files that `context.qdq_model` writes."""
BIASED = frozenset({"Conv", "ConvTranspose", "Gemm"})
COPIES = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Ops that only move values; where one does nothing it is removed, and with it the second of two equal Q/DQ pairs."""


@dataclass
class PlanNames:
    """See `sidecar.Sidecar`."""

    tensors: dict[str, str] = field(default_factory=dict)
    same_codes: dict[str, str] = field(default_factory=dict)
    weights: dict[str, tuple[str, int]] = field(default_factory=dict)
    biases: dict[str, tuple[str, int]] = field(default_factory=dict)


def plan_names(model: onnx.ModelProto, converted: Converted) -> PlanNames:
    """Return what stands for what."""
    found, variables = PlanNames(), converted.tensor_names
    constants = {tensor.name: prod(tensor.dims) for tensor in model.graph.initializer}
    producers = _producers(model)
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            tensor = node.input[1].removesuffix(SCALE)
            found.tensors[variables[node.output[0]]] = tensor
            found.tensors.setdefault(variables[node.input[0]], tensor)
            _remember_copy(found, tensor, _source(node.input[0], producers))
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            axis = next((item.i for item in node.attribute if item.name == "axis"), 1)
            found.weights[variables[node.output[0]]] = node.input[0].removesuffix(CODES), axis
    for node, bias in planned_biases(model):
        found.biases[variables[node.output[0]]] = bias.removesuffix(ADDED), constants[bias]
    return found


def _producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def _source(name: str, producers: Mapping[str, onnx.NodeProto]) -> onnx.NodeProto | None:
    """Return the node whose values arrive, moved only, under a name."""
    node = producers.get(name)
    while node is not None and node.op_type in COPIES:
        node = producers.get(node.input[0])
    return node


def _remember_copy(found: PlanNames, tensor: str, source: onnx.NodeProto | None) -> None:
    if source is not None and source.op_type == "DequantizeLinear":
        found.same_codes[tensor] = source.input[1].removesuffix(SCALE)


def planned_biases(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, str]]:
    """Yield each node of a Q/DQ graph that adds a bias of the plan, and the bias' initializer."""
    constants, producers = {tensor.name for tensor in model.graph.initializer}, _producers(model)
    for node in model.graph.node:
        if node.op_type in BIASED and len(node.input) > 2 and node.input[2] in constants:
            weight = producers.get(node.input[1])
            if weight is not None and weight.op_type == "DequantizeLinear":
                yield node, node.input[2]
        for name in node.input if node.op_type == "Add" else ():
            if name.endswith(ADDED):
                yield node, name


def node_rows(
    graph: GraphSummary, model: onnx.ModelProto, converted: Converted, plan: QuantPlan | None
) -> tuple[Node, ...]:
    """Return every node of the canonical graph with what became of it."""
    dequantized = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    quantized = {node.name for node in model.graph.node if dequantized & set(node.input)}
    reasons = plan.float_nodes if plan else {}
    return tuple(
        Node(
            node.name,
            node.op_type,
            tuple(converted.node_ops.get(node.name, ())),
            node.name in quantized,
            reasons.get(node.name, ""),
        )
        for node in graph.nodes
    )


def input_features(model: onnx.ModelProto, fixed: onnx.ModelProto, names: Mapping[str, str]) -> dict[str, Feature]:
    """Return the inputs.

    Args:
        model: as it was given; fixed: with the batch in place of free axes; names: ONNX name -> Core ML's.
    """
    free = {value.name: _is_batched(value) for value in model.graph.input}
    return {
        value.name: Feature(names[value.name], _dtype(value), _shape(value), free[value.name])
        for value in fixed.graph.input
        if value.name in names
    }


def output_features(model: onnx.ModelProto, converted: Converted, batched: bool) -> dict[str, Feature]:
    """Return the outputs; one without a declared shape is `batched` as the inputs are."""
    shapes = {value.name: tuple(value.shape) for value in converted.program.functions["main"].outputs}
    found = {}
    for value in model.graph.output:
        declared = value.type.tensor_type.HasField("shape")
        name = converted.outputs[value.name]
        is_scalar = declared and not value.type.tensor_type.shape.dim
        shape = () if is_scalar else shapes[name]
        is_batched = batched and (not declared or _is_batched(value))
        found[value.name] = Feature(name, _dtype(value), shape, is_batched)
    return found


def _is_batched(value: onnx.ValueInfoProto) -> bool:
    dims = value.type.tensor_type.shape.dim
    return bool(dims) and not dims[0].HasField("dim_value")


def _dtype(value: onnx.ValueInfoProto) -> str:
    return str(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(int(dim.dim_value) for dim in value.type.tensor_type.shape.dim)
