"""Clip at 0 and nowhere else written as Relu, which every runtime fuses into the layer before it."""

from __future__ import annotations

from typing import Any

from onnx import GraphProto, NodeProto, TensorProto

from workbench.model.protos import array_of, constants_of, elements_of


def clips_to_relus(graph: GraphProto) -> list[dict[str, Any]]:
    """Rewrite each Clip with the constant 0 as its lower bound and no upper bound as Relu in place; same values.

    Returns:
        One {"kind": "clip_to_relu", "node": ...} per node.
    """
    zeros = {name for name, tensor in constants_of(graph).items() if _is_zero(tensor)}
    found = [node for node in graph.node if node.op_type == "Clip" and not node.domain and _is_relu(node, zeros)]
    for node in found:
        node.op_type = "Relu"
        del node.input[1:]
    return [{"kind": "clip_to_relu", "node": node.name} for node in found]


def _is_zero(tensor: TensorProto) -> bool:
    """Whether a tensor is one float32 zero; Relu of whole numbers came with opset 14 only."""
    return tensor.data_type == TensorProto.FLOAT and elements_of(tensor) == 1 and not array_of(tensor).any()


def _is_relu(node: NodeProto, zeros: set[str]) -> bool:
    low, high = (*node.input[1:3], "", "")[:2]
    return low in zeros and not high
