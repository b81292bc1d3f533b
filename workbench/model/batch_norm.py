"""Folding BatchNormalization into the Conv, ConvTranspose or Gemm before it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from workbench.model.protos import array_of, constants_of, elements_of, fresh_name, reader_counts, used_names

Float64 = npt.NDArray[np.float64]
_TARGETS = ("Conv", "ConvTranspose", "Gemm")


@dataclass
class _Index:
    """What folding looks up, kept in step with the graph."""

    graph: GraphProto
    constants: dict[str, TensorProto]
    counts: Counter[str]
    producers: dict[str, NodeProto]
    taken: set[str]


def fold_batch_norms(graph: GraphProto) -> list[dict[str, Any]]:
    """Fold every BatchNormalization whose input has one reader and comes from a node with a constant weight.

    y = (x - mean) * gamma / sqrt(var + epsilon) + beta is a factor and a shift per output channel; both are
    computed in float64. The folded node produces the BatchNormalization's output name; a weight that other
    nodes read too is left to them and copied.

    Returns:
        One {"kind": "fold_batch_norm", "node": ..., "into": ...} per fold, in order.
    """
    producers = {name: node for node in graph.node for name in node.output}
    index = _Index(graph, constants_of(graph), reader_counts(graph), producers, used_names(graph))
    transforms, kept = [], []
    for node in list(graph.node):
        target = _target(index, node) if node.op_type == "BatchNormalization" else None
        if target is None:
            kept.append(node)
        else:
            _fold(index, node, target)
            transforms.append({"kind": "fold_batch_norm", "node": node.name, "into": target.name})
    del graph.node[:]
    graph.node.extend(kept)
    return transforms


def _target(index: _Index, norm: NodeProto) -> NodeProto | None:
    """Return the node to fold into, or None where the result would differ."""
    constants, counts = index.constants, index.counts
    if _attribute(norm, "training_mode", 0) or any(counts[name] for name in norm.output[1:] if name):
        return None
    if counts[norm.input[0]] != 1 or any(name not in constants for name in norm.input[1:5]):
        return None
    producer = index.producers.get(norm.input[0])
    if producer is None or producer.op_type not in _TARGETS or producer.domain:
        return None
    bias = producer.input[2] if len(producer.input) > 2 else ""
    if producer.input[1] not in constants or (bias and bias not in constants):
        return None
    channels = constants[norm.input[1]].dims[0]
    if bias and elements_of(constants[bias]) not in (1, channels):
        return None
    return producer


def _fold(index: _Index, norm: NodeProto, target: NodeProto) -> None:
    constants = index.constants
    gamma, beta, mean, variance = (array_of(constants[name]).astype(np.float64) for name in norm.input[1:5])
    factor = gamma / np.sqrt(variance + _attribute(norm, "epsilon", 1e-5))
    weight = array_of(constants[target.input[1]])
    bias = _bias(target, constants, factor.size)
    folded_bias = (bias - mean) * factor + beta
    _replace(index, target, 1, (_scaled(target, weight.astype(np.float64), factor)).astype(weight.dtype))
    _replace(index, target, 2, folded_bias.astype(weight.dtype))
    target.output[0] = norm.output[0]
    index.producers[norm.output[0]] = target


def _bias(target: NodeProto, constants: dict[str, Any], channels: int) -> Float64:
    """Bias added by the node, [channels]; Gemm's beta is taken into it."""
    if len(target.input) < 3 or not target.input[2]:
        return np.zeros(channels)
    bias = array_of(constants[target.input[2]]).astype(np.float64).ravel()
    if target.op_type == "Gemm":
        bias = bias * _attribute(target, "beta", 1.0)
        kept = [attribute for attribute in target.attribute if attribute.name != "beta"]
        del target.attribute[:]
        target.attribute.extend(kept)
    return np.asarray(np.broadcast_to(bias, (channels,)))


def _scaled(target: NodeProto, weight: Float64, factor: Float64) -> Float64:
    """Multiply a weight by a factor per output channel, wherever that axis lies."""
    if target.op_type == "Gemm":
        return np.asarray(weight * (factor[:, None] if _attribute(target, "transB", 0) else factor[None, :]))
    trailing = (1,) * (weight.ndim - 2)
    if target.op_type == "Conv":
        return np.asarray(weight * factor.reshape(-1, 1, *trailing))
    group = _attribute(target, "group", 1)
    grouped = weight.reshape(group, weight.shape[0] // group, *weight.shape[1:])
    return np.asarray((grouped * factor.reshape(group, 1, -1, *trailing)).reshape(weight.shape))


def _replace(index: _Index, node: NodeProto, position: int, value: npt.NDArray[Any]) -> None:
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


def _attribute(node: NodeProto, name: str, default: Any) -> Any:
    for attribute in node.attribute:
        if attribute.name == name:
            return helper.get_attribute_value(attribute)
    return default
