"""Separating initializers that several nodes read in roles that a plan must be able to tell apart."""

from __future__ import annotations

from typing import Any

from onnx import GraphProto, NodeProto, TensorProto

from workbench.model.graph import COMPUTE_OPS
from workbench.model.protos import constants_of, fresh_name, used_names

Role = tuple[str, int | str]


def separate_shared(graph: GraphProto) -> list[dict[str, Any]]:
    """Give initializers copies, in place, until each has one role.

    Roles are: weight with a certain output-channel axis (several nodes may share it), bias of one compute node or of
    one Add behind a MatMul (its grid depends on the layer's input scale, so it is never shared), and anything else.

    Returns:
        One {"kind": "copy_initializer", "node": ..., "name": ..., "into": ...} per copy.
    """
    constants = constants_of(graph)
    products = {name for node in graph.node if node.op_type == "MatMul" and not node.domain for name in node.output}
    first: dict[str, Role] = {}
    copies: dict[tuple[str, Role], str] = {}
    transforms = []
    taken = used_names(graph)
    for node in _compute_last(graph):
        for index, name in enumerate(node.input):
            if name not in constants:
                continue
            is_bias = node.op_type == "Add" and not products.isdisjoint(node.input)
            role = ("bias", node.name) if is_bias else _role(node, index, constants[name])
            if first.setdefault(name, role) == role:
                continue
            if (name, role) not in copies:
                copies[name, role] = fresh_name(f"{name}__{node.name}", taken)
                copy = TensorProto()
                copy.CopyFrom(constants[name])
                copy.name = copies[name, role]
                graph.initializer.append(copy)
            node.input[index] = copies[name, role]
            transforms.append({"kind": "copy_initializer", "node": node.name, "name": name, "into": copies[name, role]})
    return transforms


def _compute_last(graph: GraphProto) -> list[NodeProto]:
    """Nodes with compute ops at the end: other readers keep the original name, which subgraphs may read too."""
    return sorted(graph.node, key=lambda node: node.op_type in COMPUTE_OPS)


def _role(node: NodeProto, index: int, tensor: TensorProto) -> Role:
    if node.op_type not in COMPUTE_OPS or node.domain:
        return ("other", 0)
    if index == 2:
        return ("bias", node.name)
    if node.op_type == "Conv":
        return ("weight", 0)
    if node.op_type == "ConvTranspose":
        return ("weight", 1)
    if node.op_type == "Gemm":
        return ("weight", _gemm_axis(node, index))
    return ("weight", len(tensor.dims) - 1 if index == 1 else len(tensor.dims) - 2)


def _gemm_axis(node: NodeProto, index: int) -> int:
    """Output-channel axis: columns of B and rows of A, the other way round where transposed."""
    name = "transB" if index == 1 else "transA"
    transposed = any(attribute.name == name and attribute.i for attribute in node.attribute)
    return int(transposed) if index == 0 else 1 - int(transposed)
