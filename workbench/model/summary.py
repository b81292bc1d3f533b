"""A graph as plain values (`GraphSummary`) from a proto: shapes, attributes, multiply-accumulates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper

from workbench.model.graph import GraphSummary, NodeSummary, TensorSpec
from workbench.model.load import tensor_spec
from workbench.model.macs import macs_of
from workbench.model.protos import array_of, light_copy, opset_of, read_names, refresh_shapes, shape_of, value_infos

SMALL = 16
_NUMBERS = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT32, TensorProto.INT64}
Shape = tuple[int | str, ...]
_PLAIN = {
    AttributeProto.INT,
    AttributeProto.FLOAT,
    AttributeProto.STRING,
    AttributeProto.INTS,
    AttributeProto.FLOATS,
    AttributeProto.STRINGS,
}


def graph_summary(proto: ModelProto, sample: Mapping[str, Sequence[int]] | None = None) -> GraphSummary:
    """Return the graph's nodes, signature and shapes as plain values.

    Shapes and MACs are those of one sample: the symbolic batch is 1. Where all inputs and outputs have one fixed
    first axis above 1, that is taken for the batch and MACs are divided by it; the shapes stay. Another
    symbolic axis (a sequence length, a picture's height) stays a name in the shapes. In the MACs it counts as 1, or
    with the size it has in `sample`: counted as 1, an early Conv over many pixels would weigh no more than the last.

    Args:
        sample: input -> the shape that one sample has there, batch axis included; inputs may be missing.

    Raises:
        ModelError: an input or output is not a tensor of known rank.
        onnx.shape_inference.InferenceError: the graph contradicts itself.
    """
    graph = proto.graph
    inputs = tuple(tensor_spec(value) for value in graph.input)
    outputs = tuple(tensor_spec(value) for value in graph.output)
    symbol = _batch_symbol(inputs)
    shapes = _shapes(proto, symbol)
    sized = _sized(proto, symbol, sample) if sample else shapes
    weights = {tensor.name for tensor in graph.initializer}
    batch = _fixed_batch((*inputs, *outputs))
    nodes = tuple(_node(node, sized, weights, batch) for node in graph.node)
    return GraphSummary(
        nodes=nodes,
        inputs=inputs,
        outputs=outputs,
        shapes=shapes,
        opset=opset_of(proto),
        constants=_small_constants(proto),
    )


def _small_constants(proto: ModelProto) -> dict[str, tuple[float, ...]]:
    """Return the values of numeric initializers of at most SMALL elements: bounds, pads, axes."""
    return {
        tensor.name: tuple(float(item) for item in array_of(tensor).reshape(-1))
        for tensor in proto.graph.initializer
        if math.prod(tensor.dims) <= SMALL and tensor.data_type in _NUMBERS
    }


def _node(node: NodeProto, shapes: Mapping[str, Shape], weights: set[str], batch: int) -> NodeSummary:
    attributes = _attributes(node)
    macs = macs_of(
        node.op_type,
        attributes,
        [_numbers(shapes.get(name)) for name in node.input],
        [_numbers(shapes.get(name)) for name in node.output],
    )
    return NodeSummary(
        name=node.name,
        op_type=node.op_type,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=attributes,
        macs=macs // batch,
        constant_inputs=tuple(index for index, name in enumerate(node.input) if name in weights),
        outer_reads=tuple(dict.fromkeys(name for name in read_names(node) if name not in node.input)),
    )


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {
        attribute.name: _plain(helper.get_attribute_value(attribute))
        for attribute in node.attribute
        if attribute.type in _PLAIN
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, int | float):
        return value
    return [_plain(entry) for entry in value]


def _sized(proto: ModelProto, batch: str | None, sample: Mapping[str, Sequence[int]]) -> dict[str, Shape]:
    """Shapes of all tensors with the sizes that symbolic axes have in a sample; those without it where they clash."""
    sizes: dict[str, int] = {} if batch is None else {batch: 1}
    for value in proto.graph.input:
        for axis, size in zip(shape_of(value) or (), sample.get(value.name, ()), strict=False):
            if isinstance(axis, str):
                sizes.setdefault(axis, int(size))
    try:
        return {**_inferred(proto, sizes), **_inferred(proto, sizes, are_outputs_stated=False)}
    except onnx.shape_inference.InferenceError:
        return _shapes(proto, batch)


def _shapes(proto: ModelProto, batch: str | None) -> dict[str, Shape]:
    """Shapes of all tensors, initializers included, with the batch set to 1 unless the graph contradicts that."""
    try:
        return _inferred(proto, {} if batch is None else {batch: 1})
    except onnx.shape_inference.InferenceError:
        if batch is None:
            raise
        return _inferred(proto, {})


def _inferred(proto: ModelProto, sizes: Mapping[str, int], *, are_outputs_stated: bool = True) -> dict[str, Shape]:
    """Shapes of all tensors with the named axes at these sizes; outputs as the graph states them, or as they follow."""
    single = light_copy(proto)
    large = {tensor.name for tensor in proto.graph.initializer} - {tensor.name for tensor in single.graph.initializer}
    for value in (*single.graph.input, *single.graph.output):
        for name, dim in zip(shape_of(value) or (), value.type.tensor_type.shape.dim, strict=False):
            if name in sizes:
                dim.dim_value = sizes[str(name)]
    for value in () if are_outputs_stated else single.graph.output:
        value.type.tensor_type.ClearField("shape")
    refresh_shapes(single)
    infos = value_infos(single)
    shapes = {
        name: shape for name, value in infos.items() if name not in large and (shape := shape_of(value)) is not None
    }
    shapes.update({tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer})
    return shapes


def _batch_symbol(inputs: tuple[TensorSpec, ...]) -> str | None:
    """Name of the batch axis: the first input's first axis, or else the only symbolic axis there is."""
    if inputs and inputs[0].shape and isinstance(inputs[0].shape[0], str):
        return inputs[0].shape[0]
    symbols = {dim for spec in inputs for dim in spec.shape if isinstance(dim, str)}
    return symbols.pop() if len(symbols) == 1 else None


def _fixed_batch(specs: tuple[TensorSpec, ...]) -> int:
    firsts = {spec.shape[0] if spec.shape else None for spec in specs}
    first = firsts.pop() if len(firsts) == 1 else None
    return first if isinstance(first, int) and first > 1 else 1


def _numbers(shape: Shape | None) -> tuple[int, ...] | None:
    return None if shape is None else tuple(dim if isinstance(dim, int) else 1 for dim in shape)
