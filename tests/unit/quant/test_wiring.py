"""Edges of a graph summary and the constants read off it."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.model.graph import GraphSummary, NodeSummary, TensorSpec
from workbench.quant.wiring import IN_SUBGRAPH, wire

NODES = (
    NodeSummary("a", "Conv", ("x", "W"), ("ta",), constant_inputs=(1,)),
    NodeSummary("b", "Clip", ("ta", "low", "high"), ("tb",), constant_inputs=(1, 2)),
    NodeSummary("c", "Pad", ("tb", "pads", ""), ("tc",), {"mode": "constant"}, constant_inputs=(1,)),
    NodeSummary("d", "Gemm", ("tc", "V"), ("td",), constant_inputs=(1,)),
    NodeSummary("e", "Relu", ("td",), ("te",)),
)
GRAPH = GraphSummary(
    NODES,
    (TensorSpec("x", "float32", ("N", 2)),),
    (TensorSpec("te", "float32", ("N", 2)), TensorSpec("tb", "float32", ("N", 2))),
    constants={"low": (0.0,), "high": (6.0,), "pads": (0.0, 0.0, 1.0, 1.0)},
)


def test_producers_readers_and_order() -> None:
    wiring = wire(GRAPH)
    assert wiring.tensors == ("x", "ta", "tb", "tc", "td", "te")
    assert "x" not in wiring.producer
    assert wiring.producer["tb"].name == "b"
    assert [(reader.name, index) for reader, index in wiring.readers("V")] == [("d", 1)]
    assert wiring.readers("te") == ()


def test_only_reader_does_not_hold_for_graph_outputs() -> None:
    wiring = wire(GRAPH)
    assert wiring.is_only_reader(NODES[1], "ta")
    assert not wiring.is_only_reader(NODES[2], "tb")
    assert not wiring.is_only_reader(NODES[0], "ta")


def test_paths_into_layers() -> None:
    wiring = wire(GRAPH)
    assert [wiring.leads_to_compute(node) for node in NODES] == [True, True, True, False, False]
    assert wiring.tensors_before({"b"}) == {"x", "W", "ta", "low", "high"}


def test_constants() -> None:
    wiring = wire(GRAPH)
    assert wiring.clip_bounds(NODES[1]) == (0.0, 6.0)
    assert wiring.clip_bounds(NodeSummary("k", "Clip", ("ta", "", "te"), ("o",))) == (None, None)
    assert wiring.clip_bounds(NodeSummary("k", "Clip", ("ta", "pads"), ("o",))) == (None, None)
    assert wiring.clip_bounds(NodeSummary("k", "Clip", ("ta",), ("o",), {"max": 6})) == (None, 6.0)
    assert wiring.pads_with_zero(NODES[2])
    assert not wiring.pads_with_zero(NodeSummary("k", "Pad", ("ta", "pads", "high"), ("o",)))
    assert not wiring.pads_with_zero(NodeSummary("k", "Pad", ("ta", "pads", "te"), ("o",)))
    assert not wiring.pads_with_zero(NodeSummary("k", "Pad", ("ta", "pads"), ("o",), {"mode": "edge"}))


@pytest.mark.parametrize(
    ("attributes", "is_whole"),
    [
        ({"kernel_shape": [7, 7]}, True),
        ({"kernel_shape": [7, 7], "pads": [0, 0, 0, 0], "auto_pad": "VALID"}, True),
        ({"kernel_shape": [7, 6]}, False),
        ({"kernel_shape": [7, 7], "pads": [1, 1, 1, 1]}, False),
        ({"kernel_shape": [7, 7], "auto_pad": "SAME_UPPER"}, False),
        ({}, False),
    ],
)
def test_a_pool_over_the_whole_plane(attributes: dict[str, Any], is_whole: bool) -> None:
    pool = NodeSummary("p", "AveragePool", ("x",), ("y",), attributes)
    shapes = {"x": ("N", 8, 7, 7)}
    assert wire(GraphSummary((pool,), (), (), shapes)).pools_whole_plane(pool) is is_whole
    assert not wire(GraphSummary((pool,), (), ())).pools_whole_plane(pool)


def test_a_subgraph_reads_what_it_takes_from_outside() -> None:
    branch = NodeSummary("f", "If", ("te",), ("tf",), outer_reads=("tc", "W"))
    reader = NodeSummary("g", "Gemm", ("tf", "U"), ("tg",), constant_inputs=(1,))
    wiring = wire(GraphSummary((*NODES, branch, reader), GRAPH.inputs, GRAPH.outputs))
    assert [(node.name, index) for node, index in wiring.readers("tc")] == [("d", 0), ("f", IN_SUBGRAPH)]
    assert wiring.only_reader("tc") is None
    assert not wiring.is_only_reader(NODES[3], "tc")
    assert wire(GRAPH).only_reader("tc") == NODES[3]
    assert wiring.tensors_before({"g"}) >= {"tf", "te", "tc", "W", "x"}
    assert wiring.leads_to_compute(NODES[4])


def test_only_reader_is_none_for_several_for_none_and_for_a_graph_output() -> None:
    both = NodeSummary("s", "Add", ("ta", "ta"), ("ts",))
    wiring = wire(GraphSummary((*NODES[:2], both), GRAPH.inputs, GRAPH.outputs))
    assert [wiring.only_reader(name) for name in ("ta", "tb", "ts")] == [None, None, None]


def test_a_value_to_pad_with_may_be_an_attribute() -> None:
    wiring = wire(GRAPH)
    for value, is_zero in ((0.0, True), (1.0, False)):
        old = NodeSummary("k", "Pad", ("ta",), ("o",), {"pads": [1, 1], "value": value})
        assert wiring.pads_with_zero(old) is is_zero
    assert wiring.clip_bounds(NodeSummary("k", "Clip", ("ta", ""), ("o",), {"min": 0.0})) == (0.0, None)
