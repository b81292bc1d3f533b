"""Where a plan is exact in float32, so that its Q/DQ simulation must equal the specification bit for bit.

An output is certified when every real before a rounding is a whole multiple of a power of two, with a factor below
2^24: float32 then holds it, and every partial sum on the way to it, in whatever order a runtime adds. That asks for
power-of-two scales, for max_c (sum |q_w| * max |step| + |bias code|) < 2^24 in every product (sum |q_w| * 128 in S1,
plus the bias), for means over a power of two of cells, and for no float island on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper

from workbench.model.graph import COMPUTE_OPS
from workbench.model.summary import graph_summary
from workbench.quant.affine import bias_codes, bias_grid
from workbench.quant.integer_graph import MOVES
from workbench.quant.plan import QuantPlan, TensorParameters, WeightParameters

EXACT_INTEGERS = 2**24
"""Every whole number up to here is a float32."""
FLOAT_TOO = frozenset({"Add", "AveragePool", "GlobalAveragePool"})
"""Ops that compute on codes only where the plan says so."""
SELECTIONS = MOVES | {"MaxPool", "Concat", "Relu", "Clip"}
"""Ops that only pick, order or cut off values."""


@dataclass(frozen=True)
class Certificate:
    """What is certified of one plan on one graph.

    Attributes:
        exact: tensors whose simulated values must equal the specification's, bit for bit.
        reasons: node or tensor -> why it may round; in the graph's order, without what only follows from others.
    """

    exact: frozenset[str]
    reasons: Mapping[str, str]

    def covers(self, names: Iterable[str]) -> bool:
        """Whether all of these tensors are certified."""
        return self.exact.issuperset(names)

    @property
    def first_reason(self) -> str:
        """The first place that may round, in words; "" where nothing does."""
        return next((f"{name}: {reason}" for name, reason in self.reasons.items()), "")


def certify(canonical: onnx.ModelProto, plan: QuantPlan) -> Certificate:
    """Say which tensors of a quantized graph are exact in float32, from the plan's numbers alone."""
    producers = {name: node for node in canonical.graph.node for name in node.output}
    rules = _Rules(plan, graph_summary(canonical).shapes, producers)
    reasons: dict[str, str] = {}
    exact = {item.name for item in canonical.graph.initializer}
    for value in canonical.graph.input:
        _judge([value.name], "", True, rules, exact, reasons)
    for node in canonical.graph.node:
        reason = rules.reason(node)
        if reason:
            reasons[node.name] = reason
        sources = [name for name in node.input if name]
        _judge([name for name in node.output if name], reason, exact.issuperset(sources), rules, exact, reasons)
    return Certificate(frozenset(exact), reasons)


def _judge(
    outputs: list[str], reason: str, is_founded: bool, rules: _Rules, exact: set[str], reasons: dict[str, str]
) -> None:
    """Add a node's outputs to `exact`, unless it rounds, what it reads does, or they get an odd scale."""
    for name in outputs:
        odd = name in rules.plan.tensors and not is_power_of_two(rules.plan.tensors[name].scale)
        if odd:
            reasons.setdefault(name, "its scale is no power of two")
        if is_founded and not reason and not odd:
            exact.add(name)


