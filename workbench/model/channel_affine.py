"""A factor and a shift per output channel, taken into the node before: scale layers here, BatchNormalization beside.

Networks that came from Caffe have a Mul and an Add with a constant per channel after each BatchNormalization. Left
alone they would stay float between integer layers.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from workbench.model.protos import array_of, constants_of, fresh_name, reader_counts, used_names

Float64 = npt.NDArray[np.float64]
WEIGHTED = ("Conv", "ConvTranspose", "Gemm")
SCALE_OPS = ("Mul", "Div", "Add", "Sub")


@dataclass
class Index:
    """What folding looks up, kept in step with the graph."""

    graph: GraphProto
    constants: dict[str, TensorProto]
    counts: Counter[str]
    producers: dict[str, NodeProto]
    taken: set[str]


def index_of(graph: GraphProto) -> Index:
    """Look a graph up once."""
    producers = {name: node for node in graph.node for name in node.output}
    return Index(graph, constants_of(graph), reader_counts(graph), producers, used_names(graph))


def fold_scale_layers(graph: GraphProto) -> list[dict[str, Any]]:
    """Fold every Mul, Div, Add and Sub by a constant per channel into the Conv, ConvTranspose or Gemm before it.

    Only where that node has no other reader. The folded node produces the last output's name.

    Returns:
        One {"kind": "fold_scale_layer", "node": ..., "into": ...} per fold, in order.
    """
    index = index_of(graph)
    transforms, kept = [], []
    for node in list(graph.node):
        target = _target(index, node) if node.op_type in SCALE_OPS and not node.domain else None
        if target is None:
            kept.append(node)
            continue
        fold_affine(index, node, target, *_affine(index, node, target))
        transforms.append({"kind": "fold_scale_layer", "node": node.name, "into": target.name})
    del graph.node[:]
    graph.node.extend(kept)
    return transforms


def weighted_target(index: Index, tensor: str, channels: int) -> NodeProto | None:
    """Return the node with a constant weight that alone makes a tensor for one reader, or None."""
    producer = index.producers.get(tensor)
    if producer is None or producer.domain or producer.op_type not in WEIGHTED or index.counts[tensor] != 1:
        return None
    bias = producer.input[2] if len(producer.input) > 2 else ""
    if producer.input[1] not in index.constants or (bias and bias not in index.constants):
        return None
    return None if bias and not _is_row(list(index.constants[bias].dims), channels) else producer


def fold_affine(index: Index, node: NodeProto, target: NodeProto, factor: Float64, shift: Float64) -> None:
    """Make `target` compute factor * y + shift, float64 [channels], under the name of `node`'s output."""
    weight = array_of(index.constants[target.input[1]])
    bias = _bias(target, index.constants, factor.size)
    _replace(index, target, 1, _scaled(target, weight.astype(np.float64), factor).astype(weight.dtype))
    _replace(index, target, 2, (bias * factor + shift).astype(weight.dtype))
    target.output[0] = node.output[0]
    index.producers[node.output[0]] = target


def attribute_of(node: NodeProto, name: str, default: Any) -> Any:
    """Return an attribute's value, or the default where it is not given."""
    for attribute in node.attribute:
        if attribute.name == name:
            return helper.get_attribute_value(attribute)
    return default


def _target(index: Index, node: NodeProto) -> NodeProto | None:
    """Return the node to fold a scale layer into, or None where the result would differ."""
    tensor, constant = constant_operand(index, node)
    producer = index.producers.get(tensor)
    if producer is None or producer.op_type not in WEIGHTED or producer.input[1] not in index.constants:
        return None
    channels, rank = _channels(producer, list(index.constants[producer.input[1]].dims))
    dims = list(index.constants[constant].dims)
    per_channel = [1] * (len(dims) - rank + 1) + [channels] + [1] * (rank - 2)
    is_one, is_per_channel = math.prod(dims) == 1, dims == per_channel
    if len(dims) > rank or not (is_one or is_per_channel):
        return None
    return weighted_target(index, tensor, channels)


