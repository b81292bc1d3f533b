"""What really ran in INT8: share of multiply-accumulates, and the float ops that stand between INT8 ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.execution.result import FloatLeftover, PlacementRecord
from workbench.model.graph import GraphSummary

FLOAT_PRECISIONS = ("fp32", "fp16", "bf16", "f32", "f16")
UNKNOWN = "unknown"


def placement_records(
    placements: Iterable[Mapping[str, Any]], graph: GraphSummary, quantized: Iterable[str]
) -> list[PlacementRecord]:
    """Return what the runtime told, with each node's MACs and whether the plan asked for INT8."""
    macs = {node.name: node.macs for node in graph.nodes}
    asked = set(quantized)
    return [
        PlacementRecord(**item, macs=macs.get(item["node"], 0), quantized=item["node"] in asked) for item in placements
    ]


def int8_mac_share(placements: Sequence[PlacementRecord], graph: GraphSummary) -> float | None:
    """Return the share (0..1) of the graph's MACs that ran in integer kernels.

    None for a graph without MACs, and where the runtime names none of them as INT8 and does not know the precision of
    any, or of one that the plan asks for in INT8.
    """
    computing = {node.name for node in graph.nodes if node.macs}
    placed = [item for item in placements if item.node in computing]
    integer = {item.node for item in placed if item.precision == "int8"}
    integer -= {item.node for item in placed if item.precision in FLOAT_PRECISIONS}
    if not computing or (not integer and _is_untold(placed)):
        return None
    return sum(node.macs for node in graph.nodes if node.name in integer) / graph.macs


def _is_untold(placements: Sequence[PlacementRecord]) -> bool:
    """Whether none of these has a known precision, or one that was asked for in INT8 has none."""
    unknown = [item for item in placements if item.precision == UNKNOWN]
    return bool(unknown) and (len(unknown) == len(placements) or any(item.quantized for item in unknown))


def float_leftovers(placements: Sequence[PlacementRecord], graph: GraphSummary) -> list[FloatLeftover]:
    """Return the nodes that ran in float with an INT8 node somewhere before and somewhere after them."""
    integer = {item.node for item in placements if item.precision == "int8" and item.node}
    between = _reachable(graph, integer, forward=True) & _reachable(graph, integer, forward=False)
    return [
        FloatLeftover(node=item.node, op_type=item.op_type, reason=item.reason, time_share=item.time_share)
        for item in placements
        if item.node and item.precision in FLOAT_PRECISIONS and not item.fused_into and item.node in between
    ]


def _reachable(graph: GraphSummary, start: set[str], *, forward: bool) -> set[str]:
    """Return the nodes with one of `start` among their ancestors (forward) or descendants."""
    reached_tensors: set[str] = set()
    reached: set[str] = set()
    for node in graph.nodes if forward else reversed(graph.nodes):
        incoming, outgoing = (node.inputs, node.outputs) if forward else (node.outputs, node.inputs)
        is_reached = any(name in reached_tensors for name in incoming if name)
        if is_reached:
            reached.add(node.name)
        if is_reached or node.name in start:
            reached_tensors.update(name for name in outgoing if name)
    return reached
