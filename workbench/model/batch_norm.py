"""Folding BatchNormalization into the Conv, ConvTranspose or Gemm before it."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto

from workbench.model.channel_affine import Float64, Index, attribute_of, fold_affine, index_of, weighted_target
from workbench.model.protos import array_of


def fold_batch_norms(graph: GraphProto) -> list[dict[str, Any]]:
    """Fold every BatchNormalization whose input has one reader and comes from a node with a constant weight.

    y = (x - mean) * gamma / sqrt(var + epsilon) + beta is a factor and a shift per output channel; both are
    computed in float64. The folded node produces the BatchNormalization's output name; a weight that other
    nodes read too is left to them and copied.

    Returns:
        One {"kind": "fold_batch_norm", "node": ..., "into": ...} per fold, in order.
    """
    index = index_of(graph)
    transforms, kept = [], []
    for node in list(graph.node):
        target = _target(index, node) if node.op_type == "BatchNormalization" else None
        if target is None:
            kept.append(node)
            continue
        fold_affine(index, node, target, *_affine(index, node))
        transforms.append({"kind": "fold_batch_norm", "node": node.name, "into": target.name})
    del graph.node[:]
    graph.node.extend(kept)
    return transforms


def _target(index: Index, norm: NodeProto) -> NodeProto | None:
    """Return the node to fold into, or None where the result would differ."""
    constants = index.constants
    if attribute_of(norm, "training_mode", 0) or any(index.counts[name] for name in norm.output[1:] if name):
        return None
    if any(name not in constants for name in norm.input[1:5]):
        return None
    return weighted_target(index, norm.input[0], constants[norm.input[1]].dims[0])


def _affine(index: Index, norm: NodeProto) -> tuple[Float64, Float64]:
    """Return factor and shift, float64 [channels]."""
    gamma, beta, mean, variance = (array_of(index.constants[name]).astype(np.float64) for name in norm.input[1:5])
    factor = gamma / np.sqrt(variance + attribute_of(norm, "epsilon", 1e-5))
    return factor, beta - mean * factor
