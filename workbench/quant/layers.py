"""The quantized layers of a plan, with what refining them needs: where a shift can go, and the activation behind."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.model.graph import GraphSummary, NodeSummary
from workbench.quant.correction import NO_ACTIVATION, Bounds
from workbench.quant.plan import QuantPlan
from workbench.quant.rows import ROW_OPS
from workbench.quant.select import WeightUse
from workbench.quant.wiring import Wiring, wire


@dataclass(frozen=True)
class Layer:
    """One layer that computes on codes.

    Attributes:
        node: the node that multiplies; last: the node that gives out the sum with the bias, mostly the same.
        bias: the bias in the plan that takes the shift, "" where there is none.
        axis: output-channel axis of the output.
        bounds: what the activation behind it clips to.
        rounds: whether GPTQ can round its weight: its form is known and no other node reads it.
    """

    node: NodeSummary
    last: NodeSummary
    bias: str
    axis: int
    bounds: Bounds
    rounds: bool


def layers_of(graph: GraphSummary, plan: QuantPlan, uses: Iterable[WeightUse]) -> list[Layer]:
    """Return the layers whose input and weight the plan quantizes, in the graph's order."""
    wiring, biases = wire(graph), {use.node: use.bias for use in uses}
    return [
        _layer(node, biases[node.name], wiring, plan)
        for node in graph.nodes
        if node.name in biases and node.inputs[0] in plan.tensors
    ]


def _layer(node: NodeSummary, bias: str, wiring: Wiring, plan: QuantPlan) -> Layer:
    last = node if bias in node.inputs or not bias else wiring.readers(bias)[0][0]
    return Layer(
        node,
        last,
        bias if bias in plan.biases else "",
        1 if node.op_type.startswith("Conv") else -1,
        _bounds_behind(last, wiring),
        node.op_type in ROW_OPS and len(wiring.readers(node.inputs[1])) == 1,
    )


def _bounds_behind(node: NodeSummary, wiring: Wiring) -> Bounds:
    """Return what the Relu or Clip that alone reads the node's output clips to."""
    reader = wiring.only_reader(node.outputs[0])
    if reader is None:
        return NO_ACTIVATION
    if reader.op_type == "Relu":
        return 0.0, math.inf
    low, high = wiring.clip_bounds(reader) if reader.op_type == "Clip" else (None, None)
    return NO_ACTIVATION if low is None or high is None else (low, high)