@dataclass(frozen=True)
class _Rules:
    plan: QuantPlan
    shapes: Mapping[str, tuple[int | str, ...]]
    producers: Mapping[str, NodeProto]

    def reason(self, node: NodeProto) -> str:
        """Return why a node's real output may need rounding in float32, "" when it cannot."""
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type in COMPUTE_OPS:
            return self._product(node, node.input[2] if len(node.input) > 2 else "")
        if node.op_type in FLOAT_TOO and node.name not in self.plan.quantized_nodes:
            return f"{node.op_type} is computed in float"
        if node.op_type == "Add":
            return self._sum(node)
        if node.op_type == "AveragePool":
            return self._mean(node, _cells(attributes))
        if node.op_type == "GlobalAveragePool":
            return self._mean(node, self._plane(node.input[0]))
        return "" if node.op_type in SELECTIONS else f"{node.op_type} is computed in float"

    def _product(self, node: NodeProto, bias_name: str) -> str:
        tensor = self.plan.tensors.get(node.input[0])
        weight = self.plan.weights.get(node.input[1]) if 1 in self.plan.edges.get(node.name, ()) else None
        if tensor is None or weight is None:
            return f"{node.op_type} is computed in float"
        if not is_power_of_two(weight.scale):
            return "a scale of its weight is no power of two"
        reach = channel_sums(weight, _groups(node)) * largest_step(tensor)
        if bias_name:
            bias, grid = self.plan.biases.get(bias_name), bias_grid(tensor.scale, weight.scale, reach.size)
            if bias is None or bias.shape != grid.shape or np.any(bias_codes(bias, grid) * grid != bias):
                return "its bias is not on the grid"
            reach = reach + np.abs(bias_codes(bias, grid))
        largest = int(reach.max(initial=0))
        return "" if largest < EXACT_INTEGERS else f"its sums may reach {largest:,}, 2^24 or more"

    def _sum(self, node: NodeProto) -> str:
        for layer, bias in (node.input, reversed(node.input)):
            if bias in self.plan.biases and layer in self.producers:
                return self._product(self.producers[layer], bias)
        tensors = [self.plan.tensors.get(name) for name in node.input]
        found = [tensor for tensor in tensors if tensor is not None]
        if len(found) < len(tensors):
            return "Add is computed in float"
        step = min(tensor.scale for tensor in found)
        largest = sum(largest_step(tensor) * tensor.scale / step for tensor in found)
        return "" if largest < EXACT_INTEGERS else "it adds tensors of too different scales"

    def _mean(self, node: NodeProto, cells: int) -> str:
        tensor = self.plan.tensors.get(node.input[0])
        if tensor is None:
            return f"{node.op_type} is computed in float"
        if not is_power_of_two(cells):
            return f"a mean over {cells or 'differing numbers of'} cells"
        return "" if cells * largest_step(tensor) < EXACT_INTEGERS else f"a mean over {cells} cells"

    def _plane(self, name: str) -> int:
        sizes = self.shapes.get(name, ())[2:]
        return int(np.prod([size if isinstance(size, int) else 0 for size in sizes], dtype=np.int64))


def _groups(node: NodeProto) -> int:
    """Return how many groups a ConvTranspose's channels come in; other layers' weights hold every channel."""
    given = next((item.i for item in node.attribute if item.name == "group"), 1)
    return given if node.op_type == "ConvTranspose" else 1


def largest_step(tensor: TensorParameters) -> int:
    """Return max |code - zero_point|: 128 for S1."""
    return max(abs(code - tensor.zero_point) for code in tensor.clamp)


def channel_sums(weight: WeightParameters, groups: int = 1) -> npt.NDArray[np.int64]:
    """Return sum |q_w| of each output channel, int64 [C].

    Args:
        groups: of a ConvTranspose, whose channels are those of each group in turn; 1 for anything else.
    """
    codes = np.abs(np.moveaxis(weight.codes.astype(np.int64), weight.axis, 0))
    if groups == 1:
        return np.asarray(codes.reshape(codes.shape[0], -1).sum(axis=1))
    parts = codes.reshape(codes.shape[0], groups, -1).sum(axis=2)
    return np.asarray(parts.T.reshape(-1))


def is_power_of_two(values: npt.ArrayLike) -> bool:
    """Whether all values are positive powers of two."""
    array = np.asarray(values, np.float64)
    return bool(np.all(array > 0) and np.all(np.frexp(array)[0] == 0.5))


def _cells(attributes: Mapping[str, Any]) -> int:
    """Return how many cells every window of an AveragePool counts; 0 where windows at the edge count fewer."""
    padded = any(attributes.get("pads", ())) or attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")
    if (padded and not attributes.get("count_include_pad", 0)) or attributes.get("ceil_mode", 0):
        return 0
    return int(np.prod(attributes["kernel_shape"]))
