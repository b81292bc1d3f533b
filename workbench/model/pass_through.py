"""Removing Identity, inference Dropout and Casts to the type a tensor has: they change no value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onnx import GraphProto, NodeProto, helper

from workbench.model.channel_affine import attribute_of
from workbench.model.protos import array_of, constants_of, reader_counts, rename_reads


def is_pass_through(node: NodeProto) -> bool:
    """Whether the node's first output always equals its first input: Identity, and Dropout that is not training."""
    if node.domain:
        return False
    return node.op_type == "Identity" or (node.op_type == "Dropout" and (len(node.input) < 3 or not node.input[2]))


def remove_pass_through(graph: GraphProto) -> list[dict[str, Any]]:
    """Remove such nodes in place; tensors that are graph outputs keep their names.

    A node between a graph input (or an initializer, or another output) and a graph output stays, since one
    tensor cannot have two names.

    Returns:
        One {"kind": "remove_identity", "node": ...} per removed node.
    """
    types = _element_types(graph)
    removable = [node for node in graph.node if _is_removable(node, graph) or _is_idle_cast(node, types)]
    if not removable:
        return []
    producers = {name for node in graph.node for name in node.output}
    outputs = {value.name for value in graph.output}
    alias: dict[str, str] = {}
    removed = []
    for node in removable:
        source, target = _resolve(node.input[0], alias), node.output[0]
        if target not in outputs:
            alias[target] = source
        elif source in producers and source not in outputs:
            alias[source] = target
        else:
            continue
        removed.append(node)
    _apply(graph, alias, removed)
    return [{"kind": "remove_identity", "node": node.name, "op_type": node.op_type} for node in removed]


def _is_removable(node: NodeProto, graph: GraphProto) -> bool:
    if node.op_type == "Dropout" and len(node.output) > 1 and reader_counts(graph)[node.output[1]]:
        return False
    return is_pass_through(node) or (node.op_type == "Dropout" and _is_false(node.input[2], graph))


def _element_types(graph: GraphProto) -> dict[str, int]:
    """Return tensor -> element type, of those whose type the graph states."""
    values = (*graph.value_info, *graph.output, *graph.input)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}


def _is_idle_cast(node: NodeProto, types: Mapping[str, int]) -> bool:
    """Whether a Cast gives the type that its input has; converters between frameworks write hundreds of these."""
    if node.op_type != "Cast" or node.domain or not types.get(node.input[0]):
        return False
    return bool(types[node.input[0]] == attribute_of(node, "to", 0))


def _is_false(name: str, graph: GraphProto) -> bool:
    """Whether a scalar is known to be false: an initializer or a Constant node."""
    if name in (constants := constants_of(graph)):
        return not bool(array_of(constants[name]).any())
    for node in graph.node:
        if name in node.output and node.op_type == "Constant" and node.attribute[0].name == "value":
            return not bool(array_of(helper.get_attribute_value(node.attribute[0])).any())
    return False


def _resolve(name: str, alias: dict[str, str]) -> str:
    while name in alias:
        name = alias[name]
    return name


def _apply(graph: GraphProto, alias: dict[str, str], removed: list[NodeProto]) -> None:
    gone = {id(node) for node in removed}
    remaining = [node for node in graph.node if id(node) not in gone]
    del graph.node[:]
    graph.node.extend(remaining)
    names = {old: _resolve(old, alias) for old in alias}
    for node in graph.node:
        for old, new in names.items():
            rename_reads(node, old, new)
        for index, name in enumerate(node.output):
            node.output[index] = names.get(name, name)