def _is_row(dims: list[int], channels: int) -> bool:
    """Return whether a bias of this shape is one value, or one per channel; a Gemm's may be one per row too."""
    return math.prod(dims) == 1 or dims in ([channels], [1, channels])


def constant_operand(index: Index, node: NodeProto) -> tuple[str, str]:
    """Return (tensor, constant), or ("", "") where there is no such pair; a Div or Sub has its constant second."""
    first, second = node.input
    if second in index.constants and first not in index.constants:
        return first, second
    is_swapped = first in index.constants and second not in index.constants and node.op_type in ("Mul", "Add")
    return (second, first) if is_swapped else ("", "")


def _channels(node: NodeProto, weight: list[int]) -> tuple[int, int]:
    """Return the number of output channels and the rank of the output of a Conv, ConvTranspose or Gemm."""
    if node.op_type == "Gemm":
        return weight[0 if attribute_of(node, "transB", 0) else 1], 2
    if node.op_type == "ConvTranspose":
        return weight[1] * attribute_of(node, "group", 1), len(weight)
    return weight[0], len(weight)


def _affine(index: Index, node: NodeProto, target: NodeProto) -> tuple[Float64, Float64]:
    """Return factor and shift of a scale layer, float64 [channels]."""
    constant = array_of(index.constants[constant_operand(index, node)[1]]).astype(np.float64).reshape(-1)
    channels, _ = _channels(target, list(index.constants[target.input[1]].dims))
    values = np.broadcast_to(constant, (channels,))
    if node.op_type in ("Add", "Sub"):
        return np.ones(channels), values if node.op_type == "Add" else -values
    with np.errstate(divide="ignore"):
        return values if node.op_type == "Mul" else 1.0 / values, np.zeros(channels)


def _bias(target: NodeProto, constants: dict[str, TensorProto], channels: int) -> Float64:
    """Bias added by the node, [channels]; Gemm's beta is taken into it."""
    if len(target.input) < 3 or not target.input[2]:
        return np.zeros(channels)
    bias = array_of(constants[target.input[2]]).astype(np.float64).ravel()
    if target.op_type == "Gemm":
        bias = bias * attribute_of(target, "beta", 1.0)
        kept = [attribute for attribute in target.attribute if attribute.name != "beta"]
        del target.attribute[:]
        target.attribute.extend(kept)
    return np.asarray(np.broadcast_to(bias, (channels,)))


def _scaled(target: NodeProto, weight: Float64, factor: Float64) -> Float64:
    """Multiply a weight by a factor per output channel, wherever that axis lies."""
    if target.op_type == "Gemm":
        return np.asarray(weight * (factor[:, None] if attribute_of(target, "transB", 0) else factor[None, :]))
    trailing = (1,) * (weight.ndim - 2)
    if target.op_type == "Conv":
        return np.asarray(weight * factor.reshape(-1, 1, *trailing))
    group = attribute_of(target, "group", 1)
    grouped = weight.reshape(group, weight.shape[0] // group, *weight.shape[1:])
    return np.asarray((grouped * factor.reshape(group, 1, -1, *trailing)).reshape(weight.shape))


def _replace(index: Index, node: NodeProto, position: int, value: npt.NDArray[Any]) -> None:
    """Give the node a new constant input; the name is kept where no other node reads it."""
    name = node.input[position] if position < len(node.input) else ""
    if name and index.counts[name] == 1:
        index.constants[name].CopyFrom(numpy_helper.from_array(value, name))
        return
    fresh = fresh_name(f"{name}__{node.name}" if name else f"{node.name}__bias", index.taken)
    tensor = index.graph.initializer.add()
    tensor.CopyFrom(numpy_helper.from_array(value, fresh))
    index.constants[fresh] = tensor
    index.counts[name] -= 1
    index.counts[fresh] = 1
    if position < len(node.input):
        node.input[position] = fresh
    else:
        node.input.append(fresh)
