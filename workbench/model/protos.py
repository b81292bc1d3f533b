"""Small tools on ONNX protos that the rooms above share: subgraphs, names in use, shapes, sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

LARGE_ELEMENTS = 1024
DEFAULT_DOMAINS = ("", "ai.onnx")
_NO_WEIGHTS = (TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING)


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """Yield the graphs in the node's attributes (If, Loop, Scan)."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def all_graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield the graph and every graph inside its nodes."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from all_graphs(inner)


def all_nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """Yield every node, those of subgraphs too."""
    for inner in all_graphs(graph):
        yield from inner.node


def read_names(node: NodeProto) -> Iterator[str]:
    """Yield the tensor names a node reads, those its subgraphs take from outside too; "" is left out."""
    yield from (name for name in node.input if name)
    for inner in subgraphs(node):
        own = {name for child in inner.node for name in child.output}
        own |= {value.name for value in inner.input} | {tensor.name for tensor in inner.initializer}
        read = [name for child in inner.node for name in read_names(child)]
        read += [value.name for value in inner.output]
        yield from (name for name in read if name not in own)


def rename_reads(node: NodeProto, old: str, new: str) -> None:
    """Make a node, and what its subgraphs take from outside, read `new` instead of `old`."""
    for index, name in enumerate(node.input):
        if name == old:
            node.input[index] = new
    for inner in subgraphs(node):
        for child in inner.node:
            rename_reads(child, old, new)
        for value in inner.output:
            if value.name == old:
                value.name = new


def reader_counts(graph: GraphProto) -> Counter[str]:
    """Return how often each tensor is read by nodes or given out as a graph output."""
    counts: Counter[str] = Counter(name for node in graph.node for name in read_names(node))
    counts.update(value.name for value in graph.output)
    return counts


def used_names(graph: GraphProto) -> set[str]:
    """Return every tensor name in use, subgraphs included."""
    names: set[str] = set()
    for inner in all_graphs(graph):
        names.update(value.name for value in (*inner.input, *inner.output))
        names.update(tensor.name for tensor in inner.initializer)
        names.update(name for node in inner.node for name in (*node.input, *node.output))
    return names


def fresh_name(wanted: str, taken: set[str]) -> str:
    """Return `wanted`, or `wanted_2`, `wanted_3`, ... if taken; the result is added to `taken`."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name


def constants_of(graph: GraphProto) -> dict[str, TensorProto]:
    """Return the initializers by name."""
    return {tensor.name: tensor for tensor in graph.initializer}


def array_of(tensor: TensorProto) -> npt.NDArray[np.generic]:
    """Return a tensor's values; bfloat16 and float8 come as their ml_dtypes."""
    return numpy_helper.to_array(tensor)


def elements_of(tensor: TensorProto) -> int:
    """Return the number of elements a tensor declares."""
    count = 1
    for dim in tensor.dims:
        count *= dim
    return count


def weight_bytes(proto: ModelProto) -> int:
    """Return the bytes of raw data in all initializers, the part of a model that can be large."""
    return sum(len(tensor.raw_data) for graph in all_graphs(proto.graph) for tensor in graph.initializer)


def parameter_count(proto: ModelProto) -> int:
    """Return the elements of all weights, in branches and in Constant nodes too; integers of shapes do not count."""
    constants = [tensor for graph in all_graphs(proto.graph) for tensor in graph.initializer]
    for node in all_nodes(proto.graph):
        if node.op_type == "Constant":
            constants += [attribute.t for attribute in node.attribute if attribute.name == "value"]
    return sum(elements_of(tensor) for tensor in constants if tensor.data_type not in _NO_WEIGHTS)


def opset_of(proto: ModelProto) -> int:
    """Return the version of the default ONNX domain, 0 where it is not stated."""
    return max((entry.version for entry in proto.opset_import if entry.domain in DEFAULT_DOMAINS), default=0)


def copy_without(proto: ModelProto, large: Iterable[str]) -> ModelProto:
    """Return a copy without the named top-level initializers; nothing large is copied on the way."""
    skipped, copy = set(large), ModelProto()
    for field, value in proto.ListFields():
        if field.name != "graph":
            _copy_field(copy, field.name, value)
    for field, value in proto.graph.ListFields():
        if field.name != "initializer":
            _copy_field(copy.graph, field.name, value)
    copy.graph.initializer.extend(tensor for tensor in proto.graph.initializer if tensor.name not in skipped)
    return copy


def light_copy(proto: ModelProto) -> ModelProto:
    """Return a copy for shape inference: large initializers become typed inputs, so any size fits."""
    large = [tensor for tensor in proto.graph.initializer if elements_of(tensor) > LARGE_ELEMENTS]
    copy = copy_without(proto, (tensor.name for tensor in large))
    copy.graph.input.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in large
    )
    return copy


def refresh_shapes(proto: ModelProto) -> None:
    """Infer every tensor's type and shape anew and write them into the proto.

    Raises:
        onnx.shape_inference.InferenceError: the graph contradicts itself.
    """
    copy = light_copy(proto)
    del copy.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(copy, check_type=True, strict_mode=True, data_prop=True).graph
    produced = {name: rank for rank, name in enumerate(name for node in proto.graph.node for name in node.output)}
    known = {value.name: value for value in inferred.value_info if value.name in produced}
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(known[name] for name in sorted(known, key=produced.__getitem__))
    for value, found in zip(proto.graph.output, inferred.output, strict=True):
        if not value.type.tensor_type.HasField("shape") or not value.type.tensor_type.elem_type:
            value.type.CopyFrom(found.type)


def value_infos(proto: ModelProto) -> dict[str, ValueInfoProto]:
    """Return type and shape of every input, inner tensor and output that the proto states."""
    graph = proto.graph
    return {value.name: value for value in (*graph.value_info, *graph.output, *graph.input)}


def shape_of(value: ValueInfoProto) -> tuple[int | str, ...] | None:
    """Return a shape: an int per fixed axis, a name per symbolic one; None where the rank is unknown."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or f"{value.name}_axis{axis}"
        for axis, dim in enumerate(kind.shape.dim)
    )


def _copy_field(target: ModelProto | GraphProto, name: str, value: object) -> None:
    if isinstance(value, str | int | float | bool | bytes):
        setattr(target, name, value)
    elif hasattr(value, "CopyFrom"):
        getattr(target, name).CopyFrom(value)
    else:
        getattr(target, name).extend(value)
