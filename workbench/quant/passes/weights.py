"""Weights as int8 codes behind a DequantizeLinear, and float weights that a transform changed."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import onnx

from workbench.quant.passes.draft import CODES, DEQUANTIZED, SCALE, ZERO_POINT, Draft


def put_weights(draft: Draft) -> None:
    """Let quantized inputs read dequantized codes; one DequantizeLinear per weight, however many nodes read it.

    A node that the plan leaves in float goes on reading the float weight, changed where a transform changed it.
    """
    nodes: list[onnx.NodeProto] = []
    for node in draft.nodes:
        for index in draft.plan.edges.get(node.name, ()):
            name = node.input[index]
            if name in draft.plan.weights:
                nodes += _dequantized(draft, name)
                node.input[index] = name + DEQUANTIZED
        nodes.append(node)
    draft.nodes = nodes
    for name, values in draft.plan.float_values.items():
        draft.set_constant(name, values)


def _dequantized(draft: Draft, name: str) -> list[onnx.NodeProto]:
    """Return the node that dequantizes a weight along its channel axis, the first time it is asked for."""
    if name + CODES in draft.constants:
        return []
    weight = draft.plan.weights[name]
    values: dict[str, npt.NDArray[Any]] = {CODES: weight.codes, SCALE: weight.scale, ZERO_POINT: weight.zero_point}
    return [draft.dequantized_constant(name, values, weight.axis)]
