"""Arithmetic with a constant per channel behind a Transpose, moved in front of it, where it can be folded.

Converters from channels-last frameworks write a Transpose after each Conv and the BatchNormalization as plain
arithmetic behind that. Left alone, all of it would stay float between integer layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, NodeProto, numpy_helper

from workbench.model.channel_affine import (
    SCALE_OPS,
    WEIGHTED,
    Index,
    attribute_of,
    constant_operand,
    index_of,
)
from workbench.model.protos import array_of, fresh_name


def move_scale_layers(graph: GraphProto) -> list[dict[str, Any]]:
    """Swap every Mul, Div, Add and Sub by a constant per channel with the Transpose of a Conv's output before it.

    Only where nothing else reads the Conv's output or the Transpose's. The Transpose produces the last output's name.

    Returns:
        One {"kind": "move_scale_layer", "node": ..., "before": ...} per swap, in order.
    """
    index, transforms, moved = index_of(graph), list[dict[str, Any]](), set[str]()
    order = list(graph.node)
    for node in [node for node in order if node.op_type in SCALE_OPS and not node.domain]:
        transpose = _transpose_before(index, node, moved)
        constant = None if transpose is None else _channel_constant(index, node, transpose)
        if transpose is None or constant is None:
            continue
        _swap(index, node, transpose, constant)
        order.pop(next(place for place, other in enumerate(order) if other is node))
        order.insert(next(place for place, other in enumerate(order) if other is transpose), node)
        moved.add(node.name)
        transforms.append({"kind": "move_scale_layer", "node": node.name, "before": transpose.name})
    del graph.node[:]
    graph.node.extend(order)
    return transforms


def _transpose_before(index: Index, node: NodeProto, moved: set[str]) -> NodeProto | None:
    """Return the Transpose whose output the node alone reads, if a Conv (or a layer moved behind it) feeds it alone."""
    tensor = constant_operand(index, node)[0]
    transpose = index.producers.get(tensor)
    if transpose is None or transpose.op_type != "Transpose" or index.counts[tensor] != 1:
        return None
    maker = index.producers.get(transpose.input[0])
    is_layer = maker is not None and (maker.op_type in WEIGHTED or maker.name in moved)
    has_perm = attribute_of(transpose, "perm", None) is not None
    return transpose if is_layer and has_perm and index.counts[transpose.input[0]] == 1 else None


def _channel_constant(index: Index, node: NodeProto, transpose: NodeProto) -> npt.NDArray[Any] | None:
    """Return the node's constant as it stands in front of the Transpose; None unless it is one value per channel."""
    perm = list(attribute_of(transpose, "perm", None))
    value = array_of(index.constants[constant_operand(index, node)[1]])
    if value.ndim > len(perm):
        return None
    full = value.reshape((1,) * (len(perm) - value.ndim) + value.shape)
    before = full.transpose(np.argsort(perm))
    return before if before.ndim > 1 and before.size == before.shape[1] else None


def _swap(index: Index, node: NodeProto, transpose: NodeProto, constant: npt.NDArray[Any]) -> None:
    tensor, name = constant_operand(index, node)
    between, value = fresh_name(f"{node.name}__moved", index.taken), fresh_name(f"{name}__moved", index.taken)
    new = index.graph.initializer.add()
    new.CopyFrom(numpy_helper.from_array(np.asarray(constant, order="C"), value))
    index.constants[value] = new
    swapped = {tensor: transpose.input[0], name: value}
    node.input[:] = [swapped[item] for item in node.input]
    transpose.output[0], node.output[0], transpose.input[0] = node.output[0], between, between
    index.producers.update({between: node, transpose.output[0]: transpose})
    index.counts.update({between: 1, value: 1})
