"""INT8 coverage counts multiply-accumulates; leftovers are float ops with INT8 on both sides."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from helpers.onnx_models import conv_relu_net, resnet_like

from workbench.execution.coverage import float_leftovers, int8_mac_share, placement_records
from workbench.model.graph import GraphSummary
from workbench.model.summary import graph_summary
from workbench.spi import Placement


def _placed(graph: GraphSummary, in_float: tuple[str, ...] = (), **changes: Any) -> list[dict[str, Any]]:
    rows = []
    for node in graph.nodes:
        precision = "fp32" if node.name in in_float else "int8"
        rows.append(asdict(Placement(node.name, node.op_type, "CPU", precision, reason="planted")) | changes)
    return rows


def test_a_planted_float_conv_lowers_the_share_by_exactly_its_macs() -> None:
    graph = graph_summary(conv_relu_net())
    macs = {node.name: node.macs for node in graph.nodes}
    assert int8_mac_share(placement_records(_placed(graph), graph, []), graph) == 1.0
    for name in ("conv1_node", "conv2_node", "logits_node"):
        share = int8_mac_share(placement_records(_placed(graph, (name,)), graph, []), graph)
        assert share == pytest.approx(1 - macs[name] / sum(macs.values()), abs=1e-15)
        assert share is not None
        assert share < 1


def test_a_node_listed_twice_counts_once_and_float_wins() -> None:
    graph = graph_summary(conv_relu_net())
    twice = _placed(graph) + _placed(graph)
    assert int8_mac_share(placement_records(twice, graph, []), graph) == 1.0
    mixed = _placed(graph) + _placed(graph, tuple(node.name for node in graph.nodes))
    assert int8_mac_share(placement_records(mixed, graph, []), graph) == 0.0


def test_added_ops_and_unknown_nodes_have_no_macs() -> None:
    graph = graph_summary(conv_relu_net())
    added = asdict(Placement("", "QuantizeLinear", "CPU", "int8"))
    records = placement_records([added], graph, [])
    assert records[0].macs == 0
    assert int8_mac_share(records, graph) == 0.0


def test_records_say_what_the_plan_asked_for() -> None:
    graph = graph_summary(conv_relu_net())
    records = {row.node: row for row in placement_records(_placed(graph), graph, ["conv1_node"])}
    assert records["conv1_node"].quantized
    assert not records["conv2_node"].quantized
    assert records["conv1_node"].macs == 16 * 16 * 8 * 3 * 9


def test_leftovers_lie_between_integer_ops() -> None:
    graph = graph_summary(resnet_like())
    found = float_leftovers(placement_records(_placed(graph, ("stem_node", "block0_add_node")), graph, []), graph)
    assert [(item.node, item.op_type, item.reason) for item in found] == [("block0_add_node", "Add", "planted")]
    ends = float_leftovers(placement_records(_placed(graph, ("stem_node", "logits_node")), graph, []), graph)
    assert ends == []


def test_a_fused_op_and_a_float_graph_leave_nothing_over() -> None:
    graph = graph_summary(resnet_like())
    rows = [
        {**row, "fused_into": "conv" if row["node"] == "block0_add_node" else ""}
        for row in _placed(graph, ("block0_add_node",))
    ]
    assert float_leftovers(placement_records(rows, graph, []), graph) == []
    everything = tuple(node.name for node in graph.nodes)
    assert float_leftovers(placement_records(_placed(graph, everything), graph, []), graph) == []


def test_a_share_that_the_runtime_does_not_know_is_none_and_not_zero() -> None:
    graph = graph_summary(conv_relu_net())
    unknown = [row | {"precision": "unknown"} for row in _placed(graph)]
    assert int8_mac_share(placement_records(unknown, graph, []), graph) is None
    floats = [row | {"precision": "fp32"} if row["node"] == "conv1_node" else row for row in unknown]
    assert int8_mac_share(placement_records(floats, graph, ["conv2_node"]), graph) is None
    assert int8_mac_share(placement_records(floats, graph, []), graph) == 0.0
    known = [row if row["node"] == "conv1_node" else row | {"precision": "unknown"} for row in _placed(graph)]
    share = int8_mac_share(placement_records(known, graph, []), graph)
    assert share is not None
    assert 0 < share < 1
