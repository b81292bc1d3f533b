"""A bias of zeros for layers that have none, so that a plan can correct every layer's mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, numpy_helper

from workbench.model.protos import DEFAULT_DOMAINS, constants_of, fresh_name, used_names


def add_zero_biases(graph: GraphProto) -> list[dict[str, Any]]:
    """Give every Conv, ConvTranspose and Gemm with a constant float32 weight and no bias one of zeros, in place.

    Returns:
        One {"kind": "zero_bias", "node": ..., "into": name of the bias} per layer, in order.
    """
    constants, taken = constants_of(graph), used_names(graph)
    transforms = []
    for node in graph.node:
        weight = constants.get(node.input[1]) if len(node.input) > 1 else None
        if weight is None or node.domain not in DEFAULT_DOMAINS or (len(node.input) > 2 and node.input[2]):
            continue
        channels = _channels(node, weight)
        if channels:
            name = fresh_name(f"{node.name}__zero_bias", taken)
            graph.initializer.append(numpy_helper.from_array(np.zeros(channels, np.float32), name))
            node.input[2:] = [name]
            transforms.append({"kind": "zero_bias", "node": node.name, "into": name})
    return transforms


def _channels(node: NodeProto, weight: TensorProto) -> int:
    """Return the number of output channels, 0 where a zero bias has no place."""
    attributes = {attribute.name: int(attribute.i) for attribute in node.attribute}
    if weight.data_type != TensorProto.FLOAT or len(weight.dims) < 2:
        return 0
    if node.op_type == "Conv":
        return int(weight.dims[0])
    if node.op_type == "ConvTranspose":
        return int(weight.dims[1]) * attributes.get("group", 1)
    if node.op_type == "Gemm":
        return int(weight.dims[0 if attributes.get("transB", 0) else 1])
    return 0
