"""The graph as plain values."""

from __future__ import annotations

import dataclasses

import pytest

from workbench.model.graph import COMPUTE_OPS, GraphSummary, NodeSummary, TensorSpec


def test_macs_are_the_sum_over_nodes() -> None:
    nodes = (NodeSummary("a", "Conv", ("x", "w"), ("y",), macs=10), NodeSummary("b", "Relu", ("y",), ("z",)))
    graph = GraphSummary(nodes, (TensorSpec("x", "float32", ("N", 3)),), (TensorSpec("z", "float32", ("N", 3)),))
    assert graph.macs == 10


def test_values_are_frozen() -> None:
    spec = TensorSpec("x", "float32", (1,))
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "y"  # type: ignore[misc]


def test_ops_that_multiply_and_accumulate() -> None:
    assert {"Conv", "ConvTranspose", "Gemm", "MatMul"} == COMPUTE_OPS
